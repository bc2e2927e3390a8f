"""What an accepted `iss` leads to: requirements, plausibility, and the order in which clients try servers."""

from __future__ import annotations

from typing import Any

import pytest
from support.refusals import refused

from cognito_mr_auth import ANY_CLIENT, UserPool, Verifier
from cognito_mr_auth._issuers.entry import IssuerEntry, authorization_servers, entry_of
from cognito_mr_auth.errors import IssuerUnknown
from cognito_mr_auth.testing import FakeUserPool

LEEWAY = 5.0


def entries(pool: FakeUserPool, **options: Any) -> dict[object, IssuerEntry]:
    """The entries of a verifier of this pool."""
    return Verifier(pool.user_pool(offline=True), **options)._entries


@pytest.mark.parametrize("own", [None, "access", "id", "any"])
@pytest.mark.parametrize("use", ["access", "id", "any"])
def test_a_pools_own_token_use_counts_first(own: str | None, use: str, pool: FakeUserPool) -> None:
    """Each pool of a verifier may take another kind of token."""
    special = UserPool("us-west-2_Own", client_ids=ANY_CLIENT, token_use=own)
    verifier = Verifier(pool.user_pool(offline=True), special, token_use=use)
    found = {entry.pool.user_pool_id: entry.expected.token_use for entry in verifier._entries.values()}
    assert found == {pool.user_pool_id: use, "us-west-2_Own": own or use}


@pytest.mark.parametrize("issuer", [None, 5, ["x"], {}, b"x", "", "x"], ids=repr)
def test_an_issuer_is_looked_up_exactly(issuer: object, pool: FakeUserPool) -> None:
    """T1: the very string, or no entry."""
    table = entries(pool)
    refused(IssuerUnknown, entry_of, table, {"iss": issuer})
    refused(IssuerUnknown, entry_of, table, {"iss": f"{pool.issuer()}/"})
    found = entry_of(table, {"iss": pool.issuer("replica")})
    assert found.origin == (pool.user_pool_id, "replica")


@pytest.mark.parametrize("times_alone", [False, True])
@pytest.mark.parametrize(
    ("claims", "times", "all_claims"),
    [
        ({}, True, True),
        ({"iat": 5.0}, True, True),
        ({"iat": 5.001}, False, False),
        ({"client_id": "another"}, True, False),
        ({"token_use": "id"}, True, False),
        ({"exp": -6}, False, False),
        ({"exp": None}, False, False),
    ],
    ids=str,
)
def test_whether_a_token_could_pass(
    claims: dict[str, Any], times: bool, all_claims: bool, times_alone: bool, pool: FakeUserPool
) -> None:
    """R5: by all of its claims, or by its times alone; `iat` may lie a leeway ahead."""
    now = 1_790_000_000.5
    entry = entry_of(entries(pool, leeway=LEEWAY), {"iss": pool.issuer()})
    moved = {key: now + value if isinstance(value, (int, float)) else value for key, value in claims.items()}
    payload = {
        "iat": now,
        "exp": now + 60,
        "sub": "s",
        "token_use": "access",
        "client_id": pool.client_id,
    } | moved
    could = entry.plausible(payload, lambda: (now, 0.0), times_alone=times_alone)
    assert could() is (times if times_alone else all_claims)


def test_clients_begin_with_an_original_issuer() -> None:
    """RFC 9728 2: an updated issuer may not be enabled, and a replica may not exist yet."""
    pools = [
        UserPool(f"us-west-2_{name}", client_ids=ANY_CLIENT, replica_regions=["us-east-1"]) for name in "ab"
    ]
    found = authorization_servers(Verifier(*pools)._entries.values())
    assert [url.rpartition("/")[2] for url in found[:2]] == ["us-west-2_a", "us-west-2_b"]
    assert all(url.startswith("https://cognito-idp.us-west-2.") for url in found[:2])
    assert len(found) == 6
