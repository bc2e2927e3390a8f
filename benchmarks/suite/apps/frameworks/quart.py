"""Quart behind the ASGI middleware."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quart import Quart

from benchmarks.suite.apps._settings import ANSWER, Settings
from cognito_mr_auth.asgi import CognitoAuthMiddleware

from ._common import ConstantASGI, chosen, uvicorn

NAME = "Quart"
COMMAND = uvicorn(__name__)


def _app(around: Callable[[Any], Any]) -> Quart:
    app = Quart("orders")

    @app.get("/orders")
    async def orders() -> dict[str, str]:
        return ANSWER

    app.asgi_app = around(app.asgi_app)
    return app


def guarded(settings: Settings) -> Quart:
    """Our middleware."""
    return _app(lambda app: CognitoAuthMiddleware(app, settings.verifier()))


def constant(_settings: Settings) -> Quart:
    """A constant."""
    return _app(ConstantASGI)


served = chosen(guarded, constant)
