"""A timer of real time beside an event loop's, for tests that freeze the loop's clock.

Owns the question whether a test has replaced the loop's clock. freezegun stops `time.monotonic` and
`time.perf_counter`, by which the loops of asyncio and trio know when a wait is over: a caller would then wait
for an endpoint that hangs until the attempt's thread ends, and no second endpoint would be asked meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Timer
from types import BuiltinFunctionType

__all__ = ["real_timer"]


def real_timer(seconds: float, call: Callable[[], object], *clocks: Callable[[], float]) -> Timer | None:
    """Call it once so many seconds have passed, on a thread; None where the loop's own timer does that.

    `clocks` are what a loop reads; those of `time` by default.
    """
    if all(isinstance(each, BuiltinFunctionType) for each in clocks or (time.monotonic, time.perf_counter)):
        return None
    timer = Timer(max(0.0, seconds), call)
    timer.name, timer.daemon = "cognito-mr-auth timer", True
    timer.start()
    return timer
