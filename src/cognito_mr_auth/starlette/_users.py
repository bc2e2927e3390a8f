"""What Starlette's users expect to find in a scope: `request.user` and `request.auth`.

Owns these two values alone.
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
    """`request.user` of a request with a token. `principal` is everything that the token says.

    `identity` is provider (a pool's ID) and subject, `display_name` the username or a machine's subject.
    """


def scope_values(guard: RequestGuard, principal: Principal | None) -> dict[str, Any]:
    """What a connection's scope holds once the guard has looked at it."""
    found = asgi.scope_values(guard, principal)
    if principal is None:
        found.update(auth=AuthCredentials(), user=UnauthenticatedUser())
    else:
        scopes = ["authenticated", *sorted(principal.scopes)]
        found.update(auth=AuthCredentials(scopes), user=CognitoUser(principal))
    return found
