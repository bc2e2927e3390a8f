"""The words for a servicer's methods: which need no token, which welcome guests, which ask for more.

Owns the decorators; `_web.marks` owns how a mark is set and read. The function that `require` makes asks for
its policy itself where nobody has, because an interceptor may hide the mark.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction
from types import FunctionType
from typing import Any, TypeVar, cast

from cognito_mr_auth._runtime.hooks import require_policy
from cognito_mr_auth._web.marks import mark_open, mark_required, required
from cognito_mr_auth.policy import Policy

from ._call import current

__all__ = ["optional", "public", "require"]

MethodT = TypeVar("MethodT", bound=Callable[..., Any])


def public(method: MethodT) -> MethodT:
    """A decorator: the method is open to everybody, and no token is looked at.

    It holds for the method of that class alone; one that a subclass inherits is not public.

    Raises:
        TypeError: for what is no function, and for one that is marked otherwise.
    """
    return mark_open("public", _function(method))


def optional(method: MethodT) -> MethodT:
    """A decorator: guests are welcome at the method, and have no principal; a bad token is refused.

    It holds for the method of that class alone.

    Raises:
        TypeError: for what is no function, and for one that is marked otherwise.
    """
    return mark_open("optional", _function(method))


def require(policy: Policy | None = None) -> Callable[[MethodT], MethodT]:
    """A decorator: the method needs a token and, if given, what the policy says.

    For all four kinds of method, sync and async. Several hold together, and with the policies of the
    interceptor. No `exclude=` and no `optional=` of the interceptor opens it.

    Raises:
        TypeError: for what is no policy; by the decorator, for a method that is `public` or `optional`.
    """
    require_policy(policy)

    def decorate(method: MethodT) -> MethodT:
        guarded = _guarded(_function(method), policy)
        return cast("MethodT", mark_required(guarded, method, (*(required(method) or ()), policy)))

    return decorate


def _function(method: MethodT) -> MethodT:
    """The method, as a class defines it. Raises TypeError for anything else."""
    if not isinstance(method, FunctionType):
        raise TypeError(f"methods of a servicer can be marked, not {type(method).__name__}")
    return method


def _guarded(method: Callable[..., Any], policy: Policy | None) -> Callable[..., Any]:
    """The method, of the same kind, which runs only for principals whom the policy lets pass."""
    if isasyncgenfunction(method):

        @wraps(method)
        async def stream(*args: Any, **kwargs: Any) -> Any:
            await current().arequire(policy)
            async with aclosing(method(*args, **kwargs)) as responses:
                async for response in responses:
                    yield response

        return stream
    if iscoroutinefunction(method):

        @wraps(method)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            await current().arequire(policy)
            return await method(*args, **kwargs)

        return awaited

    @wraps(method)
    def called(*args: Any, **kwargs: Any) -> Any:
        current().require(policy)
        return method(*args, **kwargs)

    return called
