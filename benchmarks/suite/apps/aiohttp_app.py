"""An aiohttp application with one route, guarded in each of the ways that section 5 compares.

python -m aiohttp.web benchmarks.suite.apps.aiohttp_app:served
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from cognito_mr_auth.aiohttp import CognitoAuth

from ._settings import ANSWER, Settings

__all__ = ["BUILDERS", "GUARDED", "build", "served"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SOMEBODY: web.RequestKey[str | None] = web.RequestKey("somebody")


async def orders(_request: web.Request) -> web.Response:
    """The one handler."""
    return web.json_response(ANSWER)


def open_to_all(_settings: Settings) -> web.Application:
    """No auth."""
    app = web.Application()
    app.router.add_get("/orders", orders)
    return app


def empty(settings: Settings) -> web.Application:
    """What any middleware costs: it reads the header, and everybody is the same."""

    @web.middleware
    async def authenticated(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[SOMEBODY] = "somebody" if request.headers.get("Authorization") else None
        return await handler(request)

    app = open_to_all(settings)
    app.middlewares.append(authenticated)
    return app


def ours(settings: Settings) -> web.Application:
    """Ours, around everything."""
    app = open_to_all(settings)
    CognitoAuth(settings.verifier(), app=app, protect_all=True)
    return app


BUILDERS: dict[str, Callable[[Settings], web.Application]] = {
    "no auth": open_to_all,
    "empty middleware": empty,
    "ours, everything": ours,
}
GUARDED = ("ours, everything",)
"""Those that must refuse a forged token."""


def build(settings: Settings) -> web.Application:
    """The application of a variant."""
    return BUILDERS[settings.variant](settings)


def served(_arguments: list[str]) -> web.Application:
    """For `python -m aiohttp.web`."""
    return build(Settings.given())
