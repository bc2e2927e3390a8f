"""Standards that no other test file quotes: AWS's own steps, exclusive rules, boundaries, what is not done.

docs/security.md lists every requirement with the test that keeps it; the ids (STD-..) are its rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.refusals import refused

from cognito_mr_auth import ANY_CLIENT, Verifier, errors, policy
from cognito_mr_auth._jwt.claims import ClaimRequirements, check_claims
from cognito_mr_auth.testing import REMOVE, FakeClock, FakeUserPool

NOW = 1_800_000_000.0


# --- STD-34: the Cognito developer guide, "Verifying JSON web tokens", step by step


def _other_region(pool: FakeUserPool) -> str:
    return pool.issuer().replace("us-west-2.", "eu-west-1.")


AWS_STEPS: dict[str, tuple[str, Callable[[FakeUserPool], str], type[errors.AuthError]]] = {
    "structure, two sections": (
        "a JWT includes three sections with a . delimiter between them: header, payload, signature",
        lambda p: p.access_token().rpartition(".")[0],
        errors.TokenMalformed,
    ),
    "structure, no base64url": (
        "the sections are base64url-encoded",
        lambda p: p.access_token().replace(".", ".!", 1),
        errors.TokenMalformed,
    ),
    "signature, alg": (
        "Amazon Cognito uses RS256, an RSA signature with SHA-256",
        lambda p: p.access_token(header={"alg": "RS512"}),
        errors.AlgorithmNotAllowed,
    ),
    "signature, kid": (
        "compare the local key ID (kid) to the public kid",
        lambda p: p.access_token(signed_by="unknown"),
        errors.KeyUnknown,
    ),
    "signature, compared": (
        "compare the signature of the issuer to the signature in the token",
        lambda p: p.access_token(signed_by="foreign"),
        errors.SignatureInvalid,
    ),
    "claims, expired": (
        "verify that the token hasn't expired: compare the exp claim to the current time",
        lambda p: p.access_token(expires_in=-60),
        errors.TokenExpired,
    ),
    "claims, client_id": (
        "the client_id claim in an access token should match the app client ID of the user pool",
        lambda p: p.access_token(client_id="another"),
        errors.ClaimRejected,
    ),
    "claims, iss": (
        "the issuer (iss) claim should match your user pool",
        lambda p: p.access_token(claims={"iss": p.issuer() + "X"}),
        errors.IssuerUnknown,
    ),
    "claims, iss of a Region that is not listed": (
        "the issuer (iss) claim should match your user pool",
        lambda p: p.access_token(claims={"iss": _other_region(p)}),
        errors.IssuerUnknown,
    ),
    "claims, token_use": (
        "if you are only accepting the access token in your web APIs, its value must be access",
        lambda p: p.id_token(),
        errors.ClaimRejected,
    ),
}


@pytest.mark.parametrize(("_wording", "make", "kind"), AWS_STEPS.values(), ids=AWS_STEPS)
def test_each_step_of_aws(
    _wording: str,
    make: Callable[[FakeUserPool], str],
    kind: type[errors.AuthError],
    pool: FakeUserPool,
) -> None:
    """STD-34: a token that fails one step of AWS's list, and no other, is refused for that step."""
    verifier = pool.offline_verifier()
    assert verifier.verify(pool.access_token()).token_use == "access"
    refused(kind, verifier.verify, make(pool))


def test_the_same_steps_for_id_tokens(pool: FakeUserPool) -> None:
    """STD-34: "the aud claim in an ID token should match the app client ID", and "its value must be id"."""
    verifier = pool.offline_verifier("id")
    assert verifier.verify(pool.id_token()).client_id == pool.client_id
    assert refused(errors.ClaimRejected, verifier.verify, pool.id_token(client_id="x")).claim == "aud"
    assert refused(errors.ClaimRejected, verifier.verify, pool.access_token()).claim == "token_use"


@pytest.mark.parametrize("use", ["id", "access", "any"])
def test_token_use_is_one_of_two(use: Any, pool: FakeUserPool) -> None:
    """STD-34: "if you are using both, the token_use claim must be either id or access"."""
    verifier = pool.offline_verifier(use)
    for value in ("", "refresh", "any", "ID", "access ", ["access"], None, REMOVE):
        token = pool.access_token(claims={"token_use": value, "aud": pool.client_id})
        assert refused(errors.ClaimRejected, verifier.verify, token).claim == "token_use"


# --- STD-15: the rules for one kind of token leave no room for the other

USES = st.sampled_from(["access", "id", "any", "", "ID", None, True]) | st.text(max_size=6)
CLIENTS = st.sampled_from(["client1", "client2", "", None, 1]) | st.lists(st.just("client1"), max_size=2)


