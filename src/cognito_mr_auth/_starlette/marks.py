"""The marks on endpoints: which need no token, which welcome guests, which more than a valid token guards.

Owns how a mark is set and read. It holds for the very object that it was set on (W3): not for a subclass, nor
for a method that a subclass inherits, nor for a `functools.partial`. What `functools.wraps` makes has it too.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, Literal, NamedTuple, TypeVar

from starlette.routing import BaseRoute

__all__ = ["Opened", "mark_required", "opened", "optional", "public", "times_marked"]

Opened = Literal["public", "optional"]
"""The word of an endpoint that does not need a token."""

_MARK = "__cognito_mr_auth_mark__"
_times = 0


class _Mark(NamedTuple):
    word: Literal["public", "optional", "require"]
    endpoint: object


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


def mark_required(guarded: Endpoint, endpoint: object) -> Endpoint:
    """Mark `guarded`, which `require` has put around `endpoint`.

    Raises:
        TypeError: `endpoint` is open.
    """
    word = opened(endpoint) or opened(getattr(endpoint, "func", None))  # a partial's function
    if word is not None:
        raise TypeError(f"an endpoint cannot have both @require and @{word}")
    setattr(guarded, _MARK, _Mark("require", guarded))
    return guarded


def opened(endpoint: object) -> Opened | None:
    """The word of an endpoint that does not need a token."""
    if isinstance(endpoint, MethodType):
        of = endpoint.__self__ if isinstance(endpoint.__self__, type) else type(endpoint.__self__)
        if not any(getattr(each, "__func__", each) is endpoint.__func__ for each in vars(of).values()):
            return None  # inherited, or borrowed
    mark = _mark(endpoint)
    if mark is None or mark.word == "require":
        return None
    # What functools.wraps() makes is a function. A partial or a copied instance has another's mark.
    own = getattr(endpoint, "__func__", endpoint)
    if not isinstance(own, FunctionType) and mark.endpoint is not own:
        return None
    return mark.word


def times_marked() -> int:
    """How often anything was marked as open in this process: at zero, nothing is open."""
    return _times


def _mark(endpoint: object) -> _Mark | None:
    # Not getattr: a class inherits attributes, and the subclass of a public one must stay closed.
    mark: _Mark | None = getattr(endpoint, "__dict__", {}).get(_MARK)
    return mark


def _marked(word: Opened, endpoint: Endpoint) -> Endpoint:
    given: object = endpoint
    if not callable(given) or isinstance(given, (MethodType, BaseRoute)):
        raise TypeError(f"{word} marks functions and classes, not {type(given).__name__}")
    methods = [getattr(endpoint, name, None) for name in dir(endpoint)] if isinstance(endpoint, type) else []
    marks = [_mark(each) for each in (endpoint, getattr(endpoint, "func", None), *methods)]
    if any(mark is not None and mark.word == "require" for mark in marks):
        raise TypeError(f"an endpoint cannot have both @require and @{word}")
    if opened(endpoint) not in (None, word):
        raise TypeError("an endpoint cannot be both public and optional")
    global _times  # noqa: PLW0603 - marks are of the process, as the functions that have them
    _times += 1
    setattr(endpoint, _MARK, _Mark(word, endpoint))
    return endpoint
