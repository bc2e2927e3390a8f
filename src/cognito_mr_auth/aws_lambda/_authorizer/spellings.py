"""Other spellings of a path, each of which a backend could read as the path of another route (pure).

Owns the patterns that a route table denies to whoever lacks one of its policies. A document is compared with
the path that the client wrote, or with that path decoded once: AWS does not say which. So the patterns hold
for both: `/%61dmin` has an escape, and `/x%2F..%2Fadmin` has one, or dots.
"""

from __future__ import annotations

from .segments import Segments, text

__all__ = ["ESCAPED", "LEAVING", "SPELLINGS", "escapes_of"]

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

LEAVING = (
    # A dot, a slash, a backslash, and a percent sign, which may make any of them when it is decoded again.
    *("*%2e*", "*%2E*", "*%2f*", "*%2F*", "*%5c*", "*%5C*", "*%25*"),
    # What ends a segment or a path, as in SPELLINGS: ; ? #
    *("*%3b*", "*%3B*", "*%3f*", "*%3F*", "*%23*"),
    # Control characters: URL parsers of browsers drop tabs and line ends, others end a path at NUL.
    *("*%0*", "*%1*"),
    # No escape, and one after a lenient decoder has read the rest: %%32e and %2%65 are %2e.
    *("*%%*", "*%?%*"),
    # IIS reads %u002e, and old decoders read UTF-8 that is longer than it must be: %c0%ae, %c1%9c.
    *("*%u*", "*%U*", "*%c0*", "*%C0*", "*%c1*", "*%C1*"),
)
"""Escapes that can lead out of a parameter, also where a route's paths may hold escapes.

Letters, %20, %40 and UTF-8 are not among them.
"""


def escapes_of(pattern: Segments) -> list[str]:
    """The same for the paths of one pattern alone: those with an escape in one of its wildcards."""
    wild = [at for at, each in enumerate(pattern) if each is None]
    return [_join(pattern[:at], pattern[at + 1 :]) for at in wild]


def _join(before: Segments, after: Segments) -> str:
    return "/".join([*filter(None, [text(before)]), ESCAPED, *filter(None, [text(after)])])
