"""Litestar with our plugin, which closes every handler, and with an authentication of its own kind."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, get
from litestar.connection import ASGIConnection
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult

from benchmarks.suite.apps._settings import ANSWER, Settings
from cognito_mr_auth.litestar import CognitoAuth

from ._common import SOMEBODY, chosen, uvicorn

NAME = "Litestar"
COMMAND = uvicorn(__name__)


def _app(**options: Any) -> Litestar:
    @get("/orders")
    async def orders() -> dict[str, str]:
        return ANSWER

    return Litestar([orders], openapi_config=None, **options)


def guarded(settings: Settings) -> Litestar:
    """Our plugin."""
    return _app(plugins=[CognitoAuth(settings.verifier(), protect_all=True)])


class Constant(AbstractAuthenticationMiddleware):
    """It reads the header, and everybody is the same."""

    async def authenticate_request(
        self, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> AuthenticationResult:
        """User and principal."""
        found = SOMEBODY if connection.headers.get("authorization") else None
        return AuthenticationResult(found, found)


def constant(_settings: Settings) -> Litestar:
    """A constant."""
    return _app(middleware=[Constant])


served = chosen(guarded, constant)
