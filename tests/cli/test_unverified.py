"""The statements about an unverified token."""

from __future__ import annotations

from typing import Any

import pytest

from cognito_mr_auth import ANY_CLIENT, UserPool
from cognito_mr_auth._base.encoding import b64url_decode, json_object
from cognito_mr_auth.cli._configuration import Configuration, configuration
from cognito_mr_auth.cli._unverified import Bearer, Origin, bearer_of, provenance_of, refusals
from cognito_mr_auth.testing import FakeUserPool

POOL_ID = "us-west-2_EXAMPLE"
POOL = UserPool(POOL_ID, client_ids=ANY_CLIENT, replica_regions=["us-east-1"])
ORIGINALS = UserPool(POOL_ID, client_ids=ANY_CLIENT, replica_regions=["us-east-1"], issuer_kinds=["original"])
OTHER = UserPool("eu-west-1_OTHER", client_ids=ANY_CLIENT)

WEST, EAST = "https://cognito-idp.us-west-2.amazonaws.com", "https://cognito-idp.us-east-1.amazonaws.com"
UPDATED = "https://issuer-cognito-idp.us-west-2.amazonaws.com"

ISSUERS: list[tuple[Any, list[UserPool], str, Origin | None]] = [
    (f"{WEST}/{POOL_ID}", [POOL], "accepted-issuer", Origin("original", "us-west-2", POOL_ID)),
    (f"{EAST}/{POOL_ID}", [OTHER, POOL], "accepted-issuer", Origin("replica", "us-east-1", POOL_ID)),
    (f"{UPDATED}/{POOL_ID}", [POOL], "accepted-issuer", Origin("updated", "us-west-2", POOL_ID)),
    (f"{UPDATED}/{POOL_ID}", [ORIGINALS], "issuer-kind", Origin("updated", "us-west-2", POOL_ID)),
    (f"{EAST}/{POOL_ID}", [ORIGINALS], "issuer-kind", Origin("replica", "us-east-1", POOL_ID)),
    (
        f"https://cognito-idp.eu-west-1.amazonaws.com/{POOL_ID}",
        [POOL],
        "region",
        Origin("replica", "eu-west-1", POOL_ID),
    ),
    (f"{WEST}/{POOL_ID}", [OTHER], "another-pool", Origin("original", "us-west-2", POOL_ID)),
    (f"{WEST}/{POOL_ID}", [], "another-pool", Origin("original", "us-west-2", POOL_ID)),
    # What no user pool has.
    (f"{WEST}/{POOL_ID}/", [POOL], "no-pool", None),
    (f"{WEST}/{POOL_ID}\n", [POOL], "no-pool", None),
    (f"http{WEST[5:]}/{POOL_ID}", [POOL], "no-pool", None),
    (f"https://issuer-cognito-idp.us-east-1.amazonaws.com/{POOL_ID}", [POOL], "no-pool", None),
    (f"https://cognito-idp.us-west-2.evil.example/{POOL_ID}", [POOL], "no-pool", None),
    (f"https://cognito-idp.us-west-2.amazonaws.com.evil.example/{POOL_ID}", [POOL], "no-pool", None),
    (f"https://cognito-idp.cn-north-1.amazonaws.com.cn/{POOL_ID}", [POOL], "no-pool", None),
    ("https://accounts.example", [POOL], "no-pool", None),
    (None, [POOL], "no-pool", None),
    ([f"{WEST}/{POOL_ID}"], [POOL], "no-pool", None),
    ({}, [POOL], "no-pool", None),
]


@pytest.mark.parametrize(
    ("issuer", "pools", "match", "origin"), ISSUERS, ids=[f"row-{place}" for place in range(len(ISSUERS))]
)
def test_where_a_token_says_it_is_from(
    issuer: Any, pools: list[UserPool], match: str, origin: Origin | None
) -> None:
    """Configured issuers are compared exactly; others are read by their form, which must be Cognito's own."""
    found = provenance_of(issuer, pools)
    assert (found.match, found.origin) == (match, origin)
    assert (found.pool is not None) is (match in ("accepted-issuer", "issuer-kind", "region"))


