"""The receivers of an event, which are the user's hook and the standard logger, and an error in either."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import Mock

import pytest
from support.log import logged
from support.refusals import CANARY

from cognito_mr_auth import events
from cognito_mr_auth._jwks.reachability import EndpointOutlook, Outlook
from cognito_mr_auth._runtime.dispatch import MAX_HOOKS, EventDispatcher
from cognito_mr_auth._runtime.raised import Raised
from cognito_mr_auth.testing import FakeClock

POOL_ID, URL, OTHER = "us-west-2_EXAMPLE", "https://one.test/jwks.json", "https://two.test/jwks.json"
STATE = events.StateChanged(POOL_ID, "fresh", "stale")
EVENTS = [STATE, events.KeysChanged(POOL_ID, ("k",), ())]
DOWN = events.EndpointDown(POOL_ID, URL, "connect", 1_000.0)
UP = events.EndpointUp(POOL_ID, URL, 60.0)
FAILED = events.FetchFailed(POOL_ID, URL, "connect", 0.1, None, 2.0)


class Pool:
    """A pool of two endpoints, one of which is up."""

    def outlook(self, _now: object) -> Outlook:
        return Outlook(
            {
                URL: EndpointOutlook("original", "us-west-2", up=False),
                OTHER: EndpointOutlook("replica", "us-east-1", up=True),
            },
            60.0,
            86340.0,
        )


def dispatcher(
    on_event: Callable[[events.Event], object] | None = None, clock: FakeClock | None = None
) -> EventDispatcher:
    """For the hook; its clock stands still."""
    return EventDispatcher(on_event, clock or FakeClock(), {POOL_ID: Pool()})


@pytest.fixture
def records() -> Iterator[list[logging.LogRecord]]:
    """What the library's loggers get."""
    with logged() as found:
        yield found


@contextmanager
def broken_handler() -> Iterator[Mock]:
    """A handler that raises, as one does whose collector is away."""
    handler = Mock(
        spec=logging.Handler, level=logging.DEBUG, **{"handle.side_effect": ConnectionError(CANARY)}
    )
    logger = logging.getLogger("cognito_mr_auth")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def levels(records: list[logging.LogRecord]) -> list[str]:
    """Their names, in order."""
    return [record.levelname for record in records]


# --- Events


def test_the_hook_gets_each_event(records: list[logging.LogRecord]) -> None:
    """One at a time and in order."""
    received: list[events.Event] = []
    dispatch = dispatcher(received.append)
    dispatch(EVENTS)
    dispatch(())
    assert (received, dispatch.failures) == (EVENTS, 0)


@pytest.mark.parametrize(
    ("event", "level"),
    [
        pytest.param(STATE, "DEBUG", id="age"),
        pytest.param(DOWN, "WARNING", id="down"),
        pytest.param(events.KeysStale(POOL_ID, 3600.0, 82800.0), "WARNING", id="stale"),
        pytest.param(events.KeysUnusable(POOL_ID, "connect"), "ERROR", id="no-keys"),
        pytest.param(events.KeysUsable(POOL_ID, 60.0), "INFO", id="keys-again"),
        pytest.param(events.EndpointDisabled(POOL_ID, URL, 403, "replica"), "WARNING", id="no-replica"),
        pytest.param(events.EndpointDisabled(POOL_ID, URL, 403, "updated"), "DEBUG", id="not-updated"),
        pytest.param(events.InsecureEmulator(POOL_ID), "WARNING", id="emulator"),
        pytest.param(events.KeyExposed(POOL_ID, URL, 1), "ERROR", id="exposed"),
        pytest.param(events.KeyQuarantined(POOL_ID, "k%s", (URL, OTHER)), "ERROR", id="quarantined"),
        pytest.param(events.KeyFileProblem(POOL_ID, "read: owner"), "WARNING", id="key-file"),
        pytest.param(events.FetchSucceeded(POOL_ID, URL, 0.1, 2, 0), "DEBUG", id="fetched"),
        pytest.param(FAILED, "DEBUG", id="failed"),
        pytest.param(events.FetchFailed(POOL_ID, URL, "setup", 0.0, None, 0.0), "WARNING", id="setup"),
        pytest.param(events.KeysChanged(POOL_ID, ("k",), ()), "DEBUG", id="keys"),
        pytest.param(events.RateLimitReached(POOL_ID), "DEBUG", id="rate-limit"),
    ],
)
def test_the_logger_gets_events_that_need_action(
    event: events.Event, level: str, records: list[logging.LogRecord]
) -> None:
    """B1: at the level that an operator expects, with or without a hook, and with the event's fields."""
    dispatcher()([event])
    [record] = records
    assert (record.levelname, record.name) == (level, "cognito_mr_auth.keys")
    for name, value in event.to_dict().items():
        assert vars(record)[f"cognito_mr_auth.{name}"] == value
    assert "\n" not in record.getMessage()


