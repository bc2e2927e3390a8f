"""A bare WSGI application, for the table of requests."""

from __future__ import annotations

import json
from typing import Any

from e2e.apps.settings import EXCLUDED, READ, verifier

from cognito_mr_auth.wsgi import CognitoAuthMiddleware, principal_of


def bare(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Returns the caller."""
    principal = principal_of(environ)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"subject": None if principal is None else principal.subject}).encode()]


main = CognitoAuthMiddleware(bare, verifier("main"), exclude=EXCLUDED)
orders = CognitoAuthMiddleware(bare, verifier("main"), require=READ)
dark = CognitoAuthMiddleware(bare, verifier("dark"))


def app(environ: dict[str, Any], start_response: Any) -> Any:
    """One of the three, by path."""
    path = environ["PATH_INFO"]
    chosen = dark if path.startswith("/dark/") else orders if path == "/orders" else main
    return chosen(environ, start_response)
