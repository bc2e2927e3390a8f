"""What a CORS preflight never has, and the answer to one that passes, which shows nothing of its URL.

This module has the answer in a handler's place, and says what a handler's own answer loses with its body. The
Fetch standard reads status and headers alone (4.8). `guard` says what a preflight is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

from .bearer import HTTPResponse

__all__ = ["ANSWER", "NEVER_SENT", "without_length"]

T = TypeVar("T")

ANSWER: Final = HTTPResponse(204, (), b"")
"""The answer of a route that names its guard. Its handler is not run, because it would run for anybody."""

NEVER_SENT: Final = (
    *("authorization", "cookie", "content-type", "transfer-encoding", "upgrade"),
    *("x-http-method-override", "x-http-method", "x-method-override"),
)
"""Headers that no browser's preflight has (Fetch, 4.8): a credential, a body, another method, an upgrade.

A framework or a middleware behind the guard might act on any of them.
"""


def without_length(headers: Iterable[tuple[str, T]]) -> dict[str, T]:
    """The headers of an answer whose body is left out."""
    return {name: value for name, value in headers if name.lower() != "content-length"}
