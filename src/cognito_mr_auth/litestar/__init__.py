"""Authentication for Litestar: a plugin that guards route handlers, or the whole application.

    auth = CognitoAuth(verifier)

    @get("/orders", guards=[auth.require(policy.scopes("orders/read"))])
    async def orders(request: Request) -> dict[str, str]: ...

    app = Litestar([orders], plugins=[auth])

Owns what the plugin adds to an application. Its middleware wraps each route handler, so it knows exactly
which one a request has reached. If no handler has handled a request, the guard checks it before its response
is sent.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Self, TypeVar, Unpack

try:
    from litestar import Request
    from litestar.config.app import AppConfig
    from litestar.exceptions import MethodNotAllowedException
    from litestar.handlers import ASGIRouteHandler, BaseRouteHandler
    from litestar.plugins import InitPlugin, ReceiveRoutePlugin
    from litestar.routes import BaseRoute, HTTPRoute
except ImportError as _missing:
    raise ImportError(
        'cognito_mr_auth.litestar needs Litestar: pip install "cognito-mr-auth[litestar]"', name="litestar"
    ) from _missing

from cognito_mr_auth._base.checks import check_flag
from cognito_mr_auth._runtime.hooks import require_policy
from cognito_mr_auth._web import asgi_scope as asgi
from cognito_mr_auth._web.asgi_types import Receive, Scope, Send
from cognito_mr_auth._web.bearer import HTTPRequest
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.life import life_of
from cognito_mr_auth._web.readiness import answer as readiness
from cognito_mr_auth._web.settings import SocketOptions
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal
from cognito_mr_auth.verifier import Verifier

from . import _errors, _handlers
from ._enforcement import Enforcement, principal_of
from ._openapi import describe, described

__all__ = ["CognitoAuth", "principal_of"]

HandlerT = TypeVar("HandlerT", bound=BaseRouteHandler)


class CognitoAuth(InitPlugin, ReceiveRoutePlugin):
    """Guards route handlers of a Litestar application, as one of its `plugins`.

    Args:
        verifier: the verifier of the tokens, or a `Guard`, which has its own options. `bind` can set it
            later.
        protect_all: every request needs a token, except for `public` and `optional` handlers and excluded
            paths. This includes OpenAPI pages, unknown URLs and mounts.
        options: settings of the guard that is made from a verifier; `guard.Guard` lists them. `optional` and
            `exclude` open what `protect_all` closes, but never a handler with its own guard.

    Other requests get 400, 401, 403 or 503 with a challenge (RFC 6750 3) and the body `{"detail": "...",
    "reason": "..."}`. An AuthError that a handler raises gets the same response. A WebSocket gets it before
    the handshake if the server can send it, else close code 1008.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """

    def __init__(
        self,
        verifier: Verifier | Guard | None = None,
        *,
        protect_all: bool = False,
        **options: Unpack[SocketOptions],
    ) -> None:
        check_flag("protect_all", protect_all)
        known = SocketOptions.__optional_keys__
        self._guard = RequestGuard.of("CognitoAuth", verifier, options, known, unbound=True)
        self._protect_all = protect_all
        self._enforcement = Enforcement(self._guard, protect_all=protect_all)

    def bind(self, verifier: Verifier) -> None:
        """Set the verifier of a CognitoAuth that was made without one.

        Raises:
            ConfigurationError: another verifier is bound already.
            TypeError: the argument is not a Verifier.
        """
        self._guard.bind(verifier)

    def __deepcopy__(self, _memo: object) -> Self:
        """Return itself, because Litestar copies routers with everything that they hold."""
        return self

    # -- the plugin -----------------------------------------------------------------------------

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Called by Litestar for an application with this plugin. It does not start without a verifier."""
        config: Any = app_config
        config.middleware.insert(0, self._enforcement.middleware)
        config.after_exception.append(_errors.note)
        config.exception_handlers = {
            AuthError: partial(_errors.answer, self._guard),
            _errors.PreflightError: _errors.answer_preflight,
            **config.exception_handlers,
        }
        config.type_encoders = {Principal: Principal.to_dict, **(config.type_encoders or {})}
        config.on_startup.append(self._check_start)
        if self._protect_all:
            config.before_send.append(_errors.hiding(self._guard, self._enforcement.saw_last))
        if self._guard.metadata is not None:
            config.route_handlers.append(self._document(self._guard.metadata.path))
        if config.openapi_config is not None:
            config.openapi_config = described(config.openapi_config, closed=self._protect_all)
        return app_config

    def receive_route(self, route: BaseRoute) -> None:
        """Called by Litestar for each route. It documents what the route's operations need.

        Raises:
            ConfigurationError: a route would give the principal of one caller to others.
        """
        _handlers.refuse_cached(route, CognitoAuth.principal)
        if isinstance(route, HTTPRoute):
            asked = HTTPRequest("GET", route.path_format, "", lambda _name: ())
            excluded = self._protect_all and self._guard.excludes(asked)
            for handler in route.route_handlers:
                describe(handler, excluded=excluded)

    def _check_start(self) -> None:
        self._guard.verifier  # noqa: B018 - a property that raises

    def _document(self, path: str) -> ASGIRouteHandler:
        async def document(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - Litestar's
            raise MethodNotAllowedException  # the middleware has answered every allowed method

        return self.public(ASGIRouteHandler(path, copy_scope=True)(document))

    # -- what is guarded ------------------------------------------------------------------------

    def require(self, policy: Policy | None = None) -> _handlers.Requirement:
        """A guard for `guards=[...]`. It needs a token that meets the policy, if one is given.

        Use it on handlers, controllers, routers and the application. If there are several, all of them apply,
        and OpenAPI lists their scopes. A CORS preflight gets 204, and the handler does not run.

        Raises:
            TypeError: `policy` is not a Policy.
        """
        require_policy(policy)
        return _handlers.Requirement(self._enforcement.enforce, policy)

    def optional(self, handler: HandlerT) -> HandlerT:
        """A decorator above `@get` and the like. Guests may use the handler; a bad token is refused.

        Guests have no principal. It applies only to that handler, and not where a subclass of its controller
        inherits it.

        Raises:
            TypeError: the handler has `require` or is `public`, or it is not a route handler.
        """
        return _handlers.mark("optional", handler)

    def public(self, handler: HandlerT) -> HandlerT:
        """A decorator above `@get` and the like. The handler is open under `protect_all`; no token is read.

        It applies only to that handler, and not where a subclass of its controller inherits it.

        Raises:
            TypeError: the handler has `require` or is `optional`, or it is not a route handler.
        """
        return _handlers.mark("public", handler)

    async def principal(self, request: Request[Any, Any, Any]) -> Principal:
        """A dependency that returns the principal: `Provide(auth.principal)`. It needs a token.

        Raises:
            AuthError: the guard refuses the request.
        """
        return await self._enforcement.enforce(request.scope, None)  # type: ignore[arg-type]

    # -- the application's life -----------------------------------------------------------------

    def lifespan(self, app: Any = None) -> AbstractAsyncContextManager[None]:
        """For `Litestar(lifespan=[auth.lifespan])`: fetch keys at the start, and close at the end.

        The start waits up to 5 s for keys. The application starts during an outage too.

        Raises:
            ConfigurationError: at the start, no verifier is bound.
        """
        return life_of(self._guard)(app)

    def ready(self, path: str = "/ready") -> ASGIRouteHandler:
        """A route handler for readiness probes: 200 `{"status": "pass"}`, or 503 `{"status": "fail"}`.

        It is `public`, and reports what `Verifier.ready()` returns.
        """

        async def ready(scope: Scope, receive: Receive, send: Send) -> None:
            await asgi.deny(scope, receive, send, readiness(self._guard.verifier, scope.get("method", "")))

        return self.public(ASGIRouteHandler(path, copy_scope=True)(ready))
