"""flask.CognitoAuth(protect_all=True): the application as a whole is guarded."""

from __future__ import annotations

from typing import Any

from flask import Flask

from cognito_mr_auth import Verifier
from cognito_mr_auth.flask import CognitoAuth

from . import Asker
from .client import Reached
from .flask import asker, everything, who

WEBSOCKET = False


def build(verifier: Verifier, **options: Any) -> Asker:
    """An application with no guard on its view."""
    reached = Reached()
    app = Flask(__name__, static_folder=None)
    CognitoAuth(verifier, app=app, protect_all=True, **options)
    everything(app, who(reached))
    return asker(app, reached)
