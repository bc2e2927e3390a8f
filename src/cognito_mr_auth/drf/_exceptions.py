"""Refusals as REST framework knows errors: as its APIException too (W5).

Owns what REST framework reads of its own kind. The guard makes the answer.
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
    """A refusal, as REST framework's exception handlers see it. Its body and headers hold no token.

    Each is an error of its own class too (`TokenExpired`, ...), with that one's `reason`, `hint` and
    `retryable`. `error` is that error alone, `response` the whole answer as the guard makes it, `detail` the
    members of its body. It is no AuthenticationFailed: REST framework gives those the status and challenge of
    the first authentication class, whichever has failed.
    """

    error: AuthError
    response: HTTPResponse


def api_exception(error: AuthError, guard: RequestGuard) -> AuthAPIException:
    """The error as REST framework's own, with the guard's answer."""
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
