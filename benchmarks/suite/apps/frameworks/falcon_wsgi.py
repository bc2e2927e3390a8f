"""Falcon behind the WSGI middleware."""

from __future__ import annotations

from typing import Any

import falcon

from benchmarks.suite.apps._settings import ANSWER, Settings
from cognito_mr_auth.wsgi import CognitoAuthMiddleware

from ._common import ConstantWSGI, chosen, gunicorn

NAME = "Falcon (WSGI)"
COMMAND = gunicorn(__name__)


class Orders:
    """The one resource."""

    def on_get(self, _request: Any, response: Any) -> None:
        """Nothing ordered."""
        response.media = ANSWER


def _app() -> falcon.App:
    app = falcon.App()
    app.add_route("/orders", Orders())
    return app


def guarded(settings: Settings) -> Any:
    """Our middleware."""
    return CognitoAuthMiddleware(_app(), settings.verifier())


def constant(_settings: Settings) -> Any:
    """A constant."""
    return ConstantWSGI(_app())


served = chosen(guarded, constant)
