"""WebSockets of aiohttp: a token in their subprotocols, and the expiry of their token.

Owns the time between an accepted handshake and the end of a socket. aiohttp reveals a socket only by its
signal before the response to the handshake.
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

# How often to check whether a handshake has ended whose token has expired. This is rare, so it may be slow.
_HANDSHAKE_SECONDS = 0.1


def without_token(request: web.Request, asked: HTTPRequest, guard: RequestGuard) -> web.Request:
    """Remove a token from the subprotocols, because aiohttp logs those that the server does not select."""
    shown = shown_subprotocols(asked, guard.subprotocol)
    if shown is None:
        return request
    found = request[STATE]
    if OFFERED in found:  # an outer guard has already removed the token after its own marker
        still = request.headers[_NAME].split(", ")
        shown = [each for each in shown if each in still]
    found.setdefault(OFFERED, asked.subprotocols)
    found.setdefault(_MARKERS, {})[guard] = guard.subprotocol
    # A clone's headers must be UTF-8, and a client may send any octets.
    pairs = [(name, value.encode("utf-8", "replace").decode()) for name, value in request.headers.items()]
    headers = CIMultiDict(pairs)
    headers[_NAME] = ", ".join(shown)
    return request.clone(headers=headers)


def opens(request: web.Request, socket: web.WebSocketResponse, guard: RequestGuard) -> None:
    """Select the guard's marker as subprotocol, and start the timer of the socket.

    Raises:
        TokenExpired: the token has expired already.
    """
    found = request[STATE]
    if marker := found.get(_MARKERS, {}).get(guard):  # browsers require one of the protocols they offered
        socket.headers.setdefault(_NAME, marker)
    principal = found.get(state.PRINCIPAL)
    if guard.close_at_expiry and principal is not None:
        seconds = guard.verifier._seconds_left(principal)
        if seconds <= 0:
            raise TokenExpired
        found[_Expiry, guard] = _Expiry(socket, seconds)


async def end(request: web.Request, guard: RequestGuard) -> None:
    """Stop the timer that `opens` has started. Wait for a close that is in progress."""
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
        while not self._socket.prepared:  # noqa: ASYNC110 - another listener of the signal is still running
            await asyncio.sleep(_HANDSHAKE_SECONDS)
        await self._socket.close(code=POLICY_VIOLATION, message=REASON.encode())

    async def end(self) -> None:
        self._timer.cancel()
        if self._closing is not None:
            if not self._socket.prepared:  # the request has ended without a handshake
                self._closing.cancel()
            await asyncio.wait([self._closing])
