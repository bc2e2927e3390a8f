"""What FakeUserPool mints: Cognito's default claims, every option, raw control."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cognito_mr_auth.testing import REMOVE, FakeClock, FakeUserPool, SigningKey

NOW = 1_790_000_000
CLIENT = "1example23456789"
ORIGINAL = "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_Fake00001"
REPLICA = "https://cognito-idp.us-east-1.amazonaws.com/us-west-2_Fake00001"
UPDATED = "https://issuer-cognito-idp.us-west-2.amazonaws.com/us-west-2_Fake00001"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

TIMES = {"auth_time": NOW, "iat": NOW, "exp": NOW + 3600}
ACCESS = {
    **TIMES,
    "iss": ORIGINAL,
    "version": 2,
    "client_id": CLIENT,
    "token_use": "access",
    "scope": "aws.cognito.signin.user.admin",
    "username": "alice",
}
ID = {
    **TIMES,
    "iss": ORIGINAL,
    "aud": CLIENT,
    "token_use": "id",
    "cognito:username": "alice",
    "email": "alice@example.com",
    "email_verified": True,
}
MACHINE = {
    **TIMES,
    "sub": CLIENT,
    "iss": ORIGINAL,
    "version": 2,
    "client_id": CLIENT,
    "token_use": "access",
    "scope": "orders/read",
}
USER_UUIDS = ("sub", "origin_jti", "event_id", "jti")
IDENTITY = {
    "userId": "100001",
    "providerName": "Google",
    "providerType": "Google",
    "issuer": None,
    "primary": "true",
    "dateCreated": "1790000000000",
}


@pytest.fixture(scope="module")
def pool() -> FakeUserPool:
    """One pool for tests that leave its keys alone."""
    return FakeUserPool(replica_regions=["us-east-1", "eu-west-1"], clock=lambda: NOW + 0.75)


def segments(token: str) -> list[bytes]:
    """Each segment's octets, decoded by hand and found canonical."""
    found = []
    for text in token.split("."):
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        assert base64.urlsafe_b64encode(data).rstrip(b"=").decode() == text
        found.append(data)
    return found


def header(token: str) -> dict[str, Any]:
    """The JOSE header."""
    return dict(json.loads(segments(token)[0]))


def claims(token: str) -> dict[str, Any]:
    """The payload."""
    return dict(json.loads(segments(token)[1]))


def public_key(jwk: dict[str, str]) -> rsa.RSAPublicKey:
    """The key of a JWK, made by hand."""
    n, e = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "=="), "big") for name in "ne")
    return rsa.RSAPublicNumbers(e, n).public_key()


def verify(token: str, jwks: dict[str, Any]) -> None:
    """RS256 by hand: the key that the kid names in this document; a KeyError if there is none."""
    by_kid = {jwk["kid"]: jwk for jwk in jwks["keys"]}
    signed, _, _ = token.rpartition(".")
    public_key(by_kid[header(token)["kid"]]).verify(
        segments(token)[2], signed.encode(), padding.PKCS1v15(), hashes.SHA256()
    )


DEFAULTS: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("access_token", ACCESS, USER_UUIDS),
    ("id_token", ID, USER_UUIDS),
    ("machine_token", MACHINE, ("jti",)),
]


@pytest.mark.parametrize(("method", "fixed", "uuids"), DEFAULTS, ids=[row[0] for row in DEFAULTS])
def test_the_default_claims_are_cognitos(
    pool: FakeUserPool, method: str, fixed: dict[str, Any], uuids: tuple[str, ...]
) -> None:
    """Each kind has the claims that Cognito writes, no more and no fewer, and a valid signature."""
    token = getattr(pool, method)()
    payload = claims(token)
    assert {name: payload.pop(name) for name in fixed} == fixed
    assert set(payload) == set(uuids)
    assert all(UUID.fullmatch(value) for value in payload.values())
    assert set(header(token)) == {"kid", "alg"}
    assert header(token)["alg"] == "RS256"
    verify(token, pool.jwks())


