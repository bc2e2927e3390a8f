"""`guard.Guard`: the same decisions as every adapter, for a framework that has none."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import Any

import pytest

from cognito_mr_auth import Principal, Verifier, errors, policy
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.settings import SocketOptions
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool


@pytest.fixture(scope="module")
def pool() -> FakeUserPool:
    """One pool: nothing here changes it."""
    return FakeUserPool()


@pytest.fixture(scope="module")
def verifier(pool: FakeUserPool) -> Verifier:
    """Its verifier."""
    return pool.offline_verifier()


def outcome(guard: Guard, **request: Any) -> Any:
    """What both ways say, which must be one: a subject, None, or the reason of the error."""
    asked = {"method": "GET", "path": "/", "headers": (), **request}
    found = []
    for run in (lambda: guard.verify(**asked), lambda: asyncio.run(guard.averify(**asked))):
        try:
            principal = run()
            found.append(principal and principal.subject)
        except errors.AuthError as error:
            found.append(error.reason)
    assert found[0] == found[1]
    return found[0]


def test_one_list_of_settings() -> None:
    """What `Guard` documents, what adapters take and what decides have the same names and defaults."""
    public = inspect.signature(Guard).parameters
    decides = dict(inspect.signature(RequestGuard).parameters)
    del decides["load_client"]
    assert list(public) == list(decides)
    for name, parameter in public.items():
        if name != "verifier":
            assert parameter.default == decides[name].default, name
    assert set(public) - {"verifier"} == SocketOptions.__optional_keys__
    for name in public:
        assert f"{name}:" in (Guard.__doc__ or "") or f"{name}, " in (Guard.__doc__ or ""), name


UPGRADE = [("Upgrade", "websocket"), ("Connection", "Upgrade")]
REQUESTS: dict[str, tuple[dict[str, Any], dict[str, Any], Any]] = {
    # settings, request with TOKEN for a good token, outcome
    "good": ({}, {"headers": [("Authorization", "Bearer TOKEN")]}, "me"),
    "lower case, as ASGI has it": ({}, {"headers": [("authorization", "Bearer TOKEN")]}, "me"),
    "none": ({}, {}, "credentials_missing"),
    "two": ({}, {"headers": [("Authorization", "Bearer TOKEN")] * 2}, "request_malformed"),
    "excluded": ({"exclude": ["/health"]}, {"path": "/health"}, None),
    "excluded, sent in another spelling": (
        {"exclude": ["/health"]},
        {"path": "/health", "raw_path": "/x/%2e%2e/health"},
        "credentials_missing",
    ),
    "optional": ({"optional": True}, {}, None),
    "a cookie": (
        {"cookie": "at", "allowed_origins": ["https://a.example"]},
        {"headers": [("Cookie", "at=TOKEN")]},
        "me",
    ),
    "a cookie on a handshake": (
        {"cookie": "at", "allowed_origins": ["https://a.example"]},
        {"headers": [("Cookie", "at=TOKEN"), *UPGRADE]},
        "origin_denied",
    ),
    "a subprotocol": (
        {"subprotocol": "bearer"},
        {"headers": [*UPGRADE, ("Sec-WebSocket-Protocol", "bearer, TOKEN")]},
        "me",
    ),
    "a subprotocol without a handshake": (
        {"subprotocol": "bearer"},
        {"headers": [("Sec-WebSocket-Protocol", "bearer, TOKEN")]},
        "credentials_missing",
    ),
    "a policy": (
        {},
        {"headers": [("Authorization", "Bearer TOKEN")], "require": policy.groups("x")},
        "policy_denied",
    ),
    "a policy of its own": (
        {"require": policy.groups("x")},
        {"headers": [("Authorization", "Bearer TOKEN")]},
        "policy_denied",
    ),
    "a preflight": (
        {},
        {"method": "OPTIONS", "headers": [("Origin", "https://a"), ("Access-Control-Request-Method", "PUT")]},
        "credentials_missing",
    ),
}


@pytest.mark.parametrize("row", REQUESTS)
def test_a_request_by_keywords(pool: FakeUserPool, verifier: Verifier, row: str) -> None:
    """Method, path and header pairs are all that it reads; sync and async say the same."""
    settings, request, expected = REQUESTS[row]
    token = pool.access_token(subject="me")
    headers = [(name, value.replace("TOKEN", token)) for name, value in request.get("headers", ())]
    assert outcome(Guard(verifier, **settings), **{**request, "headers": headers}) == expected


def test_the_principal_meets_a_policy_later(pool: FakeUserPool, verifier: Verifier) -> None:
    """`require` and `arequire` judge what `verify` gave; nobody is missing credentials."""
    guard = Guard(verifier)
    principal = verifier.verify(pool.access_token(groups=["ops"]))
    for run in (guard.require, lambda *given: asyncio.run(guard.arequire(*given))):
        assert run(principal) is principal
        assert run(principal, policy.groups("ops")) is principal
        with pytest.raises(errors.PolicyDenied):
            run(principal, policy.groups("admin"))
        for nobody in (None, "me", Principal):
            with pytest.raises(errors.CredentialsMissing):
                run(nobody)  # type: ignore[arg-type]


def test_the_response_is_whole(verifier: Verifier) -> None:
    """Status, header pairs and body, as every adapter sends them."""
    said = Guard(verifier, realm="Orders").response(errors.TokenExpired())
    assert said.status == 401
    assert said.header("www-authenticate") == (
        'Bearer realm="Orders", error="invalid_token", error_description="the token has expired"'
    )
    assert said.body == b'{"detail":"the token has expired","reason":"token_expired"}'


def test_the_document_is_for_a_framework_to_serve(verifier: Verifier) -> None:
    """RFC 9728: at its path by GET, HEAD and OPTIONS; None for other requests, and without `resource=`."""
    guard = Guard(verifier, resource="https://api.example.com/orders")
    path = "/.well-known/oauth-protected-resource/orders"
    found = guard.document(method="GET", path=path)
    assert found is not None
    assert (found.status, json.loads(found.body)["resource"]) == (200, "https://api.example.com/orders")
    allowed = guard.document(method="OPTIONS", path=path)
    assert allowed is not None
    assert allowed.status == 204
    for method, where in (("POST", path), ("GET", "/orders")):
        assert guard.document(method=method, path=where) is None
    assert Guard(verifier).document(method="GET", path=path) is None


def test_settings_come_before_the_verifier(pool: FakeUserPool, verifier: Verifier) -> None:
    """`Guard()` at import, `bind` at the start; a request between is a ConfigurationError."""
    guard = Guard(exclude=["/health"])
    with pytest.raises(errors.ConfigurationError, match="no verifier yet"):
        guard.verify(method="GET", path="/orders", headers=())
    with pytest.raises(errors.ConfigurationError, match="no verifier yet"):
        _ = guard.verifier
    guard.bind(verifier)
    assert guard.verifier is verifier
    assert outcome(guard, headers=[("Authorization", f"Bearer {pool.access_token(subject='me')}")]) == "me"


def test_a_repr_shows_no_token(verifier: Verifier) -> None:
    """It names the pools."""
    assert repr(Guard(verifier)) == f"Guard({verifier!r})"
    assert repr(Guard()) == "Guard(None)"


def test_a_slip_is_named(verifier: Verifier) -> None:
    """An option that no adapter has: Python's own error for the class that was called."""
    with pytest.raises(TypeError, match="excludes"):
        Guard(verifier, excludes=["/health"])  # type: ignore[call-arg]
