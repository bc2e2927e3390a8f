"""wsgi.require: a bare WSGI application that holds its routes' policy itself."""

from __future__ import annotations

import json
from typing import Any

from cognito_mr_auth import Verifier, wsgi
from cognito_mr_auth._runtime.hooks import require_policy
from cognito_mr_auth.policy import Policy

from . import Ask, Asker, Reply
from .client import Reached, ask_wsgi

WEBSOCKET = False


def build(verifier: Verifier, require: Policy | None = None, **options: Any) -> Asker:
    """An asker over HTTP."""
    reached = Reached()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        if require is not None:
            wsgi.require(environ, require)
        reached.mark()
        principal = wsgi.principal_of(environ)
        start_response("200 OK", [])
        return [json.dumps(None if principal is None else principal.subject).encode()]

    require_policy(require)  # `require` says so only when it is called
    guarded = wsgi.CognitoAuthMiddleware(app, verifier, **options)

    def ask(request: Ask) -> Reply:
        return ask_wsgi(guarded, request, reached.look)

    return ask
