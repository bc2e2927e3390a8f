"""JWKClient stands where PyJWKClient stood: same calls, same errors, and a pool's failover behind it."""

from __future__ import annotations

import pickle
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import jwt
import pytest
from support.records import fields, refusals

from cognito_mr_auth import Verifier, errors
from cognito_mr_auth.errors import AuthError, ConfigurationError
from cognito_mr_auth.pyjwt import MAX_KEYS, JWKClient
from cognito_mr_auth.testing import MALFORMED, REMOVE, FakeClock, FakeEndpoints, FakeUserPool

KINDS = ("original", "replica", "updated")
HOUR = 3600.0


@contextmanager
def serving(**options: Any) -> Iterator[tuple[FakeUserPool, FakeEndpoints, FakeClock, JWKClient]]:
    """A pool, its endpoints on loopback, their clock, and a client that has asked for nothing yet."""
    clock = FakeClock(wall=float(int(time.time())))  # PyJWT reads the real one
    pool = FakeUserPool(clock=clock)
    with pool.serve() as endpoints, pool.verifier(**options) as verifier:
        yield pool, endpoints, clock, JWKClient(verifier, timeout=0.5)


def decoded(client: Any, issuers: list[str], token: str | bytes) -> dict[str, Any]:
    """What callers of PyJWKClient have written, with either client."""
    key = client.get_signing_key_from_jwt(token)
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], issuer=issuers)
    return claims


def refusal(call: Callable[[], object]) -> jwt.PyJWTError:
    """The error of a call that PyJWT's callers catch."""
    with pytest.raises(jwt.PyJWTError) as caught:
        call()
    return caught.value


# --- While all is well


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [str, str.encode], ids=["str", "bytes"])
@pytest.mark.outside
def test_a_token_of_each_issuer_is_decoded(kind: Any, form: Callable[[str], str | bytes]) -> None:
    """PyJWT verifies a token of any of the pool's issuers, as str or bytes, with the key it is given."""
    with serving() as (pool, _, _, client):
        token = form(pool.access_token(issuer=kind))
        assert decoded(client, client.issuers, token)["iss"] == pool.issuer(kind)


def test_a_key_is_a_real_pyjwk() -> None:
    """The key has what a PyJWK from Cognito's document has, by token and by kid alike."""
    pool = FakeUserPool()
    client = JWKClient(pool.offline_verifier())
    key = client.get_signing_key_from_jwt(pool.access_token())
    [listed] = [each for each in pool.jwks()["keys"] if each["kid"] == pool.access_key.kid]
    theirs = jwt.PyJWK(listed)
    assert type(key) is jwt.PyJWK
    for name in ("key_id", "key_type", "public_key_use", "algorithm_name", "key"):
        assert getattr(key, name) == getattr(theirs, name)
    assert client.get_signing_key(pool.access_key.kid) is key


TOKENS: dict[str, Callable[[FakeUserPool], str]] = {
    "good": lambda pool: pool.access_token(),
    "machine": lambda pool: pool.machine_token(),
    "expired": lambda pool: pool.access_token(expires_in=-60),
    "not-yet": lambda pool: pool.access_token(not_before=time.time() + 600),
    "forged": lambda pool: pool.access_token(signed_by="foreign"),
    "unknown-kid": lambda pool: pool.access_token(signed_by="unknown"),
    "other-pool": lambda pool: FakeUserPool("eu-west-1_Other").access_token(),
    "alg-none": lambda pool: pool.access_token(header={"alg": "none"}),
    "alg-hs256": lambda pool: pool.access_token(header={"alg": "HS256"}),
    "no-kid": lambda pool: pool.sign({"alg": "RS256"}, {"iss": pool.issuer()}),
    "kid-a-list": lambda pool: pool.access_token(header={"kid": ["a"]}),
    "not-a-token": lambda pool: "junk",
    "empty": lambda pool: "",
    "four-parts": lambda pool: pool.access_token() + ".x",
    "not-ascii": lambda pool: pool.access_token() + "é",
    "with-bearer": lambda pool: "Bearer " + pool.access_token(),
}


