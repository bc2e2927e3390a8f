"""fastapi.CognitoAuth as a dependency of the whole application."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI, Request, WebSocket

from cognito_mr_auth import Verifier
from cognito_mr_auth.asgi import principal_of
from cognito_mr_auth.fastapi import CognitoAuth

from . import Ask, Asker, Reply
from .client import Reached, ask_http

WEBSOCKET = False

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW", "options"]


def subject(connection: Request | WebSocket) -> str | None:
    """The subject that the dependency has left in the scope."""
    principal = principal_of(connection.scope)
    return None if principal is None else principal.subject


def application(auth: CognitoAuth, reached: Reached, dependency: Any, *, resource: object) -> FastAPI:
    """Answers every path and method, behind the dependency."""
    app = FastAPI(openapi_url=None)
    if resource is not None:
        app.include_router(auth.router)
    guarded = [Depends(dependency)]

    @app.api_route("/{path:path}", methods=METHODS, dependencies=guarded)
    async def everything(request: Request) -> str | None:
        reached.mark()
        return subject(request)

    @app.websocket("/{path:path}", dependencies=guarded)
    async def socket(websocket: WebSocket) -> None:
        reached.mark()
        await websocket.accept()
        await websocket.send_json(subject(websocket))
        await websocket.close()

    return app


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker over HTTP; the policy is the guard's."""
    reached = Reached()
    auth = CognitoAuth(verifier, **options)
    app = application(auth, reached, auth, resource=options.get("resource"))

    def ask(request: Ask) -> Reply:
        return ask_http(app, request, reached.look)

    return ask