def test_a_disabled_replica_is_a_warning_once(records: list[logging.LogRecord]) -> None:
    """K5: it is asked again each hour, and the hook learns of each time; another one is another warning."""
    heard: list[events.Event] = []
    dispatch = dispatcher(heard.append)
    one = events.EndpointDisabled(POOL_ID, URL, 403, "replica")
    other = events.EndpointDisabled(POOL_ID, OTHER, 404, "replica")
    for event in (one, one, other, one):
        dispatch([event])
    assert levels(records) == ["WARNING", "DEBUG", "WARNING", "DEBUG"]
    assert heard == [one, one, other, one]


def test_an_endpoint_that_flaps_does_not_flood(records: list[logging.LogRecord]) -> None:
    """One pair in five minutes; the hook learns of all, the log of what was left out, at DEBUG at once."""
    heard: list[events.Event] = []
    clock = FakeClock()
    dispatch = dispatcher(heard.append, clock)
    for _ in range(11):  # each 30 s: the last one 300 s after the first
        dispatch([FAILED, DOWN])
        dispatch([UP])
        clock.advance(30.0)
    found = [record for record in records if record.levelno > logging.DEBUG]
    assert levels(found) == ["WARNING", "INFO", "WARNING", "INFO"]
    assert [vars(record)["cognito_mr_auth.swallowed"] for record in found] == [0, 0, 9, 0]
    assert "It went down and came back 9 times since" in found[2].getMessage()
    assert heard.count(DOWN) == heard.count(UP) == 11
    assert len(records) == 33


def test_an_endpoint_that_stays_down_after_flapping_is_reported(records: list[logging.LogRecord]) -> None:
    """With the first failure after the five minutes: what is down now is never left out."""
    clock = FakeClock()
    dispatch = dispatcher(clock=clock)
    dispatch([DOWN, UP, DOWN])
    for _ in range(30):
        clock.advance(30.0)
        dispatch([FAILED])
    assert [each for each in levels(records) if each != "DEBUG"] == ["WARNING", "INFO", "WARNING"]


def test_a_disabled_issuer_ends_what_was_written_of_it(records: list[logging.LogRecord]) -> None:
    """Who has read that it is down reads that it answers."""
    disabled = events.EndpointDisabled(POOL_ID, URL, 403, "updated")
    dispatcher()([disabled, DOWN, disabled, disabled])
    assert levels(records) == ["DEBUG", "WARNING", "INFO", "DEBUG"]


def test_an_unknown_pool_has_records_too(records: list[logging.LogRecord]) -> None:
    """The events of a pool's key files are emitted while the pool is made."""
    EventDispatcher(None, FakeClock(), {})([DOWN])
    assert records[0].getMessage().startswith("endpoint down: one.test, pool us-west-2_EXAMPLE,")


def test_without_a_listener_nothing_is_imported(records: list[logging.LogRecord]) -> None:
    """While nobody has imported logging, nobody has asked for DEBUG or INFO; a WARNING goes to stderr."""
    EventDispatcher(None, FakeClock(), {}, modules=())([STATE, DOWN, UP])
    assert levels(records) == ["WARNING"]


# --- What raises


def raising(_event: events.Event) -> None:
    """A hook with a bug."""
    raise ValueError(CANARY)


def test_what_the_hook_raises_is_counted(records: list[logging.LogRecord]) -> None:
    """It is swallowed, and the other events are emitted all the same; its record says what, and where."""
    dispatch = dispatcher(raising)
    dispatch([*EVENTS, STATE])
    assert dispatch.failures == 3
    [record] = [each for each in records if each.name == "cognito_mr_auth.hooks"]
    assert record.levelname == "WARNING"
    message = record.getMessage()
    assert message.startswith(f"hook failed: on_event, {__name__}.raising: ValueError, 1 so far, at ")
    assert "test_dispatch.py" in message
    assert "in raising" in message
    assert CANARY not in f"{vars(record)}"
    assert vars(record)["cognito_mr_auth.frames"][-1].endswith(" in raising")


