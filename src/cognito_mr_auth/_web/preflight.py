"""What a CORS preflight that passes hears: nothing of what stands at its URL, because it has no principal.

Owns the answer in a handler's place, and what a handler's own answer loses with its body. The Fetch standard
reads status and headers alone (4.8). `guard` says what a preflight is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

from .bearer import HTTPResponse

__all__ = ["ANSWER", "without_length"]

T = TypeVar("T")

ANSWER: Final = HTTPResponse(204, (), b"")
"""For a handler that names its guard, and is not run for it: it would run for anybody."""


def without_length(headers: Iterable[tuple[str, T]]) -> dict[str, T]:
    """The headers of an answer whose body is left out."""
    return {name: value for name, value in headers if name.lower() != "content-length"}
