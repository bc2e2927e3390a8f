"""fastapi.CognitoAuth as a dependency of a WebSocket route."""

from __future__ import annotations

from typing import Any

from cognito_mr_auth import Verifier
from cognito_mr_auth.fastapi import CognitoAuth

from . import Ask, Asker, Reply
from .client import Reached, ask_websocket
from .fastapi import application

WEBSOCKET = True


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker that opens WebSockets; the policy is the guard's."""
    reached = Reached()
    auth = CognitoAuth(verifier, **options)
    app = application(auth, reached, auth, resource=options.get("resource"))

    def ask(request: Ask) -> Reply:
        return ask_websocket(app, request, reached.look)

    return ask
