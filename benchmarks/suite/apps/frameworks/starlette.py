"""Starlette with our middleware."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, BaseUser, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.suite.apps._settings import ANSWER, Settings
from cognito_mr_auth.starlette import CognitoAuthMiddleware

from ._common import SOMEBODY, chosen, uvicorn

NAME = "Starlette"
COMMAND = uvicorn(__name__)


class Everybody(AuthenticationBackend):
    """A constant, where Starlette has its place: `request.user` and `request.auth`, which ours gives too."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """The same user for each request that has the header."""
        if conn.headers.get("authorization") is None:
            return None
        return AuthCredentials(["authenticated"]), SimpleUser(SOMEBODY)


async def orders(_request: Request) -> JSONResponse:
    """The one route."""
    return JSONResponse(ANSWER)


def _app(middleware: Any) -> Starlette:
    return Starlette(routes=[Route("/orders", orders)], middleware=[middleware])


def guarded(settings: Settings) -> Starlette:
    """Our middleware."""
    return _app(Middleware(CognitoAuthMiddleware, verifier=settings.verifier()))


def constant(_settings: Settings) -> Starlette:
    """A constant."""
    return _app(Middleware(AuthenticationMiddleware, backend=Everybody()))


served = chosen(guarded, constant)
