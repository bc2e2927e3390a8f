"""litestar.CognitoAuth(protect_all=True) in an application that is asked for a WebSocket."""

from __future__ import annotations

from typing import Any

from cognito_mr_auth import Verifier
from cognito_mr_auth.litestar import CognitoAuth

from . import Asker
from ._litestar import EVERYWHERE, application, asker, socket
from .client import Reached

WEBSOCKET = True


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker that opens WebSockets."""
    reached = Reached()
    auth = CognitoAuth(verifier, protect_all=True, **options)
    return asker(application(auth, socket(reached, EVERYWHERE)), reached, websocket=True)
