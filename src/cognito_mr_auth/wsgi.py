"""Authentication for any WSGI application, without a third-party import (PEP 3333).

    application = CognitoAuthMiddleware(application, verifier=verifier, exclude=["/health"])

Owns only where the principal goes: `environ["cognito_mr_auth.principal"]`. Works around Flask, Django and a
bare application alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Unpack

from ._web.bearer import GUARD, PRINCIPAL, HTTPResponse
from ._web.guard import Guard, Options
from ._web.wsgi_environ import read_request, status_line, without_body
from .errors import AuthError
from .policy import Policy
from .principal import Principal
from .verifier import Verifier

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication

__all__ = ["PRINCIPAL", "CognitoAuthMiddleware", "principal_of", "require", "response"]


def principal_of(environ: Mapping[str, Any]) -> Principal | None:
    """The principal of this request; None if it was let through without a token.

    Raises:
        LookupError: no CognitoAuthMiddleware stands before this application.
    """
    if PRINCIPAL not in environ:
        raise LookupError("no principal in the environ: mount CognitoAuthMiddleware around the application")
    found: Principal | None = environ[PRINCIPAL]
    return found


def require(environ: Mapping[str, Any], policy: Policy) -> Principal:
    """The principal of this request, if a route's policy lets it pass.

    Raises:
        AuthError: it does not, or there is no principal; `response` makes the answer to the client.
        LookupError: no CognitoAuthMiddleware stands before this application.
    """
    principal = principal_of(environ)
    guard: Guard = environ[GUARD]
    return guard.require(principal, policy)


def response(environ: Mapping[str, Any], error: AuthError) -> HTTPResponse:
    """The response for an error of `require`: `status`, `headers` and `body`."""
    guard: Guard = environ[GUARD]
    return guard.response(error)


class CognitoAuthMiddleware:
    """Lets requests through to `app` that carry a token the verifier accepts.

    Args:
        app: a WSGI application.
        verifier: what tokens are verified with; its hooks must not be coroutine functions.
        options: what every adapter takes; see `Options`.

    Others get 400, 401, 403 or 503 with a challenge (RFC 6750 3) and `{"detail": "..."}`.

    Raises:
        ConfigurationError, TypeError: for a setting that cannot be right.
    """

    def __init__(self, app: WSGIApplication, verifier: Verifier, **options: Unpack[Options]) -> None:
        self._app = app
        self._guard = Guard(verifier, **options)
        self._guard.refuse_async_hooks()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        request = read_request(environ)
        answer = self._guard.document(request)
        if answer is None:
            try:
                environ[PRINCIPAL] = self._guard.verify(request)
                environ[GUARD] = self._guard
            except AuthError as error:
                answer = self._guard.response(error)
        if answer is not None:
            return _respond(answer, request.method, start_response)
        if self._guard.is_preflight(request):
            return without_body(self._app, environ, start_response)
        return self._app(environ, start_response)


def _respond(answer: HTTPResponse, method: str, start_response: Callable[..., object]) -> list[bytes]:
    start_response(status_line(answer), list(answer.headers))
    return [] if method == "HEAD" else [answer.body]  # RFC 9110 9.3.2; not every server cuts it off
