"""Refusals as ninja knows errors: as its HttpError too (W5).

Owns what ninja reads of its own kind. The guard makes the answer.
"""

from __future__ import annotations

from ninja.errors import HttpError

from cognito_mr_auth._web.bearer import HTTPResponse
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.host_errors import as_host_error
from cognito_mr_auth.errors import AuthError, CredentialsMissing

__all__ = ["AuthHttpError", "missing"]


class AuthHttpError(HttpError):
    """A refusal, as ninja's exception handlers see it.

    Each is an error of its own class too (`TokenExpired`, ...), with that one's `reason`, `hint` and
    `retryable`. `error` is that error alone, `response` the whole answer as the guard makes it.
    """

    error: AuthError
    response: HTTPResponse


def missing(error: AuthError, guard: RequestGuard) -> CredentialsMissing:
    """The error of a request without a token, which is left to the next authentication.

    Raises:
        AuthHttpError: it is another error.
    """
    if isinstance(error, CredentialsMissing):
        return error.with_traceback(None)
    made = guard.response(error)
    hint = error.hint if made.status < 500 else None  # the operator's; ninja's own handler shows `str()`
    raise as_host_error(error, AuthHttpError, status_code=made.status, hint=hint, response=made) from None
