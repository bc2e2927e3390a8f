"""What a token's claims must say: times, use, client, audience."""

from __future__ import annotations

import math
from typing import Any

import pytest
from support.refusals import CANARY, refused

from cognito_mr_auth._base.clock import MAX_TIME
from cognito_mr_auth._jwt.claims import (
    ClaimRequirements,
    ValidityPeriod,
    check_claims,
    check_span,
    in_time,
    time_span,
)
from cognito_mr_auth.errors import ClaimRejected, TokenExpired, TokenNotYetValid
from cognito_mr_auth.testing import REMOVE

NOW = 1_800_000_000.0
CLIENT = "1example23456789"
RESOURCE = "https://api.example"

ACCESS = ClaimRequirements("access", frozenset({CLIENT, "another"}), None, 5.0)
ID = ACCESS._replace(token_use="id")
ANY = ACCESS._replace(token_use="any")
ANY_CLIENT = ACCESS._replace(client_ids=None)
BOUND = ACCESS._replace(audience=frozenset({RESOURCE}))
EITHER = ACCESS._replace(audience=frozenset({RESOURCE, "https://old.example"}))
MACHINES_TOO = BOUND._replace(unbound_machines=True)


def claims(use: str = "access", **changes: Any) -> dict[str, Any]:
    """The claims of a good token of that use, some of them changed, added or removed."""
    client = {"client_id": CLIENT} if use == "access" else {"aud": CLIENT}
    good = {"sub": "a-user", "token_use": use, "iat": NOW - 60, "exp": NOW + 3540, **client}
    return {name: value for name, value in (good | changes).items() if value is not REMOVE}


# --- Times


@pytest.mark.parametrize(
    ("changes", "span"),
    [
        pytest.param({}, (NOW - 65, NOW + 3545), id="iat-and-exp"),
        pytest.param({"nbf": NOW}, (NOW - 5, NOW + 3545), id="nbf-after-iat"),
        pytest.param({"nbf": NOW - 90}, (NOW - 65, NOW + 3545), id="nbf-before-iat"),
        pytest.param({"iat": 0, "exp": MAX_TIME}, (-5, MAX_TIME + 5), id="the-bounds"),
        pytest.param({"exp": NOW + 0.25}, (NOW - 65, NOW + 5.25), id="fraction"),
        pytest.param({"exp": NOW - 90}, (NOW - 65, NOW - 85), id="empty"),
    ],
)
def test_the_validity_period_of_a_token(changes: dict[str, Any], span: ValidityPeriod) -> None:
    """From the later of `iat` and `nbf` to `exp`, widened by the leeway at both ends."""
    assert time_span(claims(**changes), 5.0) == span


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="null"),
        pytest.param(True, id="true"),
        pytest.param(False, id="false"),
        pytest.param(CANARY, id="text"),
        pytest.param("1800000000", id="digits"),
        pytest.param("", id="empty"),
        pytest.param([1800000000], id="list"),
        pytest.param({}, id="object"),
        pytest.param(-1, id="negative"),
        pytest.param(-0.001, id="just-negative"),
        pytest.param(math.nan, id="nan"),
        pytest.param(math.inf, id="infinity"),
        pytest.param(-math.inf, id="minus-infinity"),
        pytest.param(MAX_TIME + 1, id="beyond-the-year-9999"),
        pytest.param(1_800_000_000_000, id="milliseconds"),
        pytest.param(10**4000, id="huge"),
    ],
)
def test_a_time_is_a_plausible_number(name: str, value: object) -> None:
    """RFC 7519 section 2: a NumericDate is a JSON number; ours lies between 1970 and 9999."""
    error = refused(ClaimRejected, check_claims, claims(**{name: value}), ACCESS, NOW)
    assert error.claim == name
    assert str(value) not in str(error) or value in ("", None)


@pytest.mark.parametrize("name", ["exp", "iat"])
def test_exp_and_iat_are_required(name: str) -> None:
    """A token without them would live for ever."""
    error = refused(ClaimRejected, check_claims, claims(**{name: REMOVE}), ACCESS, NOW)
    assert (error.claim, "required" in str(error)) == (name, True)


