"""Authentication for any WSGI application, without a third-party import (PEP 3333).

    application = CognitoAuthMiddleware(application, verifier=verifier, exclude=["/health"])

Owns where the principal goes, `environ["cognito_mr_auth.principal"]`, and the endpoints for nginx's
`auth_request` and for probes. Works around Flask, Django and a bare application alike.
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
    """The principal of this request; None if it was let through without a token.

    Raises:
        LookupError: no guard stands before this application, and there is no `default`.
    """
    return principal_in(environ, default, _ADVICE)


def require(environ: Mapping[str, Any], policy: Policy | None = None) -> Principal:
    """The principal of this request, if there is one and the policy lets it pass.

    Raises:
        AuthError: it does not, or there is no principal; the middleware makes the response to the client.
        LookupError: no CognitoAuthMiddleware stands before this application.
    """
    principal = principal_of(environ)
    guard: RequestGuard = environ[GUARD]
    return guard.require(principal, policy)


def response(environ: Mapping[str, Any], error: AuthError) -> HTTPResponse:
    """The response for an error, for an application that answers by itself: `status`, `headers`, `body`.

    Raises:
        LookupError: no CognitoAuthMiddleware stands before this application.
    """
    guard: RequestGuard = environ[GUARD]
    return guard.response(error)


class CognitoAuthMiddleware:
    """Lets requests through to `app` that carry a token the verifier accepts.

    Args:
        app: a WSGI application.
        verifier: what tokens are verified with, or a `Guard`, which has its own options. Hooks must not be
            coroutine functions.
        options: settings of the guard that is made for a verifier; `guard.Guard` lists them.

    Others get 400, 401, 403 or 503 with a challenge (RFC 6750 3) and `{"detail": "...", "reason": "..."}`, as
    does an AuthError that the application raises before its response has begun.

    Raises:
        ConfigurationError, TypeError: for a setting that cannot be right.
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
    """A WSGI application for nginx's `auth_request` to ask: 204 for a request that passes, else 401 or 403.

    nginx must set `X-Original-Method` and `X-Original-URI`, because `cookie=` and `exclude=` go by them. An
    outage is 503, which nginx makes 500. Preflights need a token like all else. The document of `resource=`
    is served at its own path.

    Raises:
        ConfigurationError, TypeError: for a setting that cannot be right.
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

    It says what `Verifier.ready(*providers)` says, at every path and to everybody. Behind the middleware its
    path must be excluded.

    Args:
        verifier: a verifier, or the Guard of one.
        providers: the pools that must have keys, or their IDs; all, if none is given.
        details: add what `Verifier.health` says. For a port that strangers do not reach.

    Raises:
        ConfigurationError, TypeError: for what is no verifier, or a pool that it does not have.
    """
    readiness = Readiness(verifier, providers, details=details)

    def endpoint(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        return respond(readiness.answer(environ["REQUEST_METHOD"]), environ, start_response)

    return endpoint