@given(
    st.fixed_dictionaries(
        {"sub": st.just("a-user"), "iat": st.just(NOW - 60), "exp": st.just(NOW + 60)},
        optional={"token_use": USES, "client_id": CLIENTS, "aud": CLIENTS},
    ),
    st.sampled_from([frozenset({"client1"}), None]),
    st.sampled_from([None, frozenset({"client1"})]),
    st.booleans(),
)
def test_no_token_is_of_both_kinds(
    claims: dict[str, Any], clients: Any, audience: frozenset[str] | None, machines: bool
) -> None:
    """STD-15, RFC 8725 3.12: the rules for two kinds of JWT "MUST be mutually exclusive"."""
    passed = []
    for use in ("access", "id"):
        try:
            check_claims(claims, ClaimRequirements(use, clients, audience, 5.0, machines), NOW)
        except errors.AuthError:
            continue
        passed.append(use)
    assert passed in ([], [claims.get("token_use")])


def test_no_minted_token_passes_as_both(pool: FakeUserPool) -> None:
    """STD-15, STD-28: with every claim of the other kind added, a token is still of one kind."""
    as_access = pool.offline_verifier("access", pool=pool.user_pool(client_ids=ANY_CLIENT))
    as_id = pool.offline_verifier("id", pool=pool.user_pool(client_ids=ANY_CLIENT))
    both = {"client_id": pool.client_id, "aud": pool.client_id, "scope": "a/b", "cognito:username": "alice"}
    for mint in (pool.access_token, pool.machine_token, pool.id_token):
        token = mint(claims=both)
        accepted = [v for v in (as_access, as_id) if _passes(v, token)]
        assert len(accepted) == 1
    # A claim named `scope` in an ID token grants nothing.
    token = pool.id_token(claims=both)
    refused(errors.PolicyDenied, as_id.verify, token, require=policy.scopes("a/b"))


def _passes(verifier: Verifier, token: str) -> bool:
    try:
        verifier.verify(token)
    except errors.AuthError:
        return False
    return True


# --- STD-20: the boundaries of time, for a token that is new and for one that was seen before

MOMENTS = [
    pytest.param("exp", -1, None, id="exp-1"),
    pytest.param("exp", 0, None, id="exp, within the leeway"),
    pytest.param("exp", 4, None, id="exp+leeway-1"),
    pytest.param("exp", 5, errors.TokenExpired, id="exp+leeway"),
    pytest.param("exp", 6, errors.TokenExpired, id="exp+leeway+1"),
    pytest.param("nbf", -6, errors.TokenNotYetValid, id="nbf-leeway-1"),
    pytest.param("nbf", -5, None, id="nbf-leeway"),
    pytest.param("nbf", 0, None, id="nbf"),
    pytest.param("iat", -6, errors.TokenNotYetValid, id="iat-leeway-1"),
    pytest.param("iat", -5, None, id="iat-leeway"),
]


@pytest.mark.parametrize("seen", [False, True], ids=["new", "seen before"])
@pytest.mark.parametrize(("claim", "offset", "kind"), MOMENTS)
def test_the_boundaries_of_time(
    claim: str,
    offset: int,
    kind: type[errors.AuthError] | None,
    seen: bool,
    clock: FakeClock,
    pool: FakeUserPool,
) -> None:
    """STD-20, RFC 7519 4.1.4 and 4.1.5: exact to the second on both sides, on a cache hit too (C2)."""
    verifier = pool.offline_verifier()
    start = int(clock.wall)
    issued, expires = start + (1000 if claim == "iat" else -1000), start + 3000
    moment = {"exp": expires, "nbf": start + 1000, "iat": issued}[claim]
    later: dict[str, Any] = {"not_before": moment} if claim == "nbf" else {}
    token = pool.access_token(issued_at=issued, expires_in=expires - issued, **later)
    if seen:
        clock.jump_wall(start + 2000 - clock.wall)
        assert verifier.verify(token).expires_at == expires
    clock.jump_wall(moment + offset - clock.wall)
    if kind is None:
        assert verifier.verify(token).expires_at == expires
    else:
        refused(kind, verifier.verify, token)


def test_without_leeway_exp_is_exact(clock: FakeClock, pool: FakeUserPool) -> None:
    """STD-20: "on or after" `exp` the token MUST NOT be accepted, where no leeway was given."""
    verifier = pool.offline_verifier(leeway=0)
    token = pool.access_token(issued_at=int(clock.wall), expires_in=60)
    clock.jump_wall(int(clock.wall) + 59.999 - clock.wall)
    assert verifier.verify(token).token_use == "access"
    clock.jump_wall(0.001)
    refused(errors.TokenExpired, verifier.verify, token)


# --- STD-21: StringOrURI, RFC 7519 2: compared "with no transformations or canonicalizations applied"

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"

SPELLINGS = {
    "slash": lambda url: f"{url}/",
    "host in capitals": lambda url: url.replace("cognito-idp", "COGNITO-IDP"),
    "scheme in capitals": lambda url: url.replace("https", "HTTPS"),
    "default port": lambda url: url.replace(".com/", ".com:443/"),
    "percent-encoded": lambda url: url.replace("_", "%5F"),
    "pool ID in lower case": lambda url: url.replace("Fake", "fake"),
    "dot segment": lambda url: url.replace(".com/", ".com/./"),
    "user": lambda url: url.replace("https://", "https://x@"),
    "fragment": lambda url: f"{url}#",
    "full-width letter": lambda url: url.replace("c", "\uff43", 1),
    "space": lambda url: f" {url}",
    "line end": lambda url: f"{url}\n",
    "no scheme": lambda url: url.removeprefix("https://"),
}


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_no_other_spelling_of_an_issuer(spell: Callable[[str], str], pool: FakeUserPool) -> None:
    """STD-21, T1: an `iss` that means the same URL to another reader is another issuer here."""
    kinds: tuple[Any, ...] = ("original", "replica", "updated")
    for issuer in map(pool.issuer, kinds):
        assert spell(issuer) != issuer
        refused(
            errors.IssuerUnknown,
            pool.offline_verifier().verify,
            pool.access_token(claims={"iss": spell(issuer)}),
        )


