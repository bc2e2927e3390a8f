"""The segments of a Django route, as `Exclusions.match` takes them.

Owns how `path()` and `re_path()` write a parameter. What is not certainly a literal segment stands in no
excluded path: `EXCLUDE: ["/static/*"]` does not open `<tenant>/invoices` to a tenant named "static".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cognito_mr_auth._web.exclusions import REST

__all__ = ["segments"]

_LITERAL = re.compile(r"[A-Za-z0-9\-._~]*")
# A parameter of `path()` that takes slashes too, and the same in regular expressions.
_ALL_THE_REST = re.compile(r"<path:\w+>|(?:\((?:\?P<\w+>)?)?\.[*+]\)?")
_ANCHORS = re.compile(r"\^|\$|\\[AZz]")


def segments(route: str) -> Sequence[str | None]:
    """None for a segment that a parameter takes, `REST` for a parameter that takes all that follows."""
    return [_segment(each) for each in _ANCHORS.sub("", route).strip("/").split("/")]


def _segment(text: str) -> str | None:
    if _ALL_THE_REST.fullmatch(text):
        return REST
    return text if _LITERAL.fullmatch(text) else None
