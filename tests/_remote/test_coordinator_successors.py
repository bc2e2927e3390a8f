"""Successors of a refresh (R3): an endpoint that hangs must not keep the others from being asked again.

Scenarios on one thread (support.rig); test_failover.py has the same over real sockets.
"""

from __future__ import annotations

from collections.abc import Collection

import pytest
from support.rig import DOWN, Caller, Rig

from cognito_mr_auth import UserPool
from cognito_mr_auth._jwks.model import CacheLifetimes, KeyFileEntry
from cognito_mr_auth.errors import KeysUnavailable, KeyUnknown
from cognito_mr_auth.events import Event


def hanging(rig: Rig) -> None:
    """A refresh for a forged kid: the replica has answered, the primary's two endpoints hang."""
    rig.later(30.0)
    rig.call("forged")
    for _ in range(2):
        rig.later(0.2)
        rig.call("forged")
    rig.land("replica")
    assert rig.out() == ["updated", "original"]


def test_a_later_caller_has_the_healthy_endpoints_asked_again() -> None:
    """The replica answered before this caller came: it is asked anew, and the new key is found."""
    rig = Rig()
    rig.fill()
    hanging(rig)
    rig.fake.rotate()
    caller = rig.call(rig.kid)
    assert rig.out() == ["updated", "original"]  # silent for less than 200 ms: they may still answer
    assert caller.seconds == pytest.approx(0.2)
    rig.later(0.2)
    assert caller.step() is None
    assert rig.out() == ["updated", "original", "replica"]
    rig.land("replica")
    assert caller.woken
    assert caller.step().kid == rig.kid


def test_a_successor_begins_once_and_what_hangs_still_counts() -> None:
    """R3: the new answer lacks the kid, the hanging ones may have it: 503 only when timeout ends."""
    rig = Rig()
    rig.fill()
    hanging(rig)
    caller = rig.call("unknown")
    rig.later(0.2)
    caller.step()
    rig.land("replica")
    for _ in range(3):
        rig.later(0.3)
        caller.step()
        assert rig.out() == ["updated", "original"]
    rig.land("updated", DOWN)
    rig.land("original", DOWN)
    assert isinstance(caller.step(), KeyUnknown)


def test_a_successor_costs_one_unit_of_the_rate_limit() -> None:
    """R4: beyond the rate limit the caller waits for the refresh under way, and asks no endpoint."""
    rig = Rig()
    rig.fill()
    hanging(rig)
    first = rig.call("unknown-1")
    rig.later(0.2)
    first.step()
    rig.land("replica")
    second = rig.call("unknown-2")
    rig.later(0.2)
    second.step()
    assert rig.out() == ["updated", "original"]
    rig.later(2.0)
    assert isinstance(second.step(), KeysUnavailable)


def test_the_background_does_not_wait_for_what_hangs_either() -> None:
    """Aged again while a request hangs: the healthy endpoints are asked, the hanging one is not."""
    rig = Rig()
    rig.fill()
    rig.later(1000.0)
    assert rig.key() is not None  # aged: every endpoint is asked
    assert len(rig.out()) == 3
    rig.land("original")
    rig.land("replica")
    rig.key_set.snapshot = rig.key_set.snapshot._replace(safe_for=-1.0, fresh_for=0.05)
    rig.later(0.1)
    assert rig.key() is not None
    assert rig.out() == ["updated"]  # the hanging one still has its 200 ms
    rig.later(0.15)
    assert rig.key() is not None
    assert rig.out() == ["updated", "original", "replica"]


def test_a_stale_set_is_renewed_by_any_endpoint_that_answers() -> None:
    """With short lifetimes the set goes stale while one endpoint hangs: the others renew it (R)."""
    rig = Rig(lifetimes=CacheLifetimes(1.0, 2.0, 86400.0))
    rig.fill()
    rig.later(1.5)
    assert rig.key() is not None  # aged: every endpoint is asked
    rig.land("original")
    rig.land("replica")
    rig.later(2.5)
    caller = rig.call(rig.kid)
    assert rig.out() == ["updated", "original"]
    rig.land("original")
    assert caller.step().kid == rig.kid


def test_what_hangs_keeps_its_own_deadline() -> None:
    """R1: an attempt that a successor took over still ends 5 s after its own refresh began."""
    rig = Rig()
    rig.fill()
    hanging(rig)
    caller = rig.call("unknown", timeout=10.0)
    rig.later(4.0)
    caller.step()  # the successor
    assert rig.out() == ["updated", "original", "replica"]
    rig.later(1.0)
    caller.step()
    health = {each["kind"]: each["last_error"] for each in rig.keys.health(rig.clock())["endpoints"]}
    assert health == {"updated": "timeout", "original": "timeout", "replica": None}
    rig.land("replica")
    assert isinstance(caller.step(), KeyUnknown)


def test_the_background_asks_no_endpoint_that_hangs() -> None:
    """Everything hangs: no successor begins for any caller."""
    rig = Rig()
    rig.fill()
    rig.later(1000.0)
    rig.key()
    rig.later(1.0)
    rig.key()
    rig.coordinator.refresh_in_background(rig.clock())
    assert sorted(rig.out()) == ["original", "replica", "updated"]


class Baking(Rig):
    """A rig whose key file takes `slow` seconds to write, during a `warm`."""

    slow = 0.0
    caller: Caller | None = None

    def _save(self, pool: UserPool, entries: Collection[KeyFileEntry]) -> Collection[Event]:
        self.later(self.slow)
        if self.caller is not None and self.caller.waiting:
            self.caller.step()
            self.log.append("still waiting" if self.caller.waiting else "gone")
        return super()._save(pool, entries)


@pytest.mark.parametrize(("slow", "last"), [(0.0, "still waiting"), (0.9, "gone")], ids=["quick", "slow"])
def test_warming_waits_for_the_key_file(slow: float, last: str) -> None:
    """P: a process that only warms, to bake a file, ends with the file written; within its timeout."""
    rig = Baking(key_file="keys.json")
    rig.slow = slow
    rig.caller = rig.warm()
    for kind in list(rig.out()):
        rig.land(kind)
    judged = [entry for entry in rig.log if entry in ("still waiting", "gone")]
    assert judged[-1] == last
    rig.caller.step()
    assert not rig.caller.waiting
    assert len(rig.saved[-1]) == 3


class Overtaken(Rig):
    """A rig in which the replica's answer comes while the first one is being saved."""

    def _save(self, pool: UserPool, entries: Collection[KeyFileEntry]) -> Collection[Event]:
        if "replica" in self.out():
            self.land("replica")
        return super()._save(pool, entries)


def test_one_thread_saves_at_a_time_and_loses_nothing() -> None:
    """P: what comes while the file is being written is written next, by the same thread."""
    rig = Overtaken(key_file="keys.json")
    rig.warm()
    rig.land("updated")
    assert [len(entries) for entries in rig.saved] == [1, 2]
    rig.land("original")
    assert len(rig.saved[-1]) == 3


def test_no_caller_writes_the_file() -> None:
    """P: a request that comes between an answer and its saving does not wait for a disk."""
    rig = Rig(key_file="keys.json")
    saved_at_wake: list[int] = []

    def woken(_progress: object) -> None:
        rig.call("unknown")
        saved_at_wake.append(len(rig.saved))

    caller = rig.warm()
    assert caller.wait is not None
    caller.wait[0].add_done_callback(woken)
    rig.land("updated")
    assert saved_at_wake == [0]
    assert len(rig.saved) == 1
