"""The response of a Chalice authorizer function.

Owns the conversion of Chalice's AuthRequest for an `Authorizer`, and of its response for Chalice.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Unpack, cast

from cognito_mr_auth.aws_lambda._authorizer.authorizer import Authorizer, Unauthorized
from cognito_mr_auth.aws_lambda._authorizer.options import RestTokenOptions
from cognito_mr_auth.errors import Unavailable
from cognito_mr_auth.verifier import Verifier

__all__ = ["authorizer"]


def authorizer(verifier: Verifier, **options: Unpack[RestTokenOptions]) -> Callable[[Any], dict[str, Any]]:
    """Return the function that makes the result of an `@app.authorizer()` function from its AuthRequest.

        authorize = authorizer(verifier, routes={"GET /orders": policy.scopes("orders/read")})

        @app.authorizer(ttl_seconds=300)
        def gate(auth_request):
            return authorize(auth_request)

    `options` are those of `aws_lambda.Authorizer` for REST APIs with TOKEN authorizers. The function raises
    `Unauthorized` for a missing or bad token, which the gateway turns into 401. In an outage it raises
    `errors.Unavailable`, which the gateway turns into 500 and does not cache. In `chalice local` and
    `chalice.test` it raises Chalice's own equivalents.

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
    """Return the error that Chalice's local gateway can answer; it drops the connection for any other."""
    local = sys.modules.get("chalice.local")
    if local is None:
        return None
    if isinstance(error, Unauthorized):
        return cast("Exception", local.NotAuthorizedError({}, b'{"message":"Unauthorized"}'))
    return cast("Exception", local.InvalidAuthorizerError({}, b'{"message":null}'))
