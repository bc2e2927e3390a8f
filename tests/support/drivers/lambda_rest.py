"""aws_lambda.CognitoAuth behind a REST API."""

from __future__ import annotations

from typing import Any

from cognito_mr_auth import Verifier

from . import Asker
from ._lambda import build_kind

WEBSOCKET = False


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker over HTTP."""
    return build_kind(verifier, options, websocket=False)