@pytest.mark.parametrize(
    ("now", "error"),
    [
        pytest.param(math.nextafter(100.0, 0), TokenNotYetValid, id="just-before-the-start"),
        pytest.param(100.0, None, id="at-the-start"),
        pytest.param(math.nextafter(200.0, 0), None, id="just-before-the-end"),
        pytest.param(200.0, TokenExpired, id="at-the-end"),
        pytest.param(math.inf, TokenExpired, id="after"),
        pytest.param(-math.inf, TokenNotYetValid, id="before"),
        pytest.param(math.nan, TokenExpired, id="no-time-at-all"),
    ],
)
def test_the_validity_period_holds_exactly(now: float, error: Any) -> None:
    """RFC 7519 4.1.4: the time MUST be before `exp`; 4.1.5: it MUST be after or equal to `nbf`."""
    span = (100.0, 200.0)
    if error is None:
        assert check_span(span, now) is None
    else:
        assert refused(error, check_span, span, now).hint


def test_an_empty_validity_period_is_expired() -> None:
    """Of two reasons the error gives the final one: the token will never be valid again."""
    refused(TokenExpired, check_span, (200.0, 100.0), 150.0)


@pytest.mark.parametrize(
    ("leeway", "expired_for", "good"),
    [(5.0, 4.9, True), (5.0, 5.0, False), (0.0, 0.0, False), (300.0, 299.0, True)],
)
def test_the_leeway_is_the_configured_one(leeway: float, expired_for: float, *, good: bool) -> None:
    """`exp` may have passed by less than the leeway."""
    expected = ACCESS._replace(leeway=leeway)
    token = claims(exp=NOW - expired_for)
    if good:
        assert check_claims(token, expected, NOW)[1] == NOW - expired_for + leeway
    else:
        refused(TokenExpired, check_claims, token, expected, NOW)


@pytest.mark.parametrize("now", [NOW, NOW + 0.3, NOW + 0.999999], ids=["whole", "fraction", "nearly"])
@pytest.mark.parametrize("leeway", [0.0, 0.1, 5.0, 299.9])
@pytest.mark.parametrize("name", ["iat", "nbf"])
def test_a_token_may_come_from_a_leeway_ahead(name: str, leeway: float, now: float) -> None:
    """S4: the signer's clock may be ahead by the leeway, to the last fraction, and no more."""
    expected = ACCESS._replace(leeway=leeway)
    ahead = now + leeway
    token = claims(exp=ahead + 60, **{name: ahead})
    assert check_claims(token, expected, now)
    assert in_time(token, leeway, now)
    later = claims(exp=ahead + 60, **{name: ahead + 0.001})
    assert refused(TokenNotYetValid, check_claims, later, expected, now).retryable
    assert not in_time(later, leeway, now)


# --- Use, client, audience


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        pytest.param(claims(), ACCESS, id="access"),
        pytest.param(claims("id"), ID, id="id"),
        pytest.param(claims(), ANY, id="access-for-any"),
        pytest.param(claims("id"), ANY, id="id-for-any"),
        pytest.param(claims(client_id="another"), ACCESS, id="second-client"),
        pytest.param(claims(client_id="unheard-of"), ANY_CLIENT, id="any-client"),
        pytest.param(claims(sub=CLIENT), ACCESS, id="machine"),
        pytest.param(claims(aud=CLIENT), ACCESS, id="aud-is-the-client"),
        pytest.param(claims(aud="x", client_id="x"), ANY_CLIENT, id="aud-is-any-client-itself"),
        pytest.param(claims(aud=RESOURCE), BOUND, id="bound"),
        pytest.param(claims(aud=[RESOURCE]), BOUND, id="bound-in-a-list"),
        pytest.param(claims(aud=["x", RESOURCE]), BOUND, id="bound-among-others"),
        pytest.param(claims(aud=RESOURCE), EITHER, id="bound-to-one-of-two"),
        pytest.param(claims(aud=["x", "https://old.example"]), EITHER, id="bound-to-the-other"),
        pytest.param(claims(aud=RESOURCE), MACHINES_TOO, id="bound-beside-machines"),
        pytest.param(claims(sub=CLIENT), MACHINES_TOO, id="unbound-machine"),
        pytest.param(
            claims(sub="x", client_id="x"), MACHINES_TOO._replace(client_ids=None), id="any-unbound-machine"
        ),
        pytest.param(claims(sub=CLIENT, aud=RESOURCE), MACHINES_TOO, id="bound-machine"),
        pytest.param(claims("id"), BOUND._replace(token_use="id"), id="audience-is-not-for-id"),
        pytest.param(claims(extra={"a": [1]}, nbf=NOW), ACCESS, id="more-claims"),
    ],
)
def test_good_claims_pass(token: dict[str, Any], expected: ClaimRequirements) -> None:
    """Each shape that Cognito issues passes where it is expected, and its validity period comes back."""
    assert check_claims(token, expected, NOW) == time_span(token, expected.leeway)


