"""Calling a user's hooks: only True and False are answers, and what they raise reaches no caller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from functools import partial
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock

import pytest
from support.refusals import CANARY

from cognito_mr_auth import Principal, errors, policy
from cognito_mr_auth._runtime.hooks import authorize, is_async, require_policy
from cognito_mr_auth._runtime.raised import Raised
from cognito_mr_auth._runtime.run import run_async, run_sync
from cognito_mr_auth.principal import Issuer

PRINCIPAL = Principal(
    {"sub": "s", "token_use": "access", "client_id": "c", "iat": 0, "exp": 9, "x": CANARY},
    issuer=Issuer("https://cognito-idp.us-west-2.amazonaws.com/us-west-2_EXAMPLE", "original", "us-west-2"),
    user_pool_id="us-west-2_EXAMPLE",
)


def _plain(*_args: object) -> bool:
    return False


async def _coroutine(*_args: object) -> bool:
    return False


class _Async:
    async def __call__(self, principal: Principal) -> bool:
        return False

    async def method(self, principal: Principal) -> bool:
        return False

    @staticmethod
    async def static(principal: Principal) -> bool:
        return False

    @classmethod
    async def by_class(cls, principal: Principal) -> bool:
        return False


class _Sync:
    func = _coroutine  # an attribute of that name is no partial's

    def __call__(self, principal: Principal) -> bool:
        return False

    def method(self, principal: Principal) -> bool:
        return False


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        pytest.param(_plain, False, id="function"),
        pytest.param(_coroutine, True, id="coroutine-function"),
        pytest.param(lambda principal: False, False, id="lambda"),
        pytest.param(lambda principal: _coroutine(), False, id="lambda-that-hides-one"),
        pytest.param(partial(_plain, 1), False, id="partial"),
        pytest.param(partial(_coroutine, 1), True, id="partial-coroutine"),
        pytest.param(partial(partial(_coroutine, 1), 2), True, id="partial-of-partial"),
        pytest.param(partial(_Async().method), True, id="partial-of-method"),
        pytest.param(_Async(), True, id="callable-object-async"),
        pytest.param(_Sync(), False, id="callable-object"),
        pytest.param(_Async().method, True, id="bound-method-async"),
        pytest.param(_Async.static, True, id="static-method-async"),
        pytest.param(_Async.by_class, True, id="class-method-async"),
        pytest.param(_Sync().method, False, id="bound-method"),
        pytest.param(_Async, False, id="class"),
        pytest.param({"x"}.__contains__, False, id="built-in"),
        pytest.param(print, False, id="built-in-function"),
        pytest.param(Mock(), False, id="mock"),
        pytest.param(MagicMock(), False, id="magic-mock"),
        pytest.param(AsyncMock(), True, id="async-mock"),
        pytest.param("x", False, id="not-callable"),
    ],
)
def test_is_async(function: object, expected: bool) -> None:
    """Whether a call gives a coroutine is seen without calling."""
    assert is_async(function) is expected


@pytest.mark.parametrize("require", [None, policy.groups("ops"), ~policy.check(_plain)], ids=repr)
def test_policies(require: Any) -> None:
    """None and policies pass."""
    require_policy(require)


@pytest.mark.parametrize(
    "require",
    [_plain, True, "ops", policy.groups],
    ids=["a function", "true", "a group", "a maker of policies"],
)
def test_no_policies(require: Any) -> None:
    """All else would be truthy and never asked: a TypeError that says what to do."""
    says = r"call it as @require\(\); .* in policy\.check\(\)" if callable(require) else "such as policy"
    with pytest.raises(TypeError, match=f"^require= takes a policy, not [a-z]+: .*{says}"):
        require_policy(require)


# --- Revocation

Reports = list[tuple[str, object, str]]


def asked(
    revoked: Any, require: policy.Policy | None, heard: Reports | None = None
) -> Generator[Any, Any, Principal]:
    """`authorize` at the moment 0 without leeway; its reports are kept as (what, function, error)."""
    kept: Reports = [] if heard is None else heard
    return authorize(
        PRINCIPAL,
        0.0,
        revoked,
        require,
        0.0,
        lambda kind, hook, raised: kept.append((kind, hook, raised.error)),
    )


def raising(*_args: object) -> bool:
    """A hook with a bug whose error holds a claim."""
    raise ValueError(CANARY)


async def araising(*_args: object) -> bool:
    """The same as a coroutine function."""
    raise ValueError(CANARY)


class _Loose:
    """Equal to everything, true in every way but one."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


