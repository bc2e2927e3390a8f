"""`_web.host_errors`: one exception that is an AuthError and the host's own (W5)."""

from __future__ import annotations

import pickle

import pytest

from cognito_mr_auth import errors
from cognito_mr_auth._web.host_errors import as_host_error


class HostError(Exception):
    """As werkzeug's and Starlette's: a constructor and a text of its own."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status, detail)

    def __str__(self) -> str:
        return "the host's text"


@pytest.mark.parametrize(
    "error",
    [
        errors.TokenExpired(hint="get a new one"),
        errors.PolicyDenied("another tenant", scopes=("a/b",)),
        errors.AuthenticationTooOld(max_age=60),
        errors.KeysUnavailable(retry_after=7, reason="key_unconfirmed"),
    ],
    ids=lambda error: error.reason,
)
def test_it_is_both(error: errors.AuthError) -> None:
    """Handlers and `except` for either kind find it; it says what the AuthError says, and keeps it."""
    made = as_host_error(error, HostError, status_code=error.status)
    assert isinstance(made, HostError)
    assert isinstance(made, type(error))
    assert (str(made), made.message, made.hint, made.reason) == (
        str(error),
        error.message,
        error.hint,
        error.reason,
    )
    assert vars(made).items() >= vars(error).items()
    assert (made.status_code, made.error) == (error.status, error)  # type: ignore[attr-defined]
    assert type(made).__name__ == type(error).__name__
    assert type(as_host_error(error, HostError)) is type(made)
    assert as_host_error(made, HostError) is made


def test_pickled_it_is_the_original_again() -> None:
    """A worker of another process knows no class that was made here."""
    back = pickle.loads(pickle.dumps(as_host_error(errors.PolicyDenied("x"), HostError)))  # noqa: S301
    assert type(back) is errors.PolicyDenied
    assert back.message == "x"
