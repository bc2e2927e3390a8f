"""How a task of trio waits for what the steps of a verification yield.

This module has the three kinds of wait that `run.run_async` uses. It is loaded where trio already runs,
because this library does not depend on trio.
"""

from __future__ import annotations

from typing import Any

import trio

from .raised import Raised
from .real_timer import real_timer

__all__ = ["let_others_run", "outcome", "pause"]


async def let_others_run() -> None:
    """Let every other task that can run have its turn."""
    await trio.lowlevel.checkpoint()


async def pause(future: Any, seconds: float) -> None:
    """Wait for a thread's future. A cancellation of this task does not cancel the future."""
    token = trio.lowlevel.current_trio_token()
    woken = trio.Event()

    def call(_future: object = None) -> None:
        try:
            token.run_sync_soon(woken.set)
        except trio.RunFinishedError:  # no task waits there any more
            return

    future.add_done_callback(call)
    with real_timer(seconds, call), trio.move_on_after(max(0.0, seconds)):
        await woken.wait()


async def outcome(awaitable: Any) -> object:
    """The result of a hook's awaitable, or a `Raised` if it raises.

    trio.Cancelled passes through, because it belongs to a scope outside of the hook.
    """
    try:
        return await awaitable
    except Exception as error:  # noqa: BLE001 - a user's hook may raise anything, and no exception is a yes
        return Raised.of(error)
    except BaseExceptionGroup as group:  # from a nursery: the hook's own errors beside a cancellation
        rest = group.split(Exception)[1] or group
    raise rest  # outside of the block, so that the hook's errors are not its context
