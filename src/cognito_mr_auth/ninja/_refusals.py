"""Turns AuthErrors into ninja's HttpError too, which its exception handlers expect (W5).

Owns the attributes that ninja reads from its exception. The guard makes the response.
"""

from __future__ import annotations

from ninja.errors import HttpError

from cognito_mr_auth._web.bearer import HTTPResponse
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.host_errors import as_host_error
from cognito_mr_auth.errors import AuthError, CredentialsMissing

__all__ = ["AuthHttpError", "missing"]


class AuthHttpError(HttpError):
    """A refusal, as ninja's exception handlers receive it.

    Each is also an instance of its specific error class (`TokenExpired`, ...), with that error's `reason`,
    `hint` and `retryable`. `error` is that error alone, and `response` is the guard's whole response.
    """

    error: AuthError
    response: HTTPResponse


def missing(error: AuthError, guard: RequestGuard) -> CredentialsMissing:
    """Return the error for a request without a token, which the next authentication may accept.

    Raises:
        AuthHttpError: it is another error.
    """
    if isinstance(error, CredentialsMissing):
        return error.with_traceback(None)
    made = guard.response(error)
    hint = error.hint if made.status < 500 else None  # a 5xx hint is for operators; ninja shows `str()`
    raise as_host_error(error, AuthHttpError, status_code=made.status, hint=hint, response=made) from None
