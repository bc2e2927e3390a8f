"""What the machines found, each as a scenario of its own."""

from __future__ import annotations

import pytest
from support.rig import DOWN, Answer, Rig

from cognito_mr_auth import events

from .test_keys_machine import Keys


@pytest.mark.parametrize("answer", [DOWN, None], ids=["fails", "answers"])
def test_one_request_is_one_failure(answer: Answer | None) -> None:
    """R1, R6: a request that counts as failed after 5 s of silence counts no second time when it ends."""
    rig = Rig()
    rig.fill()
    rig.later(30.0)
    rig.call("forged")
    rig.later(5.0)
    rig.keys.health(rig.clock())
    before = rig.key_set.states[rig.updated.url]
    assert before.failures == 1
    rig.land("updated", answer)
    after = rig.key_set.states[rig.updated.url].failures
    assert after == (1 if answer is DOWN else 0)
    assert len(rig.events_of(events.FetchFailed)) == 1


def test_no_caller_spins_over_a_stale_set_that_answers_leave_stale() -> None:
    """R: with clocks set back and ahead, an answer may leave the set stale; its caller waits all the same."""
    machine = Keys()
    machine.begin(cache_size=0, prompt=False)
    for _ in range(5):
        machine.implausible(pool=0)
    machine.hammer(kind="down", pool=0, seconds=0.25)
    for _ in range(5):
        machine.implausible(pool=0)
    machine.jump(seconds=6.0)
    machine.jump(seconds=-90000.0)
    machine.forge(kid="c", material=5, plausible=True, pool=1)
    machine.warm(pool=0)
    machine.land(index=0, kind="leak", which=5)
    machine.jump(seconds=3601.0)
    machine.implausible(pool=0)
    machine.present(index=0, pool=0, timeout=2.5)
    machine.away(kid="d", more=False, pool=0, rounds=1, which=5)  # the judge fails on a caller that spins
    machine.teardown()


def test_a_clock_that_goes_back_over_a_deadline_leaves_a_disabled_endpoint_disabled() -> None:
    """R6, K5: nobody has looked while the attempt was late, so its 403 counts as any other."""
    machine = Keys()
    machine.begin(cache_size=0, prompt=False)
    machine.implausible(pool=0)
    machine.jump(seconds=6.0)
    machine.jump(seconds=-90000.0)
    machine.land(index=0, kind="forbidden", which=0)
    machine.teardown()


def _machine(*, prompt: bool = True) -> Keys:
    machine = Keys()
    machine.begin(cache_size=0, prompt=prompt)
    return machine


def test_warm_asks_again_what_a_thaw_has_ended() -> None:
    """R2, R6: an attempt from before a freeze does not keep `warm` from asking its endpoint."""
    machine = _machine()
    machine.implausible(pool=0)
    machine.much_later(seconds=3599.0)
    machine.disagree(away=False, kid="a", number=0, pool=0)
    machine.teardown()


def test_a_late_answer_leaves_the_request_that_a_caller_waits_for_alone() -> None:
    """R1, R3: what was hung up answers late; the newer request, begun after the caller came, goes on."""
    machine = _machine(prompt=False)
    machine.disagree(away=False, kid="a", number=0, pool=0)
    machine.away(kid="a", more=False, pool=0, rounds=1, which=0)
    machine.hammer(kind="ok", pool=1, seconds=0.25)
    machine.teardown()


def test_a_second_connection_without_a_thread_hedges_nothing() -> None:
    """R2: where a second connection finds no thread, the next endpoint still waits its 200 ms."""
    machine = _machine(prompt=False)
    machine.present_all(timeout=0.0)
    machine.jump(seconds=6.0)
    machine.implausible(pool=0)
    machine.later(seconds=2.0)
    machine.hammer(kind="ok", pool=0, seconds=0.25)
    machine.teardown()


def test_nothing_is_asked_for_a_caller_whose_kid_is_quarantined_by_now() -> None:
    """K3: an answer contradicts another on the kid that callers wait for; that spends no payment."""
    machine = _machine()
    machine.leak(away=False, kid="b", number=0, only=False, pool=1)
    machine.disagree(away=False, kid="a", number=1, pool=1)
    machine.leak(away=False, kid="c", number=0, only=False, pool=1)
    machine.present_all(timeout=2.5)
    machine.leak(away=False, kid="b", number=1, only=False, pool=1)
    machine.teardown()


def test_a_caller_waits_for_the_holder_that_a_payment_still_covers() -> None:
    """R3, R4: the budget is spent, but the last payment has not asked the holder that rests."""
    machine = _machine()
    machine.lagging(holder=0, kid="b", kind="down", number=0, pool=0, seconds=0.2)
    machine.teardown()


def test_no_token_is_refused_before_a_working_endpoint_has_answered() -> None:
    """W7: one endpoint has been silent for 1 s; a new caller still gets the others' responses."""
    machine = _machine()
    machine.away(kid="a", more=False, pool=1, rounds=1, which=0)
    machine.lagging(holder=1, kid="b", kind="hang", number=0, pool=0, seconds=1.0)
    machine.teardown()


def test_a_thaw_does_not_make_a_failing_endpoint_one_that_answered_last() -> None:
    """R3, R4: the budget is spent, one endpoint has failed, and the requests after that were frozen: 503."""
    machine = _machine()
    machine.leak(away=True, kid="a", number=0, only=True, pool=0)
    machine.leak(away=True, kid="b", number=2, only=True, pool=0)
    machine.leak(away=True, kid="d", number=0, only=False, pool=0)
    machine.leak(away=False, kid="a", number=5, only=True, pool=0)
    machine.leak(away=False, kid="a", number=1, only=True, pool=0)
    machine.jump(seconds=-90000.0)
    machine.warm(pool=0)
    machine.jump(seconds=6.0)
    machine.leak(away=False, kid="d", number=3, only=False, pool=1)
    machine.teardown()


def test_one_look_ends_a_second_connection_that_is_as_late_as_the_first() -> None:
    """R1, W7: two attempts of more than 15 s ago are no silence of now."""
    machine = _machine()
    machine.present(index=1, pool=1, timeout=6.0)
    machine.outage(kind="down", known=True, pool=0, rounds=4, seconds=5.0)
    machine.flood(count=3, known=False, pool=1, timeout=2.5)
    machine.teardown()


def test_a_caller_with_a_certain_result_does_not_wait() -> None:
    """F, W7: the attempt found no thread, and nothing else may be asked: 503 now, and not after 2 s."""
    machine = _machine()
    machine.present_all(timeout=0.0)
    machine.jump(seconds=-90000.0)
    machine.flood(count=3, known=False, pool=1, timeout=6.0)
    machine.fill(which=3)
    machine.fill(which=0)
    machine.later(seconds=3600.0)
    machine.lagging(holder=1, kid="c", kind="hang", number=0, pool=1, seconds=0.2)
    machine.fill(which=0)
    machine.present_all(timeout=2.5)
    machine.fill(which=0)
    machine.lagging(holder=1, kid="b", kind="busy", number=0, pool=1, seconds=0.2)
    machine.teardown()
