"""A Lambda function behind an authorizer."""

from typing import Any

from cognito_mr_auth.aws_lambda import principal_from_authorizer


def handler(event: Any, context: Any) -> Any:
    return {"statusCode": 200, "body": principal_from_authorizer(event).subject}
