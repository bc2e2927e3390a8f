"""The backend for Starlette's AuthenticationMiddleware, and that middleware with the guard's responses.

Owns the interface of a Starlette backend. The guard decides which requests pass, and makes the responses to
the others.
"""

from __future__ import annotations

from typing import Unpack

from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, BaseUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cognito_mr_auth._runtime.refusals import record
from cognito_mr_auth._starlette.endpoints import document_route, respond
from cognito_mr_auth._web import asgi_scope as asgi
from cognito_mr_auth._web.asgi_types import App, Receive, Scope, Send
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.settings import Options, refuse_options
from cognito_mr_auth._web.state import MISSING
from cognito_mr_auth.errors import AuthError, CredentialsMissing
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.verifier import Verifier

from ._users import fill_scope

__all__ = ["CognitoAuthBackend", "CognitoAuthenticationError"]


class CognitoAuthenticationError(AuthenticationError):
    """A request that is refused. `error` is the reason. It is safe to show, and so is `str()` of this."""

    def __init__(self, error: AuthError) -> None:
        super().__init__(error.message)
        self.error = error


# Starlette's middleware always accepts a missing token, and WebSockets need our own middleware.
_OF_A_MIDDLEWARE = ("optional", "subprotocol", "close_at_expiry")
_OF_A_BACKEND = Options.__optional_keys__.difference(_OF_A_MIDDLEWARE)


class CognitoAuthBackend(AuthenticationBackend):
    """A backend for Starlette's AuthenticationMiddleware. Routes are open unless `require` closes them.

        app = Starlette(routes=routes, middleware=[CognitoAuthBackend(verifier).middleware])

    Args:
        verifier: the verifier of the tokens, or a `Guard`, which has its own options.
        options: settings of the guard that is made from a verifier; `guard.Guard` lists them.
            `optional` is refused, because a missing token is always accepted here. `subprotocol` and
            `close_at_expiry` are refused, because they need CognitoAuthMiddleware.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """

    def __init__(self, verifier: Verifier | Guard, **options: Unpack[Options]) -> None:
        refuse_options(options, _OF_A_MIDDLEWARE, "is for CognitoAuthMiddleware, not for CognitoAuthBackend")
        self._guard = RequestGuard.of("CognitoAuthBackend", verifier, options, _OF_A_BACKEND)

    @property
    def middleware(self) -> Middleware:
        """Starlette's middleware with this backend, which sends the guard's responses.

        It responds to an AuthError that the application raises, and to WebSockets. Starlette's own middleware
        does neither, and answers 400 in an outage unless it has `on_error=backend.on_error`.
        """
        return Middleware(_BackendMiddleware, backend=self)

    @property
    def routes(self) -> list[Route]:
        """The routes to add to the application: the RFC 9728 document if `resource=` is given."""
        return [] if self._guard.metadata is None else [document_route(self._guard.metadata)]

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """Return credentials and user; None for a request without a token.

        Raises:
            CognitoAuthenticationError: the request has a token and is refused.
        """
        http_request = asgi.read_request(conn.scope)
        principal = None
        if self._guard.document(http_request) is None:
            try:
                principal = await self._guard.averify(http_request)
            except CredentialsMissing as error:
                conn.scope[MISSING] = error.with_traceback(None)
            except AuthError as error:
                # Starlette's own middleware makes its response without the guard.
                record(error, self._guard.outcomes)
                raise CognitoAuthenticationError(error.with_traceback(None)) from None
        fill_scope(conn.scope, self._guard, principal)
        return None if principal is None else (conn.scope["auth"], conn.scope["user"])

    def on_error(self, conn: HTTPConnection, exc: AuthenticationError) -> Response:
        """Return the guard's response, or Starlette's own response to an error of another backend."""
        if isinstance(exc, CognitoAuthenticationError):
            return respond(conn, self._guard.response(exc.error))
        return PlainTextResponse(str(exc), status_code=400)


class _BackendMiddleware(AuthenticationMiddleware):
    """Starlette's middleware, outside of which every AuthError gets a response, wherever it was raised."""

    def __init__(self, app: App, backend: CognitoAuthBackend) -> None:
        super().__init__(app, backend, on_error=self._refuse)
        self._backend = backend
        self._guard = backend._guard  # noqa: SLF001 - the backend's own middleware

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        serve = asgi.start if scope["type"] == "lifespan" else asgi.answer
        await serve(super().__call__, self._guard, scope, receive, send)

    def _refuse(self, conn: HTTPConnection, exc: AuthenticationError) -> Response:
        if isinstance(exc, CognitoAuthenticationError):
            raise exc.error from None
        return self._backend.on_error(conn, exc)