NO_TEXT = [REMOVE, None, "", 1, True, ["a"], {"a": "b"}]


@pytest.mark.parametrize("value", NO_TEXT, ids=repr)
@pytest.mark.parametrize(
    ("use", "name"),
    [
        ("access", "sub"),
        ("access", "token_use"),
        ("access", "client_id"),
        ("id", "sub"),
        ("id", "token_use"),
        ("id", "aud"),
    ],
)
def test_who_and_what_are_required_strings(use: str, name: str, value: object) -> None:
    """`sub`, `token_use` and the client are non-empty strings (S5), also under ANY_CLIENT."""
    for expected in (ANY, ANY._replace(client_ids=None)):
        error = refused(ClaimRejected, check_claims, claims(use, **{name: value}), expected, NOW)
        assert error.claim == name


@pytest.mark.parametrize(
    ("token", "expected", "claim"),
    [
        pytest.param(claims(token_use=CANARY), ANY, "token_use", id="unknown-use"),
        pytest.param(claims(token_use="any"), ANY, "token_use", id="use-any"),
        pytest.param(claims(token_use="Access"), ACCESS, "token_use", id="use-in-capitals"),
        pytest.param(claims("id"), ACCESS, "token_use", id="id-for-access"),
        pytest.param(claims(jti=[CANARY]), ACCESS, "jti", id="odd-jti"),
        pytest.param(claims(), ID, "token_use", id="access-for-id"),
        pytest.param(claims(client_id=CANARY), ACCESS, "client_id", id="client"),
        pytest.param(claims(client_id=CLIENT.upper()), ACCESS, "client_id", id="client-in-capitals"),
        pytest.param(claims(client_id=CLIENT + "\n"), ACCESS, "client_id", id="client-newline"),
        pytest.param(claims(client_id=CANARY, aud=CLIENT), ACCESS, "client_id", id="aud-no-client"),
        pytest.param(claims("id", aud=CANARY), ID, "aud", id="id-client"),
        pytest.param(claims("id", aud=CANARY, client_id=CLIENT), ID, "aud", id="id-client-id"),
        pytest.param(claims("id", aud=[CLIENT]), ID, "aud", id="id-list"),
        pytest.param(claims(aud=RESOURCE), ACCESS, "aud", id="bound-unasked"),
        pytest.param(claims(aud=RESOURCE), ANY_CLIENT, "aud", id="bound-any-client"),
        pytest.param(claims(aud="another"), ACCESS, "aud", id="aud-is-another-client"),
        pytest.param(claims(aud=[CLIENT]), ACCESS, "aud", id="aud-in-a-list"),
        pytest.param(claims(aud=None), ACCESS, "aud", id="aud-null"),
        pytest.param(claims(aud=[]), ACCESS, "aud", id="aud-empty-list"),
        pytest.param(claims(), BOUND, "aud", id="unbound"),
        pytest.param(claims(aud=CLIENT), BOUND, "aud", id="bound-to-the-client"),
        pytest.param(claims(aud=RESOURCE + "/"), BOUND, "aud", id="bound-elsewhere"),
        pytest.param(claims(aud=[RESOURCE, 1]), BOUND, "aud", id="odd-member"),
        pytest.param(claims(aud=[[RESOURCE]]), BOUND, "aud", id="nested"),
        pytest.param(claims(aud=[]), BOUND, "aud", id="empty-list"),
        pytest.param(claims(aud={RESOURCE: RESOURCE}), BOUND, "aud", id="object"),
        pytest.param(claims(aud=None), BOUND, "aud", id="null"),
        pytest.param(claims(aud=f"x {RESOURCE}"), BOUND, "aud", id="inside-a-text"),
        pytest.param(claims("id", aud=RESOURCE), BOUND._replace(token_use="id"), "aud", id="id"),
        pytest.param(claims(aud="https://other.example"), EITHER, "aud", id="none-of-two"),
        pytest.param(claims(aud=f"{RESOURCE} https://old.example"), EITHER, "aud", id="both-in-one-text"),
        pytest.param(claims(sub=CLIENT), BOUND, "aud", id="machine"),
        pytest.param(claims(), MACHINES_TOO, "aud", id="unbound-user"),
        pytest.param(claims(username="alice"), MACHINES_TOO, "aud", id="unbound-user-by-name"),
        pytest.param(claims(sub=CLIENT, username="a"), MACHINES_TOO, "aud", id="user-named-as-the-client"),
        pytest.param(claims(sub=CLIENT, username=None), MACHINES_TOO, "aud", id="user-without-a-name"),
        pytest.param(claims(sub="another"), MACHINES_TOO, "aud", id="machine-of-another-client"),
        pytest.param(
            claims(sub=CLIENT, aud="https://x.example"), MACHINES_TOO, "aud", id="machine-elsewhere"
        ),
        pytest.param(claims(sub=CLIENT, aud=CLIENT), MACHINES_TOO, "aud", id="machine-bound-to-its-client"),
        pytest.param(claims(sub=CLIENT, aud=["x"]), MACHINES_TOO, "aud", id="machine-elsewhere-in-a-list"),
        pytest.param(claims(sub=CLIENT, aud=[RESOURCE, 1]), MACHINES_TOO, "aud", id="machine-odd-member"),
        pytest.param(claims(sub=CLIENT, aud=[]), MACHINES_TOO, "aud", id="machine-empty-list"),
        pytest.param(claims(sub=CLIENT, aud=None), MACHINES_TOO, "aud", id="machine-null"),
        pytest.param(claims(sub=CLIENT, aud=""), MACHINES_TOO, "aud", id="machine-empty"),
        pytest.param(
            claims("id", sub=CLIENT, aud="x"), MACHINES_TOO._replace(token_use="id"), "aud", id="id-token"
        ),
    ],
)
def test_a_wrong_claim_is_named(token: dict[str, Any], expected: ClaimRequirements, claim: str) -> None:
    """The error names the claim, never its value."""
    assert refused(ClaimRejected, check_claims, token, expected, NOW).claim == claim


