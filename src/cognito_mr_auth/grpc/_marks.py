"""The decorators for a servicer's methods: `public`, `optional` and `require`.

Owns the decorators; `_web.marks` owns how a mark is set and read. The function that `require` makes checks
its policy itself if that has not happened yet, because an interceptor may hide the mark.
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
    """A decorator. The method is open to everybody, and no token is read.

    It applies only to the method of that class. A method that a subclass inherits is not public.

    Raises:
        TypeError: the argument is not a function, or it has another mark.
    """
    return mark_open("public", _function(method))


def optional(method: MethodT) -> MethodT:
    """A decorator. Guests may call the method, and have no principal. A bad token is refused.

    It applies only to the method of that class.

    Raises:
        TypeError: the argument is not a function, or it has another mark.
    """
    return mark_open("optional", _function(method))


def require(policy: Policy | None = None) -> Callable[[MethodT], MethodT]:
    """A decorator. The method needs a token that meets the policy, if one is given.

    It accepts all four kinds of method, sync and async. If there are several, all of them apply, together
    with the policies of the interceptor. `exclude=` and `optional=` of the interceptor do not open such a
    method.

    Raises:
        TypeError: `policy` is not a Policy. The decorator raises it for a `public` or `optional` method.
    """
    require_policy(policy)

    def decorate(method: MethodT) -> MethodT:
        guarded = _guarded(_function(method), policy)
        return cast("MethodT", mark_required(guarded, method, (*(required(method) or ()), policy)))

    return decorate


def _function(method: MethodT) -> MethodT:
    """Return the method as a class defines it. Raises TypeError for anything else."""
    if not isinstance(method, FunctionType):
        raise TypeError(f"methods of a servicer can be marked, not {type(method).__name__}")
    return method


def _guarded(method: Callable[..., Any], policy: Policy | None) -> Callable[..., Any]:
    """Return a method of the same kind that runs only for principals that the policy accepts."""
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
