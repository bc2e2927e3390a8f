"""The marks on a servicer's methods: which need no token, which welcome guests, which ask for more.

Owns how a mark is set and read. An opening holds for the very function that it was set on: not for a method
that a subclass inherits, nor for a `functools.partial`. What `functools.wraps` makes has it too. The function
that `require` makes asks for its policy itself where nobody has, because an interceptor may hide the mark.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction
from types import FunctionType, MethodType
from typing import Any, Literal, NamedTuple, TypeVar, cast

from cognito_mr_auth._runtime.hooks import require_policy
from cognito_mr_auth.policy import Policy

from ._call import current

__all__ = ["Mark", "mark_of", "optional", "public", "require"]


class Mark(NamedTuple):
    """The word on a method, and the policies that it requires."""

    word: Literal["public", "optional", "required"]
    policies: tuple[Policy | None, ...] = ()


MethodT = TypeVar("MethodT", bound=Callable[..., Any])

_MARK = "__cognito_mr_auth_mark__"


def public(method: MethodT) -> MethodT:
    """A decorator: the method is open to everybody, and no token is looked at.

    It holds for the method of that class alone; one that a subclass inherits is not public.

    Raises:
        TypeError: for what is no function, and for one that is marked otherwise.
    """
    return cast("MethodT", _marked(Mark("public"), method))


def optional(method: MethodT) -> MethodT:
    """A decorator: guests are welcome at the method, and have no principal; a bad token is refused.

    It holds for the method of that class alone.

    Raises:
        TypeError: for what is no function, and for one that is marked otherwise.
    """
    return cast("MethodT", _marked(Mark("optional"), method))


def require(policy: Policy | None = None) -> Callable[[MethodT], MethodT]:
    """A decorator: the method needs a token and, if given, what the policy says.

    For all four kinds of method, sync and async. Several hold together, and with the policies of the
    interceptor. No `exclude=` and no `optional=` of the interceptor opens it.

    Raises:
        TypeError: for what is no policy; by the decorator, for a method that is `public` or `optional`.
    """
    if callable(policy) and not isinstance(policy, Policy):
        raise TypeError("require takes a policy: call it: @require(), or @require(policy.check(...))")
    require_policy(policy)

    def decorate(method: MethodT) -> MethodT:
        before = _mark(method)
        inner = before.policies if before is not None and before.word == "required" else ()
        guarded = _guarded(method, policy) if isinstance(method, FunctionType) else method
        return cast("MethodT", _marked(Mark("required", (*inner, policy)), guarded))

    return decorate


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


def _marked(mark: Mark, method: Any) -> Any:
    if not isinstance(method, FunctionType):
        raise TypeError(f"methods of a servicer can be {mark.word}, not {type(method).__name__}")
    before = _mark(method)
    if before is not None and before.word != mark.word:
        raise TypeError(f"a method cannot be both {before.word} and {mark.word}")
    setattr(method, _MARK, mark)
    return method


def mark_of(behavior: object) -> Mark | None:
    """The mark of a handler's behaviour.

    An inherited requirement counts, an inherited opening does not.
    """
    mark = _mark(getattr(behavior, "__func__", behavior))
    if mark is None or mark.word == "required":
        return mark
    # On anything else a mark is a copy: on a partial, or on a copied object.
    if not isinstance(behavior, (FunctionType, MethodType)):
        return None
    part: Any = behavior
    while part is not None:
        if isinstance(part, MethodType) and not _is_own(part):
            return None
        part = getattr(part, "__wrapped__", None)  # an interceptor behind ours may wrap the method
    return mark


def _mark(function: object) -> Mark | None:
    mark: Mark | None = getattr(function, "__dict__", {}).get(_MARK)
    return mark


def _is_own(method: MethodType) -> bool:
    """Whether the class of its object defines the method, and inherits it from none."""
    owner = method.__self__ if isinstance(method.__self__, type) else type(method.__self__)
    return any(getattr(each, "__func__", each) is method.__func__ for each in vars(owner).values())