@pytest.mark.parametrize("row", TOKENS)
@pytest.mark.parametrize("form", [str, str.encode], ids=["str", "bytes"])
@pytest.mark.outside
def test_it_drops_in_for_pyjwkclient(row: str, form: Callable[[str], str | bytes]) -> None:
    """The same function passes the same tokens with either client, and both refuse as PyJWT does."""
    pool = FakeUserPool()
    with pool.serve() as endpoints, pool.verifier() as verifier:
        ours, theirs = JWKClient(verifier), jwt.PyJWKClient(endpoints.original.url)
        token = form(TOKENS[row](pool))
        outcomes = []
        for client in (theirs, ours):
            try:
                outcomes.append(decoded(client, ours.issuers, token))
            except jwt.PyJWKClientConnectionError:  # they must differ where all is well
                outcomes.append({"status": 503})
            except jwt.PyJWTError:
                outcomes.append({"status": 401})
        assert outcomes[0] == outcomes[1]
        assert ("sub" in outcomes[1]) is (row in ("good", "machine"))


def test_the_verifiers_form_of_a_token_holds() -> None:
    """Its token types and its length are the client's too."""
    pool = FakeUserPool()
    client = JWKClient(pool.offline_verifier(token_types=["access+jwt"], max_token_length=2048))
    assert client.get_signing_key_from_jwt(pool.access_token(header={"typ": "Access+JWT"}))
    with pytest.raises(jwt.DecodeError, match="token types"):
        client.get_signing_key_from_jwt(pool.access_token(header={"typ": "JWT"}))
    with pytest.raises(jwt.DecodeError, match="longer than 2048"):
        client.get_signing_key_from_jwt(pool.access_token(claims={"x": "y" * 2048}))


@pytest.mark.parametrize("ahead", [4, 4.5])
def test_a_token_may_come_from_a_leeway_ahead(ahead: float) -> None:
    """The key is given, and PyJWT takes the token with the same leeway; without one PyJWT refuses it."""
    pool = FakeUserPool()
    client = JWKClient(pool.offline_verifier())
    token = pool.access_token(issued_at=time.time() + ahead)
    key = client.get_signing_key_from_jwt(token)
    assert jwt.decode(token, key, algorithms=["RS256"], issuer=client.issuers, leeway=5)["sub"]
    with pytest.raises(jwt.ImmatureSignatureError):
        jwt.decode(token, key, algorithms=["RS256"], issuer=client.issuers)


@pytest.mark.parametrize("name", ["exp", "iat"])
def test_a_token_without_its_times_gets_no_key(name: str) -> None:
    """`jwt.decode` takes a token that never expires; who checks no claim here must require `exp` there."""
    pool = FakeUserPool()
    token = pool.access_token(claims={name: REMOVE})
    with pytest.raises(jwt.InvalidTokenError, match=f"{name} is required"):
        JWKClient(pool.offline_verifier()).get_signing_key_from_jwt(token)
    lax = JWKClient(pool.offline_verifier(), check_claims=False)
    key = lax.get_signing_key_from_jwt(token)
    assert jwt.decode(token, key, algorithms=["RS256"], issuer=lax.issuers)["sub"]
    with pytest.raises(jwt.MissingRequiredClaimError):
        jwt.decode(token, key, algorithms=["RS256"], issuer=lax.issuers, options={"require": ["exp", "iat"]})


def test_every_refusal_leaves_one_record() -> None:
    """With the pool and the kind of issuer, where the token names one of ours."""
    pool = FakeUserPool()
    client, provider = JWKClient(pool.offline_verifier()), pool.user_pool_id
    with refusals() as records:
        client.get_signing_key_from_jwt(pool.access_token())
        for call in (
            lambda: client.get_signing_key_from_jwt("garbage"),
            lambda: client.get_signing_key_from_jwt(pool.access_token(issuer="replica", client_id="another")),
            lambda: client.get_signing_key_from_jwt(pool.access_token(signed_by="unknown")),
            lambda: client.get_signing_key("unknown"),
        ):
            refusal(call)
    assert [fields(each) for each in records] == [
        ("token_malformed", 401, None, None),
        ("claim_rejected", 401, provider, "replica"),
        ("key_unknown", 401, provider, "original"),
        ("key_unknown", 401, None, None),
    ]


# --- While something is not


