"""fastapi.CognitoAuth as a dependency of the whole application."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI, Request, WebSocket

from cognito_mr_auth import Verifier
from cognito_mr_auth.fastapi import CognitoAuth, principal_of

from . import Ask, Asker, Reply
from .client import Reached, ask_http

WEBSOCKET = False

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW", "options"]


def subject(connection: Request | WebSocket) -> str | None:
    """The subject that the guard has left."""
    principal = principal_of(connection)
    return None if principal is None else principal.subject


def answers_all(app: FastAPI, reached: Reached, *dependencies: Any) -> FastAPI:
    """Answer every path and method, behind the dependencies."""
    guarded = [Depends(each) for each in dependencies]

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
    app = FastAPI(openapi_url=None)
    answers_all(app, reached, CognitoAuth(verifier, app=app, **options))

    def ask(request: Ask) -> Reply:
        return ask_http(app, request, reached.look)

    return ask
