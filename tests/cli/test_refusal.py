"""Why a token is refused, and what to do."""

from __future__ import annotations

import pytest

from cognito_mr_auth import errors
from cognito_mr_auth.cli._refusal import do_of, refusal_fields, why_of

ALL = [
    *(kind() for kind in errors.TokenRejected.__subclasses__()),
    errors.KeysUnavailable(retry_after=7),
    errors.KeysUnavailable(retry_after=7, reason="key_unconfirmed"),
]


@pytest.mark.parametrize("error", ALL, ids=[error.reason for error in ALL])
def test_there_is_always_something_to_do(error: errors.AuthError) -> None:
    """Also where the library has no hint; an outage says when to try again."""
    assert do_of(error)
    assert refusal_fields(error)["do"] == do_of(error)
    assert ("7 s" in do_of(error)) is isinstance(error, errors.Unavailable)


CLAIMS = [
    ("client_id", "another client", "--client-id"),
    ("aud", "bound", "--audience"),
    ("token_use", "an ID token", "--token-use"),
    ("client_id", None, "inspect"),
    ("sub", None, "inspect"),
]


@pytest.mark.parametrize(("claim", "hint", "option"), CLAIMS, ids=[f"{row[0]}-{row[1]}" for row in CLAIMS])
def test_a_claim_names_its_option(claim: str, hint: str | None, option: str) -> None:
    """Where a setting decides; a claim that is absent or malformed is the token's own."""
    error = errors.ClaimRejected("the claim", claim=claim, hint=hint)
    assert option in do_of(error)
    assert why_of(error) == ("the claim" if hint is None else f"the claim; {hint}")


def test_a_hint_that_is_what_to_do_is_said_once() -> None:
    """The library's own advice stands where the command line has none."""
    error = errors.TokenExpired(hint="get a new one")
    assert (why_of(error), do_of(error)) == ("the token has expired", "get a new one")
