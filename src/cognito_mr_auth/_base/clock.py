"""Moments on two clocks, and the interval between two moments (R7).

This module has the only rule for an interval. It never reads a clock itself.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["CLOCK_SKEW", "MAX_TIME", "Clock", "Instant", "elapsed"]

Instant = tuple[float, float]
"""(wall, monotonic): seconds since the epoch, and seconds of a clock that nobody sets."""

# 9999-12-31T23:59:59Z, the last second that datetime can hold. A time in milliseconds exceeds it, and a
# larger int might not fit a float (S4).
MAX_TIME = 253402300799

# Seconds by which the wall clocks of two machines that share a key file may differ (P).
CLOCK_SKEW = 60.0


Clock = Callable[[], Instant]
"""The source of time: a callable that returns both readings at once."""


def elapsed(now: Instant, then: Instant) -> float:
    """Seconds from `then` to `now`: the larger of the two clocks' intervals (R7).

    A wall clock may be set back, and a monotonic clock stands still in a frozen sandbox. Because the larger
    interval counts, neither makes a key look younger than it is.
    """
    wall = now[0] - then[0]
    monotonic = now[1] - then[1]
    if wall > monotonic:
        return wall
    if monotonic >= wall:
        return monotonic
    return float("inf")  # a broken clock's NaN: with an infinite age, nothing counts as young
