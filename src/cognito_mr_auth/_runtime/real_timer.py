"""A timer of real time beside an event loop's, for tests that freeze the loop's clock.

Owns the question whether a test has replaced that clock. freezegun stops `time.monotonic` and
`time.perf_counter`, by which the loops of asyncio and trio know when a wait is over. A caller would then wait
for an endpoint that hangs until the attempt's thread ends, and no other endpoint would be asked meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer
from types import BuiltinFunctionType

__all__ = ["real_timer"]


@contextmanager
def real_timer(
    seconds: float, call: Callable[[], object], *clocks: Callable[[], float]
) -> Iterator[Timer | None]:
    """Within the block, call it on a thread once so many seconds have passed, where no loop's timer would.

    `clocks` are what the loops read, by default those of `time`. None is replaced outside of tests: then
    nothing is started.
    """
    if all(isinstance(each, BuiltinFunctionType) for each in clocks or (time.monotonic, time.perf_counter)):
        yield None
        return
    timer = Timer(max(0.0, seconds), call)
    timer.name, timer.daemon = "cognito-mr-auth timer", True
    timer.start()
    try:
        yield timer
    finally:
        timer.cancel()
