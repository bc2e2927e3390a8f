"""aws_lambda.CognitoAuth behind a gateway: events as API Gateway writes them, answers as it reads them.

Owns the gateway's side: the REST event with every header value, and the length that it adds itself.
"""

from __future__ import annotations

import json
from typing import Any

from cognito_mr_auth import Verifier
from cognito_mr_auth.aws_lambda import CognitoAuth
from cognito_mr_auth.policy import Policy

from . import Ask, Asker, Reply
from .client import Reached


def event_of(ask: Ask, *, websocket: bool) -> dict[str, Any]:
    """The proxy event of a REST API, or of a WebSocket API's $connect."""
    several: dict[str, list[str]] = {}
    for name, value in ask.headers:
        several.setdefault(name, []).append(value)
    headers = {name: values[-1] for name, values in several.items()}
    event: dict[str, Any] = {"headers": headers, "multiValueHeaders": several, "isBase64Encoded": False}
    if websocket:
        return event | {"requestContext": {"eventType": "CONNECT", "routeKey": "$connect"}}
    path = ask.path if ask.raw_path is None else ask.raw_path
    return event | {"httpMethod": ask.method, "path": path, "requestContext": {"stage": "prod"}}


def build_kind(
    verifier: Verifier, options: dict[str, Any], *, websocket: bool, require: Policy | None = None
) -> Asker:
    """An asker whose requests come as such events."""
    reached = Reached()
    auth = CognitoAuth(verifier, **options)

    @auth.require(require)
    def handler(event: Any, context: Any, principal: Any) -> dict[str, Any]:
        reached.mark()
        body = json.dumps(None if principal is None else principal.subject)
        return {"statusCode": 200, "headers": {}, "body": body}

    def ask(request: Ask) -> Reply:
        answer = handler(event_of(request, websocket=websocket), None)
        body = answer["body"].encode()
        said = {name.lower(): value for name, value in answer["headers"].items()}
        headers = {"content-length": str(len(body))} | said
        return Reply(answer["statusCode"], headers, body, reached.look())

    return ask
