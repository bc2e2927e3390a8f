"""Calling a user's hooks: only True and False are answers, and what they raise reaches no caller."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest.mock import AsyncMock, MagicMock, Mock

import pytest
from support.refusals import CANARY

from cognito_mr_auth import Principal, errors, events, policy
from cognito_mr_auth._runtime.dispatch import EventDispatcher
from cognito_mr_auth._runtime.hooks import authorize, is_async, require_policy
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
    says = (
        r"call it: @auth\.require\(\); .* wrap it in policy\.check\(\)"
        if callable(require)
        else "such as policy"
    )
    with pytest.raises(TypeError, match=f"^require= takes a policy, not [a-z]+: .*{says}"):
        require_policy(require)


# --- Revocation


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
        lambda: run_sync(authorize(PRINCIPAL, 0.0, plain, require)),
        lambda: asyncio.run(run_async(authorize(PRINCIPAL, 0.0, plain, require))),
        lambda: asyncio.run(run_async(authorize(PRINCIPAL, 0.0, twin, require))),
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


def test_no_hook_at_all() -> None:
    """Without hook and policy everybody passes."""
    assert run_sync(authorize(PRINCIPAL, 0.0, None, None)) is PRINCIPAL


def test_revocation_comes_first() -> None:
    """A revoked token is asked for nothing more."""
    asked = Mock(return_value=True)
    found = takes(answering(True), require=policy.check(asked))
    assert (found, asked.called) == ([errors.TokenRevoked] * 3, False)


# --- Policies


def checking(make: Callable[[Any], policy.Policy], hooks: tuple[Any, Any]) -> list[Any]:
    """What `authorize` with a policy around the check ends with, in all three ways."""
    plain, twin = (make(policy.check(hook)) for hook in hooks)
    return [
        ending(lambda: run_sync(authorize(PRINCIPAL, 0.0, None, plain))),
        ending(lambda: asyncio.run(run_async(authorize(PRINCIPAL, 0.0, None, plain)))),
        ending(lambda: asyncio.run(run_async(authorize(PRINCIPAL, 0.0, None, twin)))),
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
    ("make", "asked"),
    [
        pytest.param(lambda c: policy.claim("sub", "s") | c, 0, id="decided-by-or"),
        pytest.param(lambda c: policy.claim("sub", "t") & c, 0, id="decided-by-and"),
        pytest.param(lambda c: policy.claim("sub", "t") | c, 1, id="or-goes-on"),
        pytest.param(lambda c: policy.claim("sub", "s") & c, 1, id="and-goes-on"),
        pytest.param(lambda c: c & c & ~c, 1, id="one-check-in-many-places"),
    ],
)
def test_a_check_runs_once_and_only_if_it_matters(make: Callable[[Any], policy.Policy], asked: int) -> None:
    """What is decided without the check does not run it, and one check runs once."""
    hook = Mock(return_value=True)
    ending(lambda: run_sync(authorize(PRINCIPAL, 0.0, None, make(policy.check(hook)))))
    assert hook.call_count == asked


def test_hooks_get_the_principal() -> None:
    """Revocation and check see the same verified principal."""
    revoked, check = Mock(return_value=False), Mock(return_value=True)
    run_sync(authorize(PRINCIPAL, 0.0, revoked, policy.check(check)))
    for hook in (revoked, check):
        hook.assert_called_once_with(PRINCIPAL)


# --- Events

STATE = events.StateChanged("us-west-2_EXAMPLE", "fresh", "stale")
EVENTS = [STATE, events.KeysChanged("us-west-2_EXAMPLE", ("k",), ())]


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """The records that the library's logger gets."""
    found: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = found.append  # type: ignore[method-assign]
    logger = logging.getLogger("cognito_mr_auth")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield found
    logger.setLevel(before)
    logger.removeHandler(handler)


def test_the_hook_gets_each_event(records: list[logging.LogRecord]) -> None:
    """One at a time and in order."""
    received: list[events.Event] = []
    dispatcher = EventDispatcher(received.append)
    dispatcher(EVENTS)
    dispatcher(())
    assert (received, dispatcher.failures) == (EVENTS, 0)


def test_what_the_hook_raises_is_counted(records: list[logging.LogRecord]) -> None:
    """It is swallowed, and the other events are emitted all the same."""
    hook = Mock(side_effect=[ValueError, None, ValueError])
    dispatcher = EventDispatcher(hook)
    dispatcher([*EVENTS, STATE])
    assert (hook.call_count, dispatcher.failures, len(records)) == (3, 2, 2)


