"""aws_lambda.powertools.CognitoAuth: `middlewares=[auth.require(policy)]` on a route behind a REST API."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from cognito_mr_auth import Verifier
from cognito_mr_auth.aws_lambda.powertools import CognitoAuth

from . import Ask, Asker, Reply
from ._lambda import event_of
from .client import Reached
from .powertools import METHODS, reply_of, who

WEBSOCKET = False


def build(verifier: Verifier, require: Any = None, **options: Any) -> Asker:
    """A route that names its guard: neither `exclude` nor `optional` opens it."""
    reached = Reached()
    app = APIGatewayRestResolver()
    auth = CognitoAuth(verifier, app=app, **options)
    # "BREW" as well, because what is no route of this application is not guarded.
    app.route(".*", method=[*METHODS, "BREW", "CONNECT"], middlewares=[auth.require(require)])(
        who(app, reached)
    )

    def ask(request: Ask) -> Reply:
        event: Any = event_of(request, websocket=False)
        return reply_of(app.resolve(event, None), reached)  # type: ignore[arg-type]

    return ask