def answering(value: object) -> tuple[Callable[[Principal], Any], Callable[[Principal], Any]]:
    """A hook that answers so, and its coroutine twin."""

    async def twin(_principal: Principal) -> object:
        return value

    return (lambda _principal: value), twin


ANSWERS = [
    pytest.param(1, id="one"),
    pytest.param(0, id="zero"),
    pytest.param(None, id="none"),
    pytest.param("", id="empty-text"),
    pytest.param("False", id="text"),
    pytest.param([], id="empty-list"),
    pytest.param(_Loose(), id="equal-to-everything"),
]


def takes(hooks: tuple[Callable[[Principal], Any], Callable[[Principal], Any]], **named: Any) -> list[Any]:
    """What `authorize` with the hook as `revoked` ends with: on a thread, in a task, and with its twin."""
    require = named.get("require")
    plain, twin = hooks
    runs = [
        lambda: run_sync(asked(plain, require)),
        lambda: asyncio.run(run_async(asked(plain, require))),
        lambda: asyncio.run(run_async(asked(twin, require))),
    ]
    return [ending(run) for run in runs]


def ending(run: Callable[[], Any]) -> Any:
    """The result, or the class of the error, which carries nothing of the hook's."""
    try:
        return run()
    except errors.AuthError as error:
        found = error
    assert CANARY not in f"{found} {found!r} {found.hint}"
    assert found.__cause__ is found.__context__ is None
    return type(found)


def test_not_revoked() -> None:
    """False is the one answer that lets the principal pass."""
    assert takes(answering(False)) == [PRINCIPAL] * 3


def test_revoked() -> None:
    """True is the one that refuses the token."""
    assert takes(answering(True)) == [errors.TokenRevoked] * 3


@pytest.mark.parametrize("value", ANSWERS)
def test_no_answer(value: object) -> None:
    """Anything else is a broken hook: 503."""
    assert takes(answering(value)) == [errors.RevocationUnavailable] * 3


def test_a_raising_hook() -> None:
    """So is one that raises."""
    assert takes((raising, araising)) == [errors.RevocationUnavailable] * 3


@pytest.mark.parametrize(
    "take", [run_sync, lambda steps: asyncio.run(run_async(steps))], ids=["sync", "async"]
)
@pytest.mark.parametrize(
    ("hook", "error"),
    [
        pytest.param(raising, "ValueError", id="raises"),
        pytest.param(lambda _: None, "answered NoneType", id="no-answer"),
        pytest.param(lambda _: 1, "answered int", id="almost-true"),
        pytest.param(lambda _: False, None, id="no"),
        pytest.param(lambda _: True, None, id="yes"),
    ],
)
@pytest.mark.parametrize("kind", ["revoked", "policy.check"])
def test_what_fails_is_reported(kind: str, hook: Any, error: str | None, take: Any) -> None:
    """B1: each failure with the function and the class of its exception; an answer is no failure."""
    heard: Reports = []
    steps = asked(hook, None, heard) if kind == "revoked" else asked(None, policy.check(hook), heard)
    ending(lambda: take(steps))
    assert heard == ([] if error is None else [(kind, hook, error)])


def test_what_an_awaited_hook_raises_is_reported() -> None:
    """With its own frames alone: ours, where it is awaited, say nothing."""
    found: list[Raised] = []
    steps = authorize(PRINCIPAL, 0.0, araising, None, 0.0, lambda _kind, _hook, raised: found.append(raised))
    assert ending(lambda: asyncio.run(run_async(steps))) is errors.RevocationUnavailable
    assert [each.rpartition(" in ")[2] for each in found[0].frames] == ["araising"]


