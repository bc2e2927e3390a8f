"""Starlette with our middleware."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.suite.apps._settings import ANSWER, Settings
from cognito_mr_auth.starlette import CognitoAuthMiddleware

from ._common import ConstantASGI, chosen, uvicorn

NAME = "Starlette"
COMMAND = uvicorn(__name__)


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
    return _app(Middleware(ConstantASGI))


served = chosen(guarded, constant)
