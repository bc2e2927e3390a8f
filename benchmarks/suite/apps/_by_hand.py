"""The checks that a user writes by hand around PyJWT and its key client, without a framework's package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._settings import Settings

__all__ = ["checks"]


def checks(settings: Settings) -> Callable[[str], dict[str, Any]]:
    """From an Authorization header to the claims, or jwt.PyJWTError. It blocks when it fetches keys."""
    import jwt

    keys = jwt.PyJWKClient(settings.jwks_url)

    def claims_of(header: str) -> dict[str, Any]:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer":
            raise jwt.InvalidTokenError("no bearer token")
        key = keys.get_signing_key_from_jwt(token)
        required = {"require": ["exp", "iss", "sub"]}
        claims: dict[str, Any] = jwt.decode(
            token, key, algorithms=["RS256"], issuer=settings.issuer, options=required
        )
        if (claims.get("token_use"), claims.get("client_id")) != ("access", settings.client_id):
            raise jwt.InvalidTokenError("of another kind, or for another client")
        return claims

    return claims_of
