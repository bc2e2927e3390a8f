"""What the machines found, each as a scenario of its own."""

from __future__ import annotations

import pytest
from support.rig import DOWN, Answer, Rig

from cognito_mr_auth import events

from .test_keys_machine import Keys


@pytest.mark.parametrize("answer", [DOWN, None], ids=["fails", "answers"])
def test_one_request_is_one_failure(answer: Answer | None) -> None:
    """R6: a request that a successor took over ran out of time; when it ends, it counts no second time."""
    rig = Rig()
    rig.fill()
    rig.later(30.0)
    rig.call("forged")
    for _ in range(2):
        rig.later(0.2)
        rig.call("forged")
    rig.land("replica")  # the other two hang
    caller = rig.call("unknown", timeout=10.0)
    rig.later(4.0)
    caller.step()  # begins a successor, which takes over the pending attempts
    rig.later(1.0)
    caller.step()  # their five seconds are over
    before = dict(rig.key_set.states)
    assert before[rig.updated.url].failures == 1
    rig.land("updated", answer)
    assert rig.key_set.states == before
    assert len(rig.events_of(events.FetchFailed)) == 2


def test_no_caller_spins_over_a_stale_set_that_answers_leave_stale() -> None:
    """R: with clocks set back and ahead, an answer may leave the set stale; its caller waits all the same."""
    machine = Keys()
    machine.begin(cache_size=0)
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
    machine.begin(cache_size=0)
    machine.implausible(pool=0)
    machine.jump(seconds=6.0)
    machine.jump(seconds=-90000.0)
    machine.land(index=0, kind="forbidden", which=0)
    machine.teardown()