def test_no_hook_at_all() -> None:
    """Without hook and policy everybody passes."""
    assert run_sync(asked(None, None)) is PRINCIPAL


def test_revocation_comes_first() -> None:
    """A revoked token is asked for nothing more."""
    check = Mock(return_value=True)
    found = takes(answering(True), require=policy.check(check))
    assert (found, check.called) == ([errors.TokenRevoked] * 3, False)


# --- Policies


def checking(make: Callable[[Any], policy.Policy], hooks: tuple[Any, Any]) -> list[Any]:
    """What `authorize` with a policy around the check ends with, in all three ways."""
    plain, twin = (make(policy.check(hook)) for hook in hooks)
    return [
        ending(lambda: run_sync(asked(None, plain))),
        ending(lambda: asyncio.run(run_async(asked(None, plain)))),
        ending(lambda: asyncio.run(run_async(asked(None, twin)))),
    ]


def _itself(check: policy.Policy) -> policy.Policy:
    return check


@pytest.mark.parametrize(
    ("make", "value", "outcome"),
    [
        pytest.param(_itself, True, PRINCIPAL, id="yes"),
        pytest.param(_itself, False, errors.PolicyDenied, id="no"),
        pytest.param(lambda c: ~c, False, PRINCIPAL, id="not-no"),
        pytest.param(lambda c: ~c, True, errors.PolicyDenied, id="not-yes"),
        pytest.param(lambda c: c & policy.groups("ops"), True, errors.PolicyDenied, id="and-another"),
        pytest.param(lambda c: c | policy.groups("ops"), True, PRINCIPAL, id="or-another"),
        pytest.param(lambda c: c & c, True, PRINCIPAL, id="twice"),
    ],
)
def test_checks(make: Callable[[Any], policy.Policy], value: bool, outcome: object) -> None:
    """A check's answer counts as any other leaf's."""
    assert checking(make, answering(value)) == [outcome] * 3


@pytest.mark.parametrize("value", ANSWERS)
@pytest.mark.parametrize("make", [_itself, lambda c: ~c], ids=["check", "not-check"])
def test_a_check_without_answer(make: Callable[[Any], policy.Policy], value: object) -> None:
    """No answer is neither yes nor, under `~`, no: 503."""
    assert checking(make, answering(value)) == [errors.CheckUnavailable] * 3


def test_a_raising_check() -> None:
    """Nor is an exception."""
    assert checking(_itself, (raising, araising)) == [errors.CheckUnavailable] * 3


@pytest.mark.parametrize(
    ("make", "times"),
    [
        pytest.param(lambda c: policy.claim("sub", "s") | c, 0, id="decided-by-or"),
        pytest.param(lambda c: policy.claim("sub", "t") & c, 0, id="decided-by-and"),
        pytest.param(lambda c: policy.claim("sub", "t") | c, 1, id="or-goes-on"),
        pytest.param(lambda c: policy.claim("sub", "s") & c, 1, id="and-goes-on"),
        pytest.param(lambda c: c & c & ~c, 1, id="one-check-in-many-places"),
    ],
)
def test_a_check_runs_once_and_only_if_it_matters(make: Callable[[Any], policy.Policy], times: int) -> None:
    """What is decided without the check does not run it, and one check runs once."""
    hook = Mock(return_value=True)
    ending(lambda: run_sync(asked(None, make(policy.check(hook)))))
    assert hook.call_count == times


def test_hooks_get_the_principal() -> None:
    """Revocation and check see the same verified principal."""
    revoked, check = Mock(return_value=False), Mock(return_value=True)
    run_sync(asked(revoked, policy.check(check)))
    for hook in (revoked, check):
        hook.assert_called_once_with(PRINCIPAL)


class _Row:
    """A wrapper of a dict, as people write them."""

    def __getattr__(self, name: str) -> object:
        raise KeyError(name)


def test_an_answer_that_raises_when_it_is_looked_at() -> None:
    """It is neither True nor False, so it is no answer."""
    with pytest.raises(errors.RevocationUnavailable):
        run_sync(asked(lambda _: _Row(), None))
