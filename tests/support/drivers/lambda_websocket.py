"""aws_lambda.CognitoAuth on a WebSocket API's $connect."""

from __future__ import annotations

from typing import Any

from cognito_mr_auth import Verifier

from . import Asker
from ._lambda import build_kind

WEBSOCKET = True


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker for handshakes."""
    return build_kind(verifier, options, websocket=True)
