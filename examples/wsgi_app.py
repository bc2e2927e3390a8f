"""WSGI without a framework: one middleware per policy.

python -m cognito_mr_auth.testing --scope orders/read -- gunicorn --chdir examples wsgi_app:application
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.wsgi import CognitoAuthMiddleware, principal_of, ready

verifier = Verifier.from_env()


def _json(start_response: Callable[..., Any], document: object, status: str = "200 OK") -> list[bytes]:
    body = json.dumps(document).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def orders(_environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """A token with the scope."""
    return _json(start_response, {"orders": []})


probe = ready(verifier)
guarded_orders = CognitoAuthMiddleware(orders, verifier, require=policy.scopes("orders/read"))


def site(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Any valid token, except for /health and /ready."""
    path = environ.get("PATH_INFO", "")
    if path == "/health":
        return _json(start_response, {"status": "ok"})
    if path == "/ready":
        return probe(environ, start_response)
    if path == "/orders":
        return guarded_orders(environ, start_response)
    principal = principal_of(environ)
    if path == "/me" and principal is not None:
        return _json(start_response, {"subject": principal.subject, "issuer": principal.issuer.kind})
    return _json(start_response, {"detail": "not found"}, "404 Not Found")


application = CognitoAuthMiddleware(site, verifier, exclude=["/health", "/ready"])
