"""aws_lambda.edge.CognitoAuth on a viewer request, before a handler that answers for the origin."""

from __future__ import annotations

import json
from typing import Any

from cognito_mr_auth import Verifier
from cognito_mr_auth.aws_lambda.edge import CognitoAuth

from . import Ask, Asker, Reply
from .client import Reached

WEBSOCKET = False


def event_of(ask: Ask) -> dict[str, Any]:
    """CloudFront's event of a viewer request."""
    headers: dict[str, list[dict[str, str]]] = {}
    for name, value in ask.headers:
        headers.setdefault(name.lower(), []).append({"key": name, "value": value})
    uri = ask.path if ask.raw_path is None else ask.raw_path
    request = {"clientIp": "203.0.113.7", "method": ask.method, "uri": uri, "querystring": ""}
    config = {"distributionId": "EXAMPLE", "eventType": "viewer-request", "requestId": "example"}
    return {"Records": [{"cf": {"config": config, "request": {**request, "headers": headers}}}]}


def reply_of(answer: dict[str, Any], method: str, reached: Reached) -> Reply:
    """What CloudFront makes of a generated response: it adds the length, and sends no body for HEAD."""
    body = answer.get("body", "").encode()
    headers = {name: each["value"] for name, [each] in answer.get("headers", {}).items()}
    said = b"" if method == "HEAD" else body
    return Reply(int(answer["status"]), {"content-length": str(len(body))} | headers, said, reached.look())


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker over HTTP."""
    reached = Reached()

    @CognitoAuth(verifier, **options).require()
    def handler(event: Any, context: Any, principal: Any) -> dict[str, Any]:
        reached.mark()
        return {"status": "200", "body": json.dumps(None if principal is None else principal.subject)}

    def ask(request: Ask) -> Reply:
        return reply_of(handler(event_of(request), None), request.method, reached)

    return ask
