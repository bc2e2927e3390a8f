"""Powertools for AWS Lambda: the event handler's resolver, here behind uvicorn in place of API Gateway.

python -m cognito_mr_auth.testing --scope orders/read -- uvicorn --app-dir examples powertools_app:app
"""

import os
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.http_resolver import HttpResolverLocal

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.aws_lambda.powertools import CognitoAuth, principal_of

verifier = Verifier.from_env()
app: Any = APIGatewayHttpResolver() if "AWS_LAMBDA_FUNCTION_NAME" in os.environ else HttpResolverLocal()
auth = CognitoAuth(verifier, app=app, protect_all=True)


@app.get("/health", middlewares=[auth.public])
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.get("/ready", middlewares=[auth.public])
def ready() -> Any:
    up = verifier.ready()
    return Response(200 if up else 503, "application/json", {"status": "pass" if up else "fail"})


@app.get("/me")
def me() -> dict[str, str]:
    caller = principal_of(app)  # `protect_all` requires a token
    return {"subject": caller.subject, "issuer": caller.issuer.kind} if caller else {}


@app.get("/orders", middlewares=[auth.require(policy.scopes("orders/read"))])
def orders() -> dict[str, list[str]]:
    return {"orders": []}


def handler(event: Any, context: Any) -> Any:
    """The function's handler in AWS Lambda."""
    return app.resolve(event, context)
