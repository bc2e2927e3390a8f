"""WSGI without a framework."""

from __future__ import annotations

from typing import Any

from benchmarks.suite.apps._settings import Settings
from cognito_mr_auth.wsgi import CognitoAuthMiddleware

from ._common import BODY, ConstantWSGI, chosen, gunicorn

NAME = "plain WSGI"
COMMAND = gunicorn(__name__)

_HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))]


def orders(_environ: Any, start_response: Any) -> list[bytes]:
    """The application."""
    start_response("200 OK", list(_HEADERS))
    return [BODY]


def guarded(settings: Settings) -> Any:
    """Our middleware."""
    return CognitoAuthMiddleware(orders, settings.verifier())


def constant(_settings: Settings) -> Any:
    """A constant."""
    return ConstantWSGI(orders)


served = chosen(guarded, constant)
