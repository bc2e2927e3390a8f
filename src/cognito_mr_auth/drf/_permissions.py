"""Permission classes made from policies.

Owns the result of a permission for a request without a principal, and that a principal is checked at once.
The guard decides.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.permissions import BasePermission, BasePermissionMetaclass

from cognito_mr_auth._runtime.hooks import require_sync
from cognito_mr_auth.errors import AuthError, CredentialsMissing
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal

from ._authentication import guard_of
from ._exceptions import api_exception

__all__ = ["require"]


class _NoOpposite(BasePermissionMetaclass):  # type: ignore[misc] # it has no types
    def __invert__(cls) -> Any:  # noqa: N805 - of the class
        raise TypeError("~ would let guests in: negate the policy, as in require(~policy.groups('guest'))")


class _Required(BasePermission, metaclass=_NoOpposite):  # type: ignore[misc] # it has no types
    """See `require`."""

    policy: ClassVar[Policy | None] = None
    message = "this view needs an access token"
    code = CredentialsMissing.reason

    def has_permission(self, request: Any, view: Any) -> bool:
        """Whether there is a principal. If the policy refuses it, raise an error that has a challenge."""
        if not isinstance(request.auth, Principal):
            return False
        guard, refusal = guard_of(request, view), None
        try:
            guard.require(request.auth, self.policy)
        except AuthError as error:
            refusal = error
        if refusal is not None:
            raise api_exception(refusal, guard)
        return True


def require(policy: Policy | None = None) -> type[BasePermission]:
    """Return a permission class. The view needs a token that meets the policy, if one is given.

    Combine policies, not permissions: `require(a & b)`. In `require(a) | IsAdminUser`, IsAdminUser is checked
    only for requests without a token.

    Raises:
        TypeError: `policy` is not a Policy, or it has a check that is a coroutine function.
    """
    require_sync(policy)
    return _NoOpposite("Required", (_Required,), {"policy": policy, "__module__": __name__})
