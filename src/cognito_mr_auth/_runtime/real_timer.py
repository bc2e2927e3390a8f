"""A timer of real time beside an event loop's, for tests that freeze the loop's clock.

freezegun stops `time.monotonic` and `time.perf_counter`, by which asyncio and trio know when a wait is over.
Without this timer, a caller would wait for a hanging endpoint until the attempt's thread ends, and no other
endpoint would be asked meanwhile.
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
    """Within the block, call it on a thread after this many seconds, if no timer of the loop would.

    `clocks` are the clocks that the loop reads, by default those of `time`. Outside of tests none is
    replaced, and then nothing is started.
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
