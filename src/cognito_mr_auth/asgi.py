"""Authentication for any ASGI application, without a third-party import (ASGI 3.0).

    app = CognitoAuthMiddleware(app, verifier=verifier, exclude=["/health"])

Owns the middleware, the functions that routes call behind it, and the endpoints for nginx's `auth_request`
and for probes. `_web.asgi_scope` serves a connection. The principal is in
`scope["cognito_mr_auth.principal"]`.
"""

from __future__ import annotations

from typing import Unpack

from ._web import asgi_scope as asgi
from ._web.asgi_types import App, Receive, Scope, Send
from ._web.auth_request import OF_SOCKETS, PASSES, client_request, refusal
from ._web.bearer import HTTPResponse
from ._web.guard import RequestGuard
from ._web.readiness import Readiness
from ._web.settings import Options, SocketOptions
from ._web.state import EXPIRY, GUARD, PRINCIPAL, REQUIRED, Default, principal_in
from .errors import AuthError
from .guard import Guard
from .policy import Policy
from .pool import UserPool
from .principal import Principal
from .verifier import Verifier

__all__ = [
    "PRINCIPAL",
    "CognitoAuthMiddleware",
    "adopt",
    "auth_request",
    "principal_of",
    "ready",
    "require",
    "response",
]

_ADVICE = "mount CognitoAuthMiddleware around the application"


def principal_of(scope: Scope, default: Default = REQUIRED) -> Principal | Default | None:
    """The principal of this request; None if the request passed without a token.

    Raises:
        LookupError: no guard wraps this application, and no `default` is given.
    """
    return principal_in(scope, default, _ADVICE)


async def require(scope: Scope, policy: Policy | None = None) -> Principal:
    """Return the principal of this request if there is one and the policy accepts it.

    Raises:
        AuthError: there is no principal, or the policy refuses it. The middleware makes the response.
        LookupError: no CognitoAuthMiddleware wraps this application.
    """
    principal = principal_of(scope)
    guard: RequestGuard = scope[GUARD]
    return await guard.arequire(principal, policy)


def response(scope: Scope, error: AuthError) -> HTTPResponse:
    """Return the response to an error as `status`, `headers` and `body`. The application sends it itself.

    Raises:
        LookupError: no CognitoAuthMiddleware wraps this application.
    """
    guard: RequestGuard = scope[GUARD]
    return guard.response(error)


def adopt(scope: Scope, principal: Principal) -> None:
    """Set the principal of this connection, for example from the token in a WebSocket's first message.

    The principal must come from a verification by the guard's verifier. The guard's own policy is checked.
    With `close_at_expiry` the socket is closed when the principal's token expires. A connection that has a
    principal accepts only the same principal, with a newer token.

    Raises:
        IssuerUnknown: the verifier does not accept the principal's issuer.
        PolicyDenied: the connection belongs to another principal.
        AuthError: the guard's policy refuses the principal.
        LookupError: no CognitoAuthMiddleware wraps this application.
        TypeError: the argument is not a Principal, or the policy must be awaited.
    """
    if not isinstance(principal, Principal):
        raise TypeError(f"give the Principal that averify() returned, not {type(principal).__name__}")
    before = principal_of(scope)
    guard: RequestGuard = scope[GUARD]
    guard.check_adopted(principal, before)
    scope[PRINCIPAL] = principal
    if EXPIRY in scope:
        scope[EXPIRY](guard.verifier._seconds_left(principal))


class CognitoAuthMiddleware:
    """Let HTTP requests and WebSockets reach `app` only with a token that the verifier accepts.

    Args:
        app: an ASGI 3 application.
        verifier: the verifier of the tokens, or a `Guard`, which has its own options.
        options: settings of the guard that is made from a verifier; `guard.Guard` lists them.

    Other requests get 400, 401, 403 or 503 with a challenge (RFC 6750 3) and the body
    `{"detail": "...", "reason": "..."}`. An AuthError that the application raises gets the same response.
    WebSockets get it before the handshake if the server can send it, else close code 1008.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """

    def __init__(self, app: App, verifier: Verifier | Guard, **options: Unpack[SocketOptions]) -> None:
        self._app = app
        self._guard = RequestGuard.of(
            "CognitoAuthMiddleware", verifier, options, SocketOptions.__optional_keys__
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await asgi.serve(self._app, self._guard, scope, receive, send)


def auth_request(verifier: Verifier | Guard, **options: Unpack[Options]) -> App:
    """An ASGI application for nginx's `auth_request`: 204 for a request that passes, else 401 or 403.

    nginx must set `X-Original-Method` and `X-Original-URI`, because `cookie=` and `exclude=` depend on them.
    During an outage it answers 503, which nginx turns into 500. CORS preflights need a token here. The
    document of `resource=` is served at its own path.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """
    guard = RequestGuard.of("auth_request", verifier, options, ignored=OF_SOCKETS)

    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await asgi.start(_lifespan, guard, scope, receive, send)
            return
        request = asgi.read_request(scope)
        if request.websocket:
            raise ValueError("auth_request() answers HTTP requests")
        answer = guard.document(request)
        if answer is None:
            try:
                await guard.averify(client_request(request))
            except AuthError as error:
                answer = refusal(guard, error)
        await asgi.respond(scope, send, answer or PASSES)

    return endpoint


def ready(verifier: Verifier | Guard, *providers: UserPool | str, details: bool = False) -> App:
    """An ASGI application for readiness probes: 200 `{"status": "pass"}`, or 503 `{"status": "fail"}`.

    It reports what `Verifier.ready(*providers)` returns, at every path and without a token. Exclude its path
    if it is behind the middleware.

    Args:
        verifier: a verifier, or the Guard of one.
        providers: the pools that must have keys, or their IDs. By default, all pools.
        details: add what `Verifier.health` returns. Use it only on a port that the public cannot reach.

    Raises:
        ConfigurationError, TypeError: the argument is not a verifier, or it has no such pool.
    """
    return _Ready(Readiness(verifier, providers, details=details))


class _Ready:
    """An instance, not a function, because Starlette's `Route` would treat a function as a view."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(scope, receive, send)
        else:
            await asgi.deny(scope, receive, send, self._readiness.answer(scope.get("method", "")))


async def _lifespan(_scope: Scope, receive: Receive, send: Send) -> None:
    """Startup and shutdown of an application that does nothing at either."""
    for step in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{step}.complete"})
