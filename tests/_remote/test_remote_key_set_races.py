"""What may happen while a caller judges: races, the garbage collector, signal handlers (R, F).

On one thread (support.rig), so each race happens where the test wants it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest
from support.rig import DOWN, Rig

from cognito_mr_auth.errors import KeysUnavailable


def test_an_abandoned_waiter_ends_without_the_lock() -> None:
    """F: the garbage collector may close a waiter's generator on a thread that holds the lock."""
    rig = Rig()
    rig.fill()
    caller = rig.call("forged")
    ending = threading.Thread(target=caller.steps.close, daemon=True)
    with rig.coordinator.lock:
        ending.start()
        ending.join(5.0)
        assert not ending.is_alive()
    assert not rig.keys._unknown_kid_waiters


class Kid(str):
    """A kid with which something happens when it is looked up for the n-th time."""

    __slots__ = ("looks", "then")

    def __hash__(self) -> int:
        self.looks -= 1
        if self.looks == 0:
            self.then()
        return str.__hash__(self)

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)


def watched(rig: Rig, looks: int, then: Callable[[], None]) -> Kid:
    """The kid of the key that signs now."""
    kid = Kid(rig.kid)
    kid.looks, kid.then = looks, then
    return kid


@pytest.mark.parametrize("timeout", [2.0, 0.0])
def test_a_key_that_comes_while_its_caller_judges(timeout: float) -> None:
    """R, R8: a known kid in a fresh set is served: it neither waits for the others nor is refused."""
    rig = Rig()
    rig.warm()
    caller = rig.call(watched(rig, 1, lambda: rig.land("original")), timeout=timeout)
    assert caller.outcome.kid == rig.kid
    assert len(rig.out()) == 2


def test_a_refresh_that_fails_while_a_caller_judges() -> None:
    """R: that failure makes the set stale-if-error, so this caller is served at once too."""
    rig = Rig()
    rig.fill()
    rig.later(3601.0)
    rig.call(rig.kid)
    rig.land("updated", DOWN)
    rig.land("original", DOWN)
    caller = rig.call(watched(rig, 2, lambda: rig.land("replica", DOWN)))
    assert rig.key_set.stale_if_error
    assert caller.outcome.kid == rig.kid


def test_warming_goes_on_with_the_successor_of_its_refresh() -> None:
    """R2, R3: another caller's successor takes over its attempts; `warm` still waits for them."""
    rig = Rig()
    warm = rig.warm(5.0)
    rig.land("updated", DOWN)
    rig.later(0.3)
    other = rig.call(rig.kid, timeout=5.0)
    rig.later(1.6)
    other.step()
    assert rig.out() == ["original", "replica", "updated"]
    for kind in ("original", "replica"):
        assert warm.step() is None
        assert warm.waiting
        rig.land(kind)
    rig.land("updated")
    assert warm.step() is None
    assert not warm.waiting


def test_warming_a_refresh_under_way_ignores_back_off() -> None:
    """R2: `warm` ignores back-off, also in a refresh that it joins."""
    rig = Rig()
    first = rig.call(rig.kid)
    for _ in range(2):
        rig.later(0.2)
        first.step()
    rig.land("original", DOWN)
    rig.land("replica", DOWN)
    rig.later(0.5)
    rig.land("updated", DOWN)
    first.step()
    rig.later(1.1)
    rig.call(rig.kid)
    assert rig.out() == ["original"]  # the replica is next; the updated one is in back-off
    rig.warm()
    assert sorted(rig.out()) == ["original", "replica", "updated"]


def test_warming_with_all_the_time_in_the_world() -> None:
    """No single wait is longer than a lock can wait, also while a key file is written."""
    rig = Rig()
    warm = rig.warm(float("inf"))
    rig.coordinator.saved = Future()
    for kind in rig.out():
        rig.land(kind)
    warm.step()
    assert warm.waiting
    assert warm.seconds <= 5.0


@pytest.mark.parametrize("seconds", [5.0, 9.9, 10.0, 3600.0])
@pytest.mark.parametrize("answer", [None, DOWN], ids=["answered", "failed"])
def test_a_step_of_the_clock_is_no_failure(seconds: float, answer: Exception | None) -> None:
    """R6, R7: while real time is within the deadline, whatever the clock says; the caller starts again."""
    rig = Rig()
    caller = rig.call(rig.kid)
    rig.clock.jump_wall(seconds)
    rig.later(0.05)
    rig.land("updated", answer)
    assert caller.step() is None
    assert [state.failures for state in rig.key_set.states.values()] == [0, 0, 0]
    rig.land("updated")
    assert caller.step().kid == rig.kid


def test_a_successor_begins_no_new_silence() -> None:
    """R: once a caller has waited 2 s in vain on a stale set, the next caller is served at once."""
    rig = Rig()
    rig.fill()
    rig.later(3601.0)
    caller = rig.call(rig.kid)
    while caller.waiting:
        for kind in rig.out():
            if kind != "replica":  # which hangs; the others fail, back off, and are asked again
                rig.land(kind, DOWN)
        rig.later(0.1)
        caller.step()
    assert caller.outcome.kid == rig.kid
    assert len(rig.threads.asked) > 3
    assert rig.key() is not None


class Interrupted:
    """A lock whose holder a signal handler has interrupted, so it is not released."""

    def acquire(self, *, timeout: float) -> bool:
        """Never."""
        assert 0 < timeout < 2
        return False


def test_close_while_an_interrupted_thread_holds_the_lock() -> None:
    """K4: `close` returns, nothing more is asked or stored, and waiters end by their own timeout."""
    rig = Rig()
    caller, lock = rig.call(rig.kid), rig.coordinator.lock
    rig.coordinator.lock = Interrupted()  # type: ignore[assignment]
    rig.keys.close()
    rig.coordinator.lock = lock
    rig.land("updated")
    assert rig.key() is None
    rig.later(2.0)
    assert isinstance(caller.step(), KeysUnavailable)


def test_a_refresh_that_asks_no_endpoint_costs_no_unit_of_the_rate_limit() -> None:
    """R4: forged kids while every endpoint hangs twice delay no new key once all is well again."""
    rig = Rig()
    rig.fill()
    rig.later(60.0)
    rig.threads.refuse = {each.url: "busy" for each in rig.pool._key_set_config.endpoints}
    for _ in range(3):
        assert isinstance(rig.call("forged").outcome, KeysUnavailable)
    rig.threads.refuse.clear()
    rig.fake.rotate()
    caller = rig.call(rig.kid)
    rig.land("updated")
    assert caller.step().kid == rig.kid
