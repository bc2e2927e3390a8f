"""Describes the authentication class for drf-spectacular, which finds this extension by its import.

Owns the extension. The Django application `cognito_mr_auth.django` imports it after all applications are
ready, because drf-spectacular imports REST framework's views, and these import authentication classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from cognito_mr_auth.policy import Policy

from ._answers import SCHEME
from ._authentication import CognitoAuthentication

__all__ = ["CognitoScheme"]


class CognitoScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The security scheme of `CognitoAuthentication` and its subclasses."""

    target_class = CognitoAuthentication
    match_subclasses = True
    name = SCHEME.name

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:  # noqa: ARG002 - its own interface
        """Return a bearer token that is a JWT."""
        return SCHEME.document

    def get_security_requirement(self, auto_schema: Any) -> dict[str, list[str]]:
        """Return the scopes that the view's permissions name."""
        return {self.name: sorted(set(_scopes(auto_schema.view.get_permissions())))}


def _scopes(permissions: Iterable[object]) -> Iterator[str]:
    """Yield the scopes of each `require`, also below `&` and `|`."""
    for each in permissions:
        policy = getattr(each, "policy", None)
        if isinstance(policy, Policy):
            yield from policy.scope_names
        yield from _scopes(getattr(each, side) for side in ("op1", "op2") if hasattr(each, side))
