"""Guards a connection: the middleware around its handler, and the check that a handler's own guards call.

Owns when the guard is called, and what a scope holds afterwards. The guard decides which requests pass.
"""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection

from cognito_mr_auth._web import asgi_scope as asgi
from cognito_mr_auth._web.asgi_types import App, Receive, Scope, Send
from cognito_mr_auth._web.bearer import HTTPRequest
from cognito_mr_auth._web.guard import Need, RequestGuard
from cognito_mr_auth._web.state import EXPIRY, REQUIRED, Default, principal_in
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal

from . import _errors, _handlers

__all__ = ["Enforcement", "principal_of"]

# The key in a connection's scope of the Enforcement that has seen it last.
_INSTALLED = "cognito_mr_auth.litestar"


def principal_of(
    connection: ASGIConnection[Any, Any, Any, Any], default: Default = REQUIRED
) -> Principal | Default | None:
    """The principal of this request or WebSocket; None if the request passed without a token.

    Raises:
        LookupError: no guard checked the request, and no `default` is given.
    """
    advice = "put guards=[auth.require()] or @auth.optional on its handler, or protect_all=True"
    return principal_in(connection.scope, default, advice)


def _fill_scope(scope: Scope, guard: RequestGuard, principal: Principal | None) -> None:
    asgi.fill_scope(scope, guard, principal)
    scope["user"] = scope["auth"] = principal


def _leave_scope(_scope: Scope, _guard: RequestGuard, _principal: Principal | None) -> None:
    pass


class Enforcement:
    """The state and checks that all applications of one CognitoAuth share."""

    def __init__(self, guard: RequestGuard, *, protect_all: bool) -> None:
        self._guard = guard
        self._protect_all = protect_all

    def middleware(self, app: App) -> App:
        """Return the middleware around one route handler."""
        open_to_errors = _errors.through(app)

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            scope[_INSTALLED] = self
            looked = self._protect_all or _handlers.word_of(scope["route_handler"]) is not None
            await asgi.serve(
                open_to_errors,
                self._guard,
                scope,
                receive,
                send,
                look_ahead=self._look_ahead,
                is_closed=self._handler_is_closed,
                fill=_fill_scope if looked else _leave_scope,
                refuse=self._refuse,
            )

        return guarded

    def saw_last(self, scope: Scope) -> bool:
        """Whether no plugin of an application mounted behind this one has seen the connection since."""
        return scope.get(_INSTALLED) is self

    def _handler_is_closed(self, scope: Scope) -> bool:
        return self._protect_all and _handlers.word_of(scope["route_handler"]) is None

    def _look_ahead(self, scope: Scope, request: HTTPRequest) -> tuple[HTTPRequest, Need | None]:
        word = _handlers.word_of(scope["route_handler"])
        if word == "optional":
            return request, "optional"
        if word == "public" or not self._protect_all:
            return request, None
        path, route = _handlers.path_of(scope), _handlers.segments(scope)
        return request._replace(path=path, route=route), "configured"

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, error: AuthError) -> None:
        if scope["type"] != "websocket":
            raise error.with_traceback(None)  # to the application's exception handlers
        await asgi.deny(scope, receive, send, self._guard.response(error))

    async def enforce(self, scope: Scope, policy: Policy | None) -> Principal:
        """Return the principal of a connection whose handler has its own guard.

        Raises:
            AuthError: the guard refuses the connection.
            PreflightError: the connection is a preflight that passes.
            RuntimeError: the application does not have the plugin.
        """
        if _INSTALLED not in scope:
            raise RuntimeError("this application does not know CognitoAuth: plugins=[auth]")
        request = asgi.read_request(scope)
        if self._guard.is_preflight(request):
            raise _errors.PreflightError
        found = await self._guard.averify(request, policy, need="required", behind=scope)
        principal = self._guard.require(found, None)
        _fill_scope(scope, self._guard, principal)
        if EXPIRY in scope:
            scope[EXPIRY](self._guard.verifier._seconds_left(principal))
        return principal
