"""Claims of every type through the whole verifier, as JSON text (ATK-18, ATK-23, ATK-26, ATK-53)."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from support.refusals import CANARY, refused
from support.segments import segment
from support.verdicts import verdict

from cognito_mr_auth import Principal, errors
from cognito_mr_auth._jwt.claims import MAX_TIME
from cognito_mr_auth.errors import (
    AuthError,
    ClaimRejected,
    SignatureInvalid,
    TokenExpired,
    TokenMalformed,
    TokenNotYetValid,
)
from cognito_mr_auth.testing import REMOVE, FakeClock, FakeUserPool

CLOCK = FakeClock()
NOW = int(CLOCK.wall)
POOL = FakeUserPool(clock=CLOCK)
KINDS = {"access": POOL.access_token, "id": POOL.id_token}
VERIFIERS = {use: POOL.offline_verifier(use) for use in ("access", "id", "any")}


def payload(use: str, **changes: Any) -> dict[str, Any]:
    """The claims of a good token of that use, with members changed, added or removed."""
    client = {"client_id": POOL.client_id} if use == "access" else {"aud": POOL.client_id}
    good = {
        "iss": POOL.issuer(),
        "sub": "a-user",
        "token_use": use,
        "iat": NOW - 9,
        "exp": NOW + 99,
        **client,
    }
    return {name: value for name, value in (good | changes).items() if value is not REMOVE}


def text(use: str, **members: str) -> bytes:
    """The same as JSON, with members given as JSON text, whatever that is."""
    rest = payload(use, **dict.fromkeys(members, REMOVE))
    written = [f"{json.dumps(name)}:{value}" for name, value in members.items()]
    return ("{" + ",".join([*written, json.dumps(rest)[1:]])).encode()


def token(use: str, octets: bytes | dict[str, Any]) -> str:
    """Signed by the pool's key of that use."""
    return POOL.sign(None, octets, key=POOL.access_key if use == "access" else POOL.id_key)


# --- Times: ATK-26

# As JSON text: impossible times, what other readers take for a number, and the edges of what we accept.
NO_JSON = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e400",
    "9" * 5000,
    "-" + "9" * 5000,
    "+1",
    "01",
    ".5",
    "1.",
]
NO_JSON += [
    "0x7fffffff",
    "1_800_000_000",
    "\u0661\u0662",
    "1e",
    "--1",
    '"\\ud800"',
    "undefined",
    "[" * 99 + "]" * 99,
]
NO_TIME = [
    "null",
    "true",
    "false",
    '""',
    '"1800000000"',
    '" 1800000000 "',
    '"\u0669"',
    "[]",
    "[1800000000]",
    "{}",
]
NO_TIME += ['{"$numberLong":"1"}', "-1", "-0.5", "-1e-300", "1e308", str(MAX_TIME + 1), str(MAX_TIME) + ".5"]
NO_TIME += [str(NOW * 1000), str(2**63), str(2**64), "9" * 400, "9" * 4300, "-" + "9" * 4300, "1" + "0" * 308]


@pytest.mark.parametrize("use", KINDS)
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        *(pytest.param(each, TokenMalformed, id=f"no JSON {each[:12]!a}") for each in NO_JSON),
        *(pytest.param(each, ClaimRejected, id=f"no time {each[:12]!a} of {len(each)}") for each in NO_TIME),
    ],
)
def test_a_time_is_a_finite_number(use: str, name: str, value: str, kind: type[AuthError]) -> None:
    """RFC 7519 section 2: no constant, text, container, bool or year beyond 9999 is a NumericDate."""
    signed = token(use, text(use, **{name: value}))
    for verifier in (VERIFIERS[use], VERIFIERS["any"]):
        error = verdict(verifier, signed)
        assert type(error) is kind
        assert vars(error).get("claim") == (name if kind is ClaimRejected else None)
        assert value not in str(error)


@pytest.mark.parametrize("use", KINDS)
@pytest.mark.parametrize(
    ("members", "kind"),
    [
        pytest.param({"exp": f"{NOW + 5}.0"}, None, id="float-exp"),
        pytest.param({"exp": f"{NOW}e0"}, None, id="exponent-exp"),
        pytest.param({"exp": f"{NOW - 4}.5"}, None, id="exp-within-leeway"),
        pytest.param({"exp": f"{NOW - 5}.0"}, TokenExpired, id="exp-at-leeway"),
        pytest.param({"exp": "0"}, TokenExpired, id="exp-zero"),
        pytest.param({"exp": "-0"}, TokenExpired, id="exp-minus-zero"),
        pytest.param({"exp": "-0.0"}, TokenExpired, id="exp-minus-zero-float"),
        pytest.param({"exp": "1e-400"}, TokenExpired, id="exp-underflow"),
        pytest.param({"exp": str(MAX_TIME)}, None, id="exp-year-9999"),
        pytest.param({"iat": f"{NOW + 5}"}, None, id="iat-at-leeway"),
        pytest.param({"iat": f"{NOW + 5}.001"}, TokenNotYetValid, id="iat-beyond-leeway"),
        pytest.param({"iat": str(MAX_TIME)}, TokenNotYetValid, id="iat-year-9999"),
        pytest.param({"iat": "0"}, None, id="iat-1970"),
        pytest.param({"nbf": f"{NOW + 5}"}, None, id="nbf-at-leeway"),
        pytest.param({"nbf": f"{NOW + 6}"}, TokenNotYetValid, id="nbf-beyond-leeway"),
        pytest.param({"nbf": f"{NOW + 200}"}, TokenNotYetValid, id="nbf-after-exp"),
        pytest.param({"nbf": f"{NOW - 3}", "exp": f"{NOW - 4}"}, None, id="nbf-after-exp-both-in-leeway"),
        pytest.param({"iat": f"{NOW - 3}", "exp": f"{NOW - 60}"}, TokenExpired, id="iat-after-exp"),
        pytest.param({"EXP": "null", "Exp": "0", "exp ": "1e9"}, None, id="other-names"),
    ],
)
def test_the_edges_of_time(use: str, members: dict[str, str], kind: type[AuthError] | None) -> None:
    """STD-20, ATK-27: valid if and only if now < exp + leeway and now >= iat, nbf - leeway."""
    found = verdict(VERIFIERS[use], token(use, text(use, **members)))
    assert type(found) is (kind or Principal)


