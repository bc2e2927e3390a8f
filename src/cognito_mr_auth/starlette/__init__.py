"""Authentication for Starlette: middleware with default-deny, or a backend for Starlette's own.

    app = Starlette(routes=routes, middleware=[Middleware(CognitoAuthMiddleware, verifier=verifier)])

Owns what Starlette's users expect to find: `request.user` and `request.auth`, and for a route `@require`,
`@optional` and `@public`; for the application `lifespan` and `ready`. The guard decides who passes, and makes
the answers to others.
"""

from __future__ import annotations

from typing import Unpack

try:
    from ._backend import CognitoAuthBackend, CognitoAuthenticationError
except ImportError as _missing:
    raise ImportError('this adapter needs Starlette: pip install "cognito-mr-auth[starlette]"') from _missing

from cognito_mr_auth._starlette.endpoints import Endpoint, probe
from cognito_mr_auth._starlette.look_ahead import LookAhead, router_behind
from cognito_mr_auth._starlette.marks import optional, public
from cognito_mr_auth._web import asgi_scope as asgi
from cognito_mr_auth._web.asgi_types import App, Receive, Scope, Send
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.life import Lifespan, life_of
from cognito_mr_auth._web.readiness import IGNORED, Readiness
from cognito_mr_auth._web.settings import SocketOptions
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.pool import UserPool
from cognito_mr_auth.verifier import Verifier

from ._routes import principal_of, require
from ._users import CognitoUser, scope_values

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
            values=scope_values,
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
