"""`Attempts`: what results and time do to an attempt, and which endpoint is silent (R1, R6, R7, W7)."""

from __future__ import annotations

import json

import pytest
from support.machine import DOWN, NOT_ENABLED, Machine, busy

from cognito_mr_auth import events
from cognito_mr_auth._jwks.model import FetchError
from cognito_mr_auth._jwks.report import provider_health
from cognito_mr_auth.testing import FakeUserPool


def reasons(machine: Machine) -> list[str]:
    """The reasons of the failures that were reported."""
    return [each.reason for each in machine.events_of(events.FetchFailed)]


# --- R1: Two connections


def alone() -> Machine:
    """One caller that waits for one endpoint."""
    machine = Machine(kinds=["updated"])
    machine.cold(timeout=60.0)
    return machine


@pytest.mark.parametrize(("seconds", "connections"), [(1.4, 1), (1.5, 2), (2.9, 2), (3.0, 3), (4.5, 4)])
def test_a_second_connection_is_begun_anew_every_1_5_s(seconds: float, connections: int) -> None:
    """R1: beside an attempt without a byte; what it replaces is hung up, the first goes on."""
    machine = alone()
    waiter = next(iter(machine.machine.waiters))
    for _ in range(round(seconds * 10)):
        machine.later(0.1)
        machine.poll(waiter)
    assert machine.begun.count("updated") == connections
    assert machine.of("updated").first is not None
    assert machine.of("updated").first.number == 1
    mine = [each for each in machine.hung_up if each.endpoint.kind == "updated"]
    assert len(mine) == max(0, connections - 2)
    assert (
        len([each for each in machine.pending if each.endpoint.kind == "updated" and each not in mine]) <= 2
    )


def test_a_look_is_due_for_each_second_connection() -> None:
    """R1: nobody has to look by chance."""
    machine = alone()
    waiter = next(iter(machine.machine.waiters))
    for at in (1.5, 3.0, 4.5):
        while (step := machine.poll(waiter)).look_at < 50.0 + at:
            machine.later(max(step.look_at - machine.monotonic, 0.001))
        assert step.look_at == pytest.approx(50.0 + at)
        machine.later(step.look_at - machine.monotonic)
        assert [each.endpoint.kind for each in machine.poll(waiter).starts] == ["updated"]


def test_without_a_waiter_there_is_no_second_connection() -> None:
    """R1: it is for a caller or a due refresh that wants an answer."""
    machine = alone()
    machine.machine.leave(next(iter(machine.machine.waiters)))
    machine.later(1.5)
    assert machine.poll().starts == []


def test_a_due_refresh_has_a_second_connection_too() -> None:
    """R1: also without any caller that waits; its thread is one of the background's."""
    machine = Machine()
    machine.fill()
    machine.later(901.0)
    machine.poll(background=True)
    assert machine.begun == ["updated", "replica", "original"]
    machine.later(1.5)
    seconds = machine.poll(background=True).starts
    assert [each.endpoint.kind for each in seconds] == machine.begun[:3]
    assert all(each.background for each in seconds)


def test_a_first_with_bytes_is_left_alone_until_it_is_silent_for_5_s() -> None:
    """R1: a slow link keeps its connection; one that dies in the middle does not outlive a cure."""
    machine = alone()
    waiter = next(iter(machine.machine.waiters))
    machine.later(1.4)
    machine.receive("updated")
    machine.later(4.9)
    machine.poll(waiter)
    assert machine.begun.count("updated") == 1
    machine.later(0.1)
    machine.poll(waiter)
    assert machine.begun.count("updated") == 2


def test_a_second_connection_that_answers_first_replaces_the_first() -> None:
    """R1: the first is hung up, and no third one begins while bytes come."""
    machine = alone()
    waiter = next(iter(machine.machine.waiters))
    machine.later(1.5)
    machine.poll(waiter)
    machine.later(0.2)
    machine.receive("updated", second=True)
    machine.poll(waiter)
    each = machine.of("updated")
    assert each.first is not None
    assert (each.first.number, each.second) == (machine.pending[-1].number, None)
    assert [one.number for one in machine.hung_up] == [1]
    machine.later(1.5)
    machine.poll(waiter)
    assert machine.of("updated").second is None


@pytest.mark.parametrize("second", [False, True], ids=["the first alone", "both"])
def test_a_first_connection_that_answers_needs_no_second(second: bool) -> None:
    """R1: the second is hung up, whatever it has received; the first has its 15 s."""
    machine = alone()
    waiter = next(iter(machine.machine.waiters))
    machine.later(1.5)
    machine.poll(waiter)
    machine.receive("updated")
    if second:
        machine.receive("updated", second=True)
    machine.poll(waiter)
    each = machine.of("updated")
    assert each.first is not None
    assert (each.first.number, each.second) == (1, None)
    assert [one.number for one in machine.hung_up] == [2]


