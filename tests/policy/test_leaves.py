"""What single requirements ask of a principal: clients, machines, claims, ages."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from cognito_mr_auth import policy
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.policy._leaves import LEAVES, Context
from cognito_mr_auth.principal import Issuer, Principal, _as_partial
from cognito_mr_auth.testing import REMOVE

NOW = 1_800_000_000.0
LEEWAY = 5.0


def principal(**changes: Any) -> Principal:
    """A user's principal with some claims changed, added or removed."""
    claims: dict[str, Any] = {
        "sub": "a-subject",
        "token_use": "access",
        "client_id": "a",
        "username": "alice",
        "iat": NOW - 100,
        "auth_time": NOW - 100,
        "exp": NOW + 100,
        "roles": ["admin", "ops"],
        "levels": [1, 2],
        "flags": [True],
        "mixed": ["admin", 1, None, ["x"], {"y": 1}],
        "empty": [],
        "text": "admin",
        "null": None,
        "zero": 0,
    }
    held = {name: value for name, value in (claims | changes).items() if value is not REMOVE}
    return Principal(held, issuer=Issuer("https://x", "original", "x"), user_pool_id="x_y")


def verdicts(rule: Policy, who: Principal, now: float = NOW) -> tuple[object, object]:
    """What the requirement says, and what its negation does."""
    context = Context(who, now, {}, leeway=LEEWAY)
    return rule._evaluate(context), (~rule)._evaluate(context)


YES, NO, CANNOT_TELL = (True, False), (False, True), (None, None)
MACHINE = {"sub": "a", "username": REMOVE}
AN_ID_TOKEN = {"token_use": "id", "client_id": REMOVE, "aud": "a"}


@pytest.mark.parametrize(
    ("rule", "changes", "expected"),
    [
        pytest.param(policy.client("a"), {}, YES, id="client"),
        pytest.param(policy.client("b", "a"), {}, YES, id="client-of-several"),
        pytest.param(policy.client("A"), {}, NO, id="client-in-capitals"),
        pytest.param(policy.client("ab"), {}, NO, id="client-that-begins-so"),
        pytest.param(policy.client("a"), AN_ID_TOKEN, YES, id="client-of-an-id-token"),
        pytest.param(policy.client("a"), {"client_id": REMOVE, "aud": "a"}, CANNOT_TELL, id="no-client"),
        pytest.param(policy.client("a"), {"client_id": ["a"]}, CANNOT_TELL, id="client-in-an-array"),
        pytest.param(policy.machine(), {}, NO, id="user"),
        pytest.param(policy.machine(), MACHINE, YES, id="machine"),
        pytest.param(policy.machine(), MACHINE | {"username": "a"}, NO, id="machine-with-a-name"),
        pytest.param(policy.machine(), MACHINE | {"username": None}, CANNOT_TELL, id="machine-null-name"),
        pytest.param(policy.machine(), MACHINE | {"username": ["a"]}, CANNOT_TELL, id="machine-odd-name"),
        pytest.param(policy.machine(), AN_ID_TOKEN | {"sub": "a"}, NO, id="machine-of-an-id-token"),
        pytest.param(policy.has_claim("text"), {}, YES, id="has-claim"),
        pytest.param(policy.has_claim("zero"), {}, YES, id="has-claim-zero"),
        pytest.param(policy.has_claim("empty"), {}, YES, id="has-claim-empty"),
        pytest.param(policy.has_claim("absent"), {}, NO, id="has-claim-not"),
        pytest.param(policy.has_claim("TEXT"), {}, NO, id="has-claim-in-capitals"),
        pytest.param(policy.has_claim("null"), {}, CANNOT_TELL, id="has-claim-null"),
        pytest.param(policy.claim_contains("roles", "ops"), {}, YES, id="contains"),
        pytest.param(policy.claim_contains("roles", "op"), {}, NO, id="contains-part"),
        pytest.param(policy.claim_contains("roles", "OPS"), {}, NO, id="contains-in-capitals"),
        pytest.param(policy.claim_contains("empty", "ops"), {}, NO, id="contains-empty"),
        pytest.param(policy.claim_contains("levels", 2), {}, YES, id="contains-int"),
        pytest.param(policy.claim_contains("levels", 3), {}, NO, id="contains-int-not"),
        pytest.param(policy.claim_contains("levels", True), {}, CANNOT_TELL, id="contains-1-is-not-true"),
        pytest.param(policy.claim_contains("flags", 1), {}, CANNOT_TELL, id="contains-true-is-not-1"),
        pytest.param(policy.claim_contains("levels", 1.0), {}, CANNOT_TELL, id="contains-1-is-no-float"),
        pytest.param(policy.claim_contains("levels", "1"), {}, CANNOT_TELL, id="contains-1-is-no-text"),
        pytest.param(policy.claim_contains("mixed", "admin"), {}, YES, id="contains-among-others"),
        pytest.param(policy.claim_contains("mixed", "ops"), {}, CANNOT_TELL, id="contains-odd-members"),
        pytest.param(policy.claim_contains("text", "admin"), {}, CANNOT_TELL, id="contains-text"),
        pytest.param(policy.claim_contains("text", "a"), {}, CANNOT_TELL, id="contains-part-of-text"),
        pytest.param(policy.claim_contains("null", "a"), {}, CANNOT_TELL, id="contains-null"),
        pytest.param(
            policy.claim_contains("roles", "a"), {"roles": {"a": 1}}, CANNOT_TELL, id="contains-key"
        ),
        pytest.param(policy.claim_contains("absent", "a"), {}, CANNOT_TELL, id="contains-absent"),
        pytest.param(policy.lifetime(200), {}, YES, id="lifetime-exactly"),
        pytest.param(policy.lifetime(199), {}, NO, id="lifetime-longer"),
        pytest.param(policy.lifetime(199), {"exp": NOW + 98.5}, YES, id="lifetime-fraction"),
        pytest.param(policy.lifetime(9), {"iat": NOW + 100.5}, CANNOT_TELL, id="lifetime-below-zero"),
        pytest.param(policy.lifetime(9), {"exp": 10**400}, CANNOT_TELL, id="lifetime-beyond-floats"),
        pytest.param(policy.lifetime(9), {"iat": True}, CANNOT_TELL, id="lifetime-bool"),
        pytest.param(policy.lifetime(9), {"exp": str(NOW)}, CANNOT_TELL, id="lifetime-text"),
        pytest.param(policy.lifetime(9), {"exp": REMOVE}, CANNOT_TELL, id="lifetime-absent"),
    ],
)
def test_a_requirement(rule: Policy, changes: dict[str, Any], expected: object) -> None:
    """Yes or no where the claim says so, and cannot-tell, under `~` as well, where it does not."""
    assert verdicts(rule, principal(**changes)) == expected


