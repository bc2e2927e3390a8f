"""A bare ASGI application, for the table of requests; closes its sockets when the token expires."""

from __future__ import annotations

import json
from typing import Any

from e2e.apps.settings import EXCLUDED, MARKER, READ, verifier

from cognito_mr_auth.asgi import CognitoAuthMiddleware, principal_of


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Returns the caller, over HTTP or WebSocket."""
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    principal = principal_of(scope)
    said = {"subject": None if principal is None else principal.subject}
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        said["offered"] = scope["subprotocols"]
        await send({"type": "websocket.send", "text": json.dumps(said)})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})
        return
    body = json.dumps(said).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


main = CognitoAuthMiddleware(
    bare, verifier("main"), exclude=EXCLUDED, subprotocol=MARKER, close_at_expiry=True
)
orders = CognitoAuthMiddleware(bare, verifier("main"), require=READ)
dark = CognitoAuthMiddleware(bare, verifier("dark"))


async def app(scope: Any, receive: Any, send: Any) -> None:
    """One of the three, by path."""
    path = scope.get("path", "")
    chosen = dark if path.startswith("/dark/") else orders if path == "/orders" else main
    await chosen(scope, receive, send)
