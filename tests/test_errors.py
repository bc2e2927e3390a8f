"""Whose fault it is, and which HTTP status says so."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import pytest

from cognito_mr_auth import errors
from cognito_mr_auth.errors import AuthError

# E: class -> parent, status, oauth_error (RFC 6750 3.1, RFC 9470), retryable, reason.
TREE: dict[str, tuple[str, int, str | None, bool, str]] = {
    "CredentialsMissing": ("AuthError", 401, None, False, "credentials_missing"),
    "RequestMalformed": ("AuthError", 400, "invalid_request", False, "request_malformed"),
    "TokenRejected": ("AuthError", 401, "invalid_token", False, "token_rejected"),
    "TokenMalformed": ("TokenRejected", 401, "invalid_token", False, "token_malformed"),
    "AlgorithmNotAllowed": (
        "TokenRejected",
        401,
        "invalid_token",
        False,
        "algorithm_not_allowed",
    ),
    "IssuerUnknown": ("TokenRejected", 401, "invalid_token", False, "issuer_unknown"),
    "KeyUnknown": ("TokenRejected", 401, "invalid_token", True, "key_unknown"),
    "SignatureInvalid": ("TokenRejected", 401, "invalid_token", False, "signature_invalid"),
    "TokenExpired": ("TokenRejected", 401, "invalid_token", False, "token_expired"),
    "TokenNotYetValid": ("TokenRejected", 401, "invalid_token", True, "token_not_yet_valid"),
    "ClaimRejected": ("TokenRejected", 401, "invalid_token", False, "claim_rejected"),
    "TokenRevoked": ("TokenRejected", 401, "invalid_token", False, "token_revoked"),
    "AuthenticationTooOld": (
        "AuthError",
        401,
        "insufficient_user_authentication",
        False,
        "authentication_too_old",
    ),
    "PolicyDenied": ("AuthError", 403, "insufficient_scope", False, "policy_denied"),
    "OriginDenied": ("PolicyDenied", 403, None, False, "origin_denied"),
    "Unavailable": ("AuthError", 503, None, True, "unavailable"),
    "KeysUnavailable": ("Unavailable", 503, None, True, "keys_unavailable"),
    "RevocationUnavailable": ("Unavailable", 503, None, True, "revocation_unavailable"),
    "CheckUnavailable": ("Unavailable", 503, None, True, "check_unavailable"),
    "AuthError": ("Exception", 401, None, False, "auth_error"),
}

# What some constructors take beside a message and a hint.
EXTRA: dict[str, dict[str, Any]] = {
    "AuthenticationTooOld": {"max_age": 300},
    "ClaimRejected": {"claim": "aud"},
    "PolicyDenied": {"scopes": ("orders/read",)},
    "Unavailable": {"retry_after": 7},
    "KeysUnavailable": {"retry_after": 7},
    "RevocationUnavailable": {"retry_after": 7},
    "CheckUnavailable": {"retry_after": 7},
}


def made(name: str, *values: Any, **named: Any) -> AuthError:
    """An error of that class with what its constructor wants."""
    error: AuthError = getattr(errors, name)(*values, **EXTRA.get(name, {}), **named)
    return error


@pytest.mark.parametrize("name", TREE)
def test_the_tree(name: str) -> None:
    """Each error has its place, status, OAuth error and reason, on the class and on its objects."""
    parent, *promised = TREE[name]
    kind = getattr(errors, name)
    assert kind.__base__.__name__ == parent
    for holder in (kind, made(name)):
        assert [holder.status, holder.oauth_error, holder.retryable, holder.reason] == promised


def test_the_tree_is_complete() -> None:
    """No error is missing from the table, the index or the documentation; reasons are unique."""
    defined = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert defined == {*TREE, "ConfigurationError"} == set(errors.__all__)
    assert len({row[-1] for row in TREE.values()}) == len(TREE)
    assert all(name in (errors.__doc__ or "") for name in errors.__all__)


def test_a_configuration_error_is_no_verdict() -> None:
    """Constructors raise a ValueError that no `except AuthError` swallows."""
    assert errors.ConfigurationError.__base__ is ValueError


@pytest.mark.parametrize("name", TREE)
def test_every_error_has_a_message(name: str) -> None:
    """Without a message there is one; with one it is `str()`; the hint is apart.

    Of an outage `str()` says why as well, for logs; a response shows the message.
    """
    plain, full = made(name), made(name, "what happened", hint="what to do")
    assert str(plain) == plain.message
    assert plain.message
    assert plain.hint is None
    assert (full.message, full.hint) == ("what happened", "what to do")
    assert str(full) == ("what happened: what to do" if name == "KeysUnavailable" else "what happened")


@pytest.mark.parametrize("name", TREE)
@pytest.mark.parametrize(
    "duplicate",
    [
        *(
            pytest.param(lambda e, p=p: pickle.loads(pickle.dumps(e, p)), id=f"pickle-{p}")  # noqa: S301
            for p in range(pickle.HIGHEST_PROTOCOL + 1)
        ),
        pytest.param(copy.copy, id="copy"),
        pytest.param(copy.deepcopy, id="deepcopy"),
    ],
)
def test_errors_cross_process_boundaries(name: str, duplicate: Any) -> None:
    """A copy has the same class, text and attributes."""
    error = made(name, "what happened", hint="what to do")
    twin = duplicate(error)
    assert type(twin) is type(error)
    assert (str(twin), twin.args, vars(twin)) == (str(error), error.args, vars(error))
    assert EXTRA.get(name, {}).items() <= vars(twin).items()


@pytest.mark.parametrize(
    ("error", "attributes"),
    [
        (errors.ClaimRejected(), {"claim": None}),
        (errors.PolicyDenied(), {"scopes": ()}),
        (errors.Unavailable(), {"retry_after": 1}),
        (errors.KeysUnavailable(), {"retry_after": 1}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_extras_have_defaults(error: AuthError, attributes: dict[str, object]) -> None:
    """What a handler reads is always there."""
    assert attributes.items() <= vars(error).items()


def test_an_age_is_required() -> None:
    """A challenge for a newer sign-in without `max_age` would say nothing (RFC 9470 section 3)."""
    with pytest.raises(TypeError):
        errors.AuthenticationTooOld()  # type: ignore[call-arg]
