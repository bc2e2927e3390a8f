"""AWS Lambda: authorizers for every kind of API, and a guard for functions that are the API.

    handler = Authorizer(verifier)      # or, without code, the function's handler is `handler` of this module

    auth = CognitoAuth(verifier)

    @auth.require(policy.scopes("orders/read"))
    def orders(event, context, principal): ...

This module is the index. `handler` is built from environment variables when the runtime looks it up. The
import reads no variable. An invalid variable fails the function's init with a message that names it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._authorizer.authorizer import Authorizer, Unauthorized
from ._lifecycle import warm_up

if TYPE_CHECKING:
    from ._emf import emf
    from ._proxy.cognito_auth import CognitoAuth
    from ._proxy.upstream import principal_from_authorizer, still_valid

    handler: Authorizer

__all__ = [
    "Authorizer",
    "CognitoAuth",
    "Unauthorized",
    "emf",
    "principal_from_authorizer",
    "still_valid",
    "warm_up",
]

# Imported at first use, because the authorizer needs none of them and each import delays a cold start.
_LATER = {
    "CognitoAuth": "_proxy.cognito_auth",
    "emf": "_emf",
    "principal_from_authorizer": "_proxy.upstream",
    "still_valid": "_proxy.upstream",
}

# A type checker must see the real names, and not a module that has every attribute.
if not TYPE_CHECKING:  # pragma: no branch

    def __getattr__(name: str) -> Any:
        if name == "handler":
            import os

            from ._authorizer import environment

            made: Any = environment.build(os.environ)
        elif name in _LATER:
            from importlib import import_module

            made = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = made
        return made
