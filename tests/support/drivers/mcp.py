"""mcp.CognitoAuthMiddleware around a bare ASGI application that asks as a tool does."""

from __future__ import annotations

import json
from typing import Any

from cognito_mr_auth import Verifier
from cognito_mr_auth.mcp import CognitoAuthMiddleware, principal_of

from . import Ask, Asker, Reply
from .client import Reached, ask_http

WEBSOCKET = False


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker over HTTP. Of an MCP server the operator says where clients sign in; here all issuers."""
    reached = Reached()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.mark()
        principal = principal_of()
        said = json.dumps(None if principal is None else principal.subject)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": said.encode()})

    if "resource" in options:
        options = {"authorization_servers": verifier._authorization_servers, **options}
    guarded = CognitoAuthMiddleware(app, verifier, **options)

    def ask(request: Ask) -> Reply:
        return ask_http(guarded, request, reached.look)

    return ask
