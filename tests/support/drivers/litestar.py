"""litestar.CognitoAuth(protect_all=True): the application as a whole is guarded."""

from __future__ import annotations

from typing import Any

from cognito_mr_auth import Verifier
from cognito_mr_auth.litestar import CognitoAuth

from . import NEEDED, Asker
from ._litestar import EVERYWHERE, METHODS, application, asker, who
from .client import Reached

WEBSOCKET = False


def words(verifier: Verifier) -> Asker:
    """An application whose handlers say `public`, `optional`, `require`, or nothing."""
    reached = Reached()
    auth = CognitoAuth(verifier, protect_all=True)
    handlers = [
        auth.public(who(reached, "/public")),
        auth.optional(who(reached, "/optional")),
        who(reached, "/required", guards=[auth.require(NEEDED)]),
        who(reached, "/private"),
    ]
    return asker(application(auth, *handlers), reached)


def build(verifier: Verifier, **options: Any) -> Asker:
    """An application with no guard on its handler."""
    reached = Reached()
    auth = CognitoAuth(verifier, protect_all=True, **options)
    return asker(application(auth, who(reached, EVERYWHERE, METHODS)), reached)
