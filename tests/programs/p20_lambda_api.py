"""A Lambda function that is the API: two handlers, settings once."""

from typing import Any

from cognito_mr_auth import Principal, Verifier, policy
from cognito_mr_auth.aws_lambda import CognitoAuth

auth = CognitoAuth(Verifier.from_env(), realm="orders")


@auth.require(policy.scopes("orders/read"))
def orders(event: Any, context: Any, principal: Principal) -> Any:
    return {"statusCode": 200, "body": principal.subject}


@auth.require()
def me(event: Any, context: Any, principal: Principal) -> Any:
    return {"statusCode": 200, "body": principal.subject}
