"""A FastAPI application with one route, guarded in each of the ways that section 5 compares.

    python -m uvicorn --factory benchmarks.suite.apps.fastapi_app:served

Annotations are not postponed: dependencies are named in them, and made in functions.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException
from fastapi.requests import HTTPConnection
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from fastapi.security.http import HTTPBearer

from cognito_mr_auth.asgi import CognitoAuthMiddleware
from cognito_mr_auth.fastapi import CognitoAuth

from ._by_hand import checks
from ._settings import ANSWER, Settings

__all__ = ["BUILDERS", "GUARDED", "build", "served"]


class Empty(SecurityBase):
    """The shape of our dependency and nothing in it: it reads the header, and everybody is the same."""

    def __init__(self) -> None:
        self.scheme_name = "Empty"
        self.model = HTTPBearer().model

    async def __call__(self, connection: HTTPConnection, _scopes: SecurityScopes) -> str | None:
        """A constant."""
        return "somebody" if connection.headers.get("authorization") else None


def _guarded(dependency: Callable[..., Any]) -> FastAPI:
    """An application whose route has this dependency."""
    app = FastAPI()

    @app.get("/orders")
    async def orders(_somebody: Annotated[Any, Depends(dependency)]) -> dict[str, str]:
        return ANSWER

    return app


def open_to_all(_settings: Settings) -> FastAPI:
    """No auth."""
    app = FastAPI()

    @app.get("/orders")
    async def orders() -> dict[str, str]:
        return ANSWER

    return app


def empty(_settings: Settings) -> FastAPI:
    """What any dependency of this shape costs."""
    return _guarded(Empty())


def ours(settings: Settings) -> FastAPI:
    """Our dependency."""
    return _guarded(CognitoAuth(settings.verifier()))


def ours_in_front(settings: Settings) -> Any:
    """Our ASGI middleware around an application that knows nothing of it."""
    return CognitoAuthMiddleware(open_to_all(settings), settings.verifier())


def fastapi_cognito(settings: Settings) -> FastAPI:
    """fastapi-cognito, whose settings may name another JWKS URL."""
    from fastapi_cognito import CognitoAuth as Peer
    from fastapi_cognito import CognitoSettings

    pool = {
        "region": settings.user_pool_id.partition("_")[0],
        "userpool_id": settings.user_pool_id,
        "app_client_id": settings.client_id,
        "jwks_url": settings.jwks_url,
    }
    options = CognitoSettings(
        check_expiration=True,
        jwt_header_name="Authorization",
        jwt_header_prefix="Bearer",
        userpools={"default": pool},
    )
    return _guarded(Peer(options).auth_required)


def pyjwt(settings: Settings) -> FastAPI:
    """What one writes by hand around PyJWT."""
    import jwt

    check = checks(settings)

    async def claims_of(connection: HTTPConnection) -> dict[str, Any]:
        try:
            return check(connection.headers.get("authorization", ""))
        except jwt.PyJWTError:
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"}) from None

    return _guarded(claims_of)


BUILDERS: dict[str, Callable[[Settings], Any]] = {
    "no auth": open_to_all,
    "empty dependency": empty,
    "ours, dependency": ours,
    "ours, ASGI middleware": ours_in_front,
    "fastapi-cognito": fastapi_cognito,
    "PyJWT by hand": pyjwt,
}
GUARDED = tuple(BUILDERS)[2:]
"""Those that must refuse a forged token."""


def build(settings: Settings) -> Any:
    """The ASGI application of a variant."""
    return BUILDERS[settings.variant](settings)


def served() -> Any:
    """For uvicorn."""
    return build(Settings.given())
