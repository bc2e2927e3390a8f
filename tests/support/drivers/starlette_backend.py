"""starlette.CognitoAuthBackend in its middleware, and `require` on the route."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette

from cognito_mr_auth import Verifier, starlette
from cognito_mr_auth.policy import Policy

from . import Ask, Asker, Reply
from .client import Reached, ask_http
from .starlette import catch_all, everything

WEBSOCKET = False


def build(verifier: Verifier, require: Policy | None = None, **options: Any) -> Asker:
    """An asker over HTTP; the policy is the route's."""
    reached = Reached()
    backend = starlette.CognitoAuthBackend(verifier, **options)
    app = Starlette(
        routes=[*backend.routes, catch_all(starlette.require(require)(everything(reached)))],
        middleware=[backend.middleware],
    )

    def ask(request: Ask) -> Reply:
        return ask_http(app, request, reached.look)

    return ask
