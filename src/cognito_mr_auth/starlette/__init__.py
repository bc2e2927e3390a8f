"""Authentication for Starlette: middleware that denies by default, or a backend for Starlette's middleware.

    app = Starlette(routes=routes, middleware=[Middleware(CognitoAuthMiddleware, verifier=verifier)])

Owns what Starlette's users expect: `request.user` and `request.auth`, the decorators `@require`, `@optional`
and `@public`, and `lifespan` and `ready` for the application. The guard decides which requests pass, and
makes the responses to the others.
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
from ._users import CognitoUser, fill_scope

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
    """Let HTTP requests and WebSockets pass only with a token that the verifier accepts.

    Args:
        app: the application inside the middleware. Starlette passes it.
        verifier: the verifier of the tokens, or a `Guard`, which has its own options.
        options: settings of the guard that is made from a verifier; `guard.Guard` lists them.

    A route whose endpoint is marked `public` needs no token, and a token there is not read. A route marked
    `optional` needs no token either, but a bad token is refused. Everything else is as with
    `asgi.CognitoAuthMiddleware`.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
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
            is_closed=self._look_ahead.all_closed,
            fill=fill_scope,
        )


# -- the application's life -----------------------------------------------------------------------


def lifespan(verifier: Verifier | Guard) -> Lifespan:
    """A lifespan that fetches keys at the start and closes the verifier at the end.

    Use it as `Starlette(lifespan=lifespan(verifier))`, or inside your own lifespan as
    `async with lifespan(verifier)():`. The start waits up to 5 s for keys. The application starts during an
    outage too.

    Raises:
        TypeError: the argument is not a verifier.
    """
    return life_of(RequestGuard.of("lifespan", verifier, {}, ignored=IGNORED))


def ready(verifier: Verifier | Guard, *providers: UserPool | str, details: bool = False) -> Endpoint:
    """A `public` endpoint for readiness probes.

    It answers 200 `{"status": "pass"}` or 503 `{"status": "fail"}`, as `Verifier.ready(*providers)` decides.
    `details` adds what `Verifier.health` returns. Use it only on a port that the public cannot reach.

    Raises:
        ConfigurationError, TypeError: the argument is not a verifier, or it has no such pool.
    """
    return probe(Readiness(verifier, providers, details=details).answer)
