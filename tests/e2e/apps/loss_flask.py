"""Flask, for the loss of a Region: who calls, which worker answered, and which process had loaded it."""

from __future__ import annotations

import os

from e2e.apps.settings import SETTINGS, verifier
from flask import Flask

from cognito_mr_auth.flask import CognitoAuth, current_principal

LOADER = os.getpid()

app = Flask(__name__)
guard = verifier("main")
CognitoAuth(guard, protect_all=True).init_app(app)
if SETTINGS.get("warm"):
    guard.warm()


@app.get("/me")
def me() -> dict[str, object]:
    """Any valid token."""
    return {"subject": current_principal.subject, "worker": os.getpid(), "loader": LOADER}
