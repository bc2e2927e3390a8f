"""How a task of asyncio waits for what the steps of a verification yield.

Owns the three ways to wait that `run.run_async` calls. Loaded where a loop of asyncio is already running.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from .raised import Raised
from .real_timer import real_timer

__all__ = ["let_others_run", "outcome", "pause"]


async def let_others_run() -> None:
    """Give every other task that can run its turn."""
    await asyncio.sleep(0)


async def pause(future: Any, seconds: float) -> None:
    """Wait for a thread's future; a cancellation of this task leaves the future alone."""
    loop = asyncio.get_running_loop()
    woken = loop.create_future()

    def wake() -> None:
        with suppress(asyncio.InvalidStateError):  # the future and a timer have both called
            woken.set_result(None)

    def call(_future: object = None) -> None:
        try:
            loop.call_soon_threadsafe(wake)
        except RuntimeError:  # the loop has been closed meanwhile, so no task waits there
            return

    future.add_done_callback(call)
    with real_timer(seconds, call):
        await asyncio.wait((woken,), timeout=seconds)


async def outcome(awaitable: Any) -> object:
    """What a hook's awaitable gives; a `Raised` if it raises."""
    try:
        return await awaitable
    except Exception as error:  # noqa: BLE001 - a user's hook may raise anything, and none of it is a yes
        return Raised.of(error)
    except BaseException as error:
        if not _only_the_hooks(error):
            raise
        return Raised.of(error)


def _only_the_hooks(error: BaseException) -> bool:
    """Whether something that the hook waited for was cancelled, and not this task."""
    if not isinstance(error, asyncio.CancelledError):  # a coroutine that is closed has no loop to ask
        return False
    task = asyncio.current_task()
    return task is not None and not task.cancelling()
