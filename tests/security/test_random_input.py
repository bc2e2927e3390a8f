"""Nothing but documented errors leaves the library, whatever comes in (ATK-47, p1 to p4 of the checklist)."""

from __future__ import annotations

import json
import pickle
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.rig import Rig
from support.segments import octets_of, segment
from support.verdicts import verdict

from cognito_mr_auth import Principal, policy
from cognito_mr_auth._jwks.document import read_document
from cognito_mr_auth._jwks.model import FetchError
from cognito_mr_auth._jwt.claims import MAX_TIME
from cognito_mr_auth._web.bearer import HTTPRequest, Sources, find_token
from cognito_mr_auth.errors import (
    AuthenticationTooOld,
    CredentialsMissing,
    KeysUnavailable,
    PolicyDenied,
    RequestMalformed,
    TokenRejected,
)
from cognito_mr_auth.testing import FakeClock, FakeUserPool

POOL = FakeUserPool(clock=FakeClock())
VERIFIER = POOL.offline_verifier("any")
GOOD = POOL.access_token()
HEADER: dict[str, Any] = {"kid": POOL.access_key.kid, "alg": "RS256"}
CLAIMS: dict[str, Any] = json.loads(octets_of(GOOD.split(".")[1]))
PRINCIPAL = VERIFIER.verify(GOOD)
POLICIES = [policy.scopes("a/b"), policy.any_group("x"), policy.claim("sub", "y"), policy.max_age(60)]

# JSON of any kind, with what Python's writer lets through and JSON does not have.
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
SCALARS |= st.sampled_from([2**63, 10**400, -(10**30), "\ud800", "\0", "RS256", "access", POOL.client_id, ""])
SCALARS |= st.sampled_from([POOL.issuer(), POOL.access_key.kid, CLAIMS["exp"], CLAIMS["iat"], MAX_TIME])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
HEADER_NAMES = [
    "alg",
    "kid",
    "typ",
    "crit",
    "jku",
    "jwk",
    "x5c",
    "x5t",
    "b64",
    "zip",
    "enc",
    "cty",
    "p2c",
    "a",
]
CLAIM_NAMES = ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "token_use", "client_id", "scope", "username"]
CLAIM_NAMES += ["cognito:groups", "auth_time", "cnf", "nonce", "x"]
GONE = object()


def changed(good: dict[str, Any], names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """The good members with some changed, added or gone, and some unknown ones."""
    changes = st.dictionaries(st.sampled_from(names), VALUES | st.just(GONE), max_size=3)
    extra = st.dictionaries(st.text(max_size=3), VALUES, max_size=2)
    return st.builds(
        lambda new, more: {name: value for name, value in (good | more | new).items() if value is not GONE},
        changes,
        extra,
    )


def octets(value: object) -> bytes:
    """What Python writes for it, surrogates and constants included."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


PARTS = st.binary(max_size=40) | VALUES.map(octets)


def unchained(found: object) -> bool:
    """It has no cause, if it is an error: a decoder's exception would hold the payload."""
    return getattr(found, "__cause__", None) is getattr(found, "__context__", None) is None


def judged(token: Any) -> Principal | TokenRejected:
    """The principal, or the documented error that blames the token; anything else goes through."""
    found = verdict(VERIFIER, token)
    assert isinstance(found, Principal) or (isinstance(found, TokenRejected) and found.status == 401)
    return found


@given(changed(HEADER, HEADER_NAMES), changed(CLAIMS, CLAIM_NAMES))
def test_signed_objects_of_any_kind(header: dict[str, Any], claims: dict[str, Any]) -> None:
    """p3: any header and payload yield claims or a documented error, and the claims are then sound."""
    found = judged(POOL.sign(octets(header), octets(claims)))
    if isinstance(found, Principal):
        assert (header["alg"], header["kid"]) == ("RS256", POOL.access_key.kid)
        assert found.issuer.url == claims["iss"]
        assert (found.client_id, found.token_use in ("access", "id")) == (POOL.client_id, True)
        assert 0 <= found.issued_at <= MAX_TIME
        assert 0 <= found.expires_at <= MAX_TIME
        json.dumps(found.to_dict(), ensure_ascii=False, allow_nan=False).encode()
        assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301
        assert repr((found, hash(found), found.scopes, found.groups, found.username, found.is_machine))


@given(changed(CLAIMS, CLAIM_NAMES), st.integers(0, 3))
def test_policies_about_any_claims(claims: dict[str, Any], which: int) -> None:
    """H1: whatever the claims hold, each policy and its opposite say yes, or no by a documented error."""
    principal = Principal(CLAIMS | claims, issuer=PRINCIPAL.issuer, user_pool_id=PRINCIPAL.user_pool_id)
    passed: list[bool] = []
    said: list[object] = []
    for require in (POLICIES[which], ~POLICIES[which]):
        try:
            passed.append(VERIFIER.require(principal, require) is principal)
        except (PolicyDenied, AuthenticationTooOld) as error:
            said.append(error)
    assert all(map(unchained, said))
    assert passed != [True, True]


@given(
    st.one_of(PARTS, st.just(octets(HEADER))),
    st.one_of(PARTS, st.just(octets(CLAIMS))),
    st.binary(max_size=300),
)
def test_random_octets_in_segments(header: bytes, payload: bytes, signature: bytes) -> None:
    """Unsigned octets are never a principal, whatever they say."""
    parts = [segment(each) for each in (header, payload, signature)]
    assert isinstance(judged(".".join(parts)), TokenRejected)
    assert isinstance(judged(POOL.sign(header, payload)), TokenRejected | Principal)


PIECES = [
    *GOOD.split("."),
    GOOD,
    ".",
    "..",
    "=",
    " ",
    "\n",
    "\0",
    "\ud800",
    "Bearer ",
    "eyJ",
    "{",
    "\U0001f511",
]
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=7).map("".join)


