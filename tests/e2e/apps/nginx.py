"""What stands behind nginx: the endpoint that it asks, and an application that says what came through."""

from __future__ import annotations

from typing import Any

from e2e.apps.settings import EXCLUDED, READ, verifier

from cognito_mr_auth.asgi import auth_request

ORIGIN = "https://app.example.com"
asked = {
    "/auth": auth_request(verifier("main"), exclude=EXCLUDED, cookie="at", allowed_origins=[ORIGIN]),
    "/auth-orders": auth_request(verifier("main"), require=READ),
    "/auth-dark": auth_request(verifier("dark")),
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """One of the endpoints, or the application, which answers everybody."""
    if scope["type"] == "lifespan":
        await asked["/auth"](scope, receive, send)
    elif scope["path"] in asked:
        await asked[scope["path"]](scope, receive, send)
    else:
        body = f"{scope['method']} {scope['path']}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})
