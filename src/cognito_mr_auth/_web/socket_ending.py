"""What a WebSocket's application and its client exchange before and after the token's expiry.

This module has the rules, and waits for nothing; each loop has its own wait. Close code 1008 (RFC 6455
7.4.1).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from .asgi_types import POLICY_VIOLATION, Message, Receive, Send

__all__ = ["REASON", "Ending", "GoneError"]

REASON = "the token has expired"


class GoneError(OSError):
    """What servers raise when the client is gone (ASGI, "send" of a closed connection)."""


class Ending(ABC):
    """The client's side of a socket as the application sees it. It leaves when its token expires."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.expired = False
        self._connecting = True
        self._accepted = False
        self._closed = False

    @abstractmethod
    def expire_after(self, seconds: float) -> None:
        """Close the socket after this time, which replaces an earlier one."""

    @abstractmethod
    async def _received(self) -> Message | None:
        """The next message, if it was received before the expiry; None from then on."""

    def _expire(self) -> bool:
        """Accept nothing more from either side. Returns whether a close must be sent to the client."""
        self.expired = True
        was_closed, self._closed = self._closed, self._closed or self._accepted
        return self._accepted and not was_closed

    async def _close(self) -> None:
        await self._send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": REASON})

    async def receive(self) -> Message:
        """The next message. From the expiry on, it is a disconnect."""
        if self._connecting:  # the handshake is there at once, and frameworks expect it first
            self._connecting = False
            return await self._receive()
        message = await self._received()
        if message is None:
            return {"type": "websocket.disconnect", "code": POLICY_VIOLATION, "reason": REASON}
        self._closed = self._closed or message["type"] == "websocket.disconnect"
        return message

    async def send(self, message: Message) -> None:
        """Pass a message on. After expiry, an accept becomes a refusal.

        On an accepted socket a close is then ignored, and all else fails as if the client were gone.
        """
        kind = message["type"]
        if self.expired:
            if self._accepted or self._closed:
                if kind == "websocket.close":
                    return
                raise GoneError(REASON)
            if kind == "websocket.accept":
                self._closed = True
                await self._close()
                return
        self._closed = self._closed or kind == "websocket.close"
        await self._send(message)
        if kind == "websocket.accept":
            self._accepted = True
            if self.expired:  # it expired during the handshake
                self._closed = True
                await self._close()