def test_a_suffix_of_the_users_own_is_compared_too() -> None:
    """A configured issuer needs no form."""
    pool = UserPool(POOL_ID, client_ids=ANY_CLIENT, dns_suffix="example.org")
    found = provenance_of(f"https://cognito-idp.us-west-2.example.org/{POOL_ID}", [pool])
    assert found.match == "accepted-issuer"


BEARERS: list[tuple[dict[str, Any], Bearer]] = [
    (
        {"token_use": "access", "sub": "s", "username": "u", "client_id": "c", "aud": "a"},
        Bearer("access", "s", "u", False, "c", "a"),
    ),
    (
        {"token_use": "id", "sub": "s", "cognito:username": "u", "aud": "c"},
        Bearer("id", "s", "u", False, "c", None),
    ),
    (
        {"token_use": "access", "sub": "c", "client_id": "c"},
        Bearer("access", "c", None, True, "c", None),
    ),
    (
        {"token_use": "access", "sub": "c", "client_id": "c", "username": "u"},
        Bearer("access", "c", "u", False, "c", None),
    ),
    ({"token_use": ["access"]}, Bearer(["access"], None, None, False, None, None)),
    ({}, Bearer(None, None, None, False, None, None)),
]


@pytest.mark.parametrize(
    ("claims", "expected"), BEARERS, ids=["user", "id-token", "machine", "named", "list", "nothing"]
)
def test_whose_it_says_it_is(claims: dict[str, Any], expected: Bearer) -> None:
    """Claims of any type are handed on as they are."""
    assert bearer_of(claims) == expected


FAKE = FakeUserPool("us-west-2_Fake00001")
FAKES = configuration(UserPool("us-west-2_Fake00001", client_ids=["another"], replica_regions=["us-east-1"]))
STRANGERS = configuration(OTHER)
HOUR = 3600.0

REFUSALS: list[tuple[dict[str, Any], Configuration | None, float, list[str]]] = [
    ({}, None, 0, []),
    ({"audience": "https://api.example"}, None, 0, []),
    ({}, None, 2 * HOUR, ["token_expired"]),
    ({}, None, -HOUR, ["token_not_yet_valid"]),
    ({"malformed": "alg_none"}, None, 2 * HOUR, ["algorithm_not_allowed", "token_expired"]),
    ({"claims": {"iss": "https://accounts.example"}}, None, 0, ["issuer_unknown"]),
    ({"claims": {"exp": "soon"}}, None, 0, ["claim_rejected"]),
    ({"claims": {"token_use": "refresh"}}, None, 0, ["claim_rejected"]),
    ({}, FAKES, 0, ["claim_rejected"]),
    ({"client_id": "another"}, FAKES, 0, []),
    ({"client_id": "another", "audience": "https://api.example"}, FAKES, 0, ["claim_rejected"]),
    ({}, STRANGERS, 2 * HOUR, ["issuer_unknown", "token_expired"]),
    ({"audience": "https://api.example"}, STRANGERS, 0, ["issuer_unknown"]),
]


def payload_of(token: str) -> dict[str, Any]:
    """The claims of a token."""
    return json_object(b64url_decode(token.split(".")[1].encode()))


@pytest.mark.parametrize(
    ("minted", "configured", "later", "reasons"),
    REFUSALS,
    ids=[f"row-{place}" for place in range(len(REFUSALS))],
)
def test_what_would_be_refused(
    minted: dict[str, Any], configured: Configuration | None, later: float, reasons: list[str]
) -> None:
    """The verifier's own checks, each of them, since a person wants to mend all at once."""
    now = 1_900_000_000.0
    times = {"iat": int(now), "exp": int(now + HOUR)}
    token = FAKE.access_token(**minted | {"claims": times | minted.get("claims", {})})
    found = refusals(token, payload_of(token), configured, now + later)
    assert [error.reason for error in found] == reasons


def test_an_id_token_names_its_client_in_aud() -> None:
    """Without a configuration any client will do, but one there must be."""
    token = FAKE.id_token()
    claims = payload_of(token)
    assert refusals(token, claims, None, claims["iat"]) == []
    del claims["aud"]
    assert [error.reason for error in refusals(token, claims, None, claims["iat"])] == ["claim_rejected"]
