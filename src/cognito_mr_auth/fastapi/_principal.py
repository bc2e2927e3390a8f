"""Who asks, as endpoints of FastAPI hear it and as its responses show it.

Owns these two alone.
"""

from __future__ import annotations

from fastapi.encoders import ENCODERS_BY_TYPE
from fastapi.requests import HTTPConnection

from cognito_mr_auth._web.state import REQUIRED, Default, principal_in
from cognito_mr_auth.principal import Principal

__all__ = ["principal_of"]

# What a route returns without saying its type goes through here; with one, through Principal's own schema.
ENCODERS_BY_TYPE.setdefault(Principal, Principal.to_dict)


def principal_of(connection: HTTPConnection, default: Default = REQUIRED) -> Principal | Default | None:
    """The principal of this request or WebSocket; None if it was let through without a token.

    Raises:
        LookupError: no guard has looked at it, and there is no `default`.
    """
    advice = "name the dependency at the route, or give principal_of() a default"
    return principal_in(connection.scope, default, advice)
