"""The mechanical part of the rules for prose: conjunctions, metaphors, rule letters, long sentences.

It reads the prose of Markdown pages, and the docstrings and comments of modules. It cannot see whether a
sentence holds one fact and names its subject first.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Finding(NamedTuple):
    """One passage that breaks a rule."""

    path: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        """As a line of a failed test's report."""
        return f"{self.path}:{self.line}: {self.rule}: {self.text}"


# A verb after "for" and its noun shows that a clause follows. A relative clause has a verb of its own, and so
# has the main clause of "for a public view it is None": what comes after such a word proves nothing.
_VERB = r"(?:is|are|was|were|has|have|had|does|do|did|may|might|can|cannot|could|will|would|must|needs?)"
_NOUN = r"(?:the|an?|no|each|every|its|their|our|your|this|that|these|those|all|most|some|any|one|both)"
_PART = r"(?:(?!\b(?:that|which|who|whose|where|what|if|when|as|it|they|he|she|you|we)\b)[^,;:.])"

RULES: Mapping[str, re.Pattern[str]] = {
    "'for' as a conjunction: use 'because'": re.compile(
        r"[,;:] for (?:it|they|there|we|you|he|she|nobody|nothing|everything|whoever)\b(?! to\b)"
        rf"|[,;:] for {_NOUN} {_PART}{{0,60}}?\b{_VERB}\b",
        re.IGNORECASE,
    ),
    "'but for': use 'except'": re.compile(r"\bbut for\b", re.IGNORECASE),
    "a metaphor as a term": re.compile(
        r"(?<![\w-])(?:dear|told|(?<!in )(?<!in plain )words?|spells?|houses?|doors?|sisters?|hunger\w*"
        r"|hungry|nobody's)(?![\w-])",
        re.IGNORECASE,
    ),
}
LETTERS = re.compile(
    r"(?<![\w/.-])(?:T[1-5]|S[1-7]|K[1-5]|R[1-8]|W[1-7]|C[1-3]|B[1-3]|H[1-3]|D[1-5])(?![\w/.-]*\w)"
    r"|\([TOSKRCHDBWFEP]\)|\b[Rr]ules? [TOSKRCHDBWFEP]\b"
)
LETTER = "a rule's letter: only the contributors' page, code and tests have them"

_FENCE = re.compile(r"^\s*(?:```|~~~)")
_HIDDEN = re.compile(r"`[^`]*`|\]\([^)]*\)|<!--.*?-->|https?://\S+")


def prose(markdown: str) -> Iterator[tuple[int, str]]:
    """Each line of a page outside code blocks, without inline code, targets of links and remarks."""
    inside = False
    for number, line in enumerate(markdown.splitlines(), 1):
        if _FENCE.match(line):
            inside = not inside
        elif not inside:
            yield number, _HIDDEN.sub("`", line)


_Named = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _text(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Each line of a string that stands as a statement."""
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            for number, line in enumerate(text.splitlines(), node.lineno):
                yield number, _HIDDEN.sub("`", line)


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Each line of a module's docstrings and comments, without inline code."""
    for node in ast.walk(ast.parse(source)):
        yield from _text(node)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], _HIDDEN.sub("`", token.string)


def public_docstrings(node: ast.Module | _Named) -> Iterator[tuple[int, str]]:
    """Each line of the docstrings that users read: of a module, and of its public classes and functions."""
    yield from _text(node.body[0]) if node.body else ()
    if isinstance(node, ast.Module | ast.ClassDef):
        for each in node.body:
            if isinstance(each, _Named) and not each.name.startswith("_"):
                yield from public_docstrings(each)


def findings(
    path: str, lines: Sequence[tuple[int, str]], rules: Mapping[str, re.Pattern[str]]
) -> Iterator[Finding]:
    """What breaks the rules in these lines; a passage may go over the end of a line."""
    for index, (number, line) in enumerate(lines):
        following = lines[index + 1][1].strip() if index + 1 < len(lines) else ""
        for rule, pattern in rules.items():
            for match in pattern.finditer(f"{line} {following}"):
                if match.start() < len(line):
                    yield Finding(path, number, rule, line.strip()[:160])


# A sentence ends at its point, and a part of it before a capital or a code at another mark. A code is a word.
_END = re.compile(r"(?<=[.;!?:])\s+(?=[A-Z`\[*])")
MOST_WORDS = 25


def long_sentences(path: Path, root: Path) -> list[Finding]:
    """The sentences of a page with more than `MOST_WORDS`, outside tables and headings."""
    found = []
    for number, line in prose(path.read_text("utf-8")):
        for sentence in [] if line.startswith(("|", "#")) else _END.split(line):
            words = [word for word in sentence.split() if re.search(r"[\w`]", word)]
            if len(words) > MOST_WORDS:
                rule = f"{len(words)} words in a sentence"
                found.append(Finding(path.relative_to(root).as_posix(), number, rule, sentence[:160]))
    return found


def in_page(path: Path, root: Path, *, letters: bool) -> list[Finding]:
    """What breaks the rules in a page; `letters` allows the rules' letters."""
    rules = RULES if letters else {**RULES, LETTER: LETTERS}
    return list(findings(path.relative_to(root).as_posix(), list(prose(path.read_text("utf-8"))), rules))


def in_module(path: Path, root: Path) -> list[Finding]:
    """What breaks the rules in a module's docstrings and comments, and a letter in a public docstring."""
    source, name = path.read_text("utf-8"), path.relative_to(root).as_posix()
    found = list(findings(name, list(comments(source)), RULES))
    if not any(part.startswith("_") and part != "__init__.py" for part in path.relative_to(root).parts):
        found += findings(name, list(public_docstrings(ast.parse(source))), {LETTER: LETTERS})
    return found
