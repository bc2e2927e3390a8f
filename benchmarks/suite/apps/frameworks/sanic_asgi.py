"""Sanic as an ASGI application, behind the middleware."""

from __future__ import annotations

from typing import Any

from benchmarks.suite.apps._settings import Settings
from cognito_mr_auth.asgi import CognitoAuthMiddleware

from ._common import ConstantASGI, chosen, uvicorn
from .sanic import orders_app

NAME = "Sanic (ASGI)"
COMMAND = uvicorn(__name__)


def guarded(settings: Settings) -> Any:
    """Our middleware."""
    return CognitoAuthMiddleware(orders_app(settings), settings.verifier())


def constant(settings: Settings) -> Any:
    """A constant."""
    return ConstantASGI(orders_app(settings))


served = chosen(guarded, constant)
