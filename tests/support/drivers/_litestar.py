"""Litestar applications for tests, and their askers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from litestar import Litestar, Request, WebSocket
from litestar.handlers import HTTPRouteHandler, WebsocketRouteHandler

from cognito_mr_auth.litestar import CognitoAuth, principal_of

from . import Ask, Asker
from .client import Reached, ask_http, ask_websocket

EVERYWHERE = ["/", "/{path:path}"]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def application(auth: CognitoAuth, *handlers: Any, **options: Any) -> Litestar:
    """An application that has been started, without Litestar's logging, which has threads."""
    app = Litestar([*handlers], plugins=[auth], logging_config=None, **{"openapi_config": None, **options})

    async def start() -> None:
        try:
            async with app.lifespan():
                pass
        except BaseExceptionGroup as group:  # Litestar's listeners are a task group
            raise group.exceptions[0] from None

    asyncio.run(start())
    return app


def who(
    reached: Reached,
    path: str | Sequence[str] = "/x",
    methods: Sequence[str] = ("GET", "HEAD"),
    **options: Any,
) -> HTTPRouteHandler:
    """A handler that returns the caller."""

    async def handler(request: Request[Any, Any, Any]) -> bytes:
        reached.mark()
        principal = principal_of(request)
        return json.dumps(None if principal is None else principal.subject).encode()

    made: Any = HTTPRouteHandler(
        path, http_method=list(methods), status_code=200, media_type="application/json", **options
    )
    found: HTTPRouteHandler = made(handler)
    return found


def socket(reached: Reached, path: str | Sequence[str] = "/x", **options: Any) -> WebsocketRouteHandler:
    """The same as the first message of a WebSocket."""

    async def handler(socket: WebSocket[Any, Any, Any]) -> None:
        reached.mark()
        principal = principal_of(socket)
        await socket.accept()
        await socket.send_json(None if principal is None else principal.subject)
        await socket.close()

    made: Any = WebsocketRouteHandler(path, **options)
    found: WebsocketRouteHandler = made(handler)
    return found


def asker(app: Litestar, reached: Reached, *, websocket: bool = False) -> Asker:
    """An asker over HTTP, or one that opens WebSockets."""

    def ask(request: Ask) -> Any:
        return (ask_websocket if websocket else ask_http)(app, request, reached.look)

    return ask
