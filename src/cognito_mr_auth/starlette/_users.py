"""The values that Starlette's users expect in a scope: `request.user` and `request.auth`.

Owns only these two values.
"""

from __future__ import annotations

from starlette.authentication import AuthCredentials, BaseUser, UnauthenticatedUser

from cognito_mr_auth._web import asgi_scope as asgi
from cognito_mr_auth._web.asgi_types import Scope
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.user import PrincipalUser
from cognito_mr_auth.principal import Principal

__all__ = ["CognitoUser", "fill_scope"]


class CognitoUser(PrincipalUser, BaseUser):
    """The `request.user` of a request with a token. Its `principal` has all the token's data.

    `identity` is the provider (the pool's ID) and the subject. `display_name` is the username, or a machine's
    subject.
    """


def fill_scope(scope: Scope, guard: RequestGuard, principal: Principal | None) -> None:
    """Add what an application finds in its scope, with `auth` and `user` as Starlette names them."""
    asgi.fill_scope(scope, guard, principal)
    if principal is None:
        scope["auth"], scope["user"] = AuthCredentials(), UnauthenticatedUser()
    else:
        scopes = ["authenticated", *sorted(principal.scopes)]
        scope["auth"], scope["user"] = AuthCredentials(scopes), CognitoUser(principal)