@pytest.mark.parametrize(("make", "name"), [(policy.max_age, "auth_time"), (policy.issued_within, "iat")])
@pytest.mark.parametrize(
    ("seconds", "moment", "expected"),
    [
        pytest.param(100, NOW - 100, YES, id="exactly"),
        pytest.param(99, NOW - 100, NO, id="beyond"),
        pytest.param(99, NOW - 99.5, NO, id="fraction"),
        pytest.param(0, NOW, YES, id="now"),
        pytest.param(9, NOW + 5, YES, id="future-within-the-leeway"),
        pytest.param(0, NOW + 4.5, YES, id="future-is-no-age"),
        pytest.param(9, NOW + 5.5, CANNOT_TELL, id="future"),
        pytest.param(10**9, NOW + 3600, CANNOT_TELL, id="future-an-hour"),
        pytest.param(9, 253402300799, CANNOT_TELL, id="future-year-9999"),
        pytest.param(9, 10**400, CANNOT_TELL, id="beyond-floats"),
        pytest.param(9, NOW * 1000, CANNOT_TELL, id="milliseconds"),
        pytest.param(9, -1, CANNOT_TELL, id="before-1970"),
        pytest.param(9, str(NOW), CANNOT_TELL, id="text"),
        pytest.param(9, True, CANNOT_TELL, id="bool"),
        pytest.param(9, None, CANNOT_TELL, id="null"),
        pytest.param(9, REMOVE, CANNOT_TELL, id="absent"),
    ],
)
def test_an_age(make: Any, name: str, seconds: int, moment: object, expected: object) -> None:
    """A moment in the future beyond the leeway has no age: it passes neither the limit nor its negation."""
    assert verdicts(make(seconds), principal(**{name: moment})) == expected


@pytest.mark.parametrize("make", [policy.max_age, policy.issued_within])
def test_a_clock_that_returns_no_time(make: Any) -> None:
    """Nothing is young, nor old, by a broken clock's NaN."""
    assert verdicts(make(9), principal(), float("nan")) == CANNOT_TELL


