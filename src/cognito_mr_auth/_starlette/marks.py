"""The marks on endpoints of Starlette and FastAPI: which need no token, and which accept guests.

This module refuses what cannot be marked there. `_web.marks` sets and reads marks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from starlette.routing import BaseRoute

from cognito_mr_auth._web.marks import Opened, mark_open, mark_required, opened

__all__ = ["Opened", "mark_required", "opened", "optional", "public"]

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def public(endpoint: Endpoint) -> Endpoint:
    """Mark a function or a class of endpoints as public. The middleware reads no token there.

    A subclass of a public class is not public, and neither is an inherited method.

    Raises:
        TypeError: the endpoint cannot be marked, or has another mark.
    """
    return _marked("public", endpoint)


def optional(endpoint: Endpoint) -> Endpoint:
    """Mark a function or a class of endpoints as open to guests, which are requests without a token.

    A guest has no principal. A token that is sent must be valid. It works behind the middleware. Subclasses
    are treated as with `public`.

    Raises:
        TypeError: the endpoint cannot be marked, or has another mark.
    """
    return _marked("optional", endpoint)


def _marked(word: Opened, endpoint: Endpoint) -> Endpoint:
    if isinstance(endpoint, BaseRoute):  # a route is callable, but a request calls its endpoint
        raise TypeError(f"{word} marks functions and classes, not {type(endpoint).__name__}")
    return mark_open(word, endpoint)
