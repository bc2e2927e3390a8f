"""aws_lambda.powertools.CognitoAuth(protect_all=True): a resolver behind an HTTP API, guarded as a whole."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, ApiGatewayResolver, Response

from cognito_mr_auth import Verifier
from cognito_mr_auth.aws_lambda.powertools import CognitoAuth, principal_of

from . import NEEDED, Ask, Asker, Reply
from .client import Reached

WEBSOCKET = False
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def event_of(ask: Ask) -> dict[str, Any]:
    """The event of an HTTP API with payload 2.0, which joins headers of one name and has cookies apart."""
    headers: dict[str, str] = {}
    for name, value in ask.headers:
        key = name.lower()
        if key != "cookie":
            headers[key] = f"{headers[key]},{value}" if key in headers else value
    return {
        "version": "2.0",
        "rawPath": ask.path if ask.raw_path is None else ask.raw_path,
        "headers": headers,
        "cookies": [value for name, value in ask.headers if name.lower() == "cookie"],
        "requestContext": {"stage": "$default", "http": {"method": ask.method, "path": ask.path}},
        "isBase64Encoded": False,
    }


def who(app: ApiGatewayResolver, reached: Reached) -> Any:
    """A route that returns the caller."""

    def route() -> Response[Any]:
        reached.mark()
        principal = principal_of(app)
        return Response(200, body=json.dumps(None if principal is None else principal.subject))

    return route


def reply_of(answer: dict[str, Any], reached: Reached) -> Reply:
    """What a client of the gateway gets, which adds the length."""
    body = (answer["body"] or "").encode()
    several = {name: values[-1] for name, values in (answer.get("multiValueHeaders") or {}).items()}
    said = {name.lower(): value for name, value in {**(answer.get("headers") or {}), **several}.items()}
    return Reply(answer["statusCode"], {"content-length": str(len(body))} | said, body, reached.look())


def asker(app: ApiGatewayResolver, reached: Reached) -> Asker:
    """An asker over HTTP."""
    return lambda request: reply_of(app.resolve(event_of(request), None), reached)  # type: ignore[arg-type]


def words(verifier: Verifier) -> Asker:
    """A resolver whose routes say `public`, `optional`, `require`, or nothing."""
    reached = Reached()
    app = APIGatewayHttpResolver()
    auth = CognitoAuth(verifier, app=app, protect_all=True)
    marks = {
        "/public": [auth.public],
        "/optional": [auth.optional],
        "/required": [auth.require(NEEDED)],
        "/private": [],
    }
    for path, middlewares in marks.items():
        app.route(path, method=["GET", "HEAD"], middlewares=middlewares)(who(app, reached))
    return asker(app, reached)


def build(verifier: Verifier, **options: Any) -> Asker:
    """A resolver with no guard on its route."""
    reached = Reached()
    app = APIGatewayHttpResolver()
    CognitoAuth(verifier, app=app, protect_all=True, **options)
    app.route(".*", method=METHODS)(who(app, reached))
    return asker(app, reached)
