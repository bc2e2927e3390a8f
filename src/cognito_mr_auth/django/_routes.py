"""The segments of a Django route, for `Exclusions.match`.

Owns the syntax of parameters in `path()` and `re_path()`. A segment that is not certainly literal matches no
excluded path, so `EXCLUDE: ["/static/*"]` does not open `<tenant>/invoices` to a tenant named "static".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cognito_mr_auth._web.exclusions import REST

__all__ = ["segments"]

_LITERAL = re.compile(r"[A-Za-z0-9\-._~]*")
# A parameter of `path()` that matches slashes too, and its equivalents in regular expressions.
_ALL_THE_REST = re.compile(r"<path:\w+>|(?:\((?:\?P<\w+>)?)?\.[*+]\)?")
_ANCHORS = re.compile(r"\^|\$|\\[AZz]")


def segments(route: str) -> Sequence[str | None]:
    """Return the segments: None for a parameter, `REST` for a parameter that matches the rest of the path."""
    return [_segment(each) for each in _ANCHORS.sub("", route).strip("/").split("/")]


def _segment(text: str) -> str | None:
    if _ALL_THE_REST.fullmatch(text):
        return REST
    return text if _LITERAL.fullmatch(text) else None
