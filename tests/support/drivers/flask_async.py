"""flask.CognitoAuth: `@auth.require(policy)` on a coroutine function (needs asgiref)."""

from __future__ import annotations

from typing import Any

from flask import Flask

from cognito_mr_auth import Verifier
from cognito_mr_auth.flask import CognitoAuth

from . import Asker
from .client import Reached
from .flask import asker, everything, who

WEBSOCKET = False


def build(verifier: Verifier, require: Any = None, **options: Any) -> Asker:
    """A view that names its guard: neither `exclude` nor `optional` opens it."""
    reached = Reached()
    app = Flask(__name__, static_folder=None)
    app.config["PROPAGATE_EXCEPTIONS"] = True  # what is no answer reaches the test
    auth = CognitoAuth(verifier, app=app, **options)
    answer = who(reached)

    @auth.require(require)
    async def view(path: str) -> Any:
        return answer(path)

    everything(app, view)
    return asker(app, reached)
