"""The marks on endpoints of Starlette and FastAPI: which need no token, and which welcome guests.

Owns what cannot be marked there. `_web.marks` owns how a mark is set and read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from starlette.routing import BaseRoute

from cognito_mr_auth._web.marks import Opened, mark_open, mark_required, opened

__all__ = ["Opened", "mark_required", "opened", "optional", "public"]

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def public(endpoint: Endpoint) -> Endpoint:
    """Mark a function, or a class of endpoints, as open: the middleware reads no token there.

    A subclass of a public class is not public, nor is a method that one inherits.

    Raises:
        TypeError: for what cannot be marked, or is marked otherwise.
    """
    return _marked("public", endpoint)


def optional(endpoint: Endpoint) -> Endpoint:
    """Mark a function, or a class of endpoints, as open to guests: no token, no principal.

    A token that is sent must be a good one. Behind the middleware; subclasses are as with `public`.

    Raises:
        TypeError: for what cannot be marked, or is marked otherwise.
    """
    return _marked("optional", endpoint)


def _marked(word: Opened, endpoint: Endpoint) -> Endpoint:
    if isinstance(endpoint, BaseRoute):  # callable, and not what is called for a request
        raise TypeError(f"{word} marks functions and classes, not {type(endpoint).__name__}")
    return mark_open(word, endpoint)
