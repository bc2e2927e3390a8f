"""Authentication for aiohttp's server: guards on handlers and views, or on a whole application.

    auth = CognitoAuth(verifier, app=app)

    @routes.get("/orders")
    @auth.require(policy.scopes("orders/read"))
    async def orders(request: web.Request) -> web.Response: ...

Owns what users write. `require` marks the function that it receives, and the middleware enforces the marks
of the registered handler, so that a decorator above `@routes.get` guards the route as well. The guard decides
who passes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, TypeVar, Unpack

try:
    from aiohttp import web
except ImportError as error:
    raise ImportError(
        'cognito_mr_auth.aiohttp needs aiohttp: pip install "cognito-mr-auth[aiohttp]"', name="aiohttp"
    ) from error

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
        verifier: the verifier of the tokens, or a `Guard`, which has its own options; may come later,
            by `bind`.
        app: an application to initialise at once; see `init_app`.
        protect_all: every request of the application needs a token, unknown URLs, static files and
            sub-applications included, except `public` and `optional` handlers and excluded paths.
        options: settings of the guard that is made for a verifier; `guard.Guard` lists them. `optional` and
            `exclude` open what `protect_all` closes, but never a handler that names its guard.

    Others get 400, 401, 403 or 503 with a challenge (RFC 6750 3) and `{"detail": "...", "reason": "..."}`, a
    WebSocket before its handshake; so does an AuthError that a handler raises.

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
        """Verify with `verifier` from now on, for a CognitoAuth that was made without one.

        Raises:
            ConfigurationError: another verifier is bound already.
            TypeError: the argument is not a Verifier.
        """
        self._guard.bind(verifier)

    def init_app(self, app: web.Application) -> None:
        """Install the guards in an application or sub-application, before it serves or is added to another.

        The middleware stands behind those that are there already, and in front of those that come later.
        Without a verifier the application does not start.

        Raises:
            RuntimeError: it serves already, is part of another one, or knows this object.
        """
        if app.pre_frozen or self._enforcement.middleware in app.middlewares:
            raise RuntimeError("call init_app once, before the application serves or is added to another")
        app.middlewares.append(self._enforcement.middleware)
        app.on_response_prepare.append(self._enforcement.preparing)
        app.on_startup.append(self._check_start)

    # -- what is guarded ------------------------------------------------------------------------

    def require(self, policy: Policy | None = None) -> Callable[[ViewT], ViewT]:
        """A decorator: the handler needs a token and, if given, what the policy says.

        For coroutine functions and methods that take a request, `web.View` classes and their methods.
        Several hold together. A CORS preflight gets 204, and the handler is not called.

        Raises:
            TypeError: for what is no policy; by the decorator, for a handler that is `public` or `optional`.
        """
        require_policy(policy)
        return partial(guarded, partial(self._enforcement.admit, policy=policy))

    def optional(self, view: ViewT) -> ViewT:
        """A decorator: guests are welcome at this handler, and have no principal; a bad token is refused.

        Holds for that function, `web.View` class or method of one alone.

        Raises:
            TypeError: for a handler that requires something or is `public`, and for what cannot be marked.
        """
        return mark_open("optional", view)

    def public(self, view: ViewT) -> ViewT:
        """A decorator: the handler is open in what is protected as a whole, and no token is looked at.

        Holds for that function, `web.View` class or method of one alone.

        Raises:
            TypeError: for a handler that requires something or is `optional`, and for what cannot be marked.
        """
        return mark_open("public", view)

    # -- the application's life -----------------------------------------------------------------

    async def lifespan(self, app: web.Application | None = None) -> AsyncIterator[None]:
        """For `app.cleanup_ctx.append(auth.lifespan)`: warm at the start, closed at the end.

        The start waits up to 5 s for keys. The application starts during an outage too.

        Raises:
            ConfigurationError: at the start, no verifier is bound.
        """
        async with life_of(self._guard)(app):
            yield

    @property
    def ready(self) -> Handler:
        """A handler for readiness probes: 200 `{"status": "pass"}`, or 503 `{"status": "fail"}`.

        `app.router.add_get("/ready", auth.ready)`: open to everybody there, under `protect_all` too. It says
        what `Verifier.ready()` says.
        """
        return self._ready

    async def _check_start(self, _app: web.Application) -> None:
        self._guard.verifier  # noqa: B018 - a property that raises

    def response(self, error: AuthError) -> web.Response:
        """The response to an error, for a middleware of yours that changes only some of it."""
        return respond(self._guard.response(error))
