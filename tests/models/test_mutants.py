"""The planted bugs: each still has its place, each rule has one, and the runner finds them."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SRC = PROJECT / "src"

# Every rule that has a letter; "R" alone is its table.
RULES = {"B1", "B2", "B3", "O", "F", "E", "P", "R", "W1", "W2", "W3", "W5", "W6", "W7"}
RULES |= {
    f"{letter}{number}"
    for letter, last in zip("TSKRCHD", (5, 7, 5, 8, 3, 3, 5), strict=True)
    for number in range(1, last + 1)
}


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutants", PROJECT / "scripts" / "mutants.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


mutants = _load()
BUGS = mutants.bugs()


def test_every_rule_has_a_bug() -> None:
    """Each rule has at least one bug, and each bug breaks a rule that exists."""
    assert {bug.rule for bug in BUGS} == RULES
    names = [bug.name for bug in BUGS]
    assert len(set(names)) == len(names)


def test_the_architecture_page_lists_every_rule() -> None:
    """docs/architecture.md explains each letter that a comment may cite, once."""
    page = (PROJECT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| ([A-Z][0-9]?) \| .+ \|$", page, re.MULTILINE)
    assert sorted(rows) == sorted(RULES)


def test_the_proofs_page_lists_every_bug() -> None:
    """docs/security-proofs.md names each planted bug in the row of its rule, and no other.

    That page has the rules' names, and docs/architecture.md the letter of each.
    """
    rules = (PROJECT / "docs" / "architecture.md").read_text("utf-8")
    letters = {
        name: letter for letter, name in re.findall(r"^\| ([A-Z][0-9]?) \| ([^|]+) \|", rules, re.MULTILINE)
    }
    page = (PROJECT / "docs" / "security-proofs.md").read_text("utf-8")
    rows = [row for row in re.findall(r"^\| ([^|]+) \| ([^|]+) \|", page, re.MULTILINE) if row[0] in letters]
    listed = {(letters[rule], bug) for rule, bugs in rows for bug in re.split(r",\s*", bugs.strip())}
    assert listed == {(bug.rule, bug.name) for bug in BUGS}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: f"{bug.rule}-{bug.name}")
def test_the_bug_has_its_place(bug: Any) -> None:
    """Its text stands once in its file, the change leaves Python behind, and its tests exist."""
    text = (SRC / "cognito_mr_auth" / bug.file).read_text("utf-8")
    assert text.count(bug.old) == 1
    compile(text.replace(bug.old, bug.new), bug.file, "exec")
    for test in bug.tests:
        path, _, name = test.partition("::")
        source = (PROJECT / path).read_text("utf-8")
        assert not name or re.search(rf"^def {re.escape(name)}\(", source, re.MULTILINE)


def test_a_bug_without_a_place_is_refused(tmp_path: Path) -> None:
    """The runner refuses a bug whose text is missing or occurs twice."""
    package = tmp_path / "cognito_mr_auth"
    package.mkdir()
    (package / "x.py").write_text("one = 1\ntwo = 2\ntwo = 2\n", "utf-8")
    for old, planted in (("one = 1", True), ("two = 2", False), ("three = 3", False)):
        bug = mutants.Bug("name", "T1", "x.py", old, "four = 4", ())
        assert mutants.plant(bug, tmp_path) is planted


def test_a_wrong_name_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that no bug has is an error, not a green run without bugs."""
    assert mutants.main(["no-such-bug"]) == 2
    assert "no-such-bug" in capsys.readouterr().err
