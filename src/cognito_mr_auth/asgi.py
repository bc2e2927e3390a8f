"""Authentication for any ASGI application, without a third-party import (ASGI 3.0).

    app = CognitoAuthMiddleware(app, verifier=verifier, exclude=["/health"])

Owns the middleware and what routes call behind it; `_web.asgi_scope` serves a connection. The principal
stands in `scope["cognito_mr_auth.principal"]`.
"""

from __future__ import annotations

from typing import Unpack

from ._web import asgi_scope as asgi
from ._web.asgi_types import App, Receive, Scope, Send
from ._web.bearer import GUARD, PRINCIPAL, HTTPResponse
from ._web.guard import Guard, Options
from .errors import AuthError
from .policy import Policy
from .principal import Principal
from .verifier import Verifier

__all__ = ["PRINCIPAL", "CognitoAuthMiddleware", "principal_of", "require", "response"]


def principal_of(scope: Scope) -> Principal | None:
    """The principal of this request; None if it was let through without a token.

    Raises:
        LookupError: no CognitoAuthMiddleware stands before this application.
    """
    if PRINCIPAL not in scope:
        raise LookupError("no principal in the scope: mount CognitoAuthMiddleware around the application")
    found: Principal | None = scope[PRINCIPAL]
    return found


async def require(scope: Scope, policy: Policy) -> Principal:
    """The principal of this request, if a route's policy lets it pass.

    Raises:
        AuthError: it does not, or there is no principal; `response` makes the answer to the client.
        LookupError: no CognitoAuthMiddleware stands before this application.
    """
    principal = principal_of(scope)
    guard: Guard = scope[GUARD]
    return await guard.arequire(principal, policy)


def response(scope: Scope, error: AuthError) -> HTTPResponse:
    """The response for an error of `require`: `status`, `headers` and `body`."""
    guard: Guard = scope[GUARD]
    return guard.response(error)


class CognitoAuthMiddleware:
    """Lets HTTP requests and WebSockets through to `app` that carry a token the verifier accepts.

    Args:
        app: an ASGI 3 application.
        verifier: what tokens are verified with.
        subprotocol: a marker; the subprotocol offered right after it is the token (WebSocket only).
        close_at_expiry: close open WebSockets when their token expires (close code 1008).
        options: what every adapter takes; see `Options`.

    Others get 400, 401, 403 or 503 with a challenge (RFC 6750 3) and `{"detail": "..."}`; WebSockets
    get the same before the handshake if the server can send it, else close code 1008.

    Raises:
        ConfigurationError, TypeError: for a setting that cannot be right.
    """

    def __init__(
        self,
        app: App,
        verifier: Verifier,
        *,
        subprotocol: str | None = None,
        close_at_expiry: bool = False,
        **options: Unpack[Options],
    ) -> None:
        self._app = app
        self._guard = Guard(verifier, subprotocol=subprotocol, close_at_expiry=close_at_expiry, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await asgi.serve(self._app, self._guard, scope, receive, send)
