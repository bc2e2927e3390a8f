"""The principal, as FastAPI's endpoints receive it and as its responses show it.

Owns only these two.
"""

from __future__ import annotations

from fastapi.encoders import ENCODERS_BY_TYPE
from fastapi.requests import HTTPConnection

from cognito_mr_auth._web.state import REQUIRED, Default, principal_in
from cognito_mr_auth.principal import Principal

__all__ = ["principal_of"]

# A route without a return type is serialised through here; one with it, through Principal's own schema.
ENCODERS_BY_TYPE.setdefault(Principal, Principal.to_dict)


def principal_of(connection: HTTPConnection, default: Default = REQUIRED) -> Principal | Default | None:
    """The principal of this request or WebSocket; None if the request passed without a token.

    Raises:
        LookupError: no guard checked the request, and no `default` is given.
    """
    advice = "name the dependency at the route, or give principal_of() a default"
    return principal_in(connection.scope, default, advice)
