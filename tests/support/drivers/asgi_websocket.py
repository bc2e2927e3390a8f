"""asgi.CognitoAuthMiddleware around a bare ASGI application that is asked for a WebSocket."""

from __future__ import annotations

from typing import Any

from cognito_mr_auth import Verifier
from cognito_mr_auth.asgi import CognitoAuthMiddleware

from . import Ask, Asker, Reply
from .asgi import application
from .client import Reached, ask_websocket

WEBSOCKET = True


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker that opens WebSockets."""
    reached = Reached()
    app = CognitoAuthMiddleware(application(reached), verifier, **options)

    def ask(request: Ask) -> Reply:
        return ask_websocket(app, request, reached.look)

    return ask