@pytest.mark.parametrize(
    ("token", "expected", "hint"),
    [
        (claims("id"), ACCESS, "this is an ID token; send the access token"),
        (claims(), ID, "this is an access token; send the ID token"),
        (claims(client_id="x"), ACCESS, "another app client"),
        (claims(aud=RESOURCE), ACCESS, "configure audience="),
        (claims(), BOUND, "as its resource"),
    ],
    ids=["id-token", "access-token", "client", "bound", "unbound"],
)
def test_a_hint_says_what_to_do(token: dict[str, Any], expected: ClaimRequirements, hint: str) -> None:
    """The hint says what to do about it."""
    assert hint in str(refused(ClaimRejected, check_claims, token, expected, NOW).hint)


def test_the_order_of_the_checks() -> None:
    """Times, then `sub`, use, client, audience: each defect hides those after it (O)."""
    token = claims(exp="x", sub=1, token_use="id", client_id=1, aud=1)
    steps: list[tuple[type[Any], dict[str, Any]]] = [
        (ClaimRejected, {"exp": NOW - 60}),
        (TokenExpired, {"exp": NOW + 60, "iat": NOW + 30}),
        (TokenNotYetValid, {"iat": NOW}),
        (ClaimRejected, {"sub": "a-user"}),
        (ClaimRejected, {"token_use": "access"}),
        (ClaimRejected, {"client_id": CLIENT}),
        (ClaimRejected, {"aud": RESOURCE}),
    ]
    named = []
    for kind, repair in steps:
        named.append(vars(refused(kind, check_claims, token, BOUND, NOW)).get("claim"))
        token |= repair
    assert named == ["exp", None, None, "sub", "token_use", "client_id", "aud"]
    check_claims(token, BOUND, NOW)
