"""Authentication for any WSGI application, without a third-party import (PEP 3333).

    application = CognitoAuthMiddleware(application, verifier=verifier, exclude=["/health"])

Owns the key of the principal, `environ["cognito_mr_auth.principal"]`, and the endpoints for nginx's
`auth_request` and for probes. It can wrap Flask, Django or an application without a framework.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from ._web.auth_request import OF_SOCKETS, PASSES, client_request, refusal
from ._web.bearer import HTTPResponse
from ._web.guard import RequestGuard
from ._web.readiness import Readiness
from ._web.settings import Options
from ._web.state import GUARD, PRINCIPAL, REQUIRED, Default, principal_in
from ._web.wsgi_environ import answering, known, read_request, respond, without_body
from .errors import AuthError
from .guard import Guard
from .policy import Policy
from .pool import UserPool
from .principal import Principal
from .verifier import Verifier

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication

__all__ = [
    "PRINCIPAL",
    "CognitoAuthMiddleware",
    "auth_request",
    "principal_of",
    "ready",
    "require",
    "response",
]

_ADVICE = "mount CognitoAuthMiddleware around the application"


def principal_of(environ: Mapping[str, Any], default: Default = REQUIRED) -> Principal | Default | None:
    """The principal of this request; None if the request passed without a token.

    Raises:
        LookupError: no guard wraps this application, and no `default` is given.
    """
    return principal_in(environ, default, _ADVICE)


def require(environ: Mapping[str, Any], policy: Policy | None = None) -> Principal:
    """Return the principal of this request if there is one and the policy accepts it.

    Raises:
        AuthError: there is no principal, or the policy refuses it. The middleware makes the response.
        LookupError: no CognitoAuthMiddleware wraps this application.
    """
    principal = principal_of(environ)
    guard: RequestGuard = environ[GUARD]
    return guard.require(principal, policy)


def response(environ: Mapping[str, Any], error: AuthError) -> HTTPResponse:
    """Return the response to an error as `status`, `headers` and `body`. The application sends it itself.

    Raises:
        LookupError: no CognitoAuthMiddleware wraps this application.
    """
    guard: RequestGuard = environ[GUARD]
    return guard.response(error)


class CognitoAuthMiddleware:
    """Let requests reach `app` only with a token that the verifier accepts.

    Args:
        app: a WSGI application.
        verifier: the verifier of the tokens, or a `Guard`, which has its own options. Hooks must not be
            coroutine functions.
        options: settings of the guard that is made from a verifier; `guard.Guard` lists them.

    Other requests get 400, 401, 403 or 503 with a challenge (RFC 6750 3) and the body
    `{"detail": "...", "reason": "..."}`. An AuthError that the application raises before its response has
    begun gets the same response.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """

    def __init__(self, app: WSGIApplication, verifier: Verifier | Guard, **options: Unpack[Options]) -> None:
        self._app = app
        self._guard = RequestGuard.of("CognitoAuthMiddleware", verifier, options)
        self._guard.refuse_async_hooks()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        guard = self._guard
        principal = known(guard, environ)
        if principal is not None:
            environ[PRINCIPAL], environ[GUARD] = principal, guard
            return answering(self._app, guard, environ, start_response)
        request = read_request(environ)
        document = guard.document(request)
        if document is not None:
            return respond(document, environ, start_response)
        try:
            principal = guard.verify(request, behind=environ)
        except AuthError as error:
            return respond(guard.response(error), environ, start_response)
        environ[PRINCIPAL], environ[GUARD] = principal, guard
        app = partial(without_body, self._app) if guard.is_preflight(request) else self._app
        return answering(app, guard, environ, start_response)


def auth_request(verifier: Verifier | Guard, **options: Unpack[Options]) -> WSGIApplication:
    """A WSGI application for nginx's `auth_request`: 204 for a request that passes, else 401 or 403.

    nginx must set `X-Original-Method` and `X-Original-URI`, because `cookie=` and `exclude=` depend on them.
    During an outage it answers 503, which nginx turns into 500. CORS preflights need a token here. The
    document of `resource=` is served at its own path.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """
    guard = RequestGuard.of("auth_request", verifier, options, ignored=OF_SOCKETS)
    guard.refuse_async_hooks()

    def endpoint(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = read_request(environ)
        answer = guard.document(request)
        if answer is None:
            try:
                guard.verify(client_request(request))
            except AuthError as error:
                answer = refusal(guard, error)
        return respond(answer or PASSES, environ, start_response)

    return endpoint


def ready(verifier: Verifier | Guard, *providers: UserPool | str, details: bool = False) -> WSGIApplication:
    """A WSGI application for readiness probes: 200 `{"status": "pass"}`, or 503 `{"status": "fail"}`.

    It reports what `Verifier.ready(*providers)` returns, at every path and without a token. Exclude its path
    if it is behind the middleware.

    Args:
        verifier: a verifier, or the Guard of one.
        providers: the pools that must have keys, or their IDs. By default, all pools.
        details: add what `Verifier.health` returns. Use it only on a port that the public cannot reach.

    Raises:
        ConfigurationError, TypeError: the argument is not a verifier, or it has no such pool.
    """
    readiness = Readiness(verifier, providers, details=details)

    def endpoint(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        return respond(readiness.answer(environ["REQUEST_METHOD"]), environ, start_response)

    return endpoint
