"""AWS Lambda: authorizers for every kind of API, and a decorator for functions that are the API.

    handler = Authorizer(verifier)      # or, without code, the function's handler is `handler` of this module

    @requires(verifier, require=policy.scopes("orders/read"))
    def orders(event, context, principal): ...

This module is the index. `handler` is built from environment variables when the runtime looks it up:
importing reads none, and a bad variable fails the function's init with a message that names it.
"""

from __future__ import annotations

from typing import Any

from ._authorizer.authorizer import Authorizer, Unauthorized
from ._lifecycle import warm_up

__all__ = ["Authorizer", "Unauthorized", "principal_from_event", "requires", "still_valid", "warm_up"]

# Beyond the authorizer, which needs none of it, and the milliseconds count: a cold start waits for imports.
_LATER = {
    "principal_from_event": "_proxy.upstream",
    "requires": "_proxy.requires",
    "still_valid": "_proxy.upstream",
}


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