def test_access_and_id_tokens_have_different_keys(pool: FakeUserPool) -> None:
    """Cognito lists two keys: one signs access tokens, machines' too, the other ID tokens."""
    listed = [jwk["kid"] for jwk in pool.jwks()["keys"]]
    assert listed == [pool.access_key.kid, pool.id_key.kid] == [key.kid for key in pool.keys]
    assert header(pool.access_token())["kid"] == pool.access_key.kid
    assert header(pool.machine_token())["kid"] == pool.access_key.kid
    assert header(pool.id_token())["kid"] == pool.id_key.kid


def test_tokens_differ_and_a_user_stays_the_same(pool: FakeUserPool) -> None:
    """Two tokens of one user share `sub` and nothing random; another user has another `sub`."""
    first, second = claims(pool.access_token()), claims(pool.access_token())
    assert {name for name in first if first[name] != second[name]} == {
        "origin_jti",
        "event_id",
        "jti",
    }
    assert claims(pool.id_token())["sub"] == first["sub"]
    assert claims(pool.access_token(username="bob"))["sub"] != first["sub"]


OPTIONS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("issuer original", "access_token", {"issuer": "original"}, {"iss": ORIGINAL}),
    ("issuer replica", "access_token", {"issuer": "replica"}, {"iss": REPLICA}),
    ("issuer updated", "id_token", {"issuer": "updated"}, {"iss": UPDATED}),
    (
        "second replica",
        "machine_token",
        {"issuer": "replica", "region": "eu-west-1"},
        {"iss": REPLICA.replace("us-east-1", "eu-west-1")},
    ),
    ("scopes", "access_token", {"scopes": ["a/b", "c/d"]}, {"scope": "a/b c/d"}),
    ("machine scopes", "machine_token", {"scopes": ("x/y",)}, {"scope": "x/y"}),
    ("groups", "access_token", {"groups": ["ops", "dev"]}, {"cognito:groups": ["ops", "dev"]}),
    ("ID groups", "id_token", {"groups": ("ops",)}, {"cognito:groups": ["ops"]}),
    ("username", "access_token", {"username": "bob"}, {"username": "bob"}),
    ("ID username", "id_token", {"username": "bob"}, {"cognito:username": "bob"}),
    ("email", "id_token", {"email": "x@example.org"}, {"email": "x@example.org"}),
    ("subject", "access_token", {"subject": "s-1"}, {"sub": "s-1"}),
    ("client", "access_token", {"client_id": "other"}, {"client_id": "other"}),
    ("ID client", "id_token", {"client_id": "other"}, {"aud": "other"}),
    ("machine client", "machine_token", {"client_id": "m"}, {"client_id": "m", "sub": "m"}),
    ("resource-bound", "access_token", {"audience": "https://a"}, {"aud": "https://a"}),
    ("expires in", "access_token", {"expires_in": 300}, {"exp": NOW + 300}),
    ("expired", "access_token", {"expires_in": -1}, {"iat": NOW, "exp": NOW - 1}),
    (
        "issued at",
        "id_token",
        {"issued_at": 1.5, "expires_in": 2},
        {"iat": 1.5, "exp": 3.5, "auth_time": 1.5},
    ),
    ("not before", "access_token", {"not_before": NOW + 9}, {"nbf": NOW + 9}),
    (
        "federated",
        "id_token",
        {"federated": True},
        {"cognito:username": "google_100001", "identities": [IDENTITY]},
    ),
    (
        "federated by name",
        "id_token",
        {"federated": "Okta", "username": "okta_7"},
        {
            "cognito:username": "okta_7",
            "identities": [{**IDENTITY, "userId": "7", "providerName": "Okta", "providerType": "Okta"}],
        },
    ),
    ("federated access", "access_token", {"federated": True}, {"username": "google_100001"}),
    (
        "trigger-added array and object",
        "access_token",
        {"claims": {"tenants": ["a", 1, True], "plan": {"tier": "gold", "ü": None}}},
        {"tenants": ["a", 1, True], "plan": {"tier": "gold", "ü": None}},
    ),
    ("overridden claim", "machine_token", {"claims": {"exp": "soon"}}, {"exp": "soon"}),
]


