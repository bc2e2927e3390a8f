"""Authentication for Starlette: middleware with default-deny, or a backend for Starlette's own.

    app = Starlette(routes=routes, middleware=[Middleware(CognitoAuthMiddleware, verifier=verifier)])

Owns what Starlette's users expect to find: `request.user`, `request.auth`, `@require` for a route and
`@public` for one without a token. The guard decides who passes, and makes the answers to others.
"""

from __future__ import annotations

from functools import partial
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
    from starlette.requests import HTTPConnection
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import Route
except ImportError as missing:
    raise ImportError('this adapter needs Starlette: pip install "cognito-mr-auth[starlette]"') from missing

from cognito_mr_auth._web import asgi_scope as asgi
from cognito_mr_auth._web.asgi_types import App, Receive, Scope, Send
from cognito_mr_auth._web.guard import Guard, Options
from cognito_mr_auth.errors import AuthError, ConfigurationError, CredentialsMissing
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

from ._routes import leads_to_public, principal_of, public, require, response, router_behind

__all__ = [
    "CognitoAuthBackend",
    "CognitoAuthMiddleware",
    "CognitoAuthenticationError",
    "CognitoUser",
    "principal_of",
    "public",
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


def _scope_values(guard: Guard, principal: Principal | None) -> dict[str, Any]:
    """What a connection's scope holds once the guard has looked at it."""
    found = asgi.scope_values(guard, principal)
    if principal is None:
        return found | {"auth": AuthCredentials(), "user": UnauthenticatedUser()}
    scopes = ["authenticated", *sorted(principal.scopes)]
    return found | {"auth": AuthCredentials(scopes), "user": CognitoUser(principal)}


# -- the middleware -------------------------------------------------------------------------------


class CognitoAuthMiddleware:
    """Lets HTTP requests and WebSockets through that carry a token the verifier accepts.

    Args:
        app: the application behind it; Starlette passes it in.
        verifier: what tokens are verified with.
        subprotocol: a marker; the subprotocol offered right after it is the token (WebSocket only).
        close_at_expiry: close open WebSockets when their token expires (close code 1008).
        options: what every adapter takes; see `Options`.

    Routes whose endpoint is marked `public` need no token, and a token there is not read. Everything
    else is as with `asgi.CognitoAuthMiddleware`.

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
        self.app = app
        self._is_public = partial(leads_to_public, router_behind(app))
        self._guard = Guard(verifier, subprotocol=subprotocol, close_at_expiry=close_at_expiry, **options)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await asgi.serve(
            self.app,
            self._guard,
            scope,
            receive,
            send,
            is_public=self._is_public,
            values=_scope_values,
        )


# -- the backend ----------------------------------------------------------------------------------


class CognitoAuthenticationError(AuthenticationError):
    """A request that may not pass. `error` is the reason, and safe to show, like `str()` of this."""

    def __init__(self, error: AuthError) -> None:
        super().__init__(str(error))
        self.error = error


class CognitoAuthBackend(AuthenticationBackend):
    """For Starlette's own AuthenticationMiddleware, with which routes are open unless `require` closes them.

        app = Starlette(routes=routes, middleware=[CognitoAuthBackend(verifier).middleware])

    Args:
        verifier: what tokens are verified with.
        options: see `Options`. Not `optional`: a missing token is always tolerated here. Not
            `subprotocol` and `close_at_expiry` either, which need CognitoAuthMiddleware.

    Raises:
        ConfigurationError, TypeError: for a setting that cannot be right.
    """

    def __init__(self, verifier: Verifier, **options: Unpack[Options]) -> None:
        for name in ("optional", "subprotocol", "close_at_expiry"):
            if name in options:
                raise ConfigurationError(f"{name}= is for CognitoAuthMiddleware, not for CognitoAuthBackend")
        self._guard = Guard(verifier, **options)

    @property
    def middleware(self) -> Middleware:
        """Starlette's middleware with this backend and its `on_error`; without that an outage is 400."""
        return Middleware(AuthenticationMiddleware, backend=self, on_error=self.on_error)

    @property
    def routes(self) -> list[Route]:
        """What to add to the application's routes: the RFC 9728 document, where `resource=` is given."""
        metadata = self._guard.metadata
        if metadata is None:
            return []
        return [Route(metadata.path, lambda _request: response(metadata.answer))]

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
            except CredentialsMissing:
                pass
            except AuthError as error:
                raise CognitoAuthenticationError(error.with_traceback(None)) from None
        values = _scope_values(self._guard, principal)
        conn.scope.update(values)
        return None if principal is None else (values["auth"], values["user"])

    def on_error(self, conn: HTTPConnection, exc: AuthenticationError) -> Response:  # noqa: ARG002 - Starlette's
        """The guard's answer; for another backend's error, Starlette's own."""
        if isinstance(exc, CognitoAuthenticationError):
            return response(self._guard.response(exc.error))
        return PlainTextResponse(str(exc), status_code=400)
