"""The marks on endpoints: which need no token, which accept guests, which need more than a valid token.

This module sets and reads marks, whatever framework calls the endpoint. An opening holds only for the object
that it was set on (W3). It does not hold for a subclass, a method that a subclass inherits, or a
`functools.partial`. It holds for what `functools.wraps` makes. A requirement only closes, so it counts
wherever it is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import FunctionType, MethodType
from typing import Any, Literal, NamedTuple, TypeVar

from cognito_mr_auth.policy import Policy

__all__ = [
    "Opened",
    "Policies",
    "add_guard",
    "is_own",
    "last_opening",
    "mark_open",
    "mark_required",
    "mark_wrapper",
    "opened",
    "outer_guards",
    "required",
    "wrapped",
]

Opened = Literal["public", "optional"]
"""The mark of an endpoint that does not need a token."""
Policies = tuple[Policy | None, ...]
"""What an endpoint requires. None accepts any principal."""

# Attributes of an endpoint: its mark, and the guards of wrappers around it, which may not be registered.
_MARK = "__cognito_mr_auth_mark__"
_OUTER_GUARDS = "__cognito_mr_auth_outer_guards__"
# Another object after each opening. A count would lose one of two threads' additions.
_last_opening: object | None = None


class _Mark(NamedTuple):
    word: Literal["public", "optional", "require"]
    endpoint: object
    policies: Policies = ()


Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


# -- setting marks --------------------------------------------------------------------------------


def mark_open(word: Opened, endpoint: Endpoint, *, each_method: bool = False) -> Endpoint:
    """Mark a function, or a class of endpoints, as open to all or to guests.

    With `each_method`, a requirement of a method holds for that method, and does not contradict the class.

    Raises:
        TypeError: the endpoint cannot be marked, or has another mark.
    """
    given: object = endpoint
    if not callable(given) or isinstance(given, MethodType):
        raise TypeError(f"{word} marks functions and classes, not {type(given).__name__}")
    parts = [getattr(endpoint, "func", None), endpoint]
    if isinstance(endpoint, type):
        methods = [] if each_method else dir(endpoint)
        parts += [*endpoint.__mro__, *(getattr(endpoint, name, None) for name in methods)]
    if any(required(each) is not None for each in parts):
        raise TypeError(f"an endpoint cannot have both @require and @{word}")
    if opened(endpoint) not in (None, word):
        raise TypeError("an endpoint cannot be both public and optional")
    setattr(endpoint, _MARK, _Mark(word, endpoint))
    global _last_opening  # noqa: PLW0603 - marks are of the process, as the functions that have them
    _last_opening = object()  # after the mark, or who looks in between would not look again
    return endpoint


def mark_required(guarded: Endpoint, endpoint: object, policies: Policies = ()) -> Endpoint:
    """Mark `guarded`, which `require` has put around `endpoint`.

    Raises:
        TypeError: `endpoint` is open.
    """
    word = opened(endpoint) or opened(getattr(endpoint, "func", None))  # a partial's function
    if word is not None:
        raise TypeError(f"an endpoint cannot have both @require and @{word}")
    setattr(guarded, _MARK, _Mark("require", guarded, policies))
    return guarded


def wrapped(endpoint: Any) -> Iterator[Any]:
    """An endpoint and all that it wraps. Any of them may be the registered one."""
    while endpoint is not None:
        yield getattr(endpoint, "__func__", endpoint)  # because a bound method takes no attributes
        endpoint = getattr(endpoint, "__wrapped__", None)


def add_guard(endpoint: object, guard: object) -> None:
    """Note that `guard` is around an endpoint, and around all that the endpoint wraps.

    Raises:
        TypeError: one of them is open.
    """
    for part in wrapped(endpoint):
        mark_required(part, part)
        before = outer_guards(part)
        if guard not in before:  # a decorator may be applied to the same function for each request
            setattr(part, _OUTER_GUARDS, (*before, guard))


def mark_wrapper(wrapper: Endpoint) -> Endpoint:
    """Mark a wrapper that asks a guard itself. `wraps` has copied outer guards, which are not around it."""
    setattr(wrapper, _OUTER_GUARDS, ())
    return mark_required(wrapper, wrapper)


# -- reading them ---------------------------------------------------------------------------------


def outer_guards(endpoint: object) -> tuple[Any, ...]:
    """The guards that an endpoint itself may never ask.

    A wrapper's guard is never asked if the inner function was registered, because the function is called
    then. A class counts the guards of all its bases too, because it has the attributes of only one of them.
    """
    if isinstance(endpoint, type):
        bases = [vars(each).get(_OUTER_GUARDS, ()) for each in endpoint.__mro__]
        return tuple(dict.fromkeys(guard for guards in bases for guard in guards))
    found: tuple[Any, ...] = getattr(endpoint, _OUTER_GUARDS, ())
    return found


def opened(endpoint: object) -> Opened | None:
    """The mark of an endpoint that does not need a token; None for another endpoint."""
    mark = _mark(endpoint)
    if mark is None or mark.word == "require" or not is_own(endpoint, mark.endpoint):
        return None
    return mark.word


def last_opening() -> object | None:
    """Stands for all that was marked as open in this process: another object after each; None before any."""
    return _last_opening


def required(endpoint: object) -> Policies | None:
    """The policies of an endpoint that `require` guards; None for any other."""
    mark = _mark(endpoint)
    return mark.policies if mark is not None and mark.word == "require" else None


def is_own(endpoint: object, marked: object) -> bool:
    """Whether an opening that was set on `marked` holds for the endpoint where it is found (W3)."""
    part: Any = endpoint
    while part is not None:
        function = getattr(part, "__func__", part)
        if isinstance(part, MethodType) and not _defines(part.__self__, function):
            return False  # the method is inherited, or borrowed
        if function is marked:
            return True
        # functools.wraps() makes functions. A partial or a copied instance has the mark of another object.
        if not isinstance(function, FunctionType):
            return False
        part = getattr(part, "__wrapped__", None)
    return True


def _defines(owner: object, function: object) -> bool:
    """Whether an object's class (or the object, if a class) defines the function and does not inherit it."""
    of = owner if isinstance(owner, type) else type(owner)
    return any(getattr(each, "__func__", each) is function for each in vars(of).values())


def _mark(endpoint: object) -> _Mark | None:
    # Not getattr, because a class inherits attributes, and the subclass of a public one must stay closed.
    mark: _Mark | None = getattr(endpoint, "__dict__", {}).get(_MARK)
    return mark
