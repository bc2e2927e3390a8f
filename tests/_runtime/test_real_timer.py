"""`real_timer`: what wakes a task whose loop's clock stands still."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future

import pytest

from cognito_mr_auth._runtime import run_asyncio
from cognito_mr_auth._runtime.real_timer import real_timer

SECONDS = 10.0
"""What takes them hangs."""


def frozen() -> float:
    """A loop's clock that a test has stopped."""
    return 5.0


@pytest.mark.parametrize("clocks", [(), (time.monotonic,), (time.perf_counter, time.monotonic)])
def test_nothing_is_started_for_a_real_clock(clocks: tuple[object, ...]) -> None:
    """Outside of tests the loop's own timer is enough."""
    before = threading.active_count()
    with real_timer(0.0, lambda: None, *clocks) as timer:  # type: ignore[arg-type]
        assert timer is None
        assert threading.active_count() == before


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 0.01])
def test_a_stopped_clock_gets_a_timer(seconds: float) -> None:
    """It calls in real time, on a daemon, which a test's end need not wait for."""
    called = threading.Event()
    with real_timer(seconds, called.set, time.monotonic, frozen) as timer:
        assert timer is not None
        assert timer.daemon
        assert called.wait(SECONDS)


def test_a_wait_that_is_over_cancels_it() -> None:
    """No thread is left of a wait that ended otherwise."""
    called = threading.Event()
    with real_timer(SECONDS, called.set, frozen) as timer:
        pass
    assert timer is not None
    timer.join(SECONDS)
    assert not called.is_set()


def test_a_task_may_be_woken_twice() -> None:
    """By the future and by the timer, in either order."""

    async def main() -> None:
        future: Future[None] = Future()
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(run_asyncio.pause(future, SECONDS))
        await asyncio.sleep(0)
        for call in tuple(future._done_callbacks):
            call(future)  # as the timer does
        future.set_result(None)
        loop.set_exception_handler(lambda _loop, context: pytest.fail(str(context)))
        await task

    asyncio.run(main())
