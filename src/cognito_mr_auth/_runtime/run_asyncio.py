"""How a task of asyncio waits for what the steps of a verification yield.

This module has the three kinds of wait that `run.run_async` uses. It is loaded where asyncio already runs.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from .raised import Raised
from .real_timer import real_timer

__all__ = ["let_others_run", "outcome", "pause"]


async def let_others_run() -> None:
    """Let every other task that can run have its turn."""
    await asyncio.sleep(0)


async def pause(future: Any, seconds: float) -> None:
    """Wait for a thread's future. A cancellation of this task does not cancel the future."""
    loop = asyncio.get_running_loop()
    woken = loop.create_future()

    def wake() -> None:
        with suppress(asyncio.InvalidStateError):  # both the future and a timer have called it
            woken.set_result(None)

    def call(_future: object = None) -> None:
        try:
            loop.call_soon_threadsafe(wake)
        except RuntimeError:  # the loop was closed meanwhile, so no task waits there
            return

    future.add_done_callback(call)
    with real_timer(seconds, call):
        await asyncio.wait((woken,), timeout=seconds)


async def outcome(awaitable: Any) -> object:
    """The result of a hook's awaitable, or a `Raised` if it raises."""
    try:
        return await awaitable
    except Exception as error:  # noqa: BLE001 - a user's hook may raise anything, and no exception is a yes
        return Raised.of(error)
    except BaseException as error:
        if not _only_the_hooks(error):
            raise
        return Raised.of(error)


def _only_the_hooks(error: BaseException) -> bool:
    """Whether the cancellation is of something that the hook waited for, and not of this task."""
    if not isinstance(error, asyncio.CancelledError):  # a coroutine that is being closed has no loop
        return False
    task = asyncio.current_task()
    return task is not None and not task.cancelling()