@pytest.mark.parametrize(
    ("method", "options", "expected"), [row[1:] for row in OPTIONS], ids=[row[0] for row in OPTIONS]
)
def test_an_option_changes_its_claims(
    pool: FakeUserPool, method: str, options: dict[str, Any], expected: dict[str, Any]
) -> None:
    """An option changes the claims that it is about, and the token stays validly signed."""
    token = getattr(pool, method)(**options)
    payload = claims(token)
    assert {name: payload.get(name) for name in expected} == expected
    verify(token, pool.jwks())


def test_remove_takes_claims_and_header_members_out(pool: FakeUserPool) -> None:
    """REMOVE deletes; other values in header= are laid over Cognito's header."""
    token = pool.access_token(claims={"exp": REMOVE, "absent": REMOVE}, header={"alg": REMOVE, "typ": "JWT"})
    assert set(claims(token)) == {*ACCESS, *USER_UUIDS} - {"exp"}
    assert header(token) == {"kid": pool.access_key.kid, "typ": "JWT"}
    assert repr(REMOVE) == "REMOVE"


def test_a_foreign_key_signs_under_the_pools_kid(pool: FakeUserPool) -> None:
    """`foreign`: the kid is listed, the signature is not that key's but the impostor's."""
    token = pool.id_token(signed_by="foreign")
    with pytest.raises(InvalidSignature):
        verify(token, pool.jwks())
    verify(token, {"keys": [pool.impostor(pool.id_key.kid).jwk()]})


def test_an_unknown_key_has_a_new_kid_each_time(pool: FakeUserPool) -> None:
    """`unknown`: no listed kid, and never the same twice."""
    kids = {header(pool.access_token(signed_by="unknown"))["kid"] for _ in range(5)}
    assert len(kids) == 5
    assert not kids & {key.kid for key in pool.keys}


def test_a_key_of_ones_own_signs(pool: FakeUserPool) -> None:
    """signed_by= takes any SigningKey, whose kid goes into the header."""
    key = SigningKey("mine")
    verify(pool.machine_token(signed_by=key), {"keys": [key.jwk()]})


def test_sign_leaves_every_octet_alone(pool: FakeUserPool) -> None:
    """sign() signs octets and mappings as they are, with any key."""
    token = pool.sign(b"\xff not a header", b"")
    assert segments(token)[:2] == [b"\xff not a header", b""]
    token = pool.sign({"a": [1]}, {"b": "ü"}, key=pool.id_key)
    assert segments(token)[:2] == [b'{"a":[1]}', '{"b":"ü"}'.encode()]
    token = pool.sign(None, {"b": 1}, key=pool.id_key)
    assert header(token) == {"kid": pool.id_key.kid, "alg": "RS256"}
    verify(token, pool.jwks())


def test_rotation_keeps_the_old_keys_listed_until_withdrawn() -> None:
    """rotate() signs with new keys, and old tokens verify until withdraw()."""
    pool = FakeUserPool()
    old = pool.access_token()
    pool.rotate()
    new = pool.access_token()
    assert len(pool.keys) == 4
    verify(old, pool.jwks())
    verify(new, pool.jwks())
    pool.withdraw()
    verify(new, pool.jwks())
    with pytest.raises(KeyError):
        verify(old, pool.jwks())


def test_withdraw_by_kid_takes_even_a_key_that_signs() -> None:
    """A named kid goes, and its key goes on signing; an unlisted kid is an error."""
    pool = FakeUserPool()
    pool.withdraw(pool.access_key.kid)
    assert pool.keys == (pool.id_key,)
    with pytest.raises(KeyError):
        verify(pool.access_token(), pool.jwks())
    with pytest.raises(ValueError, match="not listed: nothing"):
        pool.withdraw(pool.id_key.kid, "nothing")
    assert pool.keys == (pool.id_key,)


