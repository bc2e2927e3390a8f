"""wsgi.permit: a bare WSGI application that holds its routes' policy itself."""

from __future__ import annotations

import json
from typing import Any

from cognito_mr_auth import Verifier, errors
from cognito_mr_auth._runtime.hooks import require_policy
from cognito_mr_auth._web.wsgi_environ import status_line
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.wsgi import CognitoAuthMiddleware, permit, principal_of, refusal

from . import Ask, Asker, Reply
from .client import Reached, ask_wsgi

WEBSOCKET = False


def build(verifier: Verifier, require: Policy | None = None, **options: Any) -> Asker:
    """An asker over HTTP."""
    reached = Reached()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        try:
            if require is not None:
                permit(environ, require)
        except errors.AuthError as error:
            answer = refusal(environ, error)
            start_response(status_line(answer), list(answer.headers))
            return [answer.body]
        reached.mark()
        principal = principal_of(environ)
        start_response("200 OK", [])
        return [json.dumps(None if principal is None else principal.subject).encode()]

    require_policy(require)  # `permit` says so only when it is called
    guarded = CognitoAuthMiddleware(app, verifier, **options)

    def ask(request: Ask) -> Reply:
        return ask_wsgi(guarded, request, reached.look)

    return ask
