"""What a Starlette endpoint requires: a principal that its policy accepts.

Owns the decorator `require`, which responds to refused requests, and the parts that the middleware shares.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.websockets import WebSocket, WebSocketState

from cognito_mr_auth._runtime.hooks import is_async, require_policy
from cognito_mr_auth._starlette.endpoints import respond
from cognito_mr_auth._starlette.marks import mark_required
from cognito_mr_auth._web import asgi_scope as asgi
from cognito_mr_auth._web.asgi_types import POLICY_VIOLATION
from cognito_mr_auth._web.bearer import HTTPResponse
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.preflight import ANSWER
from cognito_mr_auth._web.state import GUARD, MISSING, REQUIRED, Default, principal_in
from cognito_mr_auth.errors import AuthError, CredentialsMissing
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal

__all__ = ["principal_of", "require"]

P = ParamSpec("P")
T = TypeVar("T")


def principal_of(connection: HTTPConnection, default: Default = REQUIRED) -> Principal | Default | None:
    """The principal of this request; None if the request passed without a token.

    Raises:
        LookupError: no guard checked the connection, and no `default` is given.
    """
    advice = "mount CognitoAuthMiddleware or CognitoAuthBackend"
    return principal_in(connection.scope, default, advice)


class _Decorator(Protocol):
    """Keeps an endpoint's parameters. What comes back is a coroutine function, which may refuse by itself."""

    @overload
    def __call__(
        self, endpoint: Callable[P, Awaitable[T]], /
    ) -> Callable[P, Coroutine[Any, Any, T | Response]]: ...

    @overload
    def __call__(self, endpoint: Callable[P, T], /) -> Callable[P, Coroutine[Any, Any, T | Response]]: ...


def require(policy: Policy | None = None) -> _Decorator:
    """Let only principals that the policy accepts reach an endpoint.

    The endpoint is a function or method that takes a Request or a WebSocket. HTTP endpoints may be sync.
    Other requests get the guard's response. A WebSocket without denial responses is closed with 1008. A CORS
    preflight gets 204, and the endpoint is not called.

    Raises:
        TypeError: the policy or the endpoint is invalid, or the endpoint is `public` or `optional`.
    """
    require_policy(policy)

    def decorate(endpoint: Any) -> Callable[..., Any]:
        if not callable(endpoint) or isinstance(endpoint, (type, BaseRoute)):
            raise TypeError("require guards functions and methods that take a Request or a WebSocket")
        is_coroutine = is_async(endpoint)

        @wraps(endpoint)
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            connection = _connection(args, kwargs)
            if _is_preflight(connection):
                return respond(connection, ANSWER)
            refused = await _refused(connection, policy)
            if refused is None and is_coroutine:
                return await endpoint(*args, **kwargs)
            if refused is None:
                return await run_in_threadpool(endpoint, *args, **kwargs)
            if isinstance(connection, WebSocket):
                return await _refuse_websocket(connection, refused)
            return respond(connection, refused)

        return mark_required(guarded, endpoint)

    return decorate


def _connection(args: tuple[Any, ...], kwargs: dict[str, Any]) -> HTTPConnection:
    for each in (*args, *kwargs.values()):
        if isinstance(each, HTTPConnection):
            return each
    raise TypeError("an endpoint with @require must be given a Request or a WebSocket")


def _is_preflight(connection: HTTPConnection) -> bool:
    guard: RequestGuard | None = connection.scope.get(GUARD)
    if guard is None or principal_of(connection) is not None:
        return False
    return guard.is_preflight(asgi.read_request(connection.scope))


async def _refused(connection: HTTPConnection, policy: Policy | None) -> HTTPResponse | None:
    guard: RequestGuard | None = connection.scope.get(GUARD)
    if guard is None:
        raise RuntimeError("@require needs CognitoAuthMiddleware or CognitoAuthBackend before the route")
    principal = principal_of(connection)
    try:
        await guard.arequire(principal, policy)
    except CredentialsMissing as error:
        return guard.response(connection.scope.get(MISSING, error))
    except AuthError as error:
        return guard.response(error)
    return None


async def _refuse_websocket(websocket: WebSocket, answer: HTTPResponse) -> None:
    if websocket.application_state is WebSocketState.CONNECTING:
        connecting = websocket.client_state is WebSocketState.CONNECTING
        await asgi.deny(websocket.scope, websocket.receive, websocket.send, answer, connecting=connecting)
    else:
        await websocket.close(POLICY_VIOLATION)
