"""aiohttp.CognitoAuth(protect_all=True) in an application that is asked for a WebSocket."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from cognito_mr_auth import Verifier
from cognito_mr_auth.aiohttp import CognitoAuth

from . import Asker
from ._aiohttp import asker, subject
from .client import Reached

WEBSOCKET = True


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker that opens WebSockets."""
    reached = Reached()
    auth = CognitoAuth(verifier, protect_all=True, **options)

    async def socket(request: web.Request) -> web.WebSocketResponse:
        reached.mark()
        opened = web.WebSocketResponse()
        await opened.prepare(request)
        await opened.send_json(subject(request))
        return opened

    return asker(auth, lambda: [web.get("/{path:.*}", socket)], reached, websocket=True)
