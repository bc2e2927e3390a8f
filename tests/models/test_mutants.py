"""The planted bugs: each still has its place, each rule of the design has one, and the runner bites."""

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
RULES = {"O", "F", "E", "P", "R"}
RULES |= {
    f"{letter}{number}"
    for letter, last in zip("TSKRCH", (5, 7, 5, 8, 3, 3), strict=True)
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
    """Each rule is broken by one of them at least, and no rule is made up."""
    assert {bug.rule for bug in BUGS} == RULES
    names = [bug.name for bug in BUGS]
    assert len(set(names)) == len(names)


def test_the_architecture_page_lists_every_rule() -> None:
    """Who meets a letter in a comment finds what it says in docs/architecture.md, once."""
    page = (PROJECT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| ([A-Z][0-9]?) \| .+ \|$", page, re.MULTILINE)
    assert sorted(rows) == sorted(RULES)


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


def test_a_bug_without_a_place_is_told(tmp_path: Path) -> None:
    """A text that is gone, or there twice, is no plant: the runner says so."""
    package = tmp_path / "cognito_mr_auth"
    package.mkdir()
    (package / "x.py").write_text("one = 1\ntwo = 2\ntwo = 2\n", "utf-8")
    for old, planted in (("one = 1", True), ("two = 2", False), ("three = 3", False)):
        bug = mutants.Bug("name", "T1", "x.py", old, "four = 4", ())
        assert mutants.plant(bug, tmp_path) is planted


def test_nobody_is_found_under_a_wrong_name(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that no bug has is an error, not a green run of nothing."""
    assert mutants.main(["no-such-bug"]) == 2
    assert "no-such-bug" in capsys.readouterr().err
