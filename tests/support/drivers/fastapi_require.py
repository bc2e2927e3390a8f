"""fastapi.CognitoAuth, its policy named by a route."""

from __future__ import annotations

from typing import Any

from cognito_mr_auth import Verifier
from cognito_mr_auth.fastapi import CognitoAuth

from . import Ask, Asker, Reply
from .client import Reached, ask_http
from .fastapi import application

WEBSOCKET = False


def build(verifier: Verifier, require: Any = None, **options: Any) -> Asker:
    """An asker over HTTP; the policy is the route's."""
    reached = Reached()
    auth = CognitoAuth(verifier, **options)
    app = application(auth, reached, auth.require(require), resource=options.get("resource"))

    def ask(request: Ask) -> Reply:
        return ask_http(app, request, reached.look)

    return ask
