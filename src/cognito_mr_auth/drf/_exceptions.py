"""Turns AuthErrors into REST framework's APIException too, which its exception handlers expect (W5).

Owns the attributes that REST framework reads from its exception. The guard makes the response.
"""

from __future__ import annotations

from json import loads

from rest_framework.exceptions import APIException, ErrorDetail

from cognito_mr_auth._web.bearer import HTTPResponse
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.host_errors import as_host_error
from cognito_mr_auth.errors import AuthError

__all__ = ["AuthAPIException", "api_exception"]


class AuthAPIException(APIException):  # type: ignore[misc] # it has no types
    """A refusal, as REST framework's exception handlers receive it. Its body and headers hold no token.

    Each is also an instance of its specific error class (`TokenExpired`, ...), with that error's `reason`,
    `hint` and `retryable`. `error` is that error alone, `response` is the guard's whole response, and
    `detail` has the members of its body. It is not an AuthenticationFailed, because REST framework gives
    those the status and challenge of the first authentication class, whichever class has failed.
    """

    error: AuthError
    response: HTTPResponse


def api_exception(error: AuthError, guard: RequestGuard) -> AuthAPIException:
    """Return the error as REST framework's exception, with the guard's response."""
    if isinstance(error, AuthAPIException):
        return error
    answer = guard.response(error)
    return as_host_error(
        error,
        AuthAPIException,
        status_code=answer.status,
        detail={name: ErrorDetail(said, error.reason) for name, said in loads(answer.body).items()},
        auth_header=answer.header("www-authenticate"),
        wait=getattr(error, "retry_after", None),
        response=answer,
    )
