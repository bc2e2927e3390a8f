"""Sanic on its own server, with a Guard in a middleware of its own kind.

python -m benchmarks.suite.apps.frameworks.sanic
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from sanic import HTTPResponse, Request, Sanic
from sanic.response import json, raw

from benchmarks.suite.apps._settings import ANSWER, Settings
from cognito_mr_auth import errors
from cognito_mr_auth.guard import Guard

from ._common import SOMEBODY, announced, chosen

NAME = "Sanic"
COMMAND = (__name__,)


def orders_app(settings: Settings) -> Sanic[Any, Any]:
    """The application, which nothing guards."""
    app: Sanic[Any, Any] = Sanic(f"orders-{settings.variant}", configure_logging=False)

    @app.get("/orders")
    async def orders(_request: Request) -> HTTPResponse:
        return json(ANSWER)

    return app


def guarded(settings: Settings) -> Sanic[Any, Any]:
    """Our guard."""
    app, guard = orders_app(settings), Guard(settings.verifier())

    @app.on_request
    async def authenticate(request: Request) -> HTTPResponse | None:
        try:
            request.ctx.principal = await guard.averify(
                method=request.method,
                path=unquote(request.path),
                raw_path=request.path,
                headers=request.headers.items(),
            )
        except errors.AuthError as error:
            answer = guard.response(error)
            return raw(answer.body, answer.status, dict(answer.headers))
        return None

    return app


def constant(settings: Settings) -> Sanic[Any, Any]:
    """A constant."""
    app = orders_app(settings)

    @app.on_request
    async def authenticate(request: Request) -> None:
        request.ctx.principal = SOMEBODY if request.headers.get("authorization") else None

    return app


served = chosen(guarded, constant)

if __name__ == "__main__":
    served().run(sock=announced(), single_process=True, access_log=False, motd=False)
