"""WebSockets of aiohttp: a token in their subprotocols, and the moment at which their token expires.

Owns what happens between a handshake that passes and a socket's end. aiohttp tells of a socket only by its
signal before the handshake is answered.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web
from multidict import CIMultiDict

from cognito_mr_auth._web import state
from cognito_mr_auth._web.asgi_types import POLICY_VIOLATION
from cognito_mr_auth._web.bearer import HTTPRequest, shown_subprotocols
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.socket_ending import REASON
from cognito_mr_auth.errors import TokenExpired

from ._requests import OFFERED, STATE

__all__ = ["end", "opens", "without_token"]

_NAME: Final = "Sec-WebSocket-Protocol"
_MARKERS: Final = "markers"

# How often to look whether a handshake is over whose token has expired meanwhile. Rare, so it may be slow.
_HANDSHAKE_SECONDS = 0.1


def without_token(request: web.Request, asked: HTTPRequest, guard: RequestGuard) -> web.Request:
    """The request without a token in its subprotocols, because aiohttp logs those that nobody picks."""
    shown = shown_subprotocols(asked, guard.subprotocol)
    if shown is None:
        return request
    found = request[STATE]
    if OFFERED in found:  # a guard in front has hidden what follows its own marker
        still = request.headers[_NAME].split(", ")
        shown = [each for each in shown if each in still]
    found.setdefault(OFFERED, asked.subprotocols)
    found.setdefault(_MARKERS, {})[guard] = guard.subprotocol
    # A clone's headers must be UTF-8, and a client may send anything.
    pairs = [(name, value.encode("utf-8", "replace").decode()) for name, value in request.headers.items()]
    headers = CIMultiDict(pairs)
    headers[_NAME] = ", ".join(shown)
    return request.clone(headers=headers)


def opens(request: web.Request, socket: web.WebSocketResponse, guard: RequestGuard) -> None:
    """Answer the guard's marker, and let the socket's time begin.

    Raises:
        TokenExpired: it is over already.
    """
    found = request[STATE]
    if marker := found.get(_MARKERS, {}).get(guard):  # browsers need one of those that they offered
        socket.headers.setdefault(_NAME, marker)
    principal = found.get(state.PRINCIPAL)
    if guard.close_at_expiry and principal is not None:
        seconds = guard.verifier._seconds_left(principal)
        if seconds <= 0:
            raise TokenExpired
        found[_Expiry, guard] = _Expiry(socket, seconds)


async def end(request: web.Request, guard: RequestGuard) -> None:
    """End what `opens` has begun. A close that is under way is waited for."""
    expiry = request[STATE].pop((_Expiry, guard), None)
    if expiry is not None:
        await expiry.end()


class _Expiry:
    """Closes a socket when its token expires."""

    def __init__(self, socket: web.WebSocketResponse, seconds: float) -> None:
        self._socket = socket
        self._closing: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(seconds, self._begin)

    def _begin(self) -> None:
        self._closing = asyncio.create_task(self._close())

    async def _close(self) -> None:
        while not self._socket.prepared:  # noqa: ASYNC110 - another listener of the signal is still at work
            await asyncio.sleep(_HANDSHAKE_SECONDS)
        await self._socket.close(code=POLICY_VIOLATION, message=REASON.encode())

    async def end(self) -> None:
        self._timer.cancel()
        if self._closing is not None:
            if not self._socket.prepared:  # and never will be
                self._closing.cancel()
            await asyncio.wait([self._closing])
