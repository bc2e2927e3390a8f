"""How a task of trio waits for a WebSocket's message and for its token's expiry at once.

This module has the nursery that this needs; `socket_ending` decides. It is loaded where trio already runs,
because this library does not depend on trio.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import trio

from .asgi_types import Message, Receive, Send
from .socket_ending import Ending

__all__ = ["ending"]


@asynccontextmanager
async def ending(receive: Receive, send: Send) -> AsyncIterator[Ending]:
    """An ending whose tasks end with the block. An exception of the block is raised as it is, in no group."""
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        here = _Ending(receive, send, nursery)
        try:
            yield here
        except Exception as error:  # noqa: BLE001 - the application's, raised below
            failure = error
        here.stop()
    if failure is not None:
        raise failure


class _Ending(Ending):
    def __init__(self, receive: Receive, send: Send, nursery: trio.Nursery) -> None:
        super().__init__(receive, send)
        self._nursery = nursery
        self._timer = trio.CancelScope()
        self._waiting: set[trio.CancelScope] = set()

    def expire_after(self, seconds: float) -> None:
        self._timer.cancel()
        self._timer = trio.CancelScope()
        self._nursery.start_soon(self._wait, self._timer, max(0.0, seconds))

    async def _wait(self, timer: trio.CancelScope, seconds: float) -> None:
        with timer:
            await trio.sleep(seconds)
        if timer.cancelled_caught or self.expired:
            return
        must_close = self._expire()
        for waiting in self._waiting:
            waiting.cancel()
        if must_close:
            with suppress(Exception):  # a server may raise anything when its client is gone
                await self._close()

    async def _received(self) -> Message | None:
        if self.expired:
            return None
        # As with the server's own receive, a cancellation of this call loses no message.
        with trio.CancelScope() as waiting:
            self._waiting.add(waiting)
            try:
                return await self._receive()
            finally:
                self._waiting.discard(waiting)
        return None

    def stop(self) -> None:
        """End the timer. A close that is under way is waited for."""
        self._timer.cancel()
