"""Falcon behind the ASGI middleware."""

from __future__ import annotations

from typing import Any

import falcon.asgi

from benchmarks.suite.apps._settings import ANSWER, Settings
from cognito_mr_auth.asgi import CognitoAuthMiddleware

from ._common import ConstantASGI, chosen, uvicorn

NAME = "Falcon (ASGI)"
COMMAND = uvicorn(__name__)


class Orders:
    """The one resource."""

    async def on_get(self, _request: Any, response: Any) -> None:
        """Nothing ordered."""
        response.media = ANSWER


def _app() -> falcon.asgi.App:
    app = falcon.asgi.App()
    app.add_route("/orders", Orders())
    return app


def guarded(settings: Settings) -> Any:
    """Our middleware."""
    return CognitoAuthMiddleware(_app(), settings.verifier())


def constant(_settings: Settings) -> Any:
    """A constant."""
    return ConstantASGI(_app())


served = chosen(guarded, constant)