@pytest.mark.parametrize("fault", ["hang", "stall", "refuse", "drip", 500])
@pytest.mark.outside
def test_a_cold_start_outlives_the_preferred_region(fault: str | int) -> None:
    """With the preferred endpoint away, the first key comes from another in under a second."""
    with serving() as (pool, endpoints, _, client):
        endpoints.updated.fail(fault)
        started = time.monotonic()
        assert decoded(client, client.issuers, pool.access_token())["username"] == "alice"
        assert time.monotonic() - started < 1.0


@pytest.mark.outside
def test_a_rotation_is_followed_at_once() -> None:
    """A new key is found although the old set was fetched this second: no cool-down as PyJWKClient's."""
    with serving() as (pool, _, _, client):
        before = client.get_signing_key_from_jwt(pool.access_token())
        pool.rotate()
        after = client.get_signing_key_from_jwt(pool.access_token())
        assert after.key_id == pool.access_key.kid != before.key_id
        assert decoded(client, client.issuers, pool.access_token())


@pytest.mark.outside
def test_a_stale_set_serves_while_all_endpoints_are_down() -> None:
    """Keys serve through an outage of 23 hours; after 24 it is an outage and not the token's fault."""
    with serving() as (pool, endpoints, clock, client):
        key = client.get_signing_key_from_jwt(pool.access_token())
        endpoints.fail("refuse")
        clock.advance(23 * HOUR)
        assert client.get_signing_key_from_jwt(pool.access_token()) is key
        assert client.get_signing_key(key.key_id or "") is key
        clock.advance(2 * HOUR)
        for call in (
            lambda: client.get_signing_key_from_jwt(pool.access_token()),
            lambda: client.get_signing_key(key.key_id or ""),
        ):
            error = refusal(call)
            assert isinstance(error, jwt.PyJWKClientConnectionError)
            assert isinstance(error, errors.KeysUnavailable)
            assert not isinstance(error, jwt.InvalidTokenError)
            assert isinstance(error.__cause__, errors.KeysUnavailable)
            assert error.__cause__.retry_after >= 1


@pytest.mark.outside
def test_a_withdrawn_key_is_not_remembered() -> None:
    """A key that the pool took back is unknown again, however often it was built before."""
    with serving() as (pool, _, clock, client):
        token = pool.access_token()
        old = client.get_signing_key_from_jwt(token)
        pool.rotate()
        pool.withdraw()
        clock.advance(25 * HOUR)  # no endpoint's stored response stands any more
        assert client.get_signing_key_from_jwt(pool.access_token()) is not old
        error = refusal(lambda: client.get_signing_key(old.key_id or ""))
        assert isinstance(error, errors.KeyUnknown)


@pytest.mark.parametrize("by", ["token", "kid"])
@pytest.mark.outside
def test_a_flood_of_forged_kids_costs_the_pool_little(by: str) -> None:
    """Three hundred unknown kids cause a handful of requests, and known ones are still served."""
    with serving() as (pool, endpoints, _, client):
        key = client.get_signing_key_from_jwt(pool.access_token())
        for number in range(300):
            if by == "kid":
                error = refusal(lambda number=number: client.get_signing_key(f"forged{number}"))  # type: ignore[misc]
            else:
                forged = pool.access_token(header={"kid": f"forged{number}"})
                error = refusal(lambda forged=forged: client.get_signing_key_from_jwt(forged))  # type: ignore[misc]
            assert isinstance(error, errors.KeyUnknown)
        assert endpoints.requests <= 12  # the first fetch, and two refreshes of three endpoints
        assert client.get_signing_key_from_jwt(pool.access_token()) is key


# --- The claims

# What the verifier would refuse -> the token, the claim that is named, a part of the message.
CLAIMS: dict[str, tuple[Callable[[FakeUserPool], Any], str, str]] = {
    "id-token": (
        lambda pool: pool.id_token(),
        "token_use",
        "expected one: this is an ID token; send the access token",
    ),
    "another-client": (
        lambda pool: pool.access_token(client_id="2another3456789"),
        "client_id",
        "app clients: the token is for another app client of the user pool",
    ),
    "another-machine": (
        lambda pool: pool.machine_token(client_id="2another3456789"),
        "client_id",
        "the token is for another app client",
    ),
    "no-client": (
        lambda pool: pool.access_token(claims={"client_id": REMOVE, "aud": pool.client_id}),
        "client_id",
        "is required",
    ),
    "bound": (
        lambda pool: pool.access_token(audience="https://api.example"),
        "aud",
        "is bound to an audience: the token is bound to a resource (RFC 8707): configure audience=",
    ),
    "no-use": (lambda pool: pool.access_token(claims={"token_use": REMOVE}), "token_use", "is required"),
    "another-use": (lambda pool: pool.access_token(claims={"token_use": "refresh"}), "token_use", "neither"),
    "no-subject": (lambda pool: pool.access_token(claims={"sub": REMOVE}), "sub", "is required"),
    "no-end": (lambda pool: pool.access_token(claims={"exp": REMOVE}), "exp", "is required"),
    "an-end-in-text": (lambda pool: pool.access_token(claims={"exp": "1e9"}), "exp", "is required"),
    "no-beginning": (lambda pool: pool.access_token(claims={"iat": REMOVE}), "iat", "is required"),
}


