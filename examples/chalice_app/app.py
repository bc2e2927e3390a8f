"""AWS Chalice: views that guard themselves, and one behind an authorizer function.

python -m cognito_mr_auth.testing --scope orders/read \
    -- chalice --project-dir examples/chalice_app local --no-autoreload --port 8000
"""

from typing import Any

from chalice.app import Chalice, Response

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.aws_lambda.chalice import CognitoAuth, authorizer, principal_of

verifier = Verifier.from_env()
app = Chalice(app_name="orders")
auth = CognitoAuth(verifier, app=app, protect_all=True)
authorize = authorizer(verifier, routes={"GET /invoices": policy.scopes("orders/read")})


@app.route("/health")
@auth.public
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.route("/ready")
@auth.public
def ready() -> Response:
    up = verifier.ready()
    return Response({"status": "pass" if up else "fail"}, status_code=200 if up else 503)


@app.route("/me")
def me() -> dict[str, str]:
    caller = principal_of(app.current_request)  # `protect_all` requires a token
    return {"subject": caller.subject, "issuer": caller.issuer.kind} if caller else {}


@app.route("/orders")
@auth.require(policy.scopes("orders/read"))
def orders() -> dict[str, list[str]]:
    return {"orders": []}


@app.authorizer(ttl_seconds=300)
def gate(auth_request: Any) -> Any:
    return authorize(auth_request)


@app.route("/invoices", authorizer=gate)  # API Gateway asks the authorizer function first
def invoices() -> dict[str, list[str]]:
    return {"invoices": []}
