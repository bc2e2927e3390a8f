"""How a task of asyncio waits for a WebSocket's message and for its token's expiry at once.

This module has the tasks that this needs; `socket_ending` decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .asgi_types import Message, Receive, Send
from .socket_ending import Ending

__all__ = ["ending"]


@asynccontextmanager
async def ending(receive: Receive, send: Send) -> AsyncIterator[Ending]:
    """An ending whose timer and tasks end with the block."""
    here = _Ending(receive, send)
    try:
        yield here
    finally:
        await here.stop()


class _Ending(Ending):
    def __init__(self, receive: Receive, send: Send) -> None:
        super().__init__(receive, send)
        self._timer: asyncio.TimerHandle | None = None
        self._woken = asyncio.get_running_loop().create_future()
        self._reading: asyncio.Future[Message] | None = None
        self._closing: asyncio.Task[None] | None = None

    def expire_after(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(max(0.0, seconds), self._begin)

    def _begin(self) -> None:
        if self.expired:
            return
        if self._reading is not None:
            self._reading.cancel()  # a message that has already come is kept
        if self._expire():
            self._closing = asyncio.create_task(self._close())
        self._woken.set_result(None)

    async def _received(self) -> Message | None:
        while self._reading is not None or not self.expired:
            if self._reading is None:
                self._reading = asyncio.ensure_future(self._receive())
            reading = self._reading
            # A cancellation of this task does not cancel `reading`, so no message is lost between two calls.
            await asyncio.wait((reading, self._woken), return_when=asyncio.FIRST_COMPLETED)
            if reading is not self._reading:
                continue  # another receiving task has taken this message
            if not reading.done() or reading.cancelled():
                break
            message, self._reading = reading.result(), None
            return message
        return None

    async def stop(self) -> None:
        """End the timer and the tasks that this object has started."""
        if self._timer is not None:
            self._timer.cancel()
        left = [task for task in (self._reading, self._closing) if task is not None]
        if self._reading is not None:
            self._reading.cancel()
        await asyncio.gather(*left, return_exceptions=True)
