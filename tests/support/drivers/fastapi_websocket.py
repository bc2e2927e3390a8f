"""fastapi.CognitoAuth as a dependency of a WebSocket route."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from cognito_mr_auth import Verifier
from cognito_mr_auth.fastapi import CognitoAuth

from . import Ask, Asker, Reply
from .client import Reached, ask_websocket
from .fastapi import answers_all

WEBSOCKET = True


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker that opens WebSockets; the policy is the guard's."""
    reached = Reached()
    app = FastAPI(openapi_url=None)
    answers_all(app, reached, CognitoAuth(verifier, app=app, **options))

    def ask(request: Ask) -> Reply:
        return ask_websocket(app, request, reached.look)

    return ask