@pytest.mark.parametrize("last", [False, True], ids=["the first answers", "the second answers"])
def test_the_first_answer_hangs_up_the_other(last: bool) -> None:
    """R1: one answer of an endpoint is enough."""
    machine = alone()
    machine.later(1.5)
    machine.poll(next(iter(machine.machine.waiters)))
    machine.land("updated", last=last)
    [other] = machine.hung_up
    assert other.number == (1 if last else 2)
    assert machine.of("updated").first is machine.of("updated").second is None


@pytest.mark.parametrize("last", [False, True], ids=["the first fails", "the second fails"])
@pytest.mark.parametrize("heard", [False, True], ids=["without a byte", "with a byte"])
def test_one_of_two_fails(last: bool, heard: bool) -> None:
    """R1, R6: the failure of the second says nothing; that of the first counts, and ends a silent second."""
    machine = alone()
    waiter = next(iter(machine.machine.waiters))
    machine.later(1.5)
    machine.poll(waiter)
    if heard:
        machine.receive("updated")
        machine.receive("updated", second=True)
    machine.land("updated", DOWN, last=last)
    each = machine.of("updated")
    assert machine.state("updated").failures == (0 if last else 1)
    going_on = None if each.first is None else each.first.number
    assert going_on == (1 if last else 2 if heard else None)
    assert each.second is None
    assert len(machine.hung_up) == (not last and not heard)


def test_what_fails_slowly_is_left_alone_all_the_same() -> None:
    """R6, R4: an endpoint that answers 503 after 3 s rests like any other, its second connection too."""
    machine = Machine(kinds=["updated"])
    machine.fill()
    machine.later(901.0)
    machine.poll(background=True)
    for _ in range(2):
        machine.later(1.5)
        machine.poll(background=True)
    assert len(machine.begun) == 3
    machine.land("updated", busy(0.0))
    machine.later(1.0)
    machine.poll(background=True)
    assert (machine.out(), len(machine.begun)) == ([], 3)


@pytest.mark.parametrize("answer", [busy(30.0), NOT_ENABLED, b"<html>"])
def test_a_second_response_that_is_no_key_set_counts_as_the_endpoints(
    answer: FetchError | bytes,
) -> None:
    """R1, R6, K5: it answers first; the other is closed, and the endpoint is in cool-down or disabled."""
    machine = alone()
    machine.later(1.5)
    machine.poll(next(iter(machine.machine.waiters)))
    machine.receive("updated", second=True)
    machine.land("updated", answer, last=True)
    assert [each.number for each in machine.hung_up] == [1]
    assert machine.of("updated").first is machine.of("updated").second is None
    assert machine.state("updated").cooldown > 0.0
    assert machine.state("updated").disabled is (answer is NOT_ENABLED)
    machine.land("updated", DOWN)  # the one that was hung up
    assert machine.state("updated").failures == (0 if answer is NOT_ENABLED else 1)


def test_a_second_that_failed_is_not_begun_anew_at_once() -> None:
    """R1: every 1.5 s, whatever became of the last one."""
    machine = alone()
    waiter = next(iter(machine.machine.waiters))
    machine.later(1.5)
    machine.poll(waiter)
    machine.land("updated", DOWN, last=True)
    for _ in range(14):
        machine.later(0.1)
        assert "updated" not in [each.endpoint.kind for each in machine.poll(waiter).starts]
    machine.later(0.11)
    assert "updated" in [each.endpoint.kind for each in machine.poll(waiter).starts]


def test_a_second_without_a_thread_is_tried_again_when_there_is_room() -> None:
    """F, R1: a full host takes nothing away from the attempt that has a thread."""
    machine = alone()
    waiter = next(iter(machine.machine.waiters))
    machine.full = {"updated"}
    machine.later(1.5)
    machine.poll(waiter)
    each = machine.of("updated")
    assert each.first is not None
    assert each.second is None
    machine.full = set()
    assert "updated" not in [one.endpoint.kind for one in machine.poll(waiter).starts]
    machine.machine.attempts.try_all_again()
    assert [one.endpoint.kind for one in machine.poll(waiter).starts] == ["updated"]


# --- R1: 5 s and 15 s


@pytest.mark.parametrize("phase", ["dns", "connect", "tls", "answer"])
def test_5_s_of_silence_are_a_failure_while_the_attempt_goes_on(phase: str) -> None:
    """R1: for back-off, events and health, with the phase in which it is silent; once."""
    machine = Machine()
    machine.cold()
    machine.connection("updated").phase = phase
    machine.later(4.9)
    machine.poll()
    assert reasons(machine) == []
    for _ in range(3):
        machine.later(0.1)
        machine.poll()
    assert reasons(machine) == [f"{phase}-timeout"]
    assert machine.state("updated").failures == 1
    assert machine.of("updated").first is not None
    machine.land("updated")
    assert machine.state("updated").failures == 0
    assert machine.state("updated").last_error is None


