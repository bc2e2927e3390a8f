"""The security pages name only tests, functions, files and commands that exist; no row is missing.

Reads docs/security*.md. A row of the checklist is a table's row whose first cell begins with its id; a cell
may name several, or a span such as "FI-31 to FI-33".
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from support import source_rules

PROJECT = Path(__file__).resolve().parents[2]
DOCS = PROJECT / "docs"
PACKAGE = PROJECT / "src" / "cognito_mr_auth"
PAGES = sorted(path.name for path in DOCS.glob("security*.md"))

# The checklist: every id of the standards, the attacks, the faults and the behaviours of other suites.
ROWS = {
    "standards": [f"STD-{n:02}" for n in range(1, 36)],
    "attacks": [f"ATK-{n:02}" for n in range(1, 78)],
    "key files": [f"KEY-{n:02}" for n in range(1, 11)],
    "faults": [f"FI-{n:02}" for n in range(1, 76)],
    "behaviours": [
        *(f"AJV-C{n}" for n in range(1, 14)),
        *(f"AJV-J{n}" for n in range(1, 18)),
        *(f"AJV-K{n}" for n in range(1, 6)),
        *("AJV-H1", "AJV-S1", "AJV-A1", "AJV-ALB"),
        *(f"NEG-P{n}" for n in range(1, 5)),
        *(f"NEG-{letter}{n}" for letter in "JN" for n in range(1, 4)),
    ],
}


def text_of(page: str) -> str:
    """A page's text."""
    return (DOCS / page).read_text("utf-8")


# --- What is named


@cache
def names_in(path: Path) -> frozenset[str]:
    """Every class, function and variable that a module defines, whatever it stands in."""
    tree = ast.parse(path.read_text("utf-8"))
    found = {node.name for node in ast.walk(tree) if isinstance(node, source_rules.Definition)}
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return frozenset(found)


def missing_test(reference: str) -> str:
    """What is wrong with `path::name` or `path::name[row]`; "" if nothing is."""
    name, _, row = reference.partition("[")
    place, _, test = name.partition("::")
    path = PROJECT / "tests" / place.removeprefix("tests/")
    if not path.is_file():
        return f"no file {place}"
    for part in filter(None, test.split("::")):
        if part not in names_in(path):
            return f"no {part} in {place}"
    return "" if row.removesuffix("]") in path.read_text("utf-8") else f"no row {row} in {place}"


def missing_code(reference: str) -> str:
    """What is wrong with `module.name` or `module.Class.name`; "" if nothing is."""
    parts = reference.removeprefix("cognito_mr_auth.").removesuffix("()").split(".")
    for length in range(len(parts), 0, -1):
        base = PACKAGE.joinpath(*parts[:length])
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if path.is_file():
                lost = [part for part in parts[length:] if part not in names_in(path)]
                return f"no {lost[0]} in {reference}" if lost else ""
    return f"no module {parts[0]}"


_TEST = re.compile(r"`([\w./-]+\.py(?:::\w+)+(?:\[[^\]`]*\])?)`")
# A name of a private module says by itself that it is one of ours; another one has to be a link.
_CODE = re.compile(
    r"\[`([\w.]+)`\]\([^)]*src/cognito_mr_auth[^)]*\)|`((?:\w+\.)?_[a-z]\w*\.[\w.]+)(?:\(\))?`"
)
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")

_PATH = re.compile(r"(?<![\w/.])(?:benchmarks|fuzz|netns|requirements|scripts|soak|tests)/[\w./*-]*[\w*]")
_COMMAND = re.compile(r"`make ([a-z-]+)`")


def faults(text: str, base: Path) -> list[str]:
    """Everything that a page names and that does not exist."""
    targets = re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE)
    found = [f"no make {each}" for each in _COMMAND.findall(text) if each not in targets]
    found += [f"no {each}" for each in _PATH.findall(text) if not any(PROJECT.glob(each))]
    found += [missing_test(each) for each in _TEST.findall(text)]
    found += [
        missing_code(one or other) for one, other in _CODE.findall(text) if not (one or other).endswith(".py")
    ]
    found += [f"no file {each}" for each in _LINK.findall(text) if not (base / each).exists()]
    return [each for each in found if each]


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_exists(page: str) -> None:
    """Each test, function, file and command that a security page names exists."""
    assert faults(text_of(page), DOCS) == []


