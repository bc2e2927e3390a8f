"""Authentication for any ASGI application, without a third-party import (ASGI 3.0).

    app = CognitoAuthMiddleware(app, verifier=verifier, exclude=["/health"])

Owns the middleware, what routes call behind it, and the endpoints for nginx's `auth_request` and for probes;
`_web.asgi_scope` serves a connection. The principal stands in `scope["cognito_mr_auth.principal"]`.
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
    """The principal of this request; None if it was let through without a token.

    Raises:
        LookupError: no guard stands before this application, and there is no `default`.
    """
    return principal_in(scope, default, _ADVICE)


async def require(scope: Scope, policy: Policy | None = None) -> Principal:
    """The principal of this request, if there is one and the policy lets it pass.

    Raises:
        AuthError: it does not, or there is no principal; the middleware makes the response to the client.
        LookupError: no CognitoAuthMiddleware stands before this application.
    """
    principal = principal_of(scope)
    guard: RequestGuard = scope[GUARD]
    return await guard.arequire(principal, policy)


def response(scope: Scope, error: AuthError) -> HTTPResponse:
    """The response for an error, for an application that answers by itself: `status`, `headers`, `body`.

    Raises:
        LookupError: no CognitoAuthMiddleware stands before this application.
    """
    guard: RequestGuard = scope[GUARD]
    return guard.response(error)


def adopt(scope: Scope, principal: Principal) -> None:
    """Make `principal` this connection's, such as that of a token in a WebSocket's first message.

    It must come from a verification by the guard's verifier. The guard's own policy is checked. With
    `close_at_expiry` the socket is closed when its token expires. A connection that has a principal takes
    only the same one, with a newer token.

    Raises:
        IssuerUnknown: the principal's issuer is none of the verifier's.
        PolicyDenied: the connection is another principal's.
        AuthError: the guard's policy refuses it.
        LookupError: no CognitoAuthMiddleware stands before this application.
        TypeError: for what is no Principal, and for a policy that must be awaited.
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
    """Lets HTTP requests and WebSockets through to `app` that carry a token the verifier accepts.

    Args:
        app: an ASGI 3 application.
        verifier: what tokens are verified with, or a `Guard`, which has its own options.
        options: settings of the guard that is made for a verifier; `guard.Guard` lists them.

    Others get 400, 401, 403 or 503 with a challenge (RFC 6750 3) and `{"detail": "...", "reason": "..."}`, as
    does an AuthError that the application raises; WebSockets get the same before the handshake if the
    server can send it, else close code 1008.

    Raises:
        ConfigurationError, TypeError: for a setting that cannot be right.
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
    """An ASGI application for nginx's `auth_request` to ask: 204 for a request that passes, else 401 or 403.

    nginx must set `X-Original-Method` and `X-Original-URI`, because `cookie=` and `exclude=` go by them. An
    outage is 503, which nginx makes 500. Preflights need a token like all else. The document of `resource=`
    is served at its own path.

    Raises:
        ConfigurationError, TypeError: for a setting that cannot be right.
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

    It says what `Verifier.ready(*providers)` says, at every path and to everybody. Behind the middleware its
    path must be excluded.

    Args:
        verifier: a verifier, or the Guard of one.
        providers: the pools that must have keys, or their IDs; all, if none is given.
        details: add what `Verifier.health` says. For a port that strangers do not reach.

    Raises:
        ConfigurationError, TypeError: for what is no verifier, or a pool that it does not have.
    """
    return _Ready(Readiness(verifier, providers, details=details))


class _Ready:
    """An instance and no function, which Starlette's `Route` would take for a view."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(scope, receive, send)
        else:
            await asgi.deny(scope, receive, send, self._readiness.answer(scope.get("method", "")))


async def _lifespan(_scope: Scope, receive: Receive, send: Send) -> None:
    """Startup and shutdown of an application that has nothing to do at either."""
    for step in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{step}.complete"})
