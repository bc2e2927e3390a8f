"""What happens to a caller between two of its looks, or on top of it: races, collectors, signals (R, F).

On one thread (support.rig), so each race happens where the test wants it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from support.rig import DOWN, Rig

from cognito_mr_auth.errors import KeysUnavailable


def test_an_abandoned_visit_ends_without_the_lock() -> None:
    """F: the collector may end a visit, of a loop that was closed say, on a thread that holds the lock."""
    rig = Rig()
    rig.fill()
    caller = rig.call("forged")
    ending = threading.Thread(target=caller.steps.close, daemon=True)
    with rig.flights.lock:
        ending.start()
        ending.join(5.0)
        assert not ending.is_alive()
    assert not rig.store._seekers


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


@pytest.mark.parametrize("patience", [2.0, 0.0])
def test_a_key_that_comes_while_its_caller_judges(patience: float) -> None:
    """R, R8: a known kid in a fresh set is served: it neither waits for the others nor is refused."""
    rig = Rig()
    rig.warm()
    caller = rig.call(watched(rig, 1, lambda: rig.land("original")), patience=patience)
    assert caller.outcome.kid == rig.kid
    assert len(rig.out()) == 2


def test_a_flight_that_fails_while_a_caller_judges() -> None:
    """R: a stale set is confirmed by it, so that caller is served at once too."""
    rig = Rig()
    rig.fill()
    rig.later(3601.0)
    rig.call(rig.kid)
    rig.land("updated", DOWN)
    rig.land("original", DOWN)
    caller = rig.call(watched(rig, 2, lambda: rig.land("replica", DOWN)))
    assert rig.held.confirmed
    assert caller.outcome.kid == rig.kid
