"""CONTRIBUTING.md: its commands exist, its paths exist, and its example change works as written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.run import PROJECT

PAGE = (PROJECT / "CONTRIBUTING.md").read_text("utf-8")
MAKEFILE = (PROJECT / "Makefile").read_text("utf-8")
# What the example's tests read.
PARTS = ["src", "tests", "docs", "scripts", "pyproject.toml", "CHANGELOG.md", "CONTRIBUTING.md", "README.md"]


def run(tree: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in a tree, whose package comes before the installed one."""
    environment = {name: text for name, text in os.environ.items() if "COVERAGE" not in name}
    environment |= {"PYTHONPATH": str(tree / "src"), "GIT_CEILING_DIRECTORIES": str(tree.parent)}
    return subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def section(title: str) -> str:
    """A section of the page."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_a_clone_is_green_after_three_commands() -> None:
    """Clone, change the directory, `make fast`."""
    [block] = re.findall(r"^```sh\n(.*?)^```", section("From a clone to green"), re.MULTILINE | re.DOTALL)
    assert [line.split()[:2] for line in block.splitlines()] == [
        ["git", "clone"],
        ["cd", "cognito-mr-auth"],
        ["make", "fast"],
    ]


def test_every_command_exists() -> None:
    """Each `make` target that the page names is in the Makefile."""
    named = {
        target
        for line in re.findall(r"^make .+|`make [^`]+`", PAGE, re.MULTILINE)
        for target in re.findall(r"[a-z][a-z-]+", line.removeprefix("`").removeprefix("make"))
    }
    assert {"fast", "test", "docs", "lock", "mutants", "api-check", "lint"} <= named
    assert [target for target in named if f"\n{target}:" not in MAKEFILE] == []


def test_every_path_exists() -> None:
    """A recipe names files; NAME stands for the reader's own."""
    named = set(re.findall(r"`((?:\.?[\w-]+/)+[\w.-]*|[A-Z]+\.md|[\w-]+\.toml)`", PAGE))
    named |= set(re.findall(r"\]\(([^)#]+)", PAGE))
    ours = {each for each in named if "NAME" not in each and "://" not in each}
    assert len(ours) > 25
    assert [each for each in sorted(ours) if not (PROJECT / each).exists()] == []


# --- The example: an event

NAMES = "tests/project/test_public_names.py::test_a_module_promises_these_names[events]"


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree, after the command that applies the example."""
    tree = tmp_path_factory.mktemp("clone")
    for part in PARTS:
        source = PROJECT / part
        if source.is_dir():
            shutil.copytree(source, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree / part)
    [block] = re.findall(r"^```sh\n(.*?)^```", section("Add an event"), re.MULTILINE | re.DOTALL)
    apply, *rest = block.splitlines()
    assert rest == ["make fast", "git diff", "git restore ."]
    done = run(tree, "sh", "-c", apply)
    assert (done.returncode, done.stderr) == (0, "")
    return tree


def test_the_example_is_new() -> None:
    """Who follows it adds something; it must be chosen anew once the library has it."""
    assert "QuarantineLifted" not in (PROJECT / "src/cognito_mr_auth/events.py").read_text("utf-8")


def test_the_example_passes_the_tests(changed: Path) -> None:
    """Its own test, and those that hold every event to its form, its level and its place in the promise."""
    files = ["tests/test_events.py", "tests/_jwks/test_key_set.py", "tests/_runtime/test_dispatch.py"]
    done = run(changed, sys.executable, "-m", "pytest", "-q", *files, NAMES)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("command", ["check", "format --check"])
def test_the_example_passes_ruff(command: str, changed: Path) -> None:
    """It is formatted, and breaks no rule."""
    done = run(changed, sys.executable, "-m", "ruff", *command.split(), "--no-cache", "src", "tests/_jwks")
    assert done.returncode == 0, done.stdout


# What each step adds, and the test that misses it.
LEFT_OUT = [
    pytest.param(
        "src/cognito_mr_auth/_jwks/key_set.py",
        "tests/_jwks/test_key_set.py::test_the_end_of_a_quarantine_is_reported_once",
        id="the-place",
    ),
    pytest.param("tests/project/test_public_names.py", NAMES, id="the-names"),
    pytest.param(
        "docs/configuration.md", "tests/test_events.py::test_every_event_has_a_row_for_users", id="the-page"
    ),
]


@pytest.mark.parametrize(("file", "test"), LEFT_OUT)
def test_a_step_that_is_left_out_is_found(file: str, test: str, changed: Path) -> None:
    """Without one of these steps a test fails, and not for another reason."""
    after = (changed / file).read_text("utf-8")
    try:
        shutil.copy(PROJECT / file, changed / file)
        done = run(changed, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test)
        assert "1 failed" in done.stdout, done.stdout
    finally:
        (changed / file).write_text(after, "utf-8")
