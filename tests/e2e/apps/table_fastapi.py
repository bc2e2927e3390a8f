"""FastAPI, for the table of requests: guarded, scoped and excluded paths, and a pool out of reach."""

from __future__ import annotations

from typing import Annotated

from e2e.apps.settings import EXCLUDED, MARKER, READ, verifier
from fastapi import Depends, FastAPI, WebSocket

from cognito_mr_auth import Principal
from cognito_mr_auth.fastapi import CognitoAuth

app = FastAPI(openapi_url=None)
auth = CognitoAuth(verifier("main"), app=app, exclude=EXCLUDED, subprotocol=MARKER)
dark = CognitoAuth(verifier("dark"), app=app)

AnyPrincipal = Annotated[Principal | None, Depends(auth)]
Reader = Annotated[Principal, Depends(auth.require(READ))]
InTheDark = Annotated[Principal, Depends(dark)]


def said(principal: Principal | None) -> dict[str, str | None]:
    """Who asks."""
    return {"subject": None if principal is None else principal.subject}


@app.get("/orders")
async def orders(principal: Reader) -> dict[str, str | None]:
    """Needs the scope."""
    return said(principal)


@app.get("/dark/me")
async def in_the_dark(principal: InTheDark) -> dict[str, str | None]:
    """Its keys are out of reach."""
    return said(principal)


@app.api_route("/{path:path}", methods=["GET", "OPTIONS"])
async def everything(principal: AnyPrincipal) -> dict[str, str | None]:
    """Any valid token, or an excluded path."""
    return said(principal)


@app.websocket("/orders")
async def order_socket(websocket: WebSocket, principal: Reader) -> None:
    """Needs the scope."""
    await greet(websocket, principal)


@app.websocket("/dark/me")
async def socket_in_the_dark(websocket: WebSocket, principal: InTheDark) -> None:
    """Its keys are out of reach."""
    await greet(websocket, principal)


@app.websocket("/me")
async def socket(websocket: WebSocket, principal: AnyPrincipal) -> None:
    """Any valid token."""
    await greet(websocket, principal)


async def greet(websocket: WebSocket, principal: Principal | None) -> None:
    """Return the caller, and the subprotocols that the application sees."""
    await websocket.accept()
    await websocket.send_json({**said(principal), "offered": websocket.scope["subprotocols"]})
    async for text in websocket.iter_text():
        await websocket.send_text(text)
