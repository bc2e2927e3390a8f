"""Other spellings of a path, each of which a backend could read as the path of another route (pure).

Owns the patterns that a route table denies to whoever lacks one of its policies. A document is compared with
the path that the client wrote, or with that path decoded once: AWS does not say which. So the patterns hold
for both: `/%61dmin` has an escape, and `/x%2F..%2Fadmin` has one, or dots.
"""

from __future__ import annotations

from .segments import Segments, text

__all__ = ["ESCAPED", "SPELLINGS", "escapes_of"]

ESCAPED = "*%*"
"""Any percent-encoding, also of what an encoding is left of once it is decoded (%2561)."""

SPELLINGS = (
    # A parameter is never empty, and AWS does not say where "orders//audit" goes.
    "*//*",
    # RFC 3986 5.2.4: servers remove dot segments, at the end as well.
    "*/./*",
    "*/../*",
    "*/.",
    "*/..",
    # Some servers take it for a slash (the URL standard of browsers does).
    r"*\*",
    # Java servers cut a segment's parameters off: "/admin;x", "/..;/admin".
    "*;*",
    # Where escapes were decoded: who makes a URL of the path again cuts it there.
    "*#*",
    "*${?}*",
)
"""What no route's template holds, and no client that keeps to the templates sends unescaped."""


def escapes_of(pattern: Segments) -> list[str]:
    """The same for the paths of one pattern alone: those with an escape in one of its wildcards."""
    wild = [at for at, each in enumerate(pattern) if each is None]
    return [_join(pattern[:at], pattern[at + 1 :]) for at in wild]


def _join(before: Segments, after: Segments) -> str:
    return "/".join([*filter(None, [text(before)]), ESCAPED, *filter(None, [text(after)])])
