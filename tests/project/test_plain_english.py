"""Pages, docstrings and comments keep the mechanical part of the rules for prose."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support import plain_english

PROJECT = Path(__file__).resolve().parents[2]
PACKAGE = PROJECT / "src"

# True: every page, and the docstrings and comments of src/. False: the pages below alone.
WHOLE_REPOSITORY = True

REWRITTEN = [
    *("CHANGELOG.md", "SECURITY.md"),
    *(
        f"docs/{name}.md"
        for name in (
            *("architecture", "cli", "configuration", "doctor", "glossary", "licences", "metrics"),
            *("operations", "performance", "runbook", "security", "security-attacks"),
            *("security-behaviours", "security-faults", "security-proofs"),
        )
    ),
]

# Pages whose sentences are short, too; the list may grow.
SHORT = sorted(
    {*REWRITTEN} - {"CHANGELOG.md", "docs/architecture.md", "docs/glossary.md", "docs/performance.md"},
)

# Pages for people who change the library: they explain the rules' letters.
CONTRIBUTORS = {"CONTRIBUTING.md", "docs/architecture.md"}

# Where a banned word is the right one: a file, and a part of the line. Each must still be needed.
ALLOWED = {
    ("CONTRIBUTING.md", "25 words at most"),
    ("src/cognito_mr_auth/_base/partitions.py", "at most two words between the ends"),
    ("src/cognito_mr_auth/_config/near_names.py", ""),  # its subject is words that differ by a letter
}


def pages() -> list[Path]:
    """The Markdown files that are checked."""
    if not WHOLE_REPOSITORY:
        return [PROJECT / name for name in REWRITTEN]
    folders = [PROJECT, PROJECT / "docs", PROJECT / "examples", PROJECT / "examples" / "lambda"]
    return sorted(path for folder in folders for path in folder.glob("*.md"))


def modules() -> list[Path]:
    """The modules whose docstrings and comments are checked."""
    return sorted(PACKAGE.rglob("*.py")) if WHOLE_REPOSITORY else []


def found_in(path: Path) -> list[plain_english.Finding]:
    """What breaks the rules in one file."""
    if path.suffix == ".py":
        return plain_english.in_module(path, PROJECT)
    letters = path.relative_to(PROJECT).as_posix() in CONTRIBUTORS
    return plain_english.in_page(path, PROJECT, letters=letters)


def is_allowed(finding: plain_english.Finding) -> bool:
    """Whether the finding is in `ALLOWED`."""
    return any(finding.path == path and part in finding.text for path, part in ALLOWED)


def test_the_prose_keeps_the_rules() -> None:
    """No conjunction "for", no metaphor in place of a term, no rule's letter on a page for users."""
    found = [finding for path in (*pages(), *modules()) for finding in found_in(path)]
    assert [str(finding) for finding in found if not is_allowed(finding)] == []


@pytest.mark.parametrize("name", SHORT)
def test_sentences_are_short(name: str) -> None:
    """No sentence of the page has more than 25 words."""
    assert [str(each) for each in plain_english.long_sentences(PROJECT / name, PROJECT)] == []


@pytest.mark.parametrize(("name", "part"), sorted(ALLOWED))
def test_what_is_allowed_is_still_there(name: str, part: str) -> None:
    """A row of `ALLOWED` without a finding goes."""
    assert any(part in finding.text for finding in found_in(PROJECT / name))


# --- Each rule bites, and lets the rest pass

BROKEN = [
    "It is closed, for nobody has named it.",
    "The set is rebuilt, for the wall clock was set back.",
    "No lock is taken, for its value is never changed.",
    "All of it, but for the last line.",
    "A response is the endpoint's word.",
    "The hook is told of each event.",
    "What a spell under the lock leaves.",
    "The door in front of the router.",
    "From then on it is nobody's.",
    "The conjunction may go over a line, for",
]
KEPT = [
    "A caller waits, for example, 2 s.",
    "It is used, for 24 hours after the fetch.",
    "`header=` of every adapter, for a token that is in another header.",
    "It is set before; for a public view it is None.",
    "A payment asks each endpoint once, for all callers that wait.",
    "Numbers such as 300, for the argument of that name.",
    "A duration in words: the password and the keyword.",
    "The spelling of a header; a subdoor; a `word` and a `door`.",
]
LETTERS = [
    "Bounded (S2).",
    "T1 holds.",
    "See K3, R7 and D5.",
    "swallowed (H3, B1)",
    "the rules K and R",
    "(E)",
]
NO_LETTERS = ["ATK-01 and AJV-C1", "RS256", "`K3`", "p1: a property", "a CIDR"]


@pytest.mark.parametrize("text", BROKEN)
def test_what_breaks_a_rule_is_found(text: str) -> None:
    """Also where the sentence goes on in the next line."""
    lines = list(plain_english.prose(f"{text}\nit is there."))
    assert [finding.line for finding in plain_english.findings("page.md", lines, plain_english.RULES)] == [1]


@pytest.mark.parametrize("text", KEPT)
def test_plain_text_passes(text: str) -> None:
    """A preposition, a compound and code are no findings."""
    lines = list(plain_english.prose(f"{text}\n```\nBut for the word, it is told.\n```"))
    assert list(plain_english.findings("page.md", lines, plain_english.RULES)) == []


@pytest.mark.parametrize("text", LETTERS)
def test_a_rules_letter_is_found(text: str) -> None:
    """On a page, in whatever form."""
    rules = {plain_english.LETTER: plain_english.LETTERS}
    assert list(plain_english.findings("page.md", list(plain_english.prose(text)), rules))


@pytest.mark.parametrize("text", NO_LETTERS)
def test_other_letters_pass(text: str) -> None:
    """An id of the checklist, an algorithm and code are no rules."""
    rules = {plain_english.LETTER: plain_english.LETTERS}
    assert list(plain_english.findings("page.md", list(plain_english.prose(text)), rules)) == []


def test_every_letter_of_the_architecture_page_is_known() -> None:
    """The pattern knows each rule, alone in brackets."""
    page = (PROJECT / "docs" / "architecture.md").read_text("utf-8")
    letters = re.findall(r"^\| ([A-Z][0-9]?) \| ", page, re.MULTILINE)
    assert letters
    assert [each for each in letters if not plain_english.LETTERS.search(f"({each})")] == []


def test_a_long_sentence_is_found(tmp_path: Path) -> None:
    """Of 26 words, not of 25; tables, headings and code do not count, and a code is one word."""
    page = tmp_path / "page.md"
    long = " ".join(["word"] * 26)
    short = long[5:]
    page.write_text(
        f"{long}.\n{short}.\n`{long}` {short[5:]}.\n{short}. A. B.\n| {long} |\n# {long}\n```\n{long}\n```\n"
    )
    assert [each.line for each in plain_english.long_sentences(page, tmp_path)] == [1]


MODULE = '''
"""A module (S2)."""

# The door is shut.
class Public:
    """Told of it (K1)."""

    def method(self):
        """Rules (R)."""

    def _private(self):
        """A word (T2)."""
'''


@pytest.mark.parametrize(("name", "letters"), [("public.py", 3), ("_private.py", 0), ("_folder/x.py", 0)])
def test_docstrings_and_comments_are_read(name: str, letters: int, tmp_path: Path) -> None:
    """Words are found everywhere in a module, letters in what users read alone."""
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(MODULE.lstrip(), "utf-8")
    found = plain_english.in_module(path, tmp_path)
    assert sorted(each.line for each in found if each.rule != plain_english.LETTER) == [3, 5, 11]
    assert len([each for each in found if each.rule == plain_english.LETTER]) == letters
