"""Starlette, for the table of requests; a second application, whose pool is out of reach, below /dark."""

from __future__ import annotations

from typing import Any

from e2e.apps.settings import EXCLUDED, MARKER, READ, verifier
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from cognito_mr_auth.asgi import principal_of
from cognito_mr_auth.starlette import CognitoAuthMiddleware, require


def said(connection: HTTPConnection) -> dict[str, Any]:
    """Who asks."""
    principal = principal_of(connection.scope)
    return {"subject": None if principal is None else principal.subject}


async def everything(request: Request) -> JSONResponse:
    """Any valid token, or an excluded path."""
    return JSONResponse(said(request))


async def socket(websocket: WebSocket) -> None:
    """Return the caller, and the subprotocols that the application sees."""
    await websocket.accept()
    await websocket.send_json({**said(websocket), "offered": websocket.scope["subprotocols"]})
    async for text in websocket.iter_text():
        await websocket.send_text(text)


@require(READ)
async def orders(request: Request) -> JSONResponse:
    """Needs the scope."""
    return JSONResponse(said(request))


@require(READ)
async def order_socket(websocket: WebSocket) -> None:
    """Needs the scope."""
    await socket(websocket)


main = Starlette(
    routes=[
        Route("/orders", orders),
        WebSocketRoute("/orders", order_socket),
        WebSocketRoute("/me", socket),
        Route("/{path:path}", everything, methods=["GET", "OPTIONS"]),
    ],
    middleware=[
        Middleware(
            CognitoAuthMiddleware,
            verifier=verifier("main"),
            exclude=EXCLUDED,
            subprotocol=MARKER,
            close_at_expiry=True,
        )
    ],
)
dark = Starlette(
    routes=[Mount("/dark", routes=[Route("/me", everything), WebSocketRoute("/me", socket)])],
    middleware=[Middleware(CognitoAuthMiddleware, verifier=verifier("dark"))],
)


async def app(scope: Any, receive: Any, send: Any) -> None:
    """One of the two, by path."""
    chosen = dark if scope.get("path", "").startswith("/dark/") else main
    await chosen(scope, receive, send)
