"""The values that Starlette's users expect in a scope: `request.user` and `request.auth`.

Owns only these two values.
"""

from __future__ import annotations

from typing import Any

from starlette.authentication import AuthCredentials, BaseUser, UnauthenticatedUser

from cognito_mr_auth._web import asgi_scope as asgi
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.user import PrincipalUser
from cognito_mr_auth.principal import Principal

__all__ = ["CognitoUser", "scope_values"]


class CognitoUser(PrincipalUser, BaseUser):
    """The `request.user` of a request with a token. Its `principal` has all the token's data.

    `identity` is the provider (the pool's ID) and the subject. `display_name` is the username, or a machine's
    subject.
    """


def scope_values(guard: RequestGuard, principal: Principal | None) -> dict[str, Any]:
    """Return what a connection's scope holds after the guard has checked it."""
    found = asgi.scope_values(guard, principal)
    if principal is None:
        found.update(auth=AuthCredentials(), user=UnauthenticatedUser())
    else:
        scopes = ["authenticated", *sorted(principal.scopes)]
        found.update(auth=AuthCredentials(scopes), user=CognitoUser(principal))
    return found
