"""starlette.CognitoAuthMiddleware in a Starlette application."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from cognito_mr_auth import Verifier
from cognito_mr_auth.starlette import CognitoAuthMiddleware, optional, principal_of, public, require

from . import NEEDED, Ask, Asker, Reply
from .client import Reached, ask_http

WEBSOCKET = False


def everything(reached: Reached) -> Any:
    """An endpoint that returns the caller."""

    async def endpoint(request: Request) -> JSONResponse:
        reached.mark()
        principal = principal_of(request)
        return JSONResponse(None if principal is None else principal.subject)

    return endpoint


def catch_all(endpoint: Any) -> Route:
    """A route of every path and method."""
    route = Route("/{path:path}", endpoint)
    route.methods = None  # such as "BREW"; the constructor takes None for GET
    return route


def application(reached: Reached, middleware: Middleware) -> Starlette:
    """Returns the caller, over HTTP or as the first message of a WebSocket."""

    async def socket(websocket: WebSocket) -> None:
        reached.mark()
        principal = principal_of(websocket)
        await websocket.accept()
        await websocket.send_json(None if principal is None else principal.subject)
        await websocket.close()

    routes: Sequence[BaseRoute] = [
        WebSocketRoute("/{path:path}", socket),
        catch_all(everything(reached)),
    ]
    app = Starlette(routes=routes, middleware=[middleware])
    app.middleware_stack = app.build_middleware_stack()  # as at startup, before the first request
    return app


def words(verifier: Verifier) -> Asker:
    """An application whose routes say `public`, `optional`, `require`, or nothing."""
    reached = Reached()
    endpoints = {
        "/public": public(everything(reached)),
        "/optional": optional(everything(reached)),
        "/required": require(NEEDED)(everything(reached)),
        "/private": everything(reached),
    }
    app = Starlette(
        routes=[Route(path, endpoint) for path, endpoint in endpoints.items()],
        middleware=[Middleware(CognitoAuthMiddleware, verifier)],
    )
    app.middleware_stack = app.build_middleware_stack()
    return lambda request: ask_http(app, request, reached.look)


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker over HTTP."""
    reached = Reached()
    app = application(reached, Middleware(CognitoAuthMiddleware, verifier, **options))

    def ask(request: Ask) -> Reply:
        return ask_http(app, request, reached.look)

    return ask
