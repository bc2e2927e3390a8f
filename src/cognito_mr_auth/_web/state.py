"""Where a request keeps what a guard found: in its ASGI scope, WSGI environ or the like.

This module has the names and how they are read. No client can write there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Never, TypeVar, cast

from cognito_mr_auth.principal import Principal

__all__ = [
    "EXPIRY",
    "GUARD",
    "HIDDEN",
    "MISSING",
    "OPENED",
    "PRINCIPAL",
    "REQUIRED",
    "Default",
    "principal_in",
]

Default = TypeVar("Default")
"""The type of a default that `principal_of` is given."""

PRINCIPAL: Final = "cognito_mr_auth.principal"
"""The principal; None for a request that was let through without one."""
GUARD: Final = "cognito_mr_auth.guard"
"""The guard that found the principal. The policies of routes need it."""
EXPIRY: Final = "cognito_mr_auth.close_after"
"""A function that takes the seconds after which an open WebSocket is closed; only with `close_at_expiry`."""
HIDDEN: Final = "cognito_mr_auth.hidden"
"""The subprotocols of a WebSocket whose scope had a token among them, as the client sent them."""
MISSING: Final = "cognito_mr_auth.missing"
"""The error of a request that was let through without a token. Its hint says what the client left out."""
OPENED: Final = "cognito_mr_auth.opened"
"""The mark of the endpoint for which a request was let in without a token: "public", "optional" or None."""

REQUIRED: Final[Never] = cast("Never", object())
"""A default which means that a guard must have seen the request."""


def principal_in(state: Mapping[str, Any], default: Default, advice: str) -> Principal | Default | None:
    """The principal of a request, None for one without, and `default` if no guard has seen the request.

    Raises:
        LookupError: no guard has seen the request, and there is no default. `advice` says what to add.
    """
    found: Principal | Default | None = state.get(PRINCIPAL, default)
    if found is REQUIRED:
        raise LookupError(f"no guard has looked at this request: {advice}")
    return found
