"""flask.CognitoAuth(protect_all=True): the application as a whole is guarded."""

from __future__ import annotations

from typing import Any

from flask import Flask

from cognito_mr_auth import Verifier
from cognito_mr_auth.flask import CognitoAuth

from . import NEEDED, Asker
from .client import Reached
from .flask import asker, everything, who

WEBSOCKET = False


def words(verifier: Verifier) -> Asker:
    """An application whose views say `public`, `optional`, `require`, or nothing."""
    reached = Reached()
    app = Flask(__name__, static_folder=None)
    auth = CognitoAuth(verifier, app=app, protect_all=True)
    marks = {
        "/public": auth.public,
        "/optional": auth.optional,
        "/required": auth.require(NEEDED),
        "/private": lambda view: view,
    }
    for path, mark in marks.items():
        view = who(reached)
        app.add_url_rule(path, path, mark(lambda view=view: view("")))
    return asker(app, reached)


def build(verifier: Verifier, **options: Any) -> Asker:
    """An application with no guard on its view."""
    reached = Reached()
    app = Flask(__name__, static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = True  # what is no answer reaches the test
    CognitoAuth(verifier, app=app, protect_all=True, **options)
    everything(app, who(reached))
    return asker(app, reached)
