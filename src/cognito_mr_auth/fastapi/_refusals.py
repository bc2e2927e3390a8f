"""Turns refusals into FastAPI's exceptions, and these into responses.

Owns the translation of an AuthError into an exception that FastAPI's handlers find under either class. Owns
also the handler for those that no handler of the user accepts. The guard makes the response.
"""

from __future__ import annotations

from json import loads
from typing import Any, cast

from fastapi import HTTPException, Response, WebSocket, WebSocketException
from fastapi.concurrency import run_in_threadpool
from fastapi.exception_handlers import http_exception_handler
from fastapi.requests import HTTPConnection
from starlette.websockets import WebSocketState

from cognito_mr_auth._runtime.hooks import is_async
from cognito_mr_auth._runtime.refusals import settle
from cognito_mr_auth._starlette.endpoints import respond
from cognito_mr_auth._web.asgi_scope import can_deny
from cognito_mr_auth._web.asgi_types import POLICY_VIOLATION
from cognito_mr_auth._web.bearer import HTTPResponse
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.host_errors import as_host_error
from cognito_mr_auth._web.state import GUARD
from cognito_mr_auth.errors import AuthError

__all__ = ["AuthHTTPException", "answer", "refused"]

# Headers that the Response object sets itself.
_OF_THE_BODY = frozenset({"content-type", "content-length"})


class AuthHTTPException(HTTPException):
    """A refusal, as FastAPI's exception handlers receive it. Its body and headers hold no token.

    Each is also an instance of its specific error class (`TokenExpired`, ...), with that error's `reason`,
    `hint` and `retryable`. So `except` and handlers find it under both classes. `error` is that error alone,
    and `response` is the guard's whole response. The names in `headers` are lower-case.
    """

    error: AuthError
    response: HTTPResponse


def refused(connection: HTTPConnection, guard: RequestGuard, error: AuthError) -> Exception:
    """Return the error as FastAPI's own; if a WebSocket's server cannot send a status, one that closes it."""
    if isinstance(error, (AuthHTTPException, WebSocketException)):
        return error
    made = guard.response(error)
    if connection.scope["type"] == "websocket" and not can_deny(connection.scope):
        return as_host_error(error, WebSocketException, code=POLICY_VIOLATION)
    headers = {name: value for name, value in made.headers if name not in _OF_THE_BODY}
    detail = loads(made.body)["detail"]
    return as_host_error(
        error, AuthHTTPException, status_code=made.status, detail=detail, headers=headers, response=made
    )


async def answer(guard: RequestGuard, connection: HTTPConnection, error: Exception) -> Response | None:
    """Return the response to an AuthError, from the user's handler of FastAPI's class, else from the guard.

    None for a WebSocket that is closed, because it is open already or cannot be denied.
    """
    socket = connection if isinstance(connection, WebSocket) else None
    if socket is not None and socket.application_state is not WebSocketState.CONNECTING:
        settle(cast("AuthError", error), guard.outcomes)
        if socket.application_state is WebSocketState.CONNECTED:
            await socket.close(POLICY_VIOLATION)
        return None
    seen = connection.scope.get(GUARD)
    raised = refused(connection, seen if isinstance(seen, RequestGuard) else guard, cast("AuthError", error))
    handler = _users_handler(connection.app.exception_handlers, raised)
    if handler is not None:
        given: Any = (connection, raised)
        done = handler(*given) if is_async(handler) else run_in_threadpool(handler, *given)
        return cast("Response | None", await done)
    if isinstance(raised, AuthHTTPException):
        return respond(connection, raised.response)
    await cast("WebSocket", socket).close(POLICY_VIOLATION)
    return None


def _users_handler(handlers: Any, raised: Exception) -> Any:
    """Find the user's own handler, as Starlette would if there were no other."""
    kinds = type(raised).__mro__
    kinds = kinds[: kinds.index(Exception)]  # a handler of all exceptions is meant for bugs
    for kind in (getattr(raised, "status_code", None), *kinds):
        found = handlers.get(kind)
        if found not in (None, http_exception_handler) and getattr(found, "func", None) is not answer:
            return found
    return None
