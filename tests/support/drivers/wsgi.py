"""wsgi.CognitoAuthMiddleware around a bare WSGI application."""

from __future__ import annotations

import json
from typing import Any

from cognito_mr_auth import Verifier
from cognito_mr_auth.wsgi import CognitoAuthMiddleware, principal_of

from . import Ask, Asker, Reply
from .client import Reached, ask_wsgi

WEBSOCKET = False


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker over HTTP."""
    reached = Reached()

    def application(environ: Any, start_response: Any) -> list[bytes]:
        reached.mark()
        principal = principal_of(environ)
        start_response("200 OK", [])
        return [json.dumps(None if principal is None else principal.subject).encode()]

    app = CognitoAuthMiddleware(application, verifier, **options)

    def ask(request: Ask) -> Reply:
        return ask_wsgi(app, request, reached.look)

    return ask
