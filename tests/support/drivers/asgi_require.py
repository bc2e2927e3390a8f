"""asgi.require: a bare ASGI application that holds its routes' policy itself."""

from __future__ import annotations

from typing import Any

from cognito_mr_auth import Verifier, asgi
from cognito_mr_auth._runtime.hooks import require_policy
from cognito_mr_auth.policy import Policy

from . import Ask, Asker, Reply
from .asgi import application
from .client import Reached, ask_http

WEBSOCKET = False


def build(verifier: Verifier, require: Policy | None = None, **options: Any) -> Asker:
    """An asker over HTTP."""
    reached = Reached()
    inner = application(reached)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if require is not None:
            await asgi.require(scope, require)
        await inner(scope, receive, send)

    require_policy(require)  # `require` says so only when it is called
    guarded = asgi.CognitoAuthMiddleware(app, verifier, **options)

    def ask(request: Ask) -> Reply:
        return ask_http(guarded, request, reached.look)

    return ask
