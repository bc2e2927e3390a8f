"""The clocks of this process: the time of day, which a test may replace, and intervals, which none replaces.

This module has every reading of the system's clocks. Tests freeze the time of day (freezegun, time-machine,
`mock.patch("time.time")`), and a token's times follow it. A deadline that followed it would come at once or
never. So intervals are read from a function that such tools do not reach.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from types import BuiltinFunctionType

from cognito_mr_auth._base.clock import Instant

__all__ = ["FRAMES", "from_depth", "monotonic", "system_clock", "system_function", "wall_clock"]

# freezegun shows real time to a caller within this many frames of `threading`. Without more frames, a fetch
# thread could see another time of day than its callers.
FRAMES = 5


def system_function(function: Callable[[], float], clock: int | None) -> Callable[[], float]:
    """The function itself, or the system clock if a test replaced it before this module was loaded."""
    if isinstance(function, BuiltinFunctionType) or clock is None:
        return function
    return partial(time.clock_gettime, clock)


# It is not `time.monotonic`, which time-machine before 3.0 stops. It is in a `partial`, because freezegun
# replaces each attribute of a loaded module that is the function itself.
monotonic: Callable[[], float] = partial(
    system_function(time.perf_counter, getattr(time, "CLOCK_MONOTONIC", None))
)
"""Seconds of a clock that nobody sets and no test stops."""

# It is in a tuple for the same reason. None means that a test replaced it before this module was loaded.
_SYSTEM = (time.time if isinstance(time.time, BuiltinFunctionType) else None,)


def system_clock() -> Instant:
    """(wall, monotonic): the default clock of a verifier."""
    now = time.time  # looked up with each call, so that a test's replacement is found
    return (now() if now is _SYSTEM[0] else from_depth(now)), monotonic()


def wall_clock() -> float:
    """Seconds since the epoch, by the time of day that `system_clock` shows."""
    return system_clock()[0]


def from_depth(now: Callable[[], float], frames: int = FRAMES) -> float:
    """The reading of a caller that is many frames away from the base of its thread."""
    return from_depth(now, frames - 1) if frames else now()
