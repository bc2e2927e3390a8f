"""The answer of a Chalice authorizer function.

Owns the way from Chalice's AuthRequest to an `Authorizer` and back.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, cast

from cognito_mr_auth.aws_lambda._authorizer.authorizer import Authorizer, Unauthorized
from cognito_mr_auth.errors import Unavailable
from cognito_mr_auth.verifier import Verifier

__all__ = ["authorizer"]


def authorizer(verifier: Verifier, **options: Any) -> Callable[[Any], dict[str, Any]]:
    """What an `@app.authorizer()` function returns for its AuthRequest.

        authorize = authorizer(verifier, routes={"GET /orders": policy.scopes("orders/read")})

        @app.authorizer(ttl_seconds=300)
        def gate(auth_request):
            return authorize(auth_request)

    `options` are those of `aws_lambda.Authorizer` for REST APIs with TOKEN authorizers. The function raises
    `Unauthorized` for no token and a bad one (the gateway's 401) and `errors.Unavailable` in an outage (its
    500, which it does not cache); in `chalice local` and `chalice.test`, what stands for them there.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """
    decide = Authorizer(verifier, kind="rest-token", **options)

    def authorize(auth_request: Any) -> dict[str, Any]:
        token, arn = auth_request.token, auth_request.method_arn
        event = {"type": "TOKEN", "authorizationToken": token, "methodArn": arn}
        try:
            return decide(event, None)
        except (Unauthorized, Unavailable) as error:
            local = _local_error(error)
            if local is None:
                raise
        raise local

    return authorize


def _local_error(error: Exception) -> Exception | None:
    """What Chalice's local gateway answers; it drops the connection for any other. A deployment has none."""
    local = sys.modules.get("chalice.local")
    if local is None:
        return None
    if isinstance(error, Unauthorized):
        return cast("Exception", local.NotAuthorizedError({}, b'{"message":"Unauthorized"}'))
    return cast("Exception", local.InvalidAuthorizerError({}, b'{"message":null}'))
