"""Turns AuthErrors into Litestar's HTTPException too, or into the close of a WebSocket (W5).

Owns who responds to an error: a handler of the application, if there is one, else the guard.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from json import loads
from typing import Any

from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException, LitestarException
from litestar.types import ExceptionHandlersMap

from cognito_mr_auth._web import asgi_scope as asgi
from cognito_mr_auth._web.asgi_types import App, Message, Receive, Scope, Send
from cognito_mr_auth._web.bearer import HTTPRequest, HTTPResponse
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.host_errors import as_host_error
from cognito_mr_auth._web.preflight import ANSWER
from cognito_mr_auth.errors import AuthError

__all__ = ["PreflightError", "answer", "answer_preflight", "hiding", "note", "through"]

# Keys in a connection's scope: the error that closes its socket, and the response that replaces a hidden one.
_RAISED, _HIDDEN = "cognito_mr_auth.raised", "cognito_mr_auth.hidden_answer"

# Headers of Litestar's CORS middleware. Without them a browser could not read the response.
_OF_CORS = (b"access-control-", b"vary")


class PreflightError(Exception):
    """A CORS preflight, for which a handler with its own guard does not run."""


def respond(request: Request[Any, Any, Any], said: HTTPResponse) -> Response[bytes]:
    """Convert the guard's response to Litestar's."""
    body = b"" if request.method == "HEAD" else said.body  # RFC 9110 9.3.2
    return Response(body, status_code=said.status, headers=dict(said.headers))


def answer_preflight(request: Request[Any, Any, Any], _error: Exception) -> Response[bytes]:
    """Return the response to a preflight that passes. This is Litestar's exception handler for it."""
    return respond(request, ANSWER)


def answer(guard: RequestGuard, request: Request[Any, Any, Any], error: AuthError) -> Response[Any]:
    """Return the response to an error, from the user's handler of Litestar's class, else from the guard."""
    made = guard.response(error)
    handlers: ExceptionHandlersMap = request.route_handler.resolve_exception_handlers()
    users = handlers.get(made.status, handlers.get(HTTPException))
    if users is None:
        return respond(request, made)
    detail, headers = loads(made.body)["detail"], dict(made.headers)
    for of_the_body in ("content-type", "content-length"):
        del headers[of_the_body]
    both = as_host_error(
        error, HTTPException, status_code=made.status, detail=detail, headers=headers, extra=None
    )
    return users(request, both)


async def note(error: Exception, scope: Scope) -> None:
    """Store the error. Litestar calls this hook after an exception, before it closes a WebSocket for it."""
    if isinstance(error, AuthError):
        scope[_RAISED] = error


def through(app: App) -> App:
    """Wrap the application so that AuthErrors which Litestar would hide leave it.

    On a WebSocket, Litestar turns them into a close with a code that does not tell why. After a response has
    begun, it turns them into another error.
    """

    async def hidden_nothing(scope: Scope, receive: Receive, send: Send) -> None:
        async def saying(message: Message) -> None:
            if message["type"] == "websocket.close" and (error := scope.pop(_RAISED, None)) is not None:
                raise error
            await send(message)

        try:
            await app(scope, receive, saying)
        except LitestarException as error:
            if isinstance(error.__cause__, AuthError):
                raise error.__cause__ from None
            raise

    return hidden_nothing


def hiding(
    guard: RequestGuard, has_seen: Callable[[Scope], bool]
) -> Callable[[Message, Scope], Awaitable[None]]:
    """A Litestar hook before a message is sent, for a closed application, whose unknown URLs are closed too.

    If no handler has handled a request and its client is refused, the hook replaces the response. `has_seen`
    says whether the middleware of this application has checked the connection.
    """

    async def hide(message: Message, scope: Scope) -> None:
        if message["type"] == "http.response.start" and not (has_seen(scope) or _is_taken(scope)):
            request = asgi.read_request(scope)
            if _is_answered_by_cors(request, scope["litestar_app"]):
                return
            try:
                await guard.averify(request, behind=scope)
            except AuthError as error:
                said = scope[_HIDDEN] = guard.response(error)
                headers = [(name.encode(), value.encode("latin-1")) for name, value in said.headers]
                headers += [
                    pair for pair in message.get("headers", ()) if pair[0].lower().startswith(_OF_CORS)
                ]
                message.update(status=said.status, headers=headers)
        elif message["type"] == "http.response.body" and _HIDDEN in scope:
            body = b"" if scope["method"] == "HEAD" else scope[_HIDDEN].body
            message.update(body=body, more_body=False)

    return hide


def _is_taken(scope: Scope) -> bool:
    """Whether a handler of this application, and not the mount that led to it, has handled the request."""
    handler = scope.get("route_handler")
    return handler is not None and handler.ownership_layers[0] is scope["litestar_app"]


def _is_answered_by_cors(request: HTTPRequest, app: Litestar) -> bool:
    """Whether Litestar's CORS middleware, which runs before its router, has answered the request itself."""
    return app.cors_config is not None and request.method == "OPTIONS" and bool(request.header("origin"))
