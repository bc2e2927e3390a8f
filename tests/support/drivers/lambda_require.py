"""aws_lambda.CognitoAuth behind a REST API, its policy named by the function."""

from __future__ import annotations

from typing import Any

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.policy import Policy

from . import Asker
from ._lambda import build_kind

WEBSOCKET = False


def build(verifier: Verifier, require: Policy | None = None, **options: Any) -> Asker:
    """An asker over HTTP. The function names a policy in every row; by default all principals meet it."""
    named = policy.check(lambda _principal: True) if require is None else require
    return build_kind(verifier, options, websocket=False, require=named)