@pytest.mark.parametrize(
    ("require", "claims"),
    [
        pytest.param(policy.groups(COMPOSED), {"cognito:groups": [DECOMPOSED]}, id="group, NFD"),
        pytest.param(policy.groups(DECOMPOSED), {"cognito:groups": [COMPOSED]}, id="group, NFC"),
        pytest.param(policy.groups("ops"), {"cognito:groups": ["Ops", "ops ", "\uff4fps"]}, id="group, case"),
        pytest.param(policy.scopes("a/b"), {"scope": "A/B a/B a%2Fb a/b/"}, id="scope, case"),
        pytest.param(policy.claim("custom:x", COMPOSED), {"custom:x": DECOMPOSED}, id="claim, NFD"),
    ],
)
def test_no_other_spelling_of_a_name(require: policy.Policy, claims: Any, pool: FakeUserPool) -> None:
    """STD-21: scopes, groups and claims are compared as they are, without case or normal forms."""
    refused(
        errors.PolicyDenied,
        pool.offline_verifier().verify,
        pool.access_token(claims=claims),
        require=require,
    )


@pytest.mark.parametrize("audience", ["HTTPS://api.example", "https://api.example/", "https://API.example"])
def test_no_other_spelling_of_an_audience(audience: str, pool: FakeUserPool) -> None:
    """STD-21, STD-12: `audience` is compared letter by letter (RFC 8707 names a resource by its URI)."""
    verifier = pool.offline_verifier(pool=pool.user_pool(audience="https://api.example"))
    bound = verifier.verify(pool.access_token(audience="https://api.example"))
    assert bound.claims["aud"] == "https://api.example"
    refused(errors.ClaimRejected, verifier.verify, pool.access_token(audience=audience))


# --- STD-27, STD-29, STD-31: what is not checked is handed on, and never trips


NOT_CHECKED = {
    "at_hash": {"at_hash": "not-even-a-hash"},
    "nonce": {"nonce": "n-0S6_WzA2Mj"},
    "azp": {"azp": "another-client"},
    "amr and acr": {"amr": ["pwd"], "acr": "0"},
    "cnf": {"cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}},
}


@pytest.mark.parametrize("claims", NOT_CHECKED.values(), ids=NOT_CHECKED)
@pytest.mark.parametrize("use", ["access", "id"])
def test_a_claim_that_is_not_checked_is_handed_on(
    claims: dict[str, Any], use: Any, pool: FakeUserPool
) -> None:
    """STD-27, STD-29, STD-31: a token does not fail for a claim of its client's business."""
    token = pool.access_token(claims=claims) if use == "access" else pool.id_token(claims=claims)
    principal = pool.offline_verifier(use).verify(token)
    assert {name: principal.to_dict()["claims"][name] for name in claims} == claims


def test_a_bound_token_can_be_refused(pool: FakeUserPool) -> None:
    """STD-29: without a proof of possession, a policy can refuse tokens that say they are bound (`cnf`)."""
    unbound = policy.check(lambda principal: "cnf" not in principal.claims)
    verifier = pool.offline_verifier()
    assert "cnf" not in verifier.verify(pool.access_token(), require=unbound).claims
    bound = pool.access_token(claims={"cnf": {"jkt": "x"}})
    refused(errors.PolicyDenied, verifier.verify, bound, require=unbound)


def test_a_user_and_a_client_of_one_name_differ(pool: FakeUserPool) -> None:
    """STD-28, RFC 9700 4.15: a user whose `sub` is a client's ID is no machine, and no equal of one."""
    verifier = pool.offline_verifier()
    machine = verifier.verify(pool.machine_token())
    user = verifier.verify(pool.access_token(subject=pool.client_id, username="mallory"))
    assert (machine.subject, machine.is_machine) == (user.subject, True)
    assert (user.is_machine, user.username) == (False, "mallory")
    assert machine != user


@pytest.mark.parametrize("jti", [None, 1, True, ["a"], {"a": "b"}], ids=repr)
def test_an_odd_jti_is_refused(jti: object, pool: FakeUserPool) -> None:
    """STD-27, ATK-68, RFC 7519 4.1.7: a `jti` is a string; a list of them would fool a look-up of one."""
    verifier = pool.offline_verifier()
    assert (
        refused(errors.ClaimRejected, verifier.verify, pool.access_token(claims={"jti": jti})).claim == "jti"
    )
    assert verifier.verify(pool.access_token(claims={"jti": REMOVE})).token_use == "access"
