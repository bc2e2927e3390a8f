"""How a task of trio waits for what the steps of a verification yield.

Owns the three ways to wait that `run.run_async` calls. Loaded where trio is already running, because it is no
dependency of this library.
"""

from __future__ import annotations

from typing import Any

import trio

from .raised import Raised
from .real_timer import real_timer

__all__ = ["let_others_run", "outcome", "pause"]


async def let_others_run() -> None:
    """Give every other task that can run its turn."""
    await trio.lowlevel.checkpoint()


async def pause(future: Any, seconds: float) -> None:
    """Wait for a thread's future; a cancellation of this task leaves the future alone."""
    token = trio.lowlevel.current_trio_token()
    woken = trio.Event()

    def call(_future: object = None) -> None:
        try:
            token.run_sync_soon(woken.set)
        except trio.RunFinishedError:  # so no task waits there
            return

    future.add_done_callback(call)
    with real_timer(seconds, call), trio.move_on_after(max(0.0, seconds)):
        await woken.wait()


async def outcome(awaitable: Any) -> object:
    """What a hook's awaitable gives; a `Raised` if it raises.

    trio.Cancelled passes, because it belongs to a scope outside of the hook.
    """
    try:
        return await awaitable
    except Exception as error:  # noqa: BLE001 - a user's hook may raise anything, and none of it is a yes
        return Raised.of(error)
    except BaseExceptionGroup as group:  # of a nursery: the hook's own errors beside a cancellation
        rest = group.split(Exception)[1] or group
    raise rest  # outside of the block, or the hook's errors would hang on it
