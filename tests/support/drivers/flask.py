"""flask.CognitoAuth: `@auth.require(policy)` on a view that answers every path and method."""

from __future__ import annotations

from typing import Any

from flask import Flask, jsonify
from werkzeug.routing import BaseConverter

from cognito_mr_auth import Verifier
from cognito_mr_auth.flask import CognitoAuth, current_principal

from . import Ask, Asker, Reply
from .client import Reached, ask_wsgi

WEBSOCKET = False
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Everything(BaseConverter):
    """Any path, odd ones included."""

    regex = ".*"
    part_isolating = False


def everything(app: Flask, view: Any) -> None:
    """Let one view answer all."""
    app.url_map.converters["everything"] = Everything
    app.url_map.merge_slashes = False
    app.add_url_rule(
        "/<everything:path>", "everything", view, methods=METHODS, provide_automatic_options=False
    )


def who(reached: Reached) -> Any:
    """A view that returns the caller."""

    def view(path: str) -> Any:
        reached.mark()
        return jsonify(current_principal.subject if current_principal else None)

    return view


def asker(app: Flask, reached: Reached) -> Asker:
    """An asker over HTTP."""

    def ask(request: Ask) -> Reply:
        return ask_wsgi(app, request, reached.look)

    return ask


def build(verifier: Verifier, require: Any = None, **options: Any) -> Asker:
    """A view that names its guard: neither `exclude` nor `optional` opens it."""
    reached = Reached()
    app = Flask(__name__, static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = True  # what is no answer reaches the test
    auth = CognitoAuth(verifier, app=app, **options)
    everything(app, auth.require(require)(who(reached)))
    return asker(app, reached)
