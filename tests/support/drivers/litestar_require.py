"""litestar.CognitoAuth: `guards=[auth.require(policy)]` on a handler that answers every path."""

from __future__ import annotations

from typing import Any

from cognito_mr_auth import Verifier
from cognito_mr_auth.litestar import CognitoAuth

from . import Asker
from ._litestar import EVERYWHERE, METHODS, application, asker, who
from .client import Reached

WEBSOCKET = False


def build(verifier: Verifier, require: Any = None, **options: Any) -> Asker:
    """A handler that names its guard: neither `exclude` nor `optional` opens it."""
    reached = Reached()
    auth = CognitoAuth(verifier, **options)
    handler = who(reached, EVERYWHERE, METHODS, guards=[auth.require(require)])
    return asker(application(auth, handler), reached)
