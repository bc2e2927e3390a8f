"""What the machines found, each as a scenario of its own."""

from __future__ import annotations

import pytest
from support.rig import DOWN, Answer, Rig

from cognito_mr_auth import events


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