def test_a_look_is_due_when_silence_counts() -> None:
    """R1: the driver looks again then, and again when the attempt has had its time."""
    machine = Machine(kinds=["updated"])
    machine.cold()
    machine.receive("updated")
    machine.later(1.0)
    machine.receive("updated")
    assert machine.poll().look_at == pytest.approx(56.0)


def test_a_trickle_is_no_silence() -> None:
    """R1: an attempt that receives a byte now and then has its 15 s, and no more."""
    machine = Machine(kinds=["updated"])
    machine.cold()
    for _ in range(14):
        machine.later(1.0)
        machine.receive("updated")
        machine.poll()
    assert reasons(machine) == []
    machine.later(1.0)
    machine.connection("updated").phase = "answer"
    machine.poll()
    assert reasons(machine) == ["answer-timeout"]
    assert machine.of("updated").first is None
    assert [each.number for each in machine.hung_up] == [1]


def test_a_silent_attempt_counts_once() -> None:
    """R1, R6: what its thread says at last is no second failure, nor are its 15 s."""
    for seconds in (0.0, 10.0):
        machine = Machine(kinds=["updated"])
        waiter, _ = machine.cold()
        machine.machine.leave(waiter)
        machine.later(5.0)
        machine.poll()
        machine.later(seconds)
        machine.poll()
        machine.land("updated", FetchError("connect-timeout"))
        assert (machine.state("updated").failures, reasons(machine)) == (1, ["connect-timeout"])


# --- R1, R7: Late answers


@pytest.mark.parametrize("late", [0.1, 2.5, 14.9, 16.0, 29.0])
def test_a_late_answer_counts_with_the_age_of_its_request(late: float) -> None:
    """R1, R7: also without a waiter, and after its attempt was given up."""
    machine = Machine()
    waiter, _ = machine.cold()
    machine.machine.leave(waiter)
    for _ in range(30):
        machine.later(late / 30)
        machine.poll()
    machine.land("updated")
    assert machine.key_set.usable(machine.clock())
    assert provider_health(machine.key_set, machine.clock())["age"] == pytest.approx(late)
    assert machine.state("updated").answered == pytest.approx(
        (machine.clock.wall - late, machine.clock.monotonic - late)
    )


def test_an_answer_after_a_freeze_is_as_old_as_its_request() -> None:
    """R7: by the larger clock, so it may be stale at once, and too old to be used."""
    machine = Machine()
    machine.cold()
    machine.clock.freeze(7200.0)
    machine.land("updated")
    assert machine.key_set.state == "stale"
    machine = Machine()
    machine.cold()
    machine.clock.freeze(86400.0)
    machine.land("updated")
    assert not machine.key_set.usable(machine.clock())


def test_what_is_asked_anew_is_silent_also_after_a_late_answer() -> None:
    """W7: an attempt that was begun after a thaw, and hangs, holds one caller after 1 s and no crowd."""
    machine = alone()
    waiter = next(iter(machine.machine.waiters))
    machine.clock.freeze(90_000.0)  # so that the late answer is too old to serve
    machine.poll(waiter)
    machine.later(0.5)
    machine.land("updated")
    others = [machine.cold(timeout=60.0)[0] for _ in range(4)]
    machine.later(0.9)
    assert [machine.poll(each).verdict for each in others] == [None] * 4
    machine.later(0.1)
    assert [machine.poll(each).verdict for each in (waiter, *others)].count(None) == 1


def test_a_late_answer_replaces_no_newer_one() -> None:
    """K4, R3: nor does it count for a caller who came after its request began."""
    machine = Machine()
    machine.cold()
    machine.later(1.5)
    machine.cold()
    machine.land("updated", last=True)
    old = machine.of("updated").answered
    machine.land("updated", json.dumps(FakeUserPool().jwks()).encode())
    assert machine.of("updated").answered is old
    assert machine.kid in machine.key_set.snapshot.keys


# --- R6: Freezes


@pytest.mark.parametrize("landed", [False, True], ids=["it hangs", "its connection broke"])
@pytest.mark.parametrize("connections", [1, 2])
def test_a_thaw_drops_both_connections_without_a_failure(connections: int, landed: bool) -> None:
    """R1, R6: they are worth nothing; whoever waits begins anew, and silence begins anew (W7)."""
    machine = Machine()
    waiter, _ = machine.cold()
    machine.later(1.5 if connections == 2 else 0.1)
    machine.poll(waiter)
    machine.clock.freeze(60.0)
    for _ in range(connections if landed else 0):
        machine.land("updated", DOWN)
    machine.poll(waiter)
    assert reasons(machine) == []
    assert machine.state("updated").failures == 0
    first = machine.of("updated").first
    assert first is not None
    assert first.monotonic == machine.monotonic
    assert machine.machine.attempts.all_silent_since(machine.moment) == machine.monotonic
    assert machine.poll(waiter).verdict is None


