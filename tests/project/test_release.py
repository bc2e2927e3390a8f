"""scripts/release.py and test_wheel.py: which Pythons test a wheel, and what keeps it from being released."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.run import PROJECT

FILES = ["pyproject.toml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "scripts/release.py"]
PLACEHOLDER, ADDRESS = "example.invalid/cognito-mr-auth", "git.example.com/cognito-mr-auth"


def release(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the script in a tree, without any package of the environment."""
    return subprocess.run(
        [sys.executable, "-I", "-S", tree / "scripts" / "release.py", *arguments],
        cwd=tree, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the script reads, with an address and a date: ready as v0.1.0."""
    (tmp_path / "scripts").mkdir()
    for name in FILES:
        shutil.copy(PROJECT / name, tmp_path / name)
        edit(tmp_path / name, PLACEHOLDER, ADDRESS)
    edit(tmp_path / "CHANGELOG.md", "## [0.1.0] - unreleased", "## [0.1.0] - 2026-12-01")
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    """Replaces a text in a file."""
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")


def test_a_tree_that_is_ready_may_be_released(tree: Path) -> None:
    """The control of the rows below: nothing is said, and the status is 0."""
    done = release(tree, "ready", "v0.1.0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


NEW_VERSION = {
    "pyproject.toml": ('version = "0.1.0"', 'version = "0.1.1"'),
    "CHANGELOG.md": ("## [0.1.0]", "## [0.1.1]"),
}
OBSTACLES = [
    pytest.param(
        lambda tree: edit(tree / "pyproject.toml", f'Homepage = "https://{ADDRESS}', f'H = "//{PLACEHOLDER}'),
        "pyproject.toml still has the address",
        id="placeholder-in-the-urls",
    ),
    pytest.param(
        lambda tree: edit(tree / "pyproject.toml", f"{ADDRESS}/blob/v$", f"{PLACEHOLDER}/blob/v$"),
        "pyproject.toml still has the address",
        id="placeholder-in-the-links-of-the-index-page",
    ),
    pytest.param(
        lambda tree: edit(tree / "CONTRIBUTING.md", ADDRESS, PLACEHOLDER),
        "CONTRIBUTING.md still has the address",
        id="placeholder-in-the-clone-command",
    ),
    pytest.param(
        lambda tree: [edit(tree / name, *new) for name, new in NEW_VERSION.items()],
        "the tag is 'v0.1.0', but the version in pyproject.toml is 0.1.1",
        id="another-version",
    ),
    pytest.param(
        lambda tree: edit(tree / "CHANGELOG.md", "2026-12-01", "unreleased"),
        "CHANGELOG.md has no line `## [0.1.0] - YYYY-MM-DD`",
        id="no-date",
    ),
]


@pytest.mark.parametrize(("spoil", "said"), OBSTACLES)
def test_a_tree_that_is_not_ready_is_refused(spoil: Callable[[Path], object], said: str, tree: Path) -> None:
    """Status 1 and the reason, for each obstacle alone."""
    spoil(tree)
    done = release(tree, "ready", "v0.1.0")
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(f"not ready: {said}")


def test_the_pythons_are_those_of_the_classifiers(tree: Path) -> None:
    """Minor versions alone, as JSON on one line, so that a workflow can make its matrix of them."""
    assert json.loads(release(tree, "pythons").stdout) == ["3.11", "3.12", "3.13", "3.14"]
    edit(tree / "pyproject.toml", '  "Programming Language :: Python :: 3.14",\n', "")
    assert json.loads(release(tree, "pythons").stdout) == ["3.11", "3.12", "3.13"]


def test_another_command_is_refused(tree: Path) -> None:
    """A slip in a workflow must not pass as a green step."""
    for arguments in [(), ("ready",), ("pythons", "3.11"), ("raedy", "v0.1.0")]:
        done = release(tree, *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert "usage:" in done.stderr


OTHER = "3.12" if sys.version_info[:2] != (3, 12) else "3.13"
SAME = f"""
import dataclasses, test_all, test_wheel
[other] = [each for each in test_all.plan({{"PATH": "."}}, strict=False)[0] if each.name == "{OTHER}"]
ours = test_wheel.of_this_python()
print(dataclasses.replace(other, name="", python="") == dataclasses.replace(ours, name="", python=""))
"""


def test_a_wheel_is_tested_as_on_any_other_python(tmp_path: Path) -> None:
    """With the pins, the extras and the tests that `make test-all` has for another Python."""
    (tmp_path / f"python{OTHER}").write_text(f"#!/bin/sh\necho {OTHER}\n")
    (tmp_path / f"python{OTHER}").chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", SAME], cwd=tmp_path, env={"PYTHONPATH": str(PROJECT / "scripts")},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.parametrize("wheels", [[], ["absent.whl"], ["a.whl", "b.whl"]], ids=["none", "absent", "two"])
def test_there_is_one_wheel_to_test(wheels: list[str], tmp_path: Path) -> None:
    """A pattern that fits none or two must not pass as a tested wheel."""
    done = subprocess.run(
        [sys.executable, PROJECT / "scripts" / "test_wheel.py", *wheels],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
