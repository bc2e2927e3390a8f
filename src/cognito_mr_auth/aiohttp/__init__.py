"""Authentication for aiohttp's server: guards on handlers and views, or on a whole application.

    auth = CognitoAuth(verifier, app=app)

    @routes.get("/orders")
    @auth.require(policy.scopes("orders/read"))
    async def orders(request: web.Request) -> web.Response: ...

Owns the public names. `require` marks the function that it receives. The middleware enforces the marks of the
registered handler, so a decorator above `@routes.get` guards the route as well. The guard decides which
requests pass.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, TypeVar, Unpack

try:
    from aiohttp import web
except ImportError as _missing:
    raise ImportError(
        'cognito_mr_auth.aiohttp needs aiohttp: pip install "cognito-mr-auth[aiohttp]"', name="aiohttp"
    ) from _missing

from cognito_mr_auth._base.checks import check_flag
from cognito_mr_auth._runtime.hooks import require_policy
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.life import life_of
from cognito_mr_auth._web.marks import mark_open
from cognito_mr_auth._web.readiness import answer
from cognito_mr_auth._web.settings import SocketOptions
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.verifier import Verifier

from ._enforcement import Enforcement, Handler
from ._handlers import guarded
from ._requests import PRINCIPAL, principal_of, respond

__all__ = ["PRINCIPAL", "CognitoAuth", "principal_of"]

ViewT = TypeVar("ViewT", bound=Callable[..., Any])


class CognitoAuth:
    """Guards handlers of aiohttp applications, WebSockets included.

    Args:
        verifier: the verifier of the tokens, or a `Guard`, which has its own options. `bind` can set it
            later.
        app: an application to initialise at once; see `init_app`.
        protect_all: every request needs a token, except for `public` and `optional` handlers and excluded
            paths. This includes unknown URLs, static files and sub-applications.
        options: settings of the guard that is made from a verifier; `guard.Guard` lists them. `optional` and
            `exclude` open what `protect_all` closes, but never a handler with its own guard.

    Other requests get 400, 401, 403 or 503 with a challenge (RFC 6750 3) and the body `{"detail": "...",
    "reason": "..."}`. A WebSocket gets it before its handshake. An AuthError that a handler raises gets the
    same response.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """

    def __init__(
        self,
        verifier: Verifier | Guard | None = None,
        *,
        app: web.Application | None = None,
        protect_all: bool = False,
        **options: Unpack[SocketOptions],
    ) -> None:
        check_flag("protect_all", protect_all)
        known = SocketOptions.__optional_keys__
        self._guard = RequestGuard.of("CognitoAuth", verifier, options, known, unbound=True)
        self._enforcement = Enforcement(self._guard, protect_all=protect_all)

        async def ready(request: web.Request) -> web.StreamResponse:
            return respond(answer(self._guard.verifier, request.method))

        self._ready = mark_open("public", ready)
        if app is not None:
            self.init_app(app)

    def bind(self, verifier: Verifier) -> None:
        """Set the verifier of a CognitoAuth that was made without one.

        Raises:
            ConfigurationError: another verifier is bound already.
            TypeError: the argument is not a Verifier.
        """
        self._guard.bind(verifier)

    def init_app(self, app: web.Application) -> None:
        """Install the guards in an application or sub-application.

        Call it before the application serves or is added to another one. The middleware comes after those
        that are installed already, and before those that are added later. Without a verifier the application
        does not start.

        Raises:
            RuntimeError: the application serves already, is part of another one, or has this object already.
        """
        if app.pre_frozen or self._enforcement.middleware in app.middlewares:
            raise RuntimeError("call init_app once, before the application serves or is added to another")
        app.middlewares.append(self._enforcement.middleware)
        app.on_response_prepare.append(self._enforcement.preparing)
        app.on_startup.append(self._check_start)

    # -- what is guarded ------------------------------------------------------------------------

    def require(self, policy: Policy | None = None) -> Callable[[ViewT], ViewT]:
        """A decorator. The handler needs a token that meets the policy, if one is given.

        It accepts coroutine functions and methods that take a request, `web.View` classes and their methods.
        If there are several, all of them apply. A CORS preflight gets 204, and the handler does not run.

        Raises:
            TypeError: `policy` is not a Policy. The decorator raises it for a `public` or `optional` handler.
        """
        require_policy(policy)
        return partial(guarded, partial(self._enforcement.admit, policy=policy))

    def optional(self, view: ViewT) -> ViewT:
        """A decorator. Guests may use this handler, and have no principal. A bad token is refused.

        It applies only to that function, `web.View` class or method of a `web.View`.

        Raises:
            TypeError: the handler has `require` or is `public`, or it cannot be marked.
        """
        return mark_open("optional", view)

    def public(self, view: ViewT) -> ViewT:
        """A decorator. The handler is open in an application with `protect_all`, and no token is read.

        It applies only to that function, `web.View` class or method of a `web.View`.

        Raises:
            TypeError: the handler has `require` or is `optional`, or it cannot be marked.
        """
        return mark_open("public", view)

    # -- the application's life -----------------------------------------------------------------

    async def lifespan(self, app: web.Application | None = None) -> AsyncIterator[None]:
        """For `app.cleanup_ctx.append(auth.lifespan)`: fetch keys at the start, and close at the end.

        The start waits up to 5 s for keys. The application starts during an outage too.

        Raises:
            ConfigurationError: at the start, no verifier is bound.
        """
        async with life_of(self._guard)(app):
            yield

    @property
    def ready(self) -> Handler:
        """A handler for readiness probes: 200 `{"status": "pass"}`, or 503 `{"status": "fail"}`.

        Register it with `app.router.add_get("/ready", auth.ready)`. It needs no token there, also with
        `protect_all`. It reports what `Verifier.ready()` returns.
        """
        return self._ready

    async def _check_start(self, _app: web.Application) -> None:
        self._guard.verifier  # noqa: B018 - a property that raises

    def response(self, error: AuthError) -> web.Response:
        """Return the response to an error, for a middleware of yours that changes only part of it."""
        return respond(self._guard.response(error))
