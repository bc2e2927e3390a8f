"""The backend for Starlette's own AuthenticationMiddleware, and that middleware with the guard's answers.

Owns what Starlette asks a backend for. The guard decides who passes, and makes the answers to others.
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

from ._users import scope_values

__all__ = ["CognitoAuthBackend", "CognitoAuthenticationError"]


class CognitoAuthenticationError(AuthenticationError):
    """A request that may not pass. `error` is the reason, and safe to show, like `str()` of this."""

    def __init__(self, error: AuthError) -> None:
        super().__init__(error.message)
        self.error = error


# A missing token is always tolerated there, and sockets need the middleware.
_OF_A_MIDDLEWARE = ("optional", "subprotocol", "close_at_expiry")
_OF_A_BACKEND = Options.__optional_keys__.difference(_OF_A_MIDDLEWARE)


class CognitoAuthBackend(AuthenticationBackend):
    """For Starlette's own AuthenticationMiddleware, with which routes are open unless `require` closes them.

        app = Starlette(routes=routes, middleware=[CognitoAuthBackend(verifier).middleware])

    Args:
        verifier: what tokens are verified with, or a `Guard`, which has its own options.
        options: settings of the guard that is made for a verifier; `guard.Guard` lists them.
            Not `optional`: a missing token is always tolerated here. Not `subprotocol` and `close_at_expiry`
            either, which need CognitoAuthMiddleware.

    Raises:
        ConfigurationError, TypeError: for a setting that cannot be right.
    """

    def __init__(self, verifier: Verifier | Guard, **options: Unpack[Options]) -> None:
        refuse_options(options, _OF_A_MIDDLEWARE, "is for CognitoAuthMiddleware, not for CognitoAuthBackend")
        self._guard = RequestGuard.of("CognitoAuthBackend", verifier, options, _OF_A_BACKEND)

    @property
    def middleware(self) -> Middleware:
        """Starlette's middleware with this backend, which gives the guard's answers.

        Also to an AuthError that the application raises, and to WebSockets. Starlette's own does neither, and
        needs `on_error=backend.on_error`, or an outage is 400.
        """
        return Middleware(_BackendMiddleware, backend=self)

    @property
    def routes(self) -> list[Route]:
        """What to add to the application's routes: the RFC 9728 document, where `resource=` is given."""
        return [] if self._guard.metadata is None else [document_route(self._guard.metadata)]

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """Credentials and user; None for a request without a token.

        Raises:
            CognitoAuthenticationError: it has a token and may not pass.
        """
        http_request = asgi.read_request(conn.scope)
        principal = None
        if self._guard.document(http_request) is None:
            try:
                principal = await self._guard.averify(http_request)
            except CredentialsMissing as error:
                conn.scope[MISSING] = error.with_traceback(None)
            except AuthError as error:
                # Starlette's own middleware makes an answer without the guard.
                record(error, self._guard.outcomes)
                raise CognitoAuthenticationError(error.with_traceback(None)) from None
        values = scope_values(self._guard, principal)
        conn.scope.update(values)
        return None if principal is None else (values["auth"], values["user"])

    def on_error(self, conn: HTTPConnection, exc: AuthenticationError) -> Response:
        """The guard's answer; for another backend's error, Starlette's own."""
        if isinstance(exc, CognitoAuthenticationError):
            return respond(conn, self._guard.response(exc.error))
        return PlainTextResponse(str(exc), status_code=400)


class _BackendMiddleware(AuthenticationMiddleware):
    """Starlette's, in front of which an AuthError is answered, wherever it was raised."""

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
