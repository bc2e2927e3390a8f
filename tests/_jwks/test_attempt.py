"""The values of the refresh machine: an attempt's silence, thaw and payment, and one endpoint's attempts."""

from __future__ import annotations

import pytest
from support.machine import FakeConnection

from cognito_mr_auth._jwks.attempt import Attempt, EndpointAttempts, Moment, Step
from cognito_mr_auth._jwks.model import Endpoint
from cognito_mr_auth._jwks.rate_limit import Payment

ENDPOINT = Endpoint("u", "updated", "us-west-2", loopback=False)
BEGUN = Moment((10_000.0, 500.0), 50.0)


def attempt(number: int = 1, payment: Payment | None = None) -> Attempt:
    """An attempt begun at BEGUN."""
    return Attempt(ENDPOINT, BEGUN, number, FakeConnection(), payment, background=False)


@pytest.mark.parametrize(
    ("last_byte", "monotonic", "expected"),
    [
        pytest.param(None, 50.0, 0.0, id="just begun"),
        pytest.param(None, 53.0, 3.0, id="no byte yet"),
        pytest.param(52.5, 53.0, 0.5, id="a byte"),
        pytest.param(40.0, 53.0, 3.0, id="a byte of an older connection's clock"),
    ],
)
def test_silence_counts_from_the_last_byte(
    last_byte: float | None, monotonic: float, expected: float
) -> None:
    """R1: an attempt is silent since its last byte, or since it began."""
    one = attempt()
    assert isinstance(one.connection, FakeConnection)
    one.connection.last_byte = last_byte
    assert one.silent_for(monotonic) == expected


@pytest.mark.parametrize(
    ("wall", "clock", "real", "thawed"),
    [
        pytest.param(14.0, 14.0, 14.0, False, id="slow"),
        pytest.param(29.9, 29.9, 29.9, False, id="its thread is late"),
        pytest.param(30.0, 30.0, 30.0, True, id="frozen, and real time went on"),
        pytest.param(5.0, 0.0, 0.0, True, id="frozen for 5 s"),
        pytest.param(4.9, 0.0, 0.0, False, id="a small step of the clock"),
        pytest.param(3600.0, 0.0, 0.1, True, id="frozen for an hour"),
        pytest.param(0.0, 3600.0, 0.1, True, id="the verifier's monotonic clock went on"),
        pytest.param(-3600.0, 0.1, 0.1, False, id="the wall clock was set back"),
    ],
)
def test_a_thaw_is_seen(wall: float, clock: float, real: float, thawed: bool) -> None:
    """R6, R7: the clock went on 5 s more than real time, or the attempt is two times 15 s old."""
    now = Moment((10_000.0 + wall, 500.0 + clock), 50.0 + real)
    assert attempt().thawed(now) is thawed


def test_an_attempt_settles_its_payment_once() -> None:
    """R4: a payment waits for each attempt once, and learns of an answer also afterwards."""
    payment = Payment(BEGUN.now, 1.0).use("u")
    one = attempt(payment=payment)
    one.settle()
    one.settle()
    assert (payment.pending, payment.answered) == (0, False)
    one.settle(answered=True)
    one.settle()
    assert (payment.pending, payment.answered) == (0, True)
    free = attempt()
    free.settle(answered=True)
    assert free.settled


@pytest.mark.parametrize(("number", "since"), [(4, True), (5, False), (6, False)])
def test_only_an_answer_to_a_later_request_counts(number: int, since: bool) -> None:
    """R3: the request began after the caller came."""
    each = EndpointAttempts(ENDPOINT)
    assert not each.answered_since(number)
    each.answered = attempt(5)
    assert each.answered_since(number) is since


def test_a_second_connection_takes_the_place_of_the_first() -> None:
    """R1: with the first gone the second is the endpoint's attempt; one that is neither changes nothing."""
    each = EndpointAttempts(ENDPOINT)
    first, second, other = attempt(1), attempt(2), attempt(3)
    each.first, each.second = first, second
    each.remove(other)
    assert (each.first, each.second) == (first, second)
    each.remove(first)
    assert (each.first, each.second) == (second, None)
    each.second = other
    each.remove(other)
    assert (each.first, each.second) == (second, None)
    assert each.busy(50.0)
    each.remove(second)
    assert each.idle(50.0)
    each.full_until = 51.0
    assert each.busy(50.0)
    assert each.idle(51.0)


def test_a_step_looks_again_at_the_earliest_time() -> None:
    """A look knows when the next one is due, and when an attempt may begin at the earliest."""
    step = Step()
    assert step.look_at == step.next_start == float("inf")
    step.wake(60.0)
    step.may_start(70.0)
    step.wake(65.0)
    assert (step.look_at, step.next_start) == (60.0, 70.0)
    step.may_start(55.0)
    step.may_start(58.0)
    assert (step.look_at, step.next_start) == (55.0, 55.0)
