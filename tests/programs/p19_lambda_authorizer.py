"""A Lambda authorizer whose routes want different rights."""

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.aws_lambda import Authorizer

handler = Authorizer(
    Verifier.from_env(),
    kind="rest-request",
    routes={"GET /orders": policy.scopes("orders/read"), "POST /orders": policy.scopes("orders/write")},
)
