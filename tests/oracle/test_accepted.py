"""What we accept, every judge accepts and reads alike; what Cognito mints, all of us accept.

The judges are PyJWT, joserfc and aws-jwt-verify under Node, each with the expectations of one pool.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.judges import Bench, bench, explained, same
from oracle.nodejs import Reading
from oracle.tokens import HEADERS, Token, claim_values, cognito_tokens, damaged, tokens

from cognito_mr_auth.testing import FakeUserPool

SEED = 7519
SIGNED_TOKENS = 1660
JUDGES = ("PyJWT", "joserfc", "aws-jwt-verify")


@pytest.fixture(scope="module")
def judges() -> Iterator[Bench]:
    """One pool and one Node for all tokens."""
    with bench(FakeUserPool()) as made:
        yield made


class Lax(Exception):  # noqa: N818 - what the tests look for, and an error only if there is any
    """A token that we accept and a judge refuses, or reads otherwise."""


def judged(
    judges: Bench, token: Token, readings: dict[str, Reading], tally: Counter[tuple[str, ...]]
) -> None:
    """Compare one token's readings with ours, and count them.

    Raises:
        Lax: if only we accept it, and nothing explains that.
    """
    principal = judges.ours.principal(*token)
    verdict = "refused" if principal is None else "accepted"
    for judge, reading in readings.items():
        tally[judge, verdict, "refused" if isinstance(reading, str) else "accepted"] += 1
    if principal is None:
        return
    claims: dict[str, Any] = principal.to_dict()["claims"]
    if judges.ours.principal(*token) != principal:
        raise Lax("the second answer, from the cache, is another one", token)
    for judge, reading in readings.items():
        if isinstance(reading, str):
            reason = explained(judge, claims)
            if reason is None:
                raise Lax(f"{judge}: {reading}", token)
            tally[judge, reason] += 1
        elif not same(claims, reading, judge):
            raise Lax(f"{judge} reads it otherwise", token)


# --- What we accept, all accept


def test_nothing_that_we_accept_is_refused_by_a_judge(judges: Bench) -> None:
    """Over 10,000 tokens, of which each judge and we accept some and refuse some."""
    drawn = list(tokens(judges.pool, random.Random(SEED), SIGNED_TOKENS))
    tally: Counter[tuple[str, ...]] = Counter()
    for token, readings in judges.readings(drawn):
        judged(judges, token, readings, tally)
    assert len(drawn) >= 10_000
    for judge in JUDGES:
        assert tally[judge, "accepted", "accepted"] >= 400
        assert tally[judge, "refused", "refused"] >= 5_000
        assert tally[judge, "refused", "accepted"] >= 50  # where we are stricter (S, T3)
    assert tally["aws-jwt-verify", "a scope that is no text"]  # an explanation that no token needs is wrong


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)
NAMES = st.sampled_from(["exp", "iat", "nbf", "sub", "aud", "client_id", "token_use", "jti", "scope"])
CLAIM_NAMES = st.one_of(st.sampled_from(["cognito:groups", "auth_time", "__proto__", "constructor"]), TEXT)


@settings(max_examples=200)
@given(data=st.data())
def test_no_claims_and_no_header_make_us_accept_alone(judges: Bench, data: st.DataObject) -> None:
    """RFC 7519 7.2: whatever a signed token says, we accept it only where all others do."""
    pool = judges.pool
    values = claim_values(pool, pool_time(pool))
    kind = data.draw(st.sampled_from(["access", "id", "machine"]))
    claims = {
        name: data.draw(st.sampled_from(values[name])) for name in data.draw(st.sets(NAMES, max_size=1))
    }
    claims |= data.draw(st.dictionaries(CLAIM_NAMES, JSON, max_size=3))
    names = data.draw(st.sets(st.sampled_from(sorted(HEADERS)), max_size=1))
    header = {name: data.draw(st.sampled_from(HEADERS[name])) for name in names}
    header |= data.draw(st.dictionaries(TEXT.filter(lambda name: name not in HEADERS), JSON, max_size=1))
    mints: dict[str, Callable[..., str]] = {
        "access": pool.access_token,
        "id": pool.id_token,
        "machine": pool.machine_token,
    }
    mint = mints[kind]
    text = mint(claims=claims, header=header)
    if data.draw(st.booleans()):
        text = damaged(random.Random(data.draw(st.integers(0, 2**32))), text, mint())
    [(token, readings)] = judges.readings([("id" if kind == "id" else "access", text)])
    judged(judges, token, readings, Counter())


def pool_time(pool: FakeUserPool) -> int:
    """The wall clock of the pool, in whole seconds."""
    now = pool.clock()
    assert not isinstance(now, tuple)
    return int(now)


# --- What Cognito mints, all accept


def test_every_shape_of_cognito_is_accepted_by_all(judges: Bench) -> None:
    """User, machine and ID tokens under each issuer: four acceptances, four equal readings."""
    named = list(cognito_tokens(judges.pool))
    refused: list[tuple[str, str, Reading]] = []
    minted = [token for _, token in named]
    for (name, _), (token, readings) in zip(named, judges.readings(minted), strict=True):
        principal = judges.ours.principal(*token)
        if principal is None:
            refused.append((name, "we", ""))
            continue
        claims = principal.to_dict()["claims"]
        refused += [
            (name, judge, reading)
            for judge, reading in readings.items()
            if isinstance(reading, str) or not same(claims, reading, judge)
        ]
    assert refused == []
    assert len(named) == 93


def test_a_token_bound_to_a_resource_is_accepted_by_all(judges: Bench) -> None:
    """RFC 8707, S6: with that resource configured, as text or in a list; another one is refused."""
    pool, resource = judges.pool, "https://api.example"
    bound = [pool.access_token(audience=resource), pool.access_token(claims={"aud": ["other", resource]})]
    keys = jwt.PyJWKSet.from_dict(pool.jwks())
    with pool.offline_verifier(pool=pool.user_pool(offline=True, audience=resource)) as verifier:
        for (_, token), readings in judges.readings([("access", token) for token in bound]):
            claims = verifier.verify(token).to_dict()["claims"]
            assert same(claims, readings["aws-jwt-verify"], "aws-jwt-verify")
            assert same(claims, readings["joserfc"], "joserfc")
            key = keys[jwt.get_unverified_header(token)["kid"]]
            assert jwt.decode(token, key, algorithms=["RS256"], audience=resource) == claims
            with pytest.raises(jwt.InvalidAudienceError):
                jwt.decode(token, key, algorithms=["RS256"], audience="https://other.example")
            assert judges.ours.principal("access", token) is None  # whose pool has no audience


CONTROLS: dict[str, dict[str, Any]] = {
    "another key": {"signed_by": "foreign"},
    "an unlisted key": {"signed_by": "unknown"},
    "expired": {"expires_in": -60},
    "not yet valid": {"not_before": 4_000_000_000},
    "another pool's issuer": {
        "claims": {"iss": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_Other0001"}
    },
    "altered": {"malformed": "altered_payload"},
    "without a subject": {"claims": {"sub": 5}},
}


@pytest.mark.parametrize("options", CONTROLS.values(), ids=CONTROLS)
def test_every_judge_can_say_no(judges: Bench, options: dict[str, Any]) -> None:
    """A judge that accepted all would agree with everything that we accept."""
    drawn = [("access", judges.pool.access_token(**options)), ("id", judges.pool.id_token(**options))]
    for token, readings in judges.readings(drawn):
        assert judges.ours.principal(*token) is None
        assert [judge for judge, reading in readings.items() if not isinstance(reading, str)] == []


@pytest.mark.parametrize(
    ("reading", "found"),
    [
        ("refused", "PyJWT: refused"),
        ({"sub": "eve"}, "PyJWT reads it otherwise"),
    ],
    ids=["refused", "read otherwise"],
)
def test_the_comparison_bites(judges: Bench, reading: Reading, found: str) -> None:
    """A judge's refusal of what we accept, and another reading of it, is what ends the test."""
    token = ("access", judges.pool.access_token())
    with pytest.raises(Lax) as caught:
        judged(judges, token, {"PyJWT": reading}, Counter())
    assert caught.value.args[0] == found


def test_a_double_is_all_that_javascript_knows() -> None:
    """The comparison with Node is of numbers as doubles, and of nothing else."""
    assert same({"a": 10**30, "b": [1]}, json.loads('{"a": 1e30, "b": [1.0]}'), "aws-jwt-verify")
    assert not same({"a": 1}, {"a": 2}, "aws-jwt-verify")
    assert not same({"a": 1}, {"a": "1"}, "aws-jwt-verify")
    assert same({"__proto__": {"x": 1}, "b": 1}, {"b": 1}, "aws-jwt-verify")
