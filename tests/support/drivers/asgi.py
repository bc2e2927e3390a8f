"""asgi.CognitoAuthMiddleware around a bare ASGI application."""

from __future__ import annotations

import json
from typing import Any

from cognito_mr_auth import Verifier
from cognito_mr_auth.asgi import CognitoAuthMiddleware, principal_of

from . import Ask, Asker, Reply
from .client import Reached, ask_http

WEBSOCKET = False


def application(reached: Reached) -> Any:
    """Returns the caller, over HTTP or as the first message of a WebSocket."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.mark()
        principal = principal_of(scope)
        said = json.dumps(None if principal is None else principal.subject)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": said})
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": said.encode()})

    return app


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker over HTTP."""
    reached = Reached()
    app = CognitoAuthMiddleware(application(reached), verifier, **options)

    def ask(request: Ask) -> Reply:
        return ask_http(app, request, reached.look)

    return ask
