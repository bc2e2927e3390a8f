"""fastapi.CognitoAuth, its policy named by a route."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from cognito_mr_auth import Verifier
from cognito_mr_auth.fastapi import CognitoAuth

from . import Ask, Asker, Reply
from .client import Reached, ask_http
from .fastapi import answers_all

WEBSOCKET = False


def build(verifier: Verifier, require: Any = None, **options: Any) -> Asker:
    """An asker over HTTP; the policy is the route's."""
    reached = Reached()
    app = FastAPI(openapi_url=None)
    answers_all(app, reached, CognitoAuth(verifier, app=app, **options).require(require))

    def ask(request: Ask) -> Reply:
        return ask_http(app, request, reached.look)

    return ask
