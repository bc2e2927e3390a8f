"""Closes an open WebSocket when its token expires (asyncio).

Owns the race between the application and the token's expiry. Close code 1008 (RFC 6455 7.4.1).
"""

from __future__ import annotations

import asyncio

from .asgi_types import POLICY_VIOLATION, App, Message, Receive, Scope, Send

__all__ = ["until_expiry"]

REASON = "the token has expired"


async def until_expiry(app: App, scope: Scope, receive: Receive, send: Send, seconds: float) -> None:
    """Run the application; after `seconds` close its socket, and let it see that the client is gone."""
    ending = _Ending(receive, send)
    timer = asyncio.get_running_loop().call_later(max(0.0, seconds), ending.begin)
    try:
        await app(scope, ending.receive, ending.send)
    except _GoneError:
        pass
    finally:
        timer.cancel()
        await ending.stop()


class _GoneError(OSError):
    """What servers raise when the client is gone (ASGI, "send" of a closed connection)."""


class _Ending:
    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._expired = asyncio.get_running_loop().create_future()
        self._reading: asyncio.Future[Message] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._connecting = True
        self._accepted = False
        self._closed = False

    def begin(self) -> None:
        """End the socket, because the token has expired."""
        self._expired.set_result(None)
        if self._reading is not None:
            self._reading.cancel()  # a message that is there already is kept
        if self._accepted and not self._closed:
            self._closed = True
            self._closing = asyncio.create_task(self._close())

    async def _close(self) -> None:
        await self._send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": REASON})

    async def receive(self) -> Message:
        """The next message, or a disconnect from the moment of expiry on."""
        if self._connecting:  # the handshake is there at once, and frameworks expect nothing else
            self._connecting = False
            return await self._receive()
        while self._reading is not None or not self._expired.done():
            if self._reading is None:
                self._reading = asyncio.ensure_future(self._receive())
            reading = self._reading
            # Not cancelled with us, so that no message is lost between two calls.
            await asyncio.wait((reading, self._expired), return_when=asyncio.FIRST_COMPLETED)
            if reading is not self._reading:
                continue  # another task that receives has taken this message
            if not reading.done() or reading.cancelled():
                break
            message, self._reading = reading.result(), None
            self._closed = self._closed or message["type"] == "websocket.disconnect"
            return message
        return {"type": "websocket.disconnect", "code": POLICY_VIOLATION, "reason": REASON}

    async def send(self, message: Message) -> None:
        """Pass a message on. After expiry, an accept becomes a refusal.

        On an accepted socket a close is then ignored, and all else fails as if the client were gone.
        """
        kind = message["type"]
        if self._expired.done():
            if self._accepted or self._closed:
                if kind == "websocket.close":
                    return
                raise _GoneError(REASON)
            if kind == "websocket.accept":
                self._closed = True
                await self._close()
                return
        self._closed = self._closed or kind == "websocket.close"
        await self._send(message)
        if kind == "websocket.accept":
            self._accepted = True
            if self._expired.done():  # while the handshake was under way
                self._closed = True
                await self._close()

    async def stop(self) -> None:
        """End the tasks that this object has started."""
        left = [task for task in (self._reading, self._closing) if task is not None]
        if self._reading is not None:
            self._reading.cancel()
        await asyncio.gather(*left, return_exceptions=True)
