"""What may happen while a caller judges: races, the garbage collector, signal handlers (R, F).

On one thread (support.rig), so each race happens where the test wants it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest
from support.rig import DOWN, Rig

from cognito_mr_auth._jwks.model import FetchError
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
    assert not rig.coordinator.machine.waiters


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
    first = rig.call(rig.kid)
    rig.land("updated", DOWN)
    rig.land("replica", DOWN)
    caller = rig.call(watched(rig, 2, lambda: rig.land("original", DOWN)))
    assert rig.key_set.stale_if_error
    assert caller.outcome.kid == rig.kid
    assert first.woken


def test_warming_waits_for_what_others_have_begun() -> None:
    """R1, R2: `warm` shares the attempts under way, asks the rest, and is done with them."""
    rig = Rig()
    other = rig.call(rig.kid, timeout=5.0)
    assert rig.out() == ["updated"]
    warm = rig.warm(5.0)
    assert rig.out() == ["updated", "replica", "original"]
    for kind in ("updated", "replica"):
        rig.land(kind)
        assert warm.step() is None
        assert warm.waiting
    assert other.step().kid == rig.kid
    rig.land("original", DOWN)
    warm.step()
    assert not warm.waiting


def test_warming_ignores_back_off_beside_attempts_under_way() -> None:
    """R2: `warm` ignores back-off, also of endpoints that a caller may not ask now."""
    rig = Rig()
    rig.fill()
    first = rig.call("unknown")
    rig.land("updated", FetchError("status", status=503, retry_after=60))
    rig.land("replica", FetchError("status", status=503, retry_after=60))
    assert rig.out() == ["original"]
    rig.warm()
    assert sorted(rig.out()) == ["original", "replica", "updated"]
    assert first.waiting


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


@pytest.mark.parametrize("seconds", [5.1, 9.9, 10.0, 3600.0])
@pytest.mark.parametrize("answer", [None, DOWN], ids=["answered", "failed"])
def test_a_step_of_the_clock_is_no_failure(seconds: float, answer: Exception | None) -> None:
    """R1, R6, R7: whatever the clock says, an answer counts, and a failure makes the caller start again."""
    rig = Rig()
    caller = rig.call(rig.kid)
    rig.clock.jump_wall(seconds)
    rig.later(0.05)
    rig.land("updated", answer)
    assert [state.failures for state in rig.key_set.states.values()] == [0, 0, 0]
    if answer is None and seconds < 3600.0:  # else it is as old as its request: a stale set
        assert caller.step().kid == rig.kid
        return
    assert caller.step() is None
    rig.land("updated")
    assert caller.step().kid == rig.kid


def test_new_attempts_begin_no_new_silence() -> None:
    """R, W7: after a second in vain on a stale set the callers are served, whatever was begun meanwhile."""
    rig = Rig()
    rig.fill()
    rig.later(3601.0)
    caller = rig.call(rig.kid)
    while caller.waiting:
        for kind in rig.out():
            if kind != "replica":  # which hangs; the others fail
                rig.land(kind, DOWN)
        rig.later(0.1)
        caller.step()
    assert caller.outcome.kid == rig.kid
    assert rig.now_monotonic - 50.0 - 3601.0 == pytest.approx(1.0, abs=0.11)
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


class Counted:
    """A lock that counts how often it was taken."""

    def __init__(self) -> None:
        self.taken = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self.taken += 1
        self._lock.acquire()

    def __exit__(self, *_error: object) -> None:
        self._lock.release()

    def acquire(self, **options: Any) -> bool:
        return self._lock.acquire(**options)

    def release(self) -> None:
        self._lock.release()


def test_hits_of_an_aged_set_look_once_a_second() -> None:
    """R8: what begins nothing is not tried for each hit."""
    rig = Rig()
    rig.fill()
    rig.later(901.0)
    rig.key()
    lock: Any = Counted()
    rig.coordinator.lock = lock
    for _ in range(50):
        rig.key()
        rig.later(0.05)
    assert 1 <= lock.taken <= 6
