"""The middleware of `protect_all`, between an application's own middleware and its router.

Owns the middleware. The guard decides which requests pass, and `_starlette.look_ahead` finds the endpoint
that a request will reach.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request, WebSocket
from fastapi.requests import HTTPConnection

from cognito_mr_auth._starlette.look_ahead import LookAhead, router_behind
from cognito_mr_auth._web import asgi_scope as asgi
from cognito_mr_auth._web.asgi_types import App, Message, Receive, Scope, Send
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.principal import Principal

from ._refusals import answer

__all__ = ["ProtectAll"]

# Statuses by which a router describes a URL, not a request: unknown, another method, or an extra slash.
_OF_THE_URL = frozenset({307, 308, 404, 405})


class ProtectAll:
    """Let requests and sockets reach the router with an accepted token, or if their route is public.

    This is the innermost middleware. It judges the request as the other middleware changed it, and those may
    answer preflights and add headers to refusals. `overriding` returns a principal that a test has set.
    """

    def __init__(
        self,
        app: App,
        guard: RequestGuard,
        overriding: Callable[[HTTPConnection], Awaitable[object]],
    ) -> None:
        self._app = app
        self._guard = guard
        self._overriding = overriding
        self._look_ahead = LookAhead(router_behind(app), guard)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "lifespan":
            principal = await self._overriding(HTTPConnection(scope))
            if isinstance(principal, Principal):
                asgi.fill_scope(scope, self._guard, principal)
            if scope.get("method") == "OPTIONS" and self._guard.is_preflight(asgi.read_request(scope)):
                send = _alike(send)
        await asgi.serve(
            self._app,
            self._guard,
            scope,
            receive,
            send,
            look_ahead=self._look_ahead,
            is_closed=self._look_ahead.all_closed,
            refuse=self._refuse,
        )

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, error: AuthError) -> None:
        kind = WebSocket if scope["type"] == "websocket" else Request
        connection: HTTPConnection = kind(scope, receive, send)
        answered = await answer(self._guard, connection, error)
        if answered is not None:
            await answered(scope, receive, send)


def _alike(send: Send) -> Send:
    """Answer 204 to a preflight that no application has answered, whether or not its URL has a route."""

    async def send_alike(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] in _OF_THE_URL:
            message = {**message, "status": 204, "headers": []}
        await send(message)

    return send_alike
