"""One flight's bookkeeping: whom it asks next, when it is settled, when it is late."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from cognito_mr_auth._jwks.model import Endpoint
from cognito_mr_auth._jwks.refresh import ANSWERED, CUT, FAILED, MAX_WANTED, PENDING, Attempt, Refresh

QUEUE = [Endpoint(name, "original", "us-west-2", loopback=False) for name in "ab"]


def flight(*, everywhere: bool = False, spare: bool = False) -> Refresh:
    """A flight for the kid "k", born at 10 by pace and at (100, 100) by the clock."""
    made = Refresh(
        list(QUEUE[:1] if spare else QUEUE),
        QUEUE[1:] if spare else [],
        born=10.0,
        begun=(100.0, 100.0),
        everywhere=everywhere,
        background=False,
        limit=5.0,
        hedge=0.2,
        new_round=Future,
    )
    made.want("k")
    return made


def ask(made: Refresh, pace: float = 10.0) -> Attempt:
    """The first of the queue is asked."""
    one = Attempt(made.queue[0], (100.0, 100.0), len(made.asks) + 1, made)
    made.launched(one, pace)
    return one


def test_one_after_the_other() -> None:
    """R2: the first at once, the next after the hedge."""
    made = flight()
    assert made.next(10.0, {}) is QUEUE[0]
    ask(made)
    assert made.next(10.1, {}) is None
    assert made.next(10.25, {}) is QUEUE[1]


@pytest.mark.parametrize(("state", "keys", "more"), [(FAILED, {}, True), (ANSWERED, {"k": 1}, False)])
def test_after_the_first_came_back(state: str, keys: dict[str, Any], more: bool) -> None:
    """R2: on with the queue after a failure or a miss; the wanted key ends the flight."""
    made = flight()
    ask(made).state = state
    assert (made.next(10.0, keys) is not None) is more
    assert made.settled(keys) is not more
    assert made.answers == (state == ANSWERED)


@pytest.mark.parametrize(
    ("state", "pace", "more"),
    [
        pytest.param(FAILED, 10.0, True, id="the awake one fails"),
        pytest.param(PENDING, 10.25, True, id="the awake one is silent"),
        pytest.param(PENDING, 10.1, False, id="the awake one has had no time yet"),
        pytest.param(ANSWERED, 10.25, False, id="the awake one lacks the key"),
    ],
)
def test_the_spare_is_asked_while_nobody_answers(state: str, pace: float, more: bool) -> None:
    """R6: a resting endpoint is asked too, but not for a forged kid where another one has answered."""
    made = flight(spare=True)
    ask(made).state = state
    assert (made.next(pace, {}) is QUEUE[1]) is more
    assert made.settled({}) is (state == ANSWERED)


def test_everywhere() -> None:
    """R2: all at once, wanted or not; settled when none is out."""
    made = flight(everywhere=True)
    first, second = ask(made), ask(made)
    first.state = ANSWERED
    assert not made.settled({"k": 1})
    assert made.pending == 1
    second.state = CUT
    assert made.settled({"k": 1})
    assert made.cut
    assert made.next(99.0, {}) is None


def test_a_flight_that_is_over_asks_nobody() -> None:
    """K4: nothing is begun after the end."""
    made = flight()
    made.over = True
    assert made.next(99.0, {}) is None


@pytest.mark.parametrize(
    ("now", "pace", "late"),
    [
        ((100.0, 100.0), 14.9, False),
        ((100.0, 100.0), 15.0, True),
        ((105.0, 100.0), 10.0, True),
        ((0.0, 105.0), 10.0, True),
    ],
)
def test_late(now: tuple[float, float], pace: float, late: bool) -> None:
    """R7: the deadline passes by whichever clock saw it pass."""
    assert flight().late(now, pace) is late


def test_wanted_is_bounded() -> None:
    """A crowd of forged kids costs no memory."""
    made = flight()
    for number in range(2 * MAX_WANTED):
        made.want(str(number))
    assert len(made.wanted) == MAX_WANTED


def test_a_turn() -> None:
    """R3: each happening ends one round and begins the next."""
    made = flight()
    first = made.round
    assert made.turn() is first
    assert made.round is not first
