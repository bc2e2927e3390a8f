"""aws_lambda.chalice.CognitoAuth: `@auth.require(policy)` on a view."""

from __future__ import annotations

from typing import Any

from cognito_mr_auth import Verifier
from cognito_mr_auth.aws_lambda.chalice import CognitoAuth

from . import Asker
from .chalice import application, asker, everything, who
from .client import Reached

WEBSOCKET = False


def build(verifier: Verifier, require: Any = None, **options: Any) -> Asker:
    """A view that names its guard: neither `exclude` nor `optional` opens it."""
    reached = Reached()
    app = application()
    auth = CognitoAuth(verifier, app=app, **options)
    everything(app, auth.require(require)(who(app, reached)))
    return asker(app, reached)