@pytest.mark.parametrize("row", CLAIMS)
def test_claims_that_the_verifier_would_refuse_get_no_key(row: str) -> None:
    """Its client IDs, token use and audience hold here, and the message says why, hint included."""
    pool = FakeUserPool()
    verifier = pool.offline_verifier()
    make, claim, said = CLAIMS[row]
    token = make(pool)
    for given in (token, token.encode()):
        error = refusal(lambda given=given: JWKClient(verifier).get_signing_key_from_jwt(given))  # type: ignore[misc]
        assert said in str(error)
        assert error.claim == claim  # type: ignore[attr-defined]
    with pytest.raises(errors.ClaimRejected):
        verifier.verify(token)


@pytest.mark.parametrize("row", CLAIMS)
def test_all_claims_can_be_left_to_the_caller(row: str) -> None:
    """`check_claims=False` returns the key of any token of the pool; PyJWT makes its caller's checks."""
    pool = FakeUserPool()
    client = JWKClient(pool.offline_verifier(), check_claims=False)
    token = CLAIMS[row][0](pool)
    key = client.get_signing_key_from_jwt(token)
    jwt.PyJWS().decode(token, key, algorithms=["RS256"])


def test_the_settings_are_the_pools() -> None:
    """Each pool of a verifier has its own clients and audience, and a token must fit those of its own."""
    bound, plain = FakeUserPool("us-west-2_Bound"), FakeUserPool("eu-west-1_Plain", replica_regions=[])
    pools = [bound.user_pool(audience="https://api.example", unbound_machines=True), plain.user_pool()]
    client = JWKClient(Verifier(*pools, token_use="access"))
    rows = [
        (bound.access_token(audience="https://api.example"), True),
        (bound.machine_token(), True),
        (bound.access_token(), False),
        (plain.access_token(), True),
        (plain.access_token(audience="https://api.example"), False),
    ]
    for token, passes in rows:
        if passes:
            assert client.get_signing_key_from_jwt(token)
        else:
            assert isinstance(refusal(lambda token=token: client.get_signing_key_from_jwt(token)), AuthError)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("options", "theirs"),
    [
        ({"expires_in": -60}, jwt.ExpiredSignatureError),
        ({"not_before": time.time() + 600}, jwt.ImmatureSignatureError),
        ({"issued_at": time.time() + 600}, jwt.ImmatureSignatureError),
    ],
    ids=["expired", "not-before", "issued-later"],
)
def test_the_times_are_pyjwts(options: dict[str, Any], theirs: type[Exception]) -> None:
    """A token out of its time gets its key: `jwt.decode` has the caller's leeway, and errors of its own."""
    pool = FakeUserPool()
    client = JWKClient(pool.offline_verifier())
    token = pool.access_token(**options)
    assert client.get_signing_key_from_jwt(token)
    with pytest.raises(theirs):
        decoded(client, client.issuers, token)


# --- What is refused, and how

