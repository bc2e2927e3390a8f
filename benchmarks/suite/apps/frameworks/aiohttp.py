"""aiohttp on its own server with our middleware, which closes every handler, and with one of its kind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from benchmarks.suite.apps._servers import HOST
from benchmarks.suite.apps._settings import ANSWER, Settings
from cognito_mr_auth.aiohttp import CognitoAuth

from ._common import SOMEBODY, chosen

NAME = "aiohttp"
COMMAND = ("aiohttp.web", "--hostname", HOST, "--port", "0", f"{__name__}:served")

PRINCIPAL: web.RequestKey[str | None] = web.RequestKey("principal")


async def orders(_request: web.Request) -> web.Response:
    """The one handler."""
    return web.json_response(ANSWER)


def _app() -> web.Application:
    app = web.Application()
    app.router.add_get("/orders", orders)
    return app


def guarded(settings: Settings) -> web.Application:
    """Our middleware."""
    app = _app()
    CognitoAuth(settings.verifier(), app=app, protect_all=True)
    return app


@web.middleware
async def authenticate(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """It reads the header, and everybody is the same."""
    request[PRINCIPAL] = SOMEBODY if request.headers.get("Authorization") else None
    return await handler(request)


def constant(_settings: Settings) -> web.Application:
    """A constant."""
    app = _app()
    app.middlewares.append(authenticate)
    return app


def served(_arguments: list[str]) -> web.Application:
    """For `python -m aiohttp.web`, which has arguments for it."""
    app: web.Application = chosen(guarded, constant)()
    return app
