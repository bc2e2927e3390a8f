"""What a FastAPI application gets from `init_app`: a start-up check, documentation, and the closed door.

Owns the middleware of `protect_all` and the functions that wrap the application's own. The guard decides who
passes, and `_starlette.look_ahead` which endpoint a request will reach.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final, NamedTuple

from fastapi import FastAPI, Request, WebSocket, routing
from fastapi.requests import HTTPConnection
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from cognito_mr_auth._starlette.look_ahead import LookAhead, router_behind
from cognito_mr_auth._starlette.marks import opened
from cognito_mr_auth._web import asgi_scope as asgi
from cognito_mr_auth._web.asgi_types import App, Message, Receive, Scope, Send
from cognito_mr_auth._web.bearer import HTTPRequest
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.metadata import ResourceMetadata
from cognito_mr_auth._web.openapi import SecurityScheme, complete
from cognito_mr_auth.errors import AuthError, ConfigurationError
from cognito_mr_auth.principal import Principal

from ._refusals import answer, response
from ._verification import Verification

__all__ = ["Installation", "ProtectAll", "document_route", "install"]

# In the application's state: the `Installation` of each CognitoAuth.
_INSTALLED: Final = "cognito_mr_auth"

# What a router says of a URL, and not of a request: nothing there, another method, a slash too many.
_OF_THE_URL = frozenset({307, 308, 404, 405})


class ProtectAll:
    """Lets requests and sockets through to the router that carry a token, and those to public routes.

    The innermost middleware: what the others have made of a request is judged, and they may answer
    preflights and add headers to refusals. `overriding` gives a principal that a test has set.
    """

    def __init__(
        self,
        app: App,
        guard: RequestGuard,
        overriding: Callable[[HTTPConnection], Awaitable[object]],
    ) -> None:
        self._app = app
        self._guard = guard
        self._overriding = overriding
        self._look_ahead = LookAhead(router_behind(app), guard)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "lifespan":
            principal = await self._overriding(HTTPConnection(scope))
            if isinstance(principal, Principal):
                scope.update(asgi.scope_values(self._guard, principal))
            if scope.get("method") == "OPTIONS" and self._guard.is_preflight(asgi.read_request(scope)):
                send = _alike(send)
        await asgi.serve(
            self._app,
            self._guard,
            scope,
            receive,
            send,
            look_ahead=self._look_ahead,
            alike=self._look_ahead.all_closed,
            refuse=self._refuse,
        )

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, error: AuthError) -> None:
        kind = WebSocket if scope["type"] == "websocket" else Request
        connection: HTTPConnection = kind(scope, receive, send)
        answered = await answer(self._guard, connection, error)
        if answered is not None:
            await answered(scope, receive, send)


def _alike(send: Send) -> Send:
    """Answer a preflight that no application has answered with 204, whatever there is at its URL."""

    async def send_alike(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] in _OF_THE_URL:
            message = {**message, "status": 204, "headers": []}
        await send(message)

    return send_alike


# -- what the application has itself --------------------------------------------------------------


class Installation(NamedTuple):
    """One CognitoAuth, as an application knows it. `describe` brings its documentation up to date."""

    guard: RequestGuard
    scheme: SecurityScheme
    verification: Verification
    protect_all: bool
    describe: Callable[[], None]


def install(app: FastAPI, new: Installation) -> None:
    """Give an application everything that `CognitoAuth.init_app` promises.

    Raises:
        RuntimeError, ConfigurationError, TypeError: as that says.
    """
    _check(app, new)
    if AuthError not in app.exception_handlers:
        handler: Any = partial(answer, new.guard)  # for requests and sockets, which the type keeps apart
        app.add_exception_handler(AuthError, handler)
    if app.swagger_ui_init_oauth is None:
        app.swagger_ui_init_oauth = new.scheme.init_oauth
    if new.guard.metadata is not None:
        app.router.routes.insert(0, document_route(new.guard.metadata))
    if new.protect_all:
        overriding = new.verification.overriding
        app.user_middleware.append(Middleware(ProtectAll, guard=new.guard, overriding=overriding))
    _check_at_start(app, new)
    _describe(app, new)


def _check(app: FastAPI, new: Installation) -> None:
    if not isinstance(app, FastAPI):
        raise TypeError(f"init_app() takes a FastAPI application, not {type(app).__name__}")
    others: list[Installation] = getattr(app.state, _INSTALLED, [])
    if app.middleware_stack is not None:
        raise RuntimeError("this application serves already: call init_app before")
    if any(other.verification is new.verification for other in others):
        raise RuntimeError("this application knows this CognitoAuth already: call init_app once")
    if new.protect_all and any(other.protect_all for other in others):
        raise ConfigurationError("protect_all=True: another CognitoAuth protects this application already")
    if any(new.scheme.clashes_with(other.scheme) for other in others):
        raise ConfigurationError(f"OpenAPI would mix up two schemes named {new.scheme.name!r}: scheme_name=")
    setattr(app.state, _INSTALLED, [*others, new])


def _check_at_start(app: FastAPI, new: Installation) -> None:
    """Without a verifier by the end of its start-up, the application does not serve."""
    lifespan = app.router.lifespan_context

    @asynccontextmanager
    async def checked(application: Any) -> AsyncIterator[Any]:
        async with lifespan(application) as state:
            new.guard.verifier  # noqa: B018 - a property that raises
            new.describe()
            yield state

    app.router.lifespan_context = checked


def _describe(app: FastAPI, new: Installation) -> None:
    undescribed = app.openapi

    def described() -> dict[str, Any]:
        new.describe()
        document = undescribed()
        complete(document, new.scheme, partial(_is_open, app, new.guard) if new.protect_all else None)
        return document

    setattr(app, "openapi", described)  # noqa: B010 - FastAPI's way to extend the document


def document_route(metadata: ResourceMetadata) -> BaseRoute:
    """The route of the RFC 9728 document. Starlette's own kind inherits no dependency of the application."""

    async def document(request: Request) -> Response:
        return response(request, metadata.answers[request.method])

    return Route(metadata.path, document, methods=list(metadata.answers), include_in_schema=False)


def _is_open(app: FastAPI, guard: RequestGuard, path: str, method: str) -> bool:
    """Whether an operation of the OpenAPI document needs no token where the application is closed."""
    if guard.excludes(HTTPRequest(method.upper(), path, "", lambda _name: ())):
        return True
    contexts: Any = getattr(routing, "iter_route_contexts", iter)  # of FastAPI 0.137.2
    endpoints = (
        route.endpoint
        for route in contexts(app.routes)
        if getattr(route, "path_format", None) == path and method.upper() in (route.methods or ())
    )
    return any(opened(endpoint) == "public" for endpoint in endpoints)