# A token, the class beside PyJWKClientError that callers catch for it, and our error.
REFUSED: dict[str, tuple[Callable[[FakeUserPool], Any], type[Exception], type[AuthError]]] = {
    "unknown-kid": (
        lambda pool: pool.access_token(signed_by="unknown"),
        jwt.InvalidTokenError,
        errors.KeyUnknown,
    ),
    "unknown-issuer": (
        lambda pool: pool.access_token(claims={"iss": "https://evil.example"}),
        jwt.InvalidTokenError,
        errors.IssuerUnknown,
    ),
    "issuer-a-list": (
        lambda pool: pool.access_token(claims={"iss": [pool.issuer()]}),
        jwt.InvalidTokenError,
        errors.IssuerUnknown,
    ),
    "alg-none": (
        lambda pool: pool.access_token(header={"alg": "none"}),
        jwt.InvalidAlgorithmError,
        errors.AlgorithmNotAllowed,
    ),
    "alg-hs256": (
        lambda pool: pool.access_token(header={"alg": "HS256"}),
        jwt.InvalidAlgorithmError,
        errors.AlgorithmNotAllowed,
    ),
    "jku": (
        lambda pool: pool.access_token(header={"jku": "https://evil.example/jwks.json"}),
        jwt.DecodeError,
        errors.TokenMalformed,
    ),
    "bytes-not-utf8": (
        lambda pool: pool.access_token().encode() + b"\xff",
        jwt.DecodeError,
        errors.TokenMalformed,
    ),
    "none": (lambda pool: None, jwt.DecodeError, errors.TokenMalformed),
    "bytearray": (
        lambda pool: bytearray(pool.access_token().encode()),
        jwt.DecodeError,
        errors.TokenMalformed,
    ),
    "1-mb": (lambda pool: "a" * 1_000_000, jwt.DecodeError, errors.TokenMalformed),
    **{row: (make, jwt.InvalidTokenError, errors.ClaimRejected) for row, (make, _, _) in CLAIMS.items()},
}


@pytest.mark.parametrize("row", REFUSED)
def test_a_refusal_is_pyjwts_own(row: str) -> None:
    """It is a PyJWKClientError, the class that PyJWT has for its fault, and our error, also its cause."""
    pool = FakeUserPool()
    client = JWKClient(pool.offline_verifier())
    make, theirs, ours = REFUSED[row]
    error = refusal(lambda: client.get_signing_key_from_jwt(make(pool)))
    for kind in (jwt.PyJWKClientError, theirs, ours):
        assert isinstance(error, kind)
    assert not isinstance(error, jwt.PyJWKClientConnectionError)
    cause = error.__cause__
    assert type(cause) is ours
    assert str(error) == (f"{cause.message}: {cause.hint}" if cause.hint else cause.message)
    assert (error.status, error.reason, error.hint) == (401, cause.reason, cause.hint)  # type: ignore[attr-defined]
    assert type(pickle.loads(pickle.dumps(error))) is ours  # noqa: S301 - our own


@pytest.mark.parametrize("damage", [*MALFORMED, "unknown-kid", "unknown-issuer"])
def test_no_refusal_shows_the_token(damage: str) -> None:
    """Neither an error nor what a traceback prints of its causes holds a part of the token."""
    pool = FakeUserPool()
    client = JWKClient(pool.offline_verifier())
    make = REFUSED[damage][0] if damage in REFUSED else lambda pool: pool.access_token(malformed=damage)
    token = make(pool)
    try:
        decoded(client, client.issuers, token)
    except jwt.PyJWTError as error:
        refused = error
    else:
        return  # a damage that PyJWT and the key look-up do not mind
    cause = refused.__cause__
    if isinstance(cause, AuthError):  # else it is PyJWT's own, raised by jwt.decode
        shown = "".join(traceback.format_exception(refused)) + repr(refused.args)
        assert [part for part in token.split(".") if len(part) > 20 and part in shown] == []
        assert cause.__cause__ is cause.__context__ is None


@pytest.mark.parametrize("kid", [None, 7, ["a"], b"kid"], ids=repr)
@pytest.mark.outside
def test_a_kid_that_is_no_text_is_unknown(kid: Any) -> None:
    """Whatever a header may hold as kid is refused as an unknown one is, and nothing is asked."""
    with serving() as (_, endpoints, _, client):
        assert type(refusal(lambda: client.get_signing_key(kid))) is jwt.PyJWKClientError
        assert endpoints.requests == 0


