"""grpc: a call's metadata, and its refusal."""

from __future__ import annotations

from typing import Any

import pytest
from grpc import StatusCode

from cognito_mr_auth import Verifier, errors
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth.grpc._metadata import read_request, refusal

# --- Metadata

METADATA: dict[str, tuple[Any, list[str]]] = {
    "none at all": (None, []),
    "none": ((), []),
    "one": ((("authorization", "Bearer a"),), ["Bearer a"]),
    "two": ((("authorization", "a"), ("x", "y"), ("authorization", "b")), ["a", "b"]),
    "of another name": ((("authorization-x", "Bearer a"),), []),
    "octets": ((("authorization", b"Bearer a"),), []),
}  # fmt: skip


@pytest.mark.parametrize("row", METADATA)
def test_metadata_are_headers(row: str) -> None:
    """Repeats stay apart, and binary values are no text."""
    metadata, values = METADATA[row]
    assert list(read_request("/a.B/C", metadata).header("authorization")) == values


def test_a_call_is_a_post_of_its_method() -> None:
    """Every call may change something, and no name is decoded."""
    request = read_request("/a.B/%43", ())
    assert (request.method, request.path, request.raw_path) == ("POST", "/a.B/%43", "/a.B/%43")
    assert not request.websocket


# --- Refusals

REFUSALS: dict[str, tuple[errors.AuthError, StatusCode, dict[str, str]]] = {
    "no token": (
        errors.CredentialsMissing(),
        StatusCode.UNAUTHENTICATED,
        {"auth-reason": "credentials_missing", "www-authenticate": 'Bearer realm="api"'},
    ),
    "two tokens": (
        errors.RequestMalformed("two"),
        StatusCode.UNAUTHENTICATED,
        {
            "auth-reason": "request_malformed",
            "www-authenticate": 'Bearer realm="api", error="invalid_request", error_description="two"',
        },
    ),
    "a bad token": (
        errors.TokenExpired("old"),
        StatusCode.UNAUTHENTICATED,
        {
            "auth-reason": "token_expired",
            "www-authenticate": 'Bearer realm="api", error="invalid_token", error_description="old"',
        },
    ),
    "a sign-in that is too old": (
        errors.AuthenticationTooOld("again", max_age=60),
        StatusCode.UNAUTHENTICATED,
        {
            "auth-reason": "authentication_too_old",
            "www-authenticate": 'Bearer realm="api", error="insufficient_user_authentication", '
            'error_description="again", max_age="60"',
        },
    ),
    "a policy": (
        errors.PolicyDenied("no", scopes=("a/b",)),
        StatusCode.PERMISSION_DENIED,
        {
            "auth-reason": "policy_denied",
            "www-authenticate": 'Bearer realm="api", error="insufficient_scope", error_description="no", '
            'scope="a/b"',
        },
    ),
    "an outage": (
        errors.KeysUnavailable(retry_after=7),
        StatusCode.UNAVAILABLE,
        {"auth-reason": "keys_unavailable", "grpc-retry-pushback-ms": "7000"},
    ),
}


@pytest.mark.parametrize("row", REFUSALS)
def test_every_error_has_its_code(verifier: Verifier, row: str) -> None:
    """An outage is UNAVAILABLE, which clients retry, and never the caller's fault."""
    error, code, metadata = REFUSALS[row]
    found = refusal(RequestGuard(verifier), error)
    assert (found.code, dict(found.trailing_metadata)) == (code, metadata)
    assert found.details.startswith(error.message)