def test_a_failing_hook_gets_no_event_about_itself() -> None:
    """A hook that fails at each event would be called for ever."""
    heard: list[events.Event] = []

    def hook(event: events.Event) -> None:
        heard.append(event)
        raise ValueError(CANARY)

    dispatcher(hook)([STATE])
    assert heard == [STATE]


def test_what_a_logging_handler_raises_is_counted() -> None:
    """A log collector in the lost Region causes no refusal; the hook learns of that, and of the event."""
    heard: list[events.Event] = []
    with broken_handler() as handler:
        dispatch = dispatcher(heard.append)
        dispatch([STATE, STATE])
    assert (handler.handle.call_count, dispatch.failures) == (2, 2)
    failure = events.HookFailed("logging", "cognito_mr_auth.keys", "ConnectionError", 1)
    assert heard == [failure, STATE, STATE]


def test_both_may_be_broken() -> None:
    """Each failure is counted. Nothing is raised, and the events end."""
    with broken_handler():
        dispatch = dispatcher(raising)
        dispatch([STATE, STATE])
    assert 4 <= dispatch.failures <= 8


def fail(dispatch: EventDispatcher, hook: str = "revoked", function: object = raising) -> None:
    """A hook of the user's fails once."""
    dispatch.hook_failed(hook, function, Raised("redis.TimeoutError", ("app.py:7 in is_revoked",)))


def test_a_failing_hook_is_reported_once_a_minute(records: list[logging.LogRecord]) -> None:
    """With how often it has failed so far: in the event, and in the record."""
    heard: list[events.Event] = []
    clock = FakeClock()
    dispatch = dispatcher(heard.append, clock)
    for _ in range(130):
        fail(dispatch)
        clock.advance(1.0)
    name = f"{__name__}.raising"
    assert heard == [
        events.HookFailed("revoked", name, "redis.TimeoutError", count) for count in (1, 61, 121)
    ]
    assert [vars(record)["cognito_mr_auth.failures"] for record in records] == [1, 61, 121]
    assert dispatch.failures == 130
    assert records[0].getMessage() == (
        f"hook failed: revoked, {name}: redis.TimeoutError, 1 so far, at app.py:7 in is_revoked. "
        "Requests that need it are answered as an outage (503)."
    )


def test_each_hook_has_a_minute_of_its_own(records: list[logging.LogRecord]) -> None:
    """A revocation list that is away hides no check that fails."""
    dispatch = dispatcher()
    for _ in range(3):
        fail(dispatch)
        fail(dispatch, "policy.check")
        fail(dispatch, "policy.check", print)
    assert [vars(record)["cognito_mr_auth.hook"] for record in records] == [
        *("revoked", "policy.check", "policy.check")
    ]


def test_hooks_without_end_are_one(records: list[logging.LogRecord]) -> None:
    """A program may name each function anew: memory and the log have a bound."""
    dispatch = dispatcher()
    for number in range(2 * MAX_HOOKS):
        fail(dispatch, "policy.check", type(f"check{number}", (), {}))
    assert (len(records), dispatch.failures) == (MAX_HOOKS + 1, 2 * MAX_HOOKS)


def test_threads_that_fail_together_are_reported_once(records: list[logging.LogRecord]) -> None:
    """A store that is away fails all workers at once."""
    dispatch = dispatcher()
    barrier = threading.Barrier(8)

    def work() -> None:
        barrier.wait(10.0)
        for _ in range(50):
            fail(dispatch)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10.0)
    assert (len(records), dispatch.failures) == (1, 400)


def test_a_child_has_its_own_lock(records: list[logging.LogRecord]) -> None:
    """F: a fork may come while another thread of the parent holds it."""
    dispatch = dispatcher()
    dispatch._lock.acquire()
    dispatch.reset_after_fork()
    thread = threading.Thread(target=lambda: fail(dispatch))
    thread.start()
    thread.join(10.0)
    assert len(records) == 1


def test_a_child_begins_with_no_failures(records: list[logging.LogRecord]) -> None:
    """What has failed in the parent is the parent's to tell: the child counts and writes its own at once."""
    dispatch = dispatcher()
    fail(dispatch)
    fail(dispatch)
    dispatch.reset_after_fork()
    assert dispatch.failures == 0
    fail(dispatch)
    assert (dispatch.failures, len(records)) == (1, 2)
