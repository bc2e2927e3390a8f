"""Starlette's routes: which need no token, and which need more than a valid one.

Owns the decorators `public` and `require`, and finds the endpoint before Starlette's router does. A route
that cannot be followed beyond doubt is not public.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial, wraps
from types import MethodType
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import BaseRoute, Host, Match, Mount, Route, Router, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketState

from cognito_mr_auth._runtime.hooks import is_async, require_policy
from cognito_mr_auth._web import asgi_scope as asgi
from cognito_mr_auth._web.asgi_types import POLICY_VIOLATION, Scope
from cognito_mr_auth._web.bearer import GUARD, PRINCIPAL, HTTPRequest, HTTPResponse
from cognito_mr_auth._web.exclusions import unambiguous
from cognito_mr_auth._web.guard import Guard
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal

__all__ = ["leads_to_public", "principal_of", "public", "require", "response", "router_behind"]

_PUBLIC = "__cognito_mr_auth_public__"
_REQUIRED = "__cognito_mr_auth_required__"

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


# -- the mark -------------------------------------------------------------------------------------


def public(endpoint: Endpoint) -> Endpoint:
    """Mark a function, or a class of endpoints, as open: CognitoAuthMiddleware asks for no token there.

    A subclass of a public class is not public.

    Raises:
        TypeError: for what cannot be marked, or is guarded by `require`.
    """
    given: object = endpoint
    if not callable(given) or isinstance(given, (MethodType, BaseRoute)):
        raise TypeError(f"public marks functions and classes, not {type(given).__name__}")
    methods = [getattr(endpoint, name, None) for name in dir(endpoint)] if isinstance(endpoint, type) else []
    if any(_marked(each, _REQUIRED) for each in (endpoint, *methods)):
        raise TypeError("an endpoint with @require cannot be public")
    setattr(endpoint, _PUBLIC, True)
    return endpoint


def _is_public(endpoint: object) -> bool:
    """Whether an endpoint, or the function that a partial calls, is marked."""
    while not _marked(endpoint, _PUBLIC) and isinstance(endpoint, partial):
        endpoint = endpoint.func
    return _marked(endpoint, _PUBLIC)


def _marked(endpoint: object, mark: str) -> bool:
    # Not getattr: a class inherits attributes, and the subclass of a public one must stay closed.
    return getattr(endpoint, "__dict__", {}).get(mark) is True


def _mark_guarded(endpoint: Endpoint) -> Endpoint:
    """Mark that `require` guards this function, so that `public` refuses it."""
    setattr(endpoint, _REQUIRED, True)
    return endpoint


# -- the route ------------------------------------------------------------------------------------


def router_behind(app: Any) -> Router | None:
    """The router that a chain of middleware ends in; None where the chain cannot be followed."""
    while app is not None and not isinstance(app, Router):
        app = getattr(app, "app", None)
    return app


def leads_to_public(router: Router | None, scope: Scope, http_request: HTTPRequest) -> bool:
    """Whether `router`, which stands behind the middleware, will call an endpoint that is public."""
    # Below a Mount, scope["app"] may be the outer application, whose routes are not the ones
    # behind the middleware: a public "/health" there would open the one here.
    application = scope.get("app")
    if not isinstance(application, Starlette) or application.router is not router:
        return False
    try:
        endpoint = _endpoint(application.routes, scope)
    except Exception:  # noqa: BLE001 - a convertor may raise anything; the router will, after the guard
        return False
    return _is_public(endpoint) and unambiguous(http_request.path, http_request.raw_path)


def _endpoint(routes: Iterable[BaseRoute], scope: Scope) -> object:
    """The endpoint that Starlette's router will call: of the first route that matches in full."""
    for route in routes:
        match, child = route.matches(scope)
        if match is not Match.FULL:
            continue
        if isinstance(route, (Mount, Host)):
            inner = route.app
            if not isinstance(inner, (Starlette, Router)):  # something that routes in its own way
                return None
            # Its own middleware may rewrite the request, and FastAPI replaces the root path.
            if getattr(inner, "user_middleware", ()) or getattr(inner, "root_path", ""):
                return None
            return _endpoint(inner.routes, {**scope, **child})
        return route.endpoint if isinstance(route, (Route, WebSocketRoute)) else None
    return None


# -- what a route requires ------------------------------------------------------------------------


def principal_of(connection: HTTPConnection) -> Principal | None:
    """The principal of this request; None if it was let through without a token.

    Raises:
        LookupError: neither CognitoAuthMiddleware nor CognitoAuthBackend has seen the connection.
    """
    if PRINCIPAL not in connection.scope:
        raise LookupError("no principal in the scope: mount CognitoAuthMiddleware or CognitoAuthBackend")
    found: Principal | None = connection.scope[PRINCIPAL]
    return found


def response(answer: HTTPResponse) -> Response:
    """The guard's answer as Starlette sends it."""
    return Response(answer.body, answer.status, dict(answer.headers))


def require(policy: Policy | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let only principals reach an endpoint, and only those that the policy lets pass.

    For functions and methods that take a Request or a WebSocket, async or (HTTP) sync. Others get
    the guard's answer; a WebSocket without denial responses is closed with 1008. A CORS preflight gets
    204, and the endpoint is not called.

    Raises:
        TypeError: on something other than a policy or an endpoint, and on one that is `public`.
    """
    require_policy(policy)

    def decorate(endpoint: Any) -> Callable[..., Any]:
        if not callable(endpoint) or isinstance(endpoint, (type, BaseRoute)):
            raise TypeError("require guards functions and methods that take a Request or a WebSocket")
        if _is_public(endpoint):
            raise TypeError("a public endpoint cannot have @require")
        is_coroutine = is_async(endpoint)

        @wraps(endpoint)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            connection = _connection(args, kwargs)
            if _is_preflight(connection):
                return Response(status_code=204)  # the endpoint would run for anybody
            refused = await _refused(connection, policy)
            if refused is None and is_coroutine:
                return await endpoint(*args, **kwargs)
            if refused is None:
                return await run_in_threadpool(endpoint, *args, **kwargs)
            if isinstance(connection, WebSocket):
                return await _refuse_websocket(connection, refused)
            return response(refused)

        return _mark_guarded(guarded)

    return decorate


def _connection(args: tuple[Any, ...], kwargs: dict[str, Any]) -> HTTPConnection:
    for each in (*args, *kwargs.values()):
        if isinstance(each, HTTPConnection):
            return each
    raise TypeError("an endpoint with @require must be given a Request or a WebSocket")


def _is_preflight(connection: HTTPConnection) -> bool:
    guard: Guard | None = connection.scope.get(GUARD)
    if guard is None or principal_of(connection) is not None:
        return False
    return guard.is_preflight(asgi.read_request(connection.scope))


async def _refused(connection: HTTPConnection, policy: Policy | None) -> HTTPResponse | None:
    guard: Guard | None = connection.scope.get(GUARD)
    if guard is None:
        raise RuntimeError("@require needs CognitoAuthMiddleware or CognitoAuthBackend before the route")
    principal = principal_of(connection)
    try:
        await guard.arequire(principal, policy)
    except AuthError as error:
        return guard.response(error)
    return None


async def _refuse_websocket(websocket: WebSocket, answer: HTTPResponse) -> None:
    if websocket.application_state is WebSocketState.CONNECTING:
        await asgi.deny(websocket.scope, websocket.receive, websocket.send, answer)
    else:
        await websocket.close(POLICY_VIOLATION)
