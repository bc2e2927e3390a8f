"""Matches the paths that need no token. No other form of another path can match one of them.

This module has the match alone. A path that a proxy, a server and a router may read in two ways is never
excluded. A 401 for an unusual form of a public page is better than an open private page.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import zip_longest
from typing import Final
from urllib.parse import unquote

from cognito_mr_auth.errors import ConfigurationError

__all__ = ["REST", "Exclusions", "unambiguous"]

REST: Final = "/"
"""In a route's segments: a parameter that takes the rest of the path. No segment holds a slash."""

# In a decoded path: an empty, "." or ".." segment (with ";parameters", as Java servers have them), a
# backslash, something that is still percent-encoded, or a control character.
_AMBIGUOUS = re.compile(r"//|\\|%|[\x00-\x1f\x7f]|(?:^|/)\.{1,2}(?:[;/]|$)")
# In a path as sent: the same, and an encoded slash, backslash, percent sign or NUL.
_AMBIGUOUS_RAW = re.compile(
    r"//|\\|%(?:2f|5c|25|00)|[\x00-\x20\x7f]|(?:^|/)(?:\.|%2e){1,2}(?:[;/]|$)", re.IGNORECASE
)
# The form of an entry: segments of RFC 3986 pchar without percent-encoding, or "*" for the rest.
_ENTRY = re.compile(r"(?:/[A-Za-z0-9\-._~!$&'()+,;=:@]*)+(?:(?<=/)\*)?")


class Exclusions:
    """Paths without a token. `"/health"` is that path alone, `"/static/*"` is every path below `/static/`.

    Raises:
        ConfigurationError: an entry has another form, or would exclude everything.
    """

    __slots__ = ("_leading", "_whole")

    def __init__(self, paths: Collection[str] = ()) -> None:
        if isinstance(paths, (str, bytes)):
            raise ConfigurationError(f"exclude={paths!r}: give a list, such as exclude=['/health']")
        for path in paths:
            if type(path) is not str or not _ENTRY.fullmatch(path) or _AMBIGUOUS.search(path):
                raise ConfigurationError(f"exclude holds {path!r}: give '/health' or '/static/*'")
            if path == "/*":
                raise ConfigurationError("exclude holds '/*', which leaves nothing to protect")
        self._whole = frozenset(path for path in paths if not path.endswith("/*"))
        self._leading = tuple(path[:-1] for path in paths if path.endswith("/*"))

    def __bool__(self) -> bool:
        return bool(self._whole or self._leading)

    def match(self, path: str, raw_path: str, route: Sequence[str | None] = ()) -> bool:
        """Whether the path is certainly one of these. `raw_path` may hold a query.

        `route` are the segments of the route that the path leads to, if the adapter knows it. A segment that
        a parameter takes is None. A parameter that takes all that follows is `REST`. So `"/static/*"` does
        not open `/{tenant}/invoices` to a tenant named "static".
        """
        entries = [path] if path in self._whole else self._leading_to(path, route)
        if not entries:  # the usual case
            return False
        return unambiguous(path, raw_path) and any(_is_spelled(each, path, raw_path) for each in entries)

    def _leading_to(self, path: str, route: Sequence[str | None]) -> list[str]:
        leading = [each for each in self._leading if path.startswith(each)]
        return [each for each in leading if _names(route, each)] if route else leading


def _names(route: Sequence[str | None], leading: str) -> bool:
    """Whether the route itself names the segments of `leading`, or ends with a parameter for any path."""
    for index, (own, part) in enumerate(zip_longest(route, leading.strip("/").split("/"))):
        # If others follow a parameter for any path, it takes names such as a tenant's, and opens nothing.
        if part is None or (own == REST and index == len(route) - 1):
            return True
        if own != part:
            return False
    return True


def _is_spelled(entry: str, path: str, raw_path: str) -> bool:
    """Whether the entry's own segments were sent in plain, and not percent-encoded.

    A router that decodes nothing, such as Sanic's, takes "/%68ealth" for a parameter. The application's root
    comes before the entry's segments. Segments with another meaning belong to a path that a middleware
    replaced.
    """
    own = entry.removesuffix("/").split("/")[1:]
    sent = raw_path.partition("?")[0].split("/")
    sent = sent[len(sent) - path.count("/") :][: len(own)]
    return sent == own or [unquote(each) for each in sent] != own


def unambiguous(path: str, raw_path: str) -> bool:
    """Whether every proxy, server and router reads this path in the same way. `raw_path` may hold a query."""
    return not _AMBIGUOUS.search(path) and not _AMBIGUOUS_RAW.search(raw_path.partition("?")[0])