# --- Subject, use, client and audience: ATK-18, ATK-23, ATK-68, S5

ODD: list[Any] = [REMOVE, None, "", 0, 1, -1.5, True, False, [], [""], {}, {"a": "b"}, [[]], 2**70]


def odd_rows() -> list[Any]:
    """Claim, use, value: each odd value, and each in which the right one is hidden."""
    right = {
        "sub": "a-user",
        "token_use": "access",
        "client_id": POOL.client_id,
        "jti": "a",
        "iss": POOL.issuer(),
    }
    rows = []
    for use, names in {
        "access": ["sub", "token_use", "client_id", "jti"],
        "id": ["sub", "token_use", "aud"],
    }.items():
        for name in names:
            good = use if name == "token_use" else right.get(name, POOL.client_id)
            hidden: list[Any] = [[good], [[good]], {good: good}, [good, good], {"value": good}]
            near = [
                good + " ",
                " " + good,
                good + "\0",
                good + "\n",
                good.upper() + "x",
                good[:-1],
                good + good,
            ]
            values = [*ODD, *hidden, *(near if name in ("token_use", "client_id", "aud") else [])]
            if name == "jti":  # a claim that may be absent or empty: nothing reads it
                values = [each for each in values if each is not REMOVE and each != ""]
            rows += [pytest.param(use, name, each, id=f"{use} {name} {each!r:.40}") for each in values]
    return rows


@pytest.mark.parametrize(("use", "name", "value"), odd_rows())
def test_subject_use_and_client_are_the_very_strings(use: str, name: str, value: object) -> None:
    """No list, no object, no number, no neighbour of the right text; the error names the claim alone."""
    signed = token(use, payload(use, **{name: value}))
    error = verdict(VERIFIERS[use], signed)
    assert isinstance(error, ClaimRejected)
    assert error.claim == name
    assert verdict(VERIFIERS["any"], signed).__class__ is ClaimRejected


@pytest.mark.parametrize(
    "aud", [None, "", [], [POOL.client_id], [[POOL.client_id]], "other", 0, True, {}], ids=repr
)
def test_an_access_tokens_aud_is_its_client_or_absent(aud: object) -> None:
    """S6, ATK-18: anything else binds the token to an audience, and none was configured."""
    error = verdict(VERIFIERS["access"], token("access", payload("access", aud=aud)))
    assert isinstance(error, ClaimRejected)
    assert error.claim == "aud"


# --- Order: ATK-53

DEFECTS: dict[str, dict[str, Any]] = {
    "expired": {"exp": NOW - 600},
    "no exp": {"exp": REMOVE},
    "exp NaN-like": {"exp": "NaN"},
    "from the future": {"iat": NOW + 600},
    "other client": {"client_id": CANARY},
    "other kind": {"token_use": "id"},
    "no subject": {"sub": REMOVE},
    "bound": {"aud": "https://elsewhere.example"},
    "odd jti": {"jti": [CANARY]},
}


@pytest.mark.parametrize("count", range(len(DEFECTS) + 1))
def test_a_bad_signature_hides_every_claim(count: int) -> None:
    """ATK-53: whatever else is wrong, it is SignatureInvalid with the same attributes and no claim."""
    said = set()
    record = [("_origin", (POOL.user_pool_id, "original")), ("_recorded", True)]  # as far as `iss` says
    head, _, seal = POOL.access_token().split(".")  # the pool's own, of another payload
    for chosen in itertools.combinations(DEFECTS.values(), count):
        claims = payload("access", email=CANARY)
        for defect in chosen:
            claims |= defect
        claims = {name: value for name, value in claims.items() if value is not REMOVE}
        forged = f"{head}.{segment(claims)}.{seal}"
        for verifier in (VERIFIERS["access"], VERIFIERS["any"]):
            error = refused(SignatureInvalid, verifier.verify, forged)
            assert isinstance(verdict(verifier, forged), SignatureInvalid)
            said.add((str(error), repr(sorted(vars(error).items())), error.status, error.retryable))
    assert said == {
        (
            "the token's signature is invalid",
            repr([*record, ("hint", None), ("message", str(SignatureInvalid()))]),
            401,
            False,
        )
    }


def test_a_signature_over_other_claims_of_the_same_user_is_none() -> None:
    """Claims come from the very octets that were signed: parts of two good tokens are no third one."""
    one, other = POOL.access_token(groups=["dev"]), POOL.access_token(groups=["ops"])
    parts = [each.split(".") for each in (one, other)]
    verifier = VERIFIERS["access"]
    assert verifier.verify(one).groups == ("dev",)
    assert verifier.verify(other).groups == ("ops",)
    for head, body, tail in itertools.product((0, 1), repeat=3):
        mixed = ".".join((parts[head][0], parts[body][1], parts[tail][2]))
        found = verdict(verifier, mixed)
        assert isinstance(found, Principal if body == tail else errors.SignatureInvalid)