@pytest.mark.parametrize(
    ("options", "error"),
    [
        pytest.param({"timeout": 0}, ConfigurationError, id="timeout-0"),
        pytest.param({"timeout": 61}, ConfigurationError, id="timeout-too-long"),
        pytest.param({"timeout": float("nan")}, ConfigurationError, id="timeout-nan"),
        pytest.param({"timeout": True}, ConfigurationError, id="timeout-bool"),
        pytest.param({"timeout": "2"}, ConfigurationError, id="timeout-text"),
        pytest.param({"check_claims": None}, ConfigurationError, id="check-claims-none"),
        pytest.param({"check_claims": 0}, ConfigurationError, id="check-claims-0"),
        pytest.param({"verifier": "https://example.com/jwks.json"}, TypeError, id="a-url"),
    ],
)
def test_a_setting_that_cannot_be_right_fails_in_the_constructor(
    options: dict[str, Any], error: type[Exception]
) -> None:
    """Nonsense does not wait for the first token."""
    settings = {"verifier": FakeUserPool().offline_verifier()} | options
    with pytest.raises(error):
        JWKClient(**settings)


# --- Keys without a token


@pytest.mark.outside
def test_the_keys_of_one_pool_are_listed() -> None:
    """What PyJWKClient's callers list: keys, set and document hold the same, cold and warm."""
    with serving() as (pool, endpoints, _, client):
        kids = {key.kid for key in pool.keys}
        assert {key.key_id for key in client.get_signing_keys()} == kids
        asked = endpoints.requests
        assert {key.key_id for key in client.get_jwk_set().keys} == kids
        assert client.get_jwk_set()[pool.access_key.kid].public_key_use == "sig"
        assert endpoints.requests == asked  # fresh keys are at hand
        [listed] = [each for each in client.fetch_data()["keys"] if each["kid"] == pool.id_key.kid]
        assert listed == pool.id_key.jwk() | {"key_ops": ["verify"]}
        token = pool.access_token()
        kid = jwt.get_unverified_header(token)["kid"]
        key = client.match_kid(client.get_signing_keys(), kid)
        assert key is client.get_signing_key_from_jwt(token)
        assert client.match_kid(client.get_signing_keys(), "another") is None


@pytest.mark.outside
def test_a_refresh_asks_every_endpoint_within_limits() -> None:
    """It finds new keys at once, and a caller that refreshes for each bad token floods no endpoint."""
    with serving() as (pool, endpoints, _, client):
        client.get_signing_keys()
        pool.rotate()
        assert len(client.get_signing_keys()) == 2
        assert len(client.get_signing_keys(refresh=True)) == 4
        for _ in range(300):
            client.get_jwk_set(refresh=True)
            client.fetch_data()
        assert endpoints.requests <= 12


@pytest.mark.outside
def test_a_failed_refresh_gives_the_keys_that_are_there() -> None:
    """An outage changes nothing while keys are usable; later, and at the start, it is one."""
    with serving() as (pool, endpoints, clock, client):
        endpoints.fail("refuse")
        for call in (client.get_signing_keys, client.get_jwk_set, client.fetch_data):
            assert isinstance(refusal(call), jwt.PyJWKClientConnectionError)
        endpoints.heal()
        clock.advance(60)
        assert client.get_signing_keys()
        endpoints.fail("refuse")
        clock.advance(23 * HOUR)
        for refresh in (False, True):
            assert {key.key_id for key in client.get_signing_keys(refresh)} == {key.kid for key in pool.keys}
        clock.advance(2 * HOUR)
        for refresh in (False, True):
            error = refusal(lambda refresh=refresh: client.get_signing_keys(refresh))  # type: ignore[misc]
            assert isinstance(error, jwt.PyJWKClientConnectionError)


@pytest.mark.outside
def test_quarantined_keys_are_not_listed() -> None:
    """Keys that two endpoints contradict each other on are no keys; a pool of such keys has none."""
    pool = FakeUserPool()
    with pool.serve() as endpoints, pool.verifier() as verifier:
        endpoints.replica.fail("conflict")
        verifier.warm()
        client = JWKClient(verifier)
        assert isinstance(refusal(client.get_signing_keys), jwt.PyJWKClientConnectionError)


# --- Several pools


def two_pools() -> tuple[FakeUserPool, FakeUserPool, JWKClient]:
    """Two pools whose access keys have one kid and different material, behind one client."""
    one, other = FakeUserPool("us-west-2_One"), FakeUserPool("eu-west-1_Other", replica_regions=[])
    other._current = other._current._replace(access=other.access_key.under(one.access_key.kid))
    other._listed = tuple(other._current)
    pools = [each.user_pool(offline=True) for each in (one, other)]
    return one, other, JWKClient(Verifier(*pools, token_use="access"))