@pytest.mark.parametrize("copy", [lambda who: who, lambda who: pickle.loads(pickle.dumps(who))])  # noqa: S301
@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param(policy.any_group("suspended"), CANNOT_TELL, id="groups"),
        pytest.param(policy.groups("ops"), CANNOT_TELL, id="all-groups"),
        pytest.param(policy.has_claim("absent"), CANNOT_TELL, id="has-claim-not"),
        pytest.param(policy.has_claim("text"), YES, id="has-claim"),
        pytest.param(policy.has_claim("empty"), YES, id="has-claim-empty"),
        pytest.param(policy.claim_contains("empty", "ops"), NO, id="contains-empty"),
    ],
)
def test_an_absence_says_nothing_of_claims_that_were_chosen(
    rule: Policy, expected: object, copy: Any
) -> None:
    """A principal made of some claims of a token does not say what else the token held."""
    assert verdicts(rule, copy(_as_partial(principal()))) == expected


EMPTY_GROUPS = [
    pytest.param(policy.any_group("ops"), NO, NO, id="any-group"),
    pytest.param(policy.has_claim("cognito:groups"), YES, CANNOT_TELL, id="has-claim"),
    pytest.param(policy.claim_contains("cognito:groups", "ops"), NO, CANNOT_TELL, id="contains"),
]


@pytest.mark.parametrize(("rule", "whole", "chosen"), EMPTY_GROUPS)
def test_an_empty_list_of_groups_that_was_handed_on(rule: Policy, whole: object, chosen: object) -> None:
    """It says who is in no group, and not that the token has the claim: an authorizer writes it for both."""
    claims = {**principal().claims, "cognito:groups": ()}
    made = Principal(claims, issuer=principal().issuer, user_pool_id=principal().user_pool_id)
    assert verdicts(rule, made) == whole
    assert verdicts(rule, _as_partial(made)) == chosen


PAIRS: list[tuple[Policy, Policy, bool]] = [
    (policy.client("a", "b"), policy.client("b", "a"), True),
    (policy.client("a"), policy.client("a", "b"), False),
    (policy.machine(), policy.machine(), True),
    (policy.has_claim("a"), policy.has_claim("a"), True),
    (policy.has_claim("a"), policy.claim("a", "b"), False),
    (policy.claim("a", "b"), policy.claim_contains("a", "b"), False),
    (policy.claim_contains("a", "b"), policy.claim_contains("a", "b"), True),
    (policy.claim_contains("a", 1), policy.claim_contains("a", True), False),
    (policy.claim_contains("a", 1), policy.claim_contains("a", 1.0), False),
    (policy.max_age(60), policy.issued_within(60), False),
    (policy.issued_within(60), policy.issued_within(60), True),
    (policy.issued_within(60), policy.issued_within(61), False),
    (policy.lifetime(60), policy.lifetime(60), True),
    (policy.lifetime(60), policy.issued_within(60), False),
    (policy.scopes("a"), policy.groups("a"), False),
    (policy.any_scope("a", "b"), policy.any_scope("b", "a"), True),
    (policy.any_group("a", "b"), policy.groups("a", "b"), False),
    (policy.any_group("a"), policy.groups("a"), True),
    (~policy.machine(), ~policy.machine(), False),
]


@pytest.mark.parametrize(("one", "other", "same"), PAIRS, ids=[f"{one}-{other}" for one, other, _ in PAIRS])
def test_two_requirements_are_one_only_if_they_ask_the_same(one: Policy, other: Policy, same: bool) -> None:
    """A route table leaves a Deny out only for a condition that the principal is known to meet."""
    assert (one._demands == other._demands) is same
    assert one._demands < (one & policy.scopes("more"))._demands


def test_every_kind_is_in_the_table() -> None:
    """Each function of the module makes a kind that has a verdict, conditions and a repr."""
    made = [
        *(policy.scopes("a"), policy.any_scope("a"), policy.groups("a"), policy.any_group("a")),
        *(policy.client("a"), policy.machine(), policy.has_claim("a"), policy.claim("a", 1)),
        *(policy.claim_contains("a", 1), policy.max_age(1), policy.issued_within(1), policy.lifetime(1)),
    ]
    assert {each._kind for each in made} == LEAVES.keys()
    assert {repr(each).partition("(")[0] for each in made} == set(policy.__all__) - {"Policy", "check"}
