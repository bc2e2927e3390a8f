"""Where a request keeps what a guard found: in its ASGI scope, WSGI environ or the like.

Owns the two names and how they are read. No client can write there.
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
"""The guard that found the principal; the policies of routes need it."""
EXPIRY: Final = "cognito_mr_auth.close_after"
"""A function of seconds, after which an open WebSocket is closed; only with `close_at_expiry`."""
HIDDEN: Final = "cognito_mr_auth.hidden"
"""The subprotocols of a WebSocket from whose scope a token was taken, as they came."""
MISSING: Final = "cognito_mr_auth.missing"
"""The error of a request that was let through without a token; its hint says what the client left out."""
OPENED: Final = "cognito_mr_auth.opened"
"""The mark of the endpoint for which a request was let in without a token: "public", "optional" or None."""

REQUIRED: Final[Never] = cast("Never", object())
"""In place of a default: there must be a guard."""


def principal_in(state: Mapping[str, Any], default: Default, advice: str) -> Principal | Default | None:
    """The principal of a request, None for one without, and `default` where no guard has looked at it.

    Raises:
        LookupError: no guard has, and there is no default. `advice` says what to put in place.
    """
    found: Principal | Default | None = state.get(PRINCIPAL, default)
    if found is REQUIRED:
        raise LookupError(f"no guard has looked at this request: {advice}")
    return found
