"""A Litestar application with one route, guarded in each of the ways that section 5 compares.

python -m uvicorn --factory benchmarks.suite.apps.litestar_app:served
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import Litestar, get
from litestar.connection import ASGIConnection
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult

from cognito_mr_auth.litestar import CognitoAuth

from ._settings import ANSWER, Settings

__all__ = ["BUILDERS", "GUARDED", "build", "served"]


def _routed(**options: Any) -> Litestar:
    @get("/orders")
    async def orders() -> dict[str, str]:
        return ANSWER

    return Litestar([orders], openapi_config=None, **options)


class Constant(AbstractAuthenticationMiddleware):
    """Litestar's own kind of middleware: it reads the header, and everybody is the same."""

    async def authenticate_request(
        self, connection: ASGIConnection[Any, Any, Any, Any]
    ) -> AuthenticationResult:
        """A constant."""
        return AuthenticationResult("somebody" if connection.headers.get("authorization") else None, None)


def open_to_all(_settings: Settings) -> Litestar:
    """No auth."""
    return _routed()


def empty(_settings: Settings) -> Litestar:
    """What Litestar's own authentication costs."""
    return _routed(middleware=[Constant])


def ours(settings: Settings) -> Litestar:
    """Ours, around everything."""
    return _routed(plugins=[CognitoAuth(settings.verifier(), protect_all=True)])


BUILDERS: dict[str, Callable[[Settings], Litestar]] = {
    "no auth": open_to_all,
    "empty authentication": empty,
    "ours, everything": ours,
}
GUARDED = ("ours, everything",)
"""Those that must refuse a forged token."""


def build(settings: Settings) -> Litestar:
    """The ASGI application of a variant."""
    return BUILDERS[settings.variant](settings)


def served() -> Litestar:
    """For uvicorn."""
    return build(Settings.given())
