"""Lambda@Edge: the function of a distribution's viewer requests.

Deployed, it finds its settings in cognito.json beside it, because Lambda@Edge has no environment variables:
{"COGNITO_USER_POOL_ID": "...", "COGNITO_CLIENT_IDS": "...", "COGNITO_BAKED_KEY_FILE": "keys.json"}
"""

import json
import os
from pathlib import Path
from typing import Any

from cognito_mr_auth import Principal, Verifier, policy
from cognito_mr_auth.aws_lambda.edge import CognitoAuth

bundled = Path(__file__).with_name("cognito.json")
verifier = Verifier.from_env(json.loads(bundled.read_text()) if bundled.exists() else os.environ)
auth = CognitoAuth(verifier, exclude=["/health", "/ready"], identity_header="X-Identity")
MAY_READ_ORDERS = policy.scopes("orders/read")


@auth.require()
def handler(event: Any, context: Any, principal: Principal | None) -> Any:
    """Any valid token, and for /orders the scope; the request then goes on to the origin."""
    request = event["Records"][0]["cf"]["request"]
    if request["uri"] == "/orders" and principal is not None:
        verifier.require(principal, MAY_READ_ORDERS)  # its error becomes a response with a challenge
    return request
