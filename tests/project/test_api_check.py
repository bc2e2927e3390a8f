"""scripts/api_check.py: a public name or parameter cannot disappear in silence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.run import PROJECT

INDEX = "src/cognito_mr_auth/__init__.py"
POLICY = "src/cognito_mr_auth/policy.py"
NAMES = "tests/project/test_public_names.py"
BEFORE = {
    INDEX: '"""The index."""\nfrom . import policy\n__all__ = ["policy"]\n',
    POLICY: '"""Policies."""\n\n\ndef scopes(first, *, every=True): ...\n\n\ndef _joined(first): ...\n',
    NAMES: "def test_names(): pass\n",
    "CHANGELOG.md": "## [0.2.0] - unreleased\n\n- New.\n\n## [0.1.0] - 2026-12-01\n\n- `policy.scopes`.\n",
}


def git(tree: Path, *arguments: str) -> None:
    """Runs git in the tree, as nobody in particular and without the machine's configuration."""
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=tree, capture_output=True, check=True)


def check(tree: Path) -> subprocess.CompletedProcess[str]:
    """Runs the script of the tree."""
    return subprocess.run(
        [sys.executable, tree / "scripts" / "api_check.py"],
        cwd=tree, capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip


def write(tree: Path, files: dict[str, str]) -> None:
    """Writes the files."""
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text, "utf-8")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with the script and a small package, of one commit."""
    write(tmp_path, BEFORE)
    (tmp_path / "scripts").mkdir()
    shutil.copy(PROJECT / "scripts" / "api_check.py", tmp_path / "scripts")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message=first")
    return tmp_path


WITHOUT_PARAMETER = BEFORE[POLICY].replace(", *, every=True", "")
WITHOUT_SCOPES = '"""Policies."""\n\n\ndef _joined(first): ...\n'
CHANGES = [
    pytest.param({}, True, "nothing is broken", id="nothing"),
    pytest.param({POLICY: BEFORE[POLICY] + "\n\ndef groups(first): ...\n"}, True, "nothing", id="a-new-name"),
    pytest.param({POLICY: BEFORE[POLICY].replace("_joined", "_split")}, True, "nothing", id="a-private-name"),
    pytest.param({POLICY: WITHOUT_SCOPES}, False, "name `policy.scopes` in CHANGELOG.md", id="a-name"),
    pytest.param({POLICY: WITHOUT_PARAMETER}, False, "scopes(every): Parameter was removed", id="parameter"),
    pytest.param(
        {
            POLICY: WITHOUT_SCOPES,
            "CHANGELOG.md": BEFORE["CHANGELOG.md"].replace("- New.", "- `policy.scopes` is gone."),
        },
        True,
        "(in the changelog)",
        id="a-name-that-the-changelog-names",
    ),
]


@pytest.mark.parametrize(("files", "kept", "said"), CHANGES)
def test_a_break_is_named_in_the_changelog_or_refused(
    files: dict[str, str], kept: bool, said: str, tree: Path
) -> None:
    """Names and parameters that are gone since the tag; the section of an older version excuses nothing."""
    git(tree, "tag", "v0.1.0")
    write(tree, files)
    done = check(tree)
    assert (done.returncode == 0) is kept, done.stdout + done.stderr
    assert said in done.stdout
    assert "compared with v0.1.0" in done.stdout


@pytest.mark.parametrize("passes", [True, False], ids=["kept", "broken"])
def test_before_the_first_tag_the_list_of_names_is_the_promise(passes: bool, tree: Path) -> None:
    """Its tests decide; a tag of something else is no release."""
    git(tree, "tag", "nightly")
    write(tree, {NAMES: f"def test_names(): assert {passes}\n"})
    done = check(tree)
    assert (done.returncode == 0) is passes, done.stdout + done.stderr
    assert f"no release yet: the public names are those of {NAMES}" in done.stdout