def test_what_a_logging_handler_raises_is_counted() -> None:
    """A log collector in the lost Region causes no refusal, and keeps no event from the hook."""
    hook = Mock()
    handler = Mock(spec=logging.Handler, level=logging.DEBUG, **{"handle.side_effect": ConnectionError})
    logger = logging.getLogger("cognito_mr_auth")
    logger.addHandler(handler)
    try:
        dispatcher = EventDispatcher(hook)
        dispatcher([STATE])
    finally:
        logger.removeHandler(handler)
    assert (handler.handle.call_count, hook.call_count, dispatcher.failures) == (1, 1, 1)


POOL_ID, URL = "us-west-2_EXAMPLE", "https://one.test/jwks.json"


@pytest.mark.parametrize(
    ("event", "level"),
    [
        pytest.param(STATE, "WARNING", id="stale"),
        pytest.param(events.StateChanged(POOL_ID, "empty", "fresh"), "DEBUG", id="start"),
        pytest.param(events.StateChanged(POOL_ID, "empty", "aged"), "DEBUG", id="start-from-a-file"),
        pytest.param(events.StateChanged(POOL_ID, "fresh", "aged"), "DEBUG", id="aged"),
        pytest.param(events.StateChanged(POOL_ID, "aged", "fresh"), "DEBUG", id="renewed"),
        pytest.param(events.StateChanged(POOL_ID, "stale", "fresh"), "INFO", id="back"),
        pytest.param(events.StateChanged(POOL_ID, "expired", "aged"), "INFO", id="back-from-expired"),
        pytest.param(events.StateChanged(POOL_ID, "stale", "expired"), "WARNING", id="expired"),
        pytest.param(events.EndpointDisabled(POOL_ID, URL, 403, "replica"), "WARNING", id="no-replica"),
        pytest.param(events.EndpointDisabled(POOL_ID, URL, 403, "updated"), "DEBUG", id="not-updated"),
        pytest.param(events.InsecureEmulator(POOL_ID), "WARNING", id="emulator"),
        pytest.param(events.KeyExposed(POOL_ID, URL, 1), "WARNING", id="compromised"),
        pytest.param(events.KeyQuarantined(POOL_ID, "k%s", (URL,)), "WARNING", id="quarantined"),
        pytest.param(events.KeyFileProblem(POOL_ID, "read: owner"), "WARNING", id="key-file"),
        pytest.param(events.FetchSucceeded(POOL_ID, URL, 0.1, 2, 0), None, id="fetched"),
        pytest.param(events.FetchFailed(POOL_ID, URL, "reset", 0.1, None, 2.0), None, id="failed"),
        pytest.param(events.KeysChanged(POOL_ID, ("k",), ()), None, id="keys"),
        pytest.param(events.RateLimitReached(POOL_ID), None, id="rate-limit"),
    ],
)
def test_the_logger_gets_what_somebody_must_act_on(
    event: events.Event, level: str | None, records: list[logging.LogRecord]
) -> None:
    """Changes of state are logged, with or without a hook; routine events are not."""
    EventDispatcher(None)([event])
    assert [record.levelname for record in records] == ([] if level is None else [level])
    assert all(record.getMessage() == str(event) for record in records)


def test_a_disabled_replica_is_a_warning_once(records: list[logging.LogRecord]) -> None:
    """K5: it is asked again each hour, and the hook hears of each time; another one is another warning."""
    heard: list[events.Event] = []
    dispatcher = EventDispatcher(heard.append)
    one = events.EndpointDisabled(POOL_ID, URL, 403, "replica")
    other = events.EndpointDisabled(POOL_ID, "https://two.test/jwks.json", 404, "replica")
    for event in (one, one, other, one):
        dispatcher([event])
    assert [record.levelname for record in records] == ["WARNING", "DEBUG", "WARNING", "DEBUG"]
    assert heard == [one, one, other, one]


class _Row:
    """A wrapper of a dict, as people write them."""

    def __getattr__(self, name: str) -> object:
        raise KeyError(name)


def test_an_answer_that_raises_when_it_is_looked_at() -> None:
    """It is neither True nor False, so it is no answer."""
    with pytest.raises(errors.RevocationUnavailable):
        run_sync(authorize(PRINCIPAL, 0.0, lambda _: _Row(), None))