def test_the_private_document_has_private_members(pool: FakeUserPool) -> None:
    """jwks(private=True) is the leak that T5 is about."""
    assert all("d" in jwk for jwk in FakeUserPool().jwks(private=True)["keys"])
    assert not any("d" in jwk for jwk in pool.jwks()["keys"])


ISSUERS: list[tuple[str, str, dict[str, Any], str, str | None, str]] = [
    ("China", "cn-north-1_A", {}, "updated", None, "https://issuer-cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_A"),
    ("EU sovereign", "eusc-de-east-1_A", {}, "original", None, "https://cognito-idp.eusc-de-east-1.amazonaws.eu/eusc-de-east-1_A"),
    ("own suffix", "us-east-1_A", {"dns_suffix": "example"}, "original", None, "https://cognito-idp.us-east-1.example/us-east-1_A"),
    ("primary named", "us-east-1_A", {}, "updated", "us-east-1", "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_A"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("pool_id", "options", "kind", "region", "url"),
    [row[1:] for row in ISSUERS],
    ids=[row[0] for row in ISSUERS],
)
def test_an_issuer_follows_its_partition(
    pool_id: str, options: dict[str, Any], kind: Any, region: str | None, url: str
) -> None:
    """Host, Region and DNS suffix are derived from the pool ID."""
    assert FakeUserPool(pool_id, replica_regions=(), **options).issuer(kind, region) == url


NONSENSE: list[tuple[str, Callable[[FakeUserPool], object], type[Exception], str]] = [
    ("scopes as str", lambda p: p.access_token(scopes="a/b"), TypeError, r"scopes.*\['a/b'\]"),
    ("groups as str", lambda p: p.id_token(groups="ops"), TypeError, r"groups.*\['ops'\]"),
    ("regions as str", lambda p: FakeUserPool(replica_regions="us"), TypeError, r"\['us'\]"),
    ("no such kind", lambda p: p.issuer("regional"), ValueError, "original"),  # type: ignore[arg-type]
    ("no such replica", lambda p: p.issuer("replica", "sa-east-1"), ValueError, "sa-east-1"),
    (
        "no replica at all",
        lambda p: FakeUserPool(replica_regions=()).issuer("replica"),
        ValueError,
        "no replica",
    ),
    ("updated elsewhere", lambda p: p.issuer("updated", "us-east-1"), ValueError, "us-west-2"),
    ("no such signer", lambda p: p.id_token(signed_by="me"), ValueError, "foreign"),  # type: ignore[arg-type]
    ("no such damage", lambda p: p.id_token(malformed="odd"), ValueError, "alg_none"),
]


@pytest.mark.parametrize(
    ("act", "error", "words"), [row[1:] for row in NONSENSE], ids=[row[0] for row in NONSENSE]
)
def test_nonsense_is_refused_with_what_would_be_right(
    pool: FakeUserPool, act: Callable[[FakeUserPool], object], error: type[Exception], words: str
) -> None:
    """A mistake in a test's set-up fails there, and the message says what to write."""
    with pytest.raises(error, match=words):
        act(pool)


def test_the_clock_dates_the_tokens() -> None:
    """A FakeClock works as well as time.time, and the default is the real time."""
    clock = FakeClock(wall=1000.5)
    pool = FakeUserPool(clock=clock)
    clock.advance(10)
    assert claims(pool.access_token())["iat"] == 1010
    assert abs(claims(FakeUserPool().access_token())["iat"] - time.time()) < 10


def test_the_repr_names_the_pool() -> None:
    """A failing test prints which pool it was."""
    assert repr(FakeUserPool()).startswith("FakeUserPool('us-west-2_Fake00001'")
