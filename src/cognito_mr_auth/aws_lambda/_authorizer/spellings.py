"""Other spellings of a path, which a backend could read as the path of another route (pure).

Owns the patterns that a route table denies to a principal who lacks one of its policies. AWS compares a
document with the path as the client wrote it, or with that path decoded once; AWS does not document which. So
the patterns cover both. For example, `/%61dmin` has an escape, and `/x%2F..%2Fadmin` has an escape or dots.
"""

from __future__ import annotations

from .segments import Segments, text

__all__ = ["ESCAPED", "LEAVING", "SPELLINGS", "escapes_of"]

ESCAPED = "*%*"
"""Any percent-encoding, also what remains of a double encoding after one decoding (%2561)."""

SPELLINGS = (
    # A parameter is never empty, and AWS does not document how "orders//audit" is routed.
    "*//*",
    # Servers remove dot segments, also at the end of a path (RFC 3986 5.2.4).
    "*/./*",
    "*/../*",
    "*/.",
    "*/..",
    # Some servers read a backslash as a slash, as the URL standard of browsers does.
    r"*\*",
    # Java servers remove the parameters of a segment: "/admin;x", "/..;/admin".
    "*;*",
    # In a decoded path: software that makes a URL of the path again cuts it here.
    "*#*",
    "*${?}*",
)
"""Sequences that no route's template has, and that no client following the templates sends unescaped."""

LEAVING = (
    # A dot, a slash, a backslash, and a percent sign, which becomes one of them when it is decoded again.
    *("*%2e*", "*%2E*", "*%2f*", "*%2F*", "*%5c*", "*%5C*", "*%25*"),
    # Characters that end a segment or a path, as in SPELLINGS: ; ? #
    *("*%3b*", "*%3B*", "*%3f*", "*%3F*", "*%23*"),
    # Control characters: URL parsers of browsers drop tabs and line ends, others end a path at NUL.
    *("*%0*", "*%1*"),
    # A malformed escape, or a new escape after a lenient decoder has read the rest: %%32e and %2%65 are %2e.
    *("*%%*", "*%?%*"),
    # IIS reads %u002e, and old decoders accept overlong UTF-8: %c0%ae, %c1%9c.
    *("*%u*", "*%U*", "*%c0*", "*%C0*", "*%c1*", "*%C1*"),
)
"""Escapes that can lead out of a parameter. They are denied also for routes in `escaped_paths`.

Letters, %20, %40 and UTF-8 are not among them.
"""


def escapes_of(pattern: Segments) -> list[str]:
    """Return the escapes for the paths of one pattern only: those with an escape in one of its wildcards."""
    wild = [at for at, each in enumerate(pattern) if each is None]
    return [_join(pattern[:at], pattern[at + 1 :]) for at in wild]


def _join(before: Segments, after: Segments) -> str:
    return "/".join([*filter(None, [text(before)]), ESCAPED, *filter(None, [text(after)])])
