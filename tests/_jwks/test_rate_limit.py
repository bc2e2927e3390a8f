"""`RateLimit` and `Payment`: how often unknown kids cause requests, and what is given back (R4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognito_mr_auth._base.clock import Instant
from cognito_mr_auth._jwks.rate_limit import Payment, RateLimit

START: Instant = (10_000.0, 500.0)


def at(seconds: float) -> Instant:
    """So long after START, by both clocks."""
    return (START[0] + seconds, START[1] + seconds)


def end(payment: Payment, *, answered: bool) -> None:
    """Every attempt of the payment has a result."""
    payment.pending = 0
    payment.answered |= answered


def paid(limit: RateLimit, seconds: float, *, answered: bool = True) -> Payment | None:
    """A payment for all three endpoints, which answer; None when it is too many."""
    payment = limit.pay("u", at(seconds))
    if payment is not None:
        for url in "or":
            assert limit.cover(url, at(seconds)) is payment
        end(payment, answered=answered)
    return payment


@given(steps=st.lists(st.floats(0, 30), max_size=80), width=st.integers(1, 80))
def test_the_rate_limit_in_any_window(steps: list[float], width: int) -> None:
    """R4: at most 2 + T/5 refreshes for unknown kids in any T seconds."""
    limit, now, taken = RateLimit(START), 0.0, []
    for step in steps:
        now += step
        if paid(limit, now) is not None:
            taken.append(now)
    for first, last in zip(taken, taken[width:], strict=False):
        assert width + 1 <= 2 + (last - first) / 5 + 1e-6


def test_two_at_once_then_one_in_five_seconds() -> None:
    """R4: and the error says how long to wait."""
    limit = RateLimit(START)
    assert paid(limit, 0)
    assert paid(limit, 0)
    assert paid(limit, 1) is None
    assert limit.wait("u", at(1)) == pytest.approx(4.0)
    assert limit.empty_for(at(1)) == pytest.approx(4.0)
    assert paid(limit, 4.9) is None
    assert paid(limit, 5)
    assert paid(limit, 5) is None


@pytest.mark.parametrize(
    "now",
    [
        pytest.param((START[0] + 5, START[1]), id="wall"),
        pytest.param((START[0] - 100, START[1] + 5), id="monotonic"),
    ],
)
def test_time_passes_by_the_larger_clock(now: Instant) -> None:
    """R7: a frozen or set clock holds no payment back."""
    limit = RateLimit(START)
    assert paid(limit, 0)
    assert paid(limit, 0)
    assert limit.pay("u", now)


def test_one_payment_asks_each_endpoint_once() -> None:
    """R4: what it has asked is paid for again; an endpoint that it has not asked is not."""
    limit = RateLimit(START)
    first = limit.pay("u", START)
    assert first is not None
    assert limit.wait("o", at(3)) == 0.0
    assert limit.pay("o", at(3)) is first
    assert (first.urls, first.pending) == ({"u", "o"}, 2)
    assert limit.cover("u", at(3)) is None
    second = limit.pay("u", at(3))
    assert second is not None
    assert second is not first
    assert limit.current is second
    assert limit.pay("u", at(3)) is None


def test_a_payment_is_forfeited_after_15_s() -> None:
    """R4: units that were not used belonged to callers who have gone."""
    limit = RateLimit(START)
    first = limit.pay("u", START)
    assert limit.cover("o", at(14.9)) is first
    assert limit.cover("r", at(15)) is None


@pytest.mark.parametrize(
    ("pending", "answered", "given_back"),
    [
        pytest.param(0, False, True, id="nobody sent an answer"),
        pytest.param(0, True, False, id="somebody did"),
        pytest.param(1, False, False, id="one is pending"),
    ],
)
def test_what_no_endpoint_answered_is_given_back(pending: int, answered: bool, given_back: bool) -> None:
    """R4: a refresh without any HTTP answer costs nothing once it is over."""
    limit = RateLimit(START)
    assert paid(limit, 0)
    second = limit.pay("u", START)
    assert second is not None
    second.pending, second.answered = pending, answered
    assert (limit.pay("u", at(1)) is not None) is given_back


@pytest.mark.parametrize(("seconds", "wait"), [(0.0, 1.0), (0.4, 0.6), (0.99, 0.01), (1.0, 0.0), (60.0, 0.0)])
def test_the_next_one_begins_a_second_after_what_was_given_back(seconds: float, wait: float) -> None:
    """R4: refused connections cost their payment nothing, but an endpoint is asked once a second by them."""
    limit = RateLimit(START)
    assert paid(limit, 0, answered=False)
    assert limit.wait("u", at(seconds)) == pytest.approx(wait)
    assert (limit.pay("u", at(seconds)) is not None) is (wait == 0.0)


def test_the_pause_ends_with_the_next_payment() -> None:
    """R4: it holds for one refresh; the second one of a burst needs none."""
    limit = RateLimit(START)
    assert paid(limit, 0, answered=False)
    assert paid(limit, 1)
    assert paid(limit, 1)
    assert paid(limit, 1) is None


def test_refreshes_without_an_answer_never_use_the_burst_up() -> None:
    """R4: forged kids through an outage delay no new key after it."""
    limit = RateLimit(START)
    for second in range(30):
        assert paid(limit, second, answered=False)
    assert paid(limit, 31)
    assert paid(limit, 31)


def test_an_attempt_that_could_not_begin_is_not_asked() -> None:
    """F, R4: without a thread the endpoint may still be asked by the same payment."""
    limit = RateLimit(START)
    payment = limit.pay("u", START)
    assert payment is not None
    payment.undo("u")
    assert (payment.urls, payment.pending) == (set(), 0)
    assert limit.pay("u", at(0.2)) is payment


def test_a_cold_start_is_free() -> None:
    """R4: a pool without a usable set pays nothing, and what is free is not given back as a payment."""
    limit = RateLimit(START)
    first = limit.free("u", START)
    assert limit.free("o", START) is first
    end(first, answered=False)
    again = limit.free("u", at(0.25))  # there is no pause either
    assert again is not first
    end(again, answered=True)
    assert paid(limit, 1)
    assert paid(limit, 1)
    assert paid(limit, 1) is None


def test_an_unknown_kid_right_after_a_cold_start_is_covered_by_it() -> None:
    """R4: the endpoints that the cold start has not asked are asked by the same refresh."""
    limit = RateLimit(START)
    cold = limit.free("u", START)
    end(cold, answered=True)
    assert limit.pay("o", at(0.1)) is cold
    assert limit.pay("u", at(0.1)) is not cold