# --- A failure of what was given up


def test_a_failure_after_the_attempt_was_given_up_says_nothing() -> None:
    """R6: it is the machine that has hung up."""
    machine = Machine()
    waiter, _ = machine.cold()
    for _ in range(2):
        machine.later(1.5)
        machine.poll(waiter)
    [dropped] = machine.hung_up
    machine.pending.remove(dropped)
    machine.pending.insert(0, dropped)
    machine.land("updated", DOWN)
    assert machine.state("updated").failures == 0


@pytest.mark.parametrize(
    ("answer", "reason", "answered"),
    [
        (DOWN, "connect", False),
        (busy(9.0), "status", True),
        (FetchError("proxy", status=407), "proxy", False),
        (b"<html>", "document-not-jwks", True),
        (b'{"keys":[]}', "document-no-usable-key", True),
    ],
)
def test_a_failure_reports_the_response_to_its_payment(
    answer: FetchError | bytes, reason: str, answered: bool
) -> None:
    """R4, K4: an HTTP answer of the endpoint, of whatever status, is an answer; a proxy's is none."""
    machine = Machine()
    machine.fill()
    machine.unknown()
    payment = machine.of("updated").first
    assert payment is not None
    assert payment.payment is not None
    machine.land("updated", answer)
    assert payment.payment.answered is answered
    assert machine.state("updated").failures == 1
    assert reasons(machine) == [reason]


# --- F: Threads


def test_a_full_host_is_passed_over_and_tried_again() -> None:
    """F: the next Region is asked at once; the full one after 200 ms, or when there is room."""
    machine = Machine(kinds=["updated", "replica"])
    machine.full = {"updated"}
    waiter, step = machine.cold()
    assert machine.begun == ["replica"]
    assert machine.of("updated").asked == 0
    assert step.look_at <= 50.2
    machine.full = set()
    machine.later(0.19)
    machine.poll(waiter)
    assert machine.begun == ["replica"]
    machine.later(0.02)
    machine.poll(waiter)
    assert machine.begun == ["replica", "updated"]


def test_room_is_used_at_once() -> None:
    """F: a thread that ends makes room for those that wait for one at its host."""
    machine = Machine()
    machine.full = {"updated", "original", "replica"}
    waiter, step = machine.cold()
    assert machine.begun == []
    assert step.verdict is None
    machine.full = set()
    assert machine.poll(waiter).starts == []
    machine.machine.attempts.try_all_again()
    machine.poll(waiter)
    assert machine.begun == ["updated"]


# --- W7: Silence


def test_silence_begins_with_the_first_attempt_after_the_last_answer() -> None:
    """W7: more attempts and failures do not put it off, an answer of any endpoint ends it."""
    machine = Machine()
    waiter, _ = machine.cold()
    silence = machine.machine.attempts.all_silent_since
    assert silence(machine.moment) == 50.0
    machine.all_ask(waiter)
    machine.land("replica", DOWN)
    assert silence(machine.moment) == 50.0
    machine.land("original")
    assert silence(machine.moment) == float("inf")
    assert not machine.machine.attempts.unanswered


def test_a_first_byte_puts_silence_off_once() -> None:
    """W7: the handshake of a far Region is not silence; a trickle after it is."""
    machine = Machine()
    machine.cold()
    machine.later(0.8)
    machine.receive("updated")
    for _ in range(3):
        assert machine.machine.attempts.all_silent_since(machine.moment) == pytest.approx(50.8)
        machine.later(0.5)
        machine.receive("updated")


def test_silence_of_long_ago_is_none() -> None:
    """W7: 10 s after the last attempt the state of the endpoints is unknown."""
    machine = Machine()
    machine.cold()
    machine.land_all(DOWN)
    machine.machine.leave(next(iter(machine.machine.waiters)))
    machine.later(10.0)
    assert machine.machine.attempts.all_silent_since(machine.moment) == 50.0
    machine.later(0.1)
    assert machine.machine.attempts.all_silent_since(machine.moment) == float("inf")
    machine.cold()
    assert machine.machine.attempts.all_silent_since(machine.moment) == machine.monotonic


def test_not_enabled_is_no_silence() -> None:
    """K5: 403 is counted neither as an answer nor as a failure."""
    machine = Machine()
    machine.cold()
    machine.land("updated", NOT_ENABLED)
    assert machine.of("updated").silent_since is None
    assert machine.state("updated").disabled
