"""The dependency of `CognitoAuth.optional`: a principal, or None.

Owns the value that guests get instead of a principal. Annotations must not be postponed here, because FastAPI
looks up their names in `__globals__`, which an instance does not have.
"""

from typing import Final

from fastapi.requests import HTTPConnection
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from cognito_mr_auth import policy
from cognito_mr_auth.principal import Principal

from ._verification import Verification, dependency

__all__ = ["NO_SCOPES", "Guests"]

NO_SCOPES: Final = SecurityScopes()
"""The default of a dependency that is called directly."""


class Guests(SecurityBase):
    """`CognitoAuth.optional`, which OpenAPI shows under the same scheme."""

    def __init__(self, verification: Verification) -> None:
        self._verification = verification

    @dependency
    async def __call__(
        self, connection: HTTPConnection, security_scopes: SecurityScopes = NO_SCOPES
    ) -> Principal | None:
        """Return the principal, which has all scopes that `Security` names; None without a token."""
        given = await self._verification.overriding(connection)
        if given is None or isinstance(given, Principal):
            return given
        principal = await self._verification.find(connection, "optional")
        if principal is None or not security_scopes.scopes:
            return principal
        require = policy.scopes(*map(str.__str__, security_scopes.scopes))
        return await self._verification.permit(connection, principal, require)
