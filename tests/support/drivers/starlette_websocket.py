"""starlette.CognitoAuthMiddleware in a Starlette application that is asked for a WebSocket."""

from __future__ import annotations

from typing import Any

from starlette.middleware import Middleware

from cognito_mr_auth import Verifier
from cognito_mr_auth.starlette import CognitoAuthMiddleware

from . import Ask, Asker, Reply
from .client import Reached, ask_websocket
from .starlette import application

WEBSOCKET = True


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker that opens WebSockets."""
    reached = Reached()
    app = application(reached, Middleware(CognitoAuthMiddleware, verifier, **options))

    def ask(request: Ask) -> Reply:
        return ask_websocket(app, request, reached.look)

    return ask
