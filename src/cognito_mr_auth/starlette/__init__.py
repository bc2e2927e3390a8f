"""Authentication for Starlette: middleware with default-deny, or a backend for Starlette's own.

    app = Starlette(routes=routes, middleware=[Middleware(CognitoAuthMiddleware, verifier=verifier)])

Owns what Starlette's users expect to find: `request.user` and `request.auth`, and for a route `@require`,
`@optional` and `@public`; for the application `lifespan` and `ready`. The guard decides who passes, and makes
the answers to others.
"""

from __future__ import annotations

from typing import Any, Unpack

try:
    from starlette.authentication import (
        AuthCredentials,
        AuthenticationBackend,
        AuthenticationError,
        BaseUser,
        UnauthenticatedUser,
    )
    from starlette.middleware import Middleware
    from starlette.middleware.authentication import AuthenticationMiddleware
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import Route
except ImportError as missing:
    raise ImportError('this adapter needs Starlette: pip install "cognito-mr-auth[starlette]"') from missing

from cognito_mr_auth._runtime.refusals import record
from cognito_mr_auth._starlette.life import Endpoint, Lifespan, life_of, probe
from cognito_mr_auth._starlette.look_ahead import LookAhead, router_behind
from cognito_mr_auth._starlette.marks import optional, public
from cognito_mr_auth._web import asgi_scope as asgi
from cognito_mr_auth._web.asgi_types import App, Receive, Scope, Send
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.readiness import IGNORED, Readiness
from cognito_mr_auth._web.settings import Options, SocketOptions
from cognito_mr_auth._web.state import MISSING
from cognito_mr_auth.errors import AuthError, ConfigurationError, CredentialsMissing
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.pool import UserPool
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

from ._routes import principal_of, require, response

__all__ = [
    "CognitoAuthBackend",
    "CognitoAuthMiddleware",
    "CognitoAuthenticationError",
    "CognitoUser",
    "lifespan",
    "optional",
    "principal_of",
    "public",
    "ready",
    "require",
]


class CognitoUser(BaseUser):
    """`request.user` of a request with a token. `principal` is everything that the token says."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal

    @property
    def is_authenticated(self) -> bool:
        """True."""
        return True

    @property
    def display_name(self) -> str:
        """The username; a machine's subject."""
        return self.principal.username or self.principal.subject

    @property
    def identity(self) -> str:
        """The subject, unique within the user pool."""
        return self.principal.subject


def _scope_values(guard: RequestGuard, principal: Principal | None) -> dict[str, Any]:
    """What a connection's scope holds once the guard has looked at it."""
    found = asgi.scope_values(guard, principal)
    if principal is None:
        found.update(auth=AuthCredentials(), user=UnauthenticatedUser())
    else:
        scopes = ["authenticated", *sorted(principal.scopes)]
        found.update(auth=AuthCredentials(scopes), user=CognitoUser(principal))
    return found


# -- the middleware -------------------------------------------------------------------------------


class CognitoAuthMiddleware:
    """Lets HTTP requests and WebSockets through that carry a token the verifier accepts.

    Args:
        app: the application behind it; Starlette passes it in.
        verifier: what tokens are verified with, or a `Guard`, which has its own options.
        options: settings of the guard that is made for a verifier; `guard.Guard` lists them.

    Routes whose endpoint is marked `public` need no token, and a token there is not read; those marked
    `optional` need none either, and a bad one is refused. Everything else is as with
    `asgi.CognitoAuthMiddleware`.

    Raises:
        ConfigurationError, TypeError: for a setting that cannot be right.
    """

    def __init__(self, app: App, verifier: Verifier | Guard, **options: Unpack[SocketOptions]) -> None:
        self.app = app
        self._guard = RequestGuard.of(
            "CognitoAuthMiddleware", verifier, options, SocketOptions.__optional_keys__
        )
        self._look_ahead = LookAhead(router_behind(app), self._guard)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await asgi.serve(
            self.app,
            self._guard,
            scope,
            receive,
            send,
            look_ahead=self._look_ahead,
            alike=self._look_ahead.all_closed,
            values=_scope_values,
        )


# -- the application's life -----------------------------------------------------------------------


def lifespan(verifier: Verifier | Guard) -> Lifespan:
    """A lifespan, for `Starlette(lifespan=lifespan(verifier))`: warm at the start, closed at the end.

    The start waits for keys, at most 5 s, and an outage does not keep the application from it. In a lifespan
    of your own: `async with lifespan(verifier)():`.

    Raises:
        TypeError: for what is no verifier.
    """
    return life_of(RequestGuard.of("lifespan", verifier, {}, ignored=IGNORED))


def ready(verifier: Verifier | Guard, *providers: UserPool | str, details: bool = False) -> Endpoint:
    """An endpoint for readiness probes, which is `public`.

    It answers 200 `{"status": "pass"}`, or 503 `{"status": "fail"}`: what `Verifier.ready(*providers)` says.
    `details` adds what `Verifier.health` says, for a port that strangers do not reach.

    Raises:
        ConfigurationError, TypeError: for what is no verifier, or a pool that it does not have.
    """
    return probe(Readiness(verifier, providers, details=details).answer)


# -- the backend ----------------------------------------------------------------------------------


class CognitoAuthenticationError(AuthenticationError):
    """A request that may not pass. `error` is the reason, and safe to show, like `str()` of this."""

    def __init__(self, error: AuthError) -> None:
        super().__init__(error.message)
        self.error = error


# A missing token is always tolerated there, and sockets need the middleware.
_OF_A_BACKEND = Options.__optional_keys__ - {"optional"}


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
        for name in ("optional", "subprotocol", "close_at_expiry"):
            if name in options:
                raise ConfigurationError(f"{name}= is for CognitoAuthMiddleware, not for CognitoAuthBackend")
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
        metadata = self._guard.metadata
        if metadata is None:
            return []

        def document(request: Request) -> Response:
            said = metadata.answers[request.method]
            return response(said._replace(body=b"") if request.method == "HEAD" else said)

        return [Route(metadata.path, document, methods=list(metadata.answers))]

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
        values = _scope_values(self._guard, principal)
        conn.scope.update(values)
        return None if principal is None else (values["auth"], values["user"])

    def on_error(self, conn: HTTPConnection, exc: AuthenticationError) -> Response:  # noqa: ARG002 - Starlette's
        """The guard's answer; for another backend's error, Starlette's own."""
        if isinstance(exc, CognitoAuthenticationError):
            return response(self._guard.response(exc.error))
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