@given(TEXTS)
def test_random_texts(text: str) -> None:
    """The good token is the only text made of its pieces that verifies."""
    assert (judged(text) is PRINCIPAL) == (text == GOOD)


@given(VALUES | st.binary(max_size=20) | st.builds(object) | st.just(GOOD.encode()) | st.just([GOOD]))
def test_random_objects(value: object) -> None:
    """What is no str is refused as the token's fault, not with a TypeError."""
    assert isinstance(judged(value), TokenRejected)


@given(st.lists(TEXTS | st.text(max_size=9), max_size=3), st.lists(TEXTS | st.text(max_size=9), max_size=2))
def test_random_headers(authorization: list[str], cookies: list[str]) -> None:
    """What is found in a request is one token or a documented error, wherever it may stand."""
    held = {"authorization": authorization, "cookie": cookies}
    http_request = HTTPRequest("GET", "/", "", lambda name: held.get(name, ()))
    everywhere = Sources(cookie="token", allowed_origins=frozenset({"https://app.example"}))
    for sources in (Sources(), Sources(bare=True), everywhere):
        found: object = None
        try:
            found = find_token(http_request, sources)
        except (CredentialsMissing, RequestMalformed) as error:
            found = error
        assert unchained(found)
        assert not isinstance(found, str) or any(found in value for value in (*authorization, *cookies))


# --- Key documents (p4)

JWK = POOL.access_key.jwk()
JWK_NAMES = ["kty", "kid", "n", "e", "use", "alg", "key_ops", "d", "p", "k", "x5c", "crv", "x"]
MEMBERS = VALUES | changed(JWK, JWK_NAMES) | changed(POOL.id_key.jwk(), JWK_NAMES) | st.just(JWK)
DOCUMENTS = st.one_of(
    st.binary(max_size=60),
    VALUES.map(octets),
    st.lists(MEMBERS, max_size=4).map(lambda members: octets({"keys": members})),
    st.tuples(st.lists(MEMBERS, max_size=2), VALUES).map(
        lambda both: octets({"keys": both[0], "x": both[1]})
    ),
)
AGES = st.sampled_from([60.0, 1000.0, 4000.0, 80_000.0])


@given(st.dictionaries(st.sampled_from(["updated", "original", "replica"]), DOCUMENTS, min_size=1), AGES)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_random_documents_lose_no_good_key(served: dict[str, bytes], age: float) -> None:
    """p4, K4: no undocumented error; a key goes only if no endpoint lists it, or if it is compromised."""
    rig = Rig(fake=POOL)
    key = rig.fill()
    rig.later(age)
    caller = rig.warm()
    taken_away, compromised_key, contradicted = 0, False, False
    for kind in rig.out():
        raw = served.get(kind, rig.jwks())
        try:
            document = read_document(raw)
        except FetchError as failure:
            assert failure.reason.startswith("document-")  # noqa: PT017
            compromised_key |= key.material[0] in failure.compromised
        else:
            compromised_key |= key.material[0] in document.compromised
            taken_away += bool(document.keys) and key.kid not in document.keys
            listed = document.keys.get(key.kid, key)
            contradicted |= key.kid in document.conflicts or listed.material != key.material
        rig.land(kind, raw)
    while caller.waiting:
        caller.step()
    assert caller.outcome is None or isinstance(caller.outcome, KeysUnavailable)
    if not compromised_key and not contradicted and taken_away < 3:
        assert rig.key() is key
    if compromised_key:
        assert rig.key() is None
    json.dumps(rig.keys.health(rig.clock()))
    assert repr(rig.events)
    assert all("under the lock" not in each for each in rig.log)