def test_pools_are_distinguished_by_issuer() -> None:
    """With one kid in two pools, each token gets its own pool's key, time and again."""
    one, other, client = two_pools()
    assert one.access_key.kid == other.access_key.kid
    for pool in (one, other, one, other):
        assert decoded(client, client.issuers, pool.access_token())["iss"] == pool.issuer()
    crossed = one.access_token(signed_by=other.access_key)
    with pytest.raises(jwt.InvalidSignatureError):
        decoded(client, client.issuers, crossed)
    assert client.issuers == [*map(one.issuer, ("updated", "original", "replica")), *_of(other)]


def _of(pool: FakeUserPool) -> list[str]:
    return [pool.issuer("updated"), pool.issuer("original")]


def test_a_kid_alone_names_no_key_among_several_pools() -> None:
    """Keys without an issuer are a mistake in the program there, and no fault of a token's."""
    one, _, client = two_pools()
    for call in (
        lambda: client.get_signing_key(one.access_key.kid),
        client.get_signing_keys,
        client.get_jwk_set,
        client.fetch_data,
    ):
        with pytest.raises(
            ConfigurationError, match=r"several user pools.*get_signing_key_from_jwt\(token\)"
        ):
            call()


# --- What is kept


def test_what_is_kept_is_bounded() -> None:
    """Keys that come and go do not pile up: the oldest built are dropped."""
    pool = FakeUserPool()
    client = JWKClient(pool.offline_verifier())
    key = client._find(pool.access_token())
    for number in range(3 * MAX_KEYS):
        client._make(key._replace(kid=f"kid{number}"))
    assert [kid for kid, _ in client._made] == [f"kid{n}" for n in range(2 * MAX_KEYS, 3 * MAX_KEYS)]


@pytest.mark.outside
def test_threads_share_a_client() -> None:
    """Thirty-two threads at a cold client get the right keys from one shared refresh."""
    with serving() as (pool, endpoints, _, client):
        unchecked = JWKClient(client._verifier, check_claims=False)
        tokens = [pool.access_token(issuer=kind) for kind in KINDS] + [pool.id_token()]

        def one(number: int) -> str | None:
            return unchecked.get_signing_key_from_jwt(tokens[number % len(tokens)]).key_id

        with ThreadPoolExecutor(32) as threads:
            found = list(threads.map(one, range(512)))
        kids = [pool.access_key.kid] * 3 + [pool.id_key.kid]
        assert found == [kids[number % len(kids)] for number in range(512)]
        assert max(each.requests for each in endpoints) == 1


def test_its_text_names_the_pool_alone() -> None:
    """repr() says which verifier's keys these are."""
    assert (
        repr(JWKClient(FakeUserPool().offline_verifier()))
        == "<JWKClient of <Verifier of us-west-2_Fake00001>>"
    )


@pytest.mark.parametrize("whose", ["ID token", "another client's", "resource-bound"])
@pytest.mark.outside
def test_whose_token_it_is_does_not_matter_after_a_rotation(whose: str) -> None:
    """With `check_claims=False` each such token may fetch the new keys; else it is worth no request (R5)."""
    pool = FakeUserPool()
    makers: dict[str, Callable[[], str]] = {
        "ID token": pool.id_token,
        "another client's": lambda: pool.access_token(client_id="2another3456789"),
        "resource-bound": lambda: pool.access_token(audience="https://api.example.com"),
    }
    with pool.serve() as endpoints, pool.verifier() as verifier:
        verifier.warm()
        pool.rotate()
        token, asked = makers[whose](), endpoints.requests
        error = refusal(lambda: JWKClient(verifier).get_signing_key_from_jwt(token))
        assert isinstance(error, errors.KeyUnknown)
        assert endpoints.requests == asked
        client = JWKClient(verifier, check_claims=False)
        late = pool.access_token(signed_by="unknown", expires_in=-60)  # no claim but its times is looked at
        assert isinstance(refusal(lambda: client.get_signing_key_from_jwt(late)), errors.KeyUnknown)
        assert endpoints.requests == asked
        key = client.get_signing_key_from_jwt(token)
        jwt.decode(token, key, algorithms=["RS256"], options={"verify_aud": False})