BAD = {
    "a test": "`tests/_jwt/test_compact.py::test_nothing`",
    "a test's file": "`test_nothing.py::test_x`",
    "a row": "`tests/_jwt/test_compact.py::test_only_a_str_is_a_token[no such row]`",
    "a method of a test": "`tests/_jwt/test_compact.py::Text::nothing`",
    "a function": "[`_jwt.compact.nothing`](../src/cognito_mr_auth/_jwt/compact.py)",
    "a private function": "`_jwt.compact.nothing`",
    "a method": "[`verifier.Verifier.nothing`](../src/cognito_mr_auth/verifier.py)",
    "a module": "[`_nothing.f`](../src/cognito_mr_auth/_jwt/compact.py)",
    "a file": "[x](nothing.md)",
    "a place": "(tests/no_such_folder)",
    "a command": "`make nothing`",
}
GOOD = (
    "`tests/_jwt/test_compact.py::test_only_a_str_is_a_token[bytes]` `_jwt/test_compact.py::Text` "
    "`_jwt.compact.parse` [`_issuers.entry.entry_of`](../src/cognito_mr_auth/_issuers/entry.py) "
    "`_jwt.claims.check_claims()` "
    "[`aws_lambda._authorizer.authorizer.Authorizer`]"
    "(../src/cognito_mr_auth/aws_lambda/_authorizer/authorizer.py) "
    "tests/_jwt/test_compact.py, `tests/support/*.py`. `make test` "
    "[x](architecture.md#locks) [y](https://example.com/x) `verifier.verify(token)` `x.py`"
)


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_the_reader_of_pages_bites(text: str) -> None:
    """What exists passes, and each name of something missing is found."""
    assert faults(GOOD, DOCS) == []
    assert len(faults(f"{GOOD} {text}", DOCS)) == 1


# --- What must be there


def ids_of(cell: str) -> Iterator[str]:
    """The ids of a first cell: one, several, or a span."""
    token = r"\b((?:STD|ATK|FI|KEY)-)(\d\d)\b"
    for span in re.finditer(rf"{token}\s*(?:to|-|\.\.|\u2013)\s*(?:(?:STD|ATK|FI|KEY)-)?(\d\d)\b", cell):
        yield from (f"{span[1]}{n:02}" for n in range(int(span[2]), int(span[3]) + 1))
    yield from (prefix + number for prefix, number in re.findall(token, cell))
    yield from re.findall(r"\b(?:AJV|NEG)-[A-Z]+\d*\b", cell)


def listed() -> set[str]:
    """Every id that a table's row of any security page begins with."""
    rows = [line for page in PAGES for line in text_of(page).splitlines() if line.startswith("|")]
    return {each for row in rows for each in ids_of(row.split("|")[1])}


@pytest.mark.parametrize("ids", ROWS.values(), ids=ROWS)
def test_no_row_of_the_checklist_is_missing(ids: list[str]) -> None:
    """Each id of the checklist has a row: the test that keeps it, or why it does not apply."""
    assert sorted(set(ids) - listed()) == []


def test_no_row_says_nothing() -> None:
    """A row of a table with an id names a test, or explains why there is none."""
    empty = []
    for page in PAGES:
        for line in text_of(page).splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if line.startswith("|") and any(ids_of(cells[0])):
                text = " ".join(cells[1:])
                if "::" not in text and len(text.split()) < 6:
                    empty.append(f"{page}: {line}")
    assert empty == []


@pytest.mark.parametrize(
    ("cell", "ids"),
    [
        (" STD-01 ", ["STD-01"]),
        ("ATK-01, ATK-03", ["ATK-01", "ATK-03"]),
        ("FI-31 to FI-33", ["FI-31", "FI-32", "FI-33"]),
        ("ATK-05..07", ["ATK-05", "ATK-06", "ATK-07"]),
        ("AJV-C1, AJV-ALB", ["AJV-C1", "AJV-ALB"]),
        ("row", []),
    ],
    ids=str,
)
def test_ids_are_read(cell: str, ids: list[str]) -> None:
    """One id, several, or a span."""
    assert sorted(set(ids_of(cell))) == sorted(ids)
