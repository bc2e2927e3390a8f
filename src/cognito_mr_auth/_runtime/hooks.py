"""Calls a user's hooks: `revoked` and the functions of `policy.check` (H1, H2).

This module decides what their answers mean. Anything but True or False is no answer. Their exceptions never
reach the caller, because they decide nothing and could carry a token. The class and the frames of an
exception are reported. Imports no asyncio.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any

from cognito_mr_auth.errors import ConfigurationError, RevocationUnavailable, TokenRevoked
from cognito_mr_auth.policy import Policy, _Pending
from cognito_mr_auth.policy._leaves import Context
from cognito_mr_auth.principal import Principal

from .denial import denial
from .raised import Raised
from .refusals import located

__all__ = ["Hook", "Report", "authorize", "is_async", "plain", "require_policy", "require_sync"]

Hook = Callable[[Principal], bool | Awaitable[bool]]

HOOK_FAILED = object()
"""The answer of a hook that raised or gave no valid answer."""

Report = Callable[[str, object, Raised], None]
"""Receives a failure: the setting that the function was given as, the function, and what it raised."""

_CO_COROUTINE = 0x80  # inspect.CO_COROUTINE; importing inspect would take half as long as all of ours


def is_async(function: object) -> bool:
    """Whether calling `function` returns a coroutine. Looks through partials and callable objects."""
    while isinstance(function, partial):  # a test for an attribute `func` would never end with a Mock
        function = function.func
    call = type(function).__call__ if callable(function) else None
    code = None
    for candidate in (function, getattr(function, "__func__", None), call):
        code = code or getattr(candidate, "__code__", None)
    return bool(code is not None and code.co_flags & _CO_COROUTINE)


def require_policy(require: object) -> None:
    """Refuse anything that is no policy. A function would count as true and never be called (H1)."""
    if require is not None and not isinstance(require, Policy):
        help_ = 'such as policy.scopes("orders/read")'
        if callable(require):
            help_ = "if it is a decorator, call it as @require(); wrap a check of your own in policy.check()"
        raise TypeError(f"require= takes a policy, not {type(require).__name__}: {help_}")


def require_sync(require: Policy | None) -> None:
    """Refuse a check that is a coroutine function, because it can only be awaited (H2)."""
    require_policy(require)
    if require is not None and any(is_async(each._function) for each in require._leaves("check")):
        raise TypeError("require= holds a check that is a coroutine function; call averify()")


def plain(name: str, hook: Callable[[Any], object] | None) -> Callable[[Any], object] | None:
    """Returns the hook, which is called and never awaited.

    Raises:
        ConfigurationError: it is a coroutine function.
    """
    if hook is not None and is_async(hook):
        raise ConfigurationError(f"{name}= is a coroutine function, and nobody would await it")
    return hook


HookCall = Generator[Any, Any, object]
"""Yields an awaitable if the hook returned one. Its outcome is sent back (a `Raised` if it raised)."""


def call_hook(kind: str, hook: Hook, principal: Principal, report: Report) -> HookCall:
    """The hook's answer, or HOOK_FAILED. Anything that is no answer is reported."""
    try:
        answer: Any = hook(principal)
    except Exception as error:  # noqa: BLE001 - a user's hook may raise anything, and no exception is a yes
        answer = Raised.of(error)
    if hasattr(type(answer), "__await__"):  # on the type, because an attribute of the answer may raise
        answer = yield answer
    if answer is True or answer is False:
        return answer
    report(kind, hook, answer if isinstance(answer, Raised) else Raised.answer(answer))
    return HOOK_FAILED


def authorize(
    principal: Principal,
    now: float,
    revoked: Hook | None,
    require: Policy | None,
    leeway: float,
    report: Report,
) -> Generator[Any, Any, Principal]:
    """Check revocation, then evaluate the policy. This ends a verification (O).

    A moment up to `leeway` seconds in the future counts as now (H1).

    Raises:
        TokenRevoked, RevocationUnavailable, PolicyDenied, AuthenticationTooOld, CheckUnavailable.
    """
    origin = (principal.provider, principal.issuer.kind)
    if revoked is not None:
        answer = yield from call_hook("revoked", revoked, principal, report)
        if answer is True:
            raise located(TokenRevoked(), origin)
        if answer is not False:
            raise located(RevocationUnavailable(), origin)
    if require is not None:
        answers: dict[int, object] = {}
        while True:
            context = Context(principal, now, answers, leeway=leeway)
            verdict, leaf = _evaluate(require, context)
            if leaf is None:
                break
            answers[id(leaf)] = yield from call_hook("policy.check", leaf._function, principal, report)
        if verdict is not True:
            raise located(denial(require, context), origin)
    return principal


def _evaluate(require: Policy, context: Context) -> tuple[bool | None, Policy | None]:
    try:
        return require._evaluate(context), None
    except _Pending as pending:
        return None, pending.leaf
