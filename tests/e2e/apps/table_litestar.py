"""Litestar, for the table of requests: a closed application, and handlers whose pool is out of reach."""

from __future__ import annotations

from typing import Any

from e2e.apps.settings import EXCLUDED, MARKER, READ, verifier
from litestar import Litestar, Request, WebSocket, get, route, websocket
from litestar.connection import ASGIConnection

from cognito_mr_auth.litestar import CognitoAuth, principal_of

main = CognitoAuth(
    verifier("main"),
    protect_all=True,
    exclude=[*EXCLUDED, "/dark/*"],
    subprotocol=MARKER,
    close_at_expiry=True,
)
dark = CognitoAuth(verifier("dark"))


def said(connection: ASGIConnection[Any, Any, Any, Any]) -> dict[str, Any]:
    """Who asks."""
    principal = principal_of(connection)
    return {"subject": None if principal is None else principal.subject}


@route(["/", "/me", "/{path:path}"], http_method=["GET", "OPTIONS"], status_code=200)
async def everything(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Any valid token, or an excluded path."""
    return said(request)


@get("/orders", guards=[main.require(READ)])
async def orders(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Needs the scope."""
    return said(request)


@get("/dark/me", guards=[dark.require()])
async def in_the_dark(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Its keys are out of reach."""
    return said(request)


async def greet(socket: WebSocket[Any, Any, Any]) -> None:
    """Return the caller, and the subprotocols that the application sees."""
    await socket.accept()
    await socket.send_json({**said(socket), "offered": socket.scope["subprotocols"]})
    async for text in socket.iter_data():
        await socket.send_text(text)


@websocket("/me")
async def me_socket(socket: WebSocket[Any, Any, Any]) -> None:
    """Any valid token."""
    await greet(socket)


@websocket("/orders", guards=[main.require(READ)])
async def order_socket(socket: WebSocket[Any, Any, Any]) -> None:
    """Needs the scope."""
    await greet(socket)


@websocket("/dark/me", guards=[dark.require()])
async def socket_in_the_dark(socket: WebSocket[Any, Any, Any]) -> None:
    """Its keys are out of reach."""
    await greet(socket)


app = Litestar(
    [everything, orders, in_the_dark, me_socket, order_socket, socket_in_the_dark],
    plugins=[main, dark],
    logging_config=None,
    openapi_config=None,
)
