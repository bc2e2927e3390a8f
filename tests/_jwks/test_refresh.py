"""`Refresh`: which endpoint it asks next, when it is done, when it is overdue."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from cognito_mr_auth._jwks.model import Endpoint
from cognito_mr_auth._jwks.refresh import (
    ANSWERED,
    DROPPED,
    FAILED,
    MAX_WANTED_KIDS,
    PENDING,
    Attempt,
    Refresh,
)

QUEUE = [Endpoint(name, "original", "us-west-2", loopback=False) for name in "ab"]


def refresh(*, ask_all: bool = False, last_resort: bool = False) -> Refresh:
    """A refresh for the kid "k", begun at monotonic 10 and at the instant (100, 100)."""
    made = Refresh(
        list(QUEUE[:1] if last_resort else QUEUE),
        QUEUE[1:] if last_resort else [],
        began_monotonic=10.0,
        begun=(100.0, 100.0),
        ask_all=ask_all,
        background=False,
        limit=5.0,
        hedge=0.2,
        new_progress=Future,
    )
    made.add_wanted("k")
    return made


def attempt(made: Refresh, monotonic: float = 10.0) -> Attempt:
    """The first of the queue is asked."""
    one = Attempt(made.queue[0], (100.0, 100.0), len(made.attempts) + 1, made)
    made.note_start(one, monotonic)
    return one


def test_one_after_the_other() -> None:
    """R2: the first at once, the next after the hedge."""
    made = refresh()
    assert made.next(10.0, {}) is QUEUE[0]
    attempt(made)
    assert made.next(10.1, {}) is None
    assert made.next(10.25, {}) is QUEUE[1]


@pytest.mark.parametrize(("state", "keys", "more"), [(FAILED, {}, True), (ANSWERED, {"k": 1}, False)])
def test_after_the_first_came_back(state: str, keys: dict[str, Any], more: bool) -> None:
    """R2: on with the queue after a failure or a miss; the wanted key ends the refresh."""
    made = refresh()
    attempt(made).state = state
    assert (made.next(10.0, keys) is not None) is more
    assert made.done(keys) is not more
    assert made.answers == (state == ANSWERED)


@pytest.mark.parametrize(
    ("state", "monotonic", "more"),
    [
        pytest.param(FAILED, 10.0, True, id="the awake one fails"),
        pytest.param(PENDING, 10.25, True, id="the awake one is silent"),
        pytest.param(PENDING, 10.1, False, id="the awake one has had no time yet"),
        pytest.param(ANSWERED, 10.25, False, id="the awake one lacks the key"),
    ],
)
def test_the_last_resort_is_asked_while_no_endpoint_answers(state: str, monotonic: float, more: bool) -> None:
    """R6: an endpoint in back-off is asked too, but not for a forged kid where another one has answered."""
    made = refresh(last_resort=True)
    attempt(made).state = state
    assert (made.next(monotonic, {}) is QUEUE[1]) is more
    assert made.done({}) is (state == ANSWERED)


def test_ask_all() -> None:
    """R2: all at once, wanted or not; done when no attempt is pending."""
    made = refresh(ask_all=True)
    first, second = attempt(made), attempt(made)
    first.state = ANSWERED
    assert not made.done({"k": 1})
    assert made.pending == 1
    second.state = DROPPED
    assert made.done({"k": 1})
    assert made.dropped
    assert made.next(99.0, {}) is None


def test_a_refresh_that_is_over_asks_no_endpoint() -> None:
    """K4: no attempt begins after the end."""
    made = refresh()
    made.over = True
    assert made.next(99.0, {}) is None


@pytest.mark.parametrize(
    ("now", "monotonic", "overdue"),
    [
        ((100.0, 100.0), 14.9, False),
        ((100.0, 100.0), 15.0, True),
        ((105.0, 100.0), 10.0, True),
        ((0.0, 105.0), 10.0, True),
    ],
)
def test_overdue(now: tuple[float, float], monotonic: float, overdue: bool) -> None:
    """R7: the deadline passes by whichever clock saw it pass."""
    assert refresh().overdue(now, monotonic) is overdue


def test_wanted_is_bounded() -> None:
    """A crowd of forged kids costs no memory."""
    made = refresh()
    for number in range(2 * MAX_WANTED_KIDS):
        made.add_wanted(str(number))
    assert len(made.wanted_kids) == MAX_WANTED_KIDS


def test_notify() -> None:
    """R3: each result ends one `progress` future and begins the next."""
    made = refresh()
    first = made.progress
    assert made.notify() is first
    assert made.progress is not first
