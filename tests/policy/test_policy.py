"""What a principal must have to pass: three-valued policies and their refusals."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from cognito_mr_auth import ANY_CLIENT, policy
from cognito_mr_auth._runtime.denial import denial
from cognito_mr_auth.errors import (
    AuthenticationTooOld,
    AuthError,
    CheckUnavailable,
    ConfigurationError,
    PolicyDenied,
)
from cognito_mr_auth.policy import Policy, _Pending
from cognito_mr_auth.policy._leaves import Context
from cognito_mr_auth.principal import Issuer, Principal
from cognito_mr_auth.testing import REMOVE

NOW = 1_800_000_000.0


def context(answers: Any = None, **changes: Any) -> Context:
    """An access token's principal with some claims changed, added or removed."""
    claims: dict[str, Any] = {
        "sub": "a-subject",
        "token_use": "access",
        "client_id": "a-client",
        "aud": "a-client",
        "scope": "orders/read orders/write",
        "cognito:groups": ["ops", "two words"],
        "auth_time": NOW - 100,
        "iat": NOW - 100,
        "exp": NOW + 100,
        "tier": "gold",
        "level": 3,
        "ratio": 0.5,
        "staff": True,
    }
    claims = {name: value for name, value in (claims | changes).items() if value is not REMOVE}
    who = Principal(claims, issuer=Issuer("https://x", "original", "x"), user_pool_id="x_y")
    return Context(who, NOW, answers or {})


def yes(_: Principal) -> bool:
    """A check for its name."""
    return True


YES = policy.claim("tier", "gold")
NO = policy.claim("tier", "iron")
CANNOT_TELL = policy.claim("absent", "x")
NAMES = {True: YES, False: NO, None: CANNOT_TELL}


# --- Three values


@pytest.mark.parametrize(
    ("left", "right", "both", "either"),
    [
        (True, True, True, True),
        (True, False, False, True),
        (True, None, None, True),
        (False, True, False, True),
        (False, False, False, False),
        (False, None, False, None),
        (None, True, None, True),
        (None, False, False, None),
        (None, None, None, None),
    ],
)
def test_and_or(left: Any, right: Any, both: Any, either: Any) -> None:
    """Kleene's logic: cannot-tell never turns into yes by itself."""
    assert (NAMES[left] & NAMES[right])._evaluate(context()) is both
    assert (NAMES[left] | NAMES[right])._evaluate(context()) is either


@pytest.mark.parametrize(("inner", "outer"), [(True, False), (False, True), (None, None)])
def test_not(inner: Any, outer: Any) -> None:
    """`~` of cannot-tell is cannot-tell: silence on a tier is no proof of not being of it."""
    assert (~NAMES[inner])._evaluate(context()) is outer
    assert (~~NAMES[inner])._evaluate(context()) is inner


def test_de_morgan() -> None:
    """The operators agree with each other over every pair of verdicts."""
    for a, b in itertools.product(NAMES.values(), repeat=2):
        assert (~(a & b))._evaluate(context()) is (~a | ~b)._evaluate(context())
        assert (~(a | b))._evaluate(context()) is (~a & ~b)._evaluate(context())


# --- Leaves

ID_TOKEN = {"token_use": "id"}


@pytest.mark.parametrize(
    ("rule", "changes", "verdict"),
    [
        pytest.param(policy.scopes("orders/read"), {}, True, id="scope"),
        pytest.param(policy.scopes("orders/read", "orders/write"), {}, True, id="scopes"),
        pytest.param(policy.scopes("orders/read", "x"), {}, False, id="scopes-one-absent"),
        pytest.param(policy.scopes("ORDERS/READ"), {}, False, id="scope-in-capitals"),
        pytest.param(policy.scopes("orders"), {}, False, id="scope-prefix"),
        pytest.param(policy.any_scope("x", "orders/read"), {}, True, id="any-scope"),
        pytest.param(policy.any_scope("x", "y"), {}, False, id="any-scope-none"),
        pytest.param(policy.scopes("a"), {"scope": ""}, False, id="scope-empty"),
        pytest.param(policy.scopes("a"), {"scope": REMOVE}, None, id="scope-absent"),
        pytest.param(policy.scopes("a"), {"scope": ["a"]}, None, id="scope-list"),
        pytest.param(policy.scopes("a"), {"scope": "a", **ID_TOKEN}, None, id="scope-of-id-token"),
        pytest.param(~policy.scopes("a"), {"scope": REMOVE}, None, id="not-scope-absent"),
        pytest.param(policy.groups("ops"), {}, True, id="group"),
        pytest.param(policy.groups("ops", "two words"), {}, True, id="groups"),
        pytest.param(policy.groups("ops", "x"), {}, False, id="groups-one-absent"),
        pytest.param(policy.any_group("x", "ops"), {}, True, id="any-group"),
        pytest.param(policy.any_group("x", "OPS"), {}, False, id="any-group-none"),
        pytest.param(policy.groups("a"), {"cognito:groups": []}, False, id="groups-empty"),
        pytest.param(policy.groups("a"), {"cognito:groups": REMOVE}, False, id="groups-absent"),
        pytest.param(policy.any_group("a"), {"cognito:groups": REMOVE}, False, id="any-group-absent"),
        pytest.param(~policy.groups("a"), {"cognito:groups": REMOVE}, True, id="not-groups-absent"),
        pytest.param(~policy.any_group("a"), {"cognito:groups": []}, True, id="not-groups-empty"),
        pytest.param(~policy.groups("a"), {"cognito:groups": None}, None, id="not-groups-null"),
        pytest.param(~policy.groups("a"), {"cognito:groups": "b"}, None, id="not-groups-text"),
        pytest.param(~policy.groups("a"), {"cognito:groups": ["b", None]}, None, id="not-groups-odd"),
        pytest.param(~policy.groups("a"), {"cognito:groups": {"b": True}}, None, id="not-groups-object"),
        pytest.param(~policy.groups("a"), {"cognito:groups": 7}, None, id="not-groups-number"),
        pytest.param(policy.groups("a"), {"cognito:groups": "a"}, None, id="groups-text"),
        pytest.param(policy.groups("a"), {"cognito:groups": ["a", 1]}, None, id="groups-odd"),
        pytest.param(~policy.groups("a"), {}, True, id="not-group"),
        pytest.param(policy.claim("tier", "gold"), {}, True, id="claim"),
        pytest.param(policy.claim("tier", "Gold"), {}, False, id="claim-other"),
        pytest.param(policy.claim("level", 3), {}, True, id="claim-int"),
        pytest.param(policy.claim("level", 3.0), {}, None, id="claim-int-is-no-float"),
        pytest.param(policy.claim("level", "3"), {}, None, id="claim-int-is-no-text"),
        pytest.param(policy.claim("ratio", 0.5), {}, True, id="claim-float"),
        pytest.param(policy.claim("staff", True), {}, True, id="claim-bool"),
        pytest.param(policy.claim("staff", False), {}, False, id="claim-bool-other"),
        pytest.param(policy.claim("staff", 1), {}, None, id="true-is-not-1"),
        pytest.param(policy.claim("level", True), {"level": 1}, None, id="1-is-not-true"),
        pytest.param(policy.claim("absent", "x"), {}, None, id="claim-absent"),
        pytest.param(policy.claim("tier", "x"), {"tier": ["x"]}, None, id="claim-list"),
        pytest.param(policy.claim("tier", "x"), {"tier": None}, None, id="claim-null"),
        pytest.param(~policy.claim("absent", "x"), {}, None, id="not-claim-absent"),
        pytest.param(policy.max_age(101), {}, True, id="age-within"),
        pytest.param(policy.max_age(100), {}, True, id="age-exactly"),
        pytest.param(policy.max_age(99), {}, False, id="age-beyond"),
        pytest.param(policy.max_age(0), {"auth_time": NOW}, True, id="age-zero"),
        pytest.param(policy.max_age(9), {"auth_time": NOW - 9.5}, False, id="age-fraction"),
        pytest.param(policy.max_age(9), {"auth_time": REMOVE}, None, id="age-absent"),
        pytest.param(policy.max_age(9), {"auth_time": True}, None, id="age-bool"),
        pytest.param(policy.max_age(9), {"auth_time": str(NOW)}, None, id="age-text"),
        pytest.param(~policy.max_age(9), {"auth_time": None}, None, id="not-age-null"),
        pytest.param(policy.max_age(9), {"auth_time": 10**400}, None, id="age-beyond-floats"),
        pytest.param(~policy.max_age(9), {"auth_time": -(10**400)}, None, id="not-age-below-floats"),
        pytest.param(policy.max_age(9), {"auth_time": 1e308}, None, id="age-no-time"),
        pytest.param(policy.max_age(9), {"auth_time": NOW * 1000}, None, id="age-in-milliseconds"),
        pytest.param(~policy.max_age(9), {"auth_time": -1}, None, id="not-age-before-1970"),
    ],
)
def test_a_leaf(rule: Policy, changes: dict[str, Any], verdict: object) -> None:
    """Exact matches give yes or no. An absent or mistyped claim gives cannot-tell, except absent groups."""
    assert rule._evaluate(context(**changes)) is verdict


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (True, True),
        (False, False),
        (None, None),
        (1, None),
        (0, None),
        ("yes", None),
        ([True], None),
        (ValueError("x"), None),
    ],
    ids=repr,
)
def test_a_check_says_true_or_false(answer: object, verdict: object) -> None:
    """Any other answer, a forgotten return included, is cannot-tell, also under `~`."""
    rule = policy.check(yes)
    answers = {id(rule): answer}
    assert rule._evaluate(context(answers)) is verdict
    assert (~rule)._evaluate(context(answers)) is (None if verdict is None else not verdict)


def test_a_check_without_an_answer_is_pending() -> None:
    """The evaluation stops at a check that has to run, and only there."""
    rule = policy.check(yes)
    with pytest.raises(_Pending) as caught:
        (YES & rule)._evaluate(context())
    assert caught.value.leaf is rule
    assert rule._function is yes
    assert (NO & rule)._evaluate(context()) is False
    assert (YES | rule)._evaluate(context()) is True


# --- The value itself


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda: bool(YES), id="bool"),
        pytest.param(lambda: YES and NO, id="and"),
        pytest.param(lambda: YES or NO, id="or"),
        pytest.param(lambda: not YES, id="not"),
        pytest.param(lambda: "yes" if YES else "no", id="if"),
        pytest.param(lambda: YES & True, id="and-true"),
        pytest.param(lambda: True & YES, id="true-and"),
        pytest.param(lambda: YES | "orders/read", id="or-text"),
        pytest.param(lambda: None | YES, id="none-or"),
        pytest.param(lambda: YES & None, id="and-none"),
    ],
)
def test_misuse_is_a_type_error(call: Any) -> None:
    """`and`, `or` and `not` would drop a requirement in silence."""
    with pytest.raises(TypeError):
        call()


@pytest.mark.parametrize("name", ["_kind", "_value", "_parts", "extra"])
def test_a_policy_cannot_be_changed(name: str) -> None:
    """It is shared by all requests."""
    with pytest.raises(AttributeError):
        setattr(YES, name, "x")
    with pytest.raises(AttributeError):
        delattr(YES, name)
    assert not hasattr(YES, "__dict__")


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (policy.scopes("a", "b"), "scopes('a', 'b')"),
        (policy.any_scope("a"), "any_scope('a')"),
        (policy.groups("a"), "groups('a')"),
        (policy.any_group("a", "b"), "any_group('a', 'b')"),
        (policy.claim("a", "secret"), "claim('a', ...)"),
        (policy.client("a", "b"), "client('a', 'b')"),
        (policy.machine(), "machine()"),
        (policy.has_claim("a"), "has_claim('a')"),
        (policy.claim_contains("a", "secret"), "claim_contains('a', ...)"),
        (policy.max_age(60), "max_age(60)"),
        (policy.issued_within(60), "issued_within(60)"),
        (policy.lifetime(60), "lifetime(60)"),
        (policy.check(yes), "check(yes)"),
        (policy.check(type("Odd", (), {"__call__": yes})()), "check(callable)"),
        (policy.groups("a") & ~policy.groups("b"), "(groups('a') & ~groups('b'))"),
        (policy.max_age(1) | policy.scopes("a"), "(max_age(1) | scopes('a'))"),
    ],
)
def test_repr_reads_like_the_code(rule: Policy, text: str) -> None:
    """A policy can be logged; the value of a claim stays out."""
    assert repr(rule) == text


def test_scope_names_are_what_to_ask_for() -> None:
    """Each scope once, in order; one that must be absent is none to ask for."""
    rule = policy.scopes("b", "a") & (policy.any_scope("c", "a") | ~policy.scopes("d"))
    assert (rule & policy.groups("g")).scope_names == ("b", "a", "c")


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda: policy.scopes(), id="no-scope"),  # noqa: PLW0108
        pytest.param(lambda: policy.any_scope(), id="no-any-scope"),  # noqa: PLW0108
        pytest.param(lambda: policy.groups(), id="no-group"),  # noqa: PLW0108
        pytest.param(lambda: policy.any_group(), id="no-any-group"),  # noqa: PLW0108
        pytest.param(lambda: policy.scopes("a b"), id="scope-with-space"),
        pytest.param(lambda: policy.scopes("a", "b\t"), id="scope-with-tab"),
        pytest.param(lambda: policy.any_scope("a\u00a0b"), id="scope-with-no-break-space"),
        pytest.param(lambda: policy.scopes(""), id="scope-empty"),
        pytest.param(lambda: policy.scopes(["a"]), id="scope-list"),
        pytest.param(lambda: policy.scopes(None), id="scope-none"),
        pytest.param(lambda: policy.groups(b"a"), id="group-bytes"),
        pytest.param(lambda: policy.groups("a", ""), id="group-empty"),
        pytest.param(lambda: policy.claim("", "a"), id="claim-no-name"),
        pytest.param(lambda: policy.claim(1, "a"), id="claim-odd-name"),
        pytest.param(lambda: policy.claim("a", None), id="claim-none"),
        pytest.param(lambda: policy.claim("a", ["a"]), id="claim-list"),
        pytest.param(lambda: policy.claim("a", float("nan")), id="claim-nan"),
        pytest.param(lambda: policy.claim_contains("a", float("inf")), id="contains-infinity"),
        pytest.param(lambda: policy.claim_contains("a", ("b",)), id="contains-array"),
        pytest.param(lambda: policy.claim_contains("", "a"), id="contains-no-name"),
        pytest.param(lambda: policy.has_claim(""), id="has-no-claim"),
        pytest.param(lambda: policy.has_claim(None), id="has-claim-none"),
        pytest.param(lambda: policy.client(), id="no-client"),  # noqa: PLW0108
        pytest.param(lambda: policy.client(ANY_CLIENT), id="any-client"),
        pytest.param(lambda: policy.client("a,b"), id="clients-with-comma"),
        pytest.param(lambda: policy.client("a", "b c"), id="client-with-space"),
        pytest.param(lambda: policy.check(None), id="check-none"),
        pytest.param(lambda: policy.check(True), id="check-true"),
    ],
)
def test_nonsense_is_a_configuration_error(call: Any) -> None:
    """What would pass or refuse everyone fails where it is written."""
    with pytest.raises(ConfigurationError):
        call()


@pytest.mark.parametrize("make", [policy.max_age, policy.issued_within, policy.lifetime])
@pytest.mark.parametrize("seconds", [-1, 1.5, float("nan"), True, "60", None], ids=repr)
def test_seconds_are_a_whole_number(make: Any, seconds: Any) -> None:
    """Nothing that only looks like a number of seconds is one, and the message names the function."""
    with pytest.raises(ConfigurationError, match=rf"^{make.__name__}\(\) takes a whole number of seconds"):
        make(seconds)


@pytest.mark.parametrize(
    "make", [policy.scopes, policy.any_scope, policy.groups, policy.any_group, policy.client]
)
@pytest.mark.parametrize("names", [["a", "b"], ("a",), {"a"}, frozenset(), []], ids=repr)
def test_a_list_of_names_is_unpacked(make: Any, names: Any) -> None:
    """The error of the most common mistake shows the line to write."""
    with pytest.raises(ConfigurationError, match=rf"^{make.__name__}\(\) .*{make.__name__}\(\*\[\.\.\.\]\)$"):
        make(names)


# --- Refusals

READ = policy.scopes("orders/read")
ADMIN = policy.scopes("admin")
OPS = policy.groups("ops")
NOBODY = policy.groups("nobody")
FRESH = policy.max_age(9)
NEW = policy.issued_within(9)
TOO_OLD = "the token is too old for this; get a new one with the refresh token"
CHECK, CHECK2 = policy.check(yes), policy.check(yes)


@pytest.mark.parametrize(
    ("rule", "kind", "more"),
    [
        pytest.param(NOBODY, PolicyDenied, {"scopes": ()}, id="group"),
        pytest.param(ADMIN, PolicyDenied, {"scopes": ("admin",)}, id="scope"),
        pytest.param(READ & ADMIN, PolicyDenied, {"scopes": ("orders/read", "admin")}, id="scopes"),
        pytest.param(READ & NOBODY, PolicyDenied, {"scopes": ()}, id="not-the-scope"),
        pytest.param(ADMIN & NOBODY, PolicyDenied, {"scopes": ()}, id="not-only-the-scope"),
        pytest.param(ADMIN | NOBODY, PolicyDenied, {"scopes": ("admin",)}, id="scope-would-do"),
        pytest.param(~READ, PolicyDenied, {"scopes": ()}, id="scope-too-much"),
        pytest.param(FRESH, AuthenticationTooOld, {"max_age": 9}, id="age"),
        pytest.param(FRESH & policy.max_age(5), AuthenticationTooOld, {"max_age": 5}, id="ages"),
        pytest.param(FRESH & READ, AuthenticationTooOld, {"max_age": 9}, id="age-not-scope"),
        pytest.param(FRESH & ADMIN, AuthenticationTooOld, {"max_age": 9}, id="age-and-scope"),
        pytest.param(FRESH & NOBODY, PolicyDenied, {"scopes": ()}, id="age-and-group"),
        pytest.param(NEW, PolicyDenied, {"scopes": (), "hint": TOO_OLD}, id="token-age"),
        pytest.param(NEW & FRESH, AuthenticationTooOld, {"max_age": 9}, id="token-age-and-age"),
        pytest.param(NEW | FRESH, PolicyDenied, {"hint": TOO_OLD}, id="token-age-would-do"),
        pytest.param(NEW & ADMIN, PolicyDenied, {"scopes": ("admin",)}, id="token-age-and-scope"),
        pytest.param(NEW & FRESH & ADMIN, AuthenticationTooOld, {"max_age": 9}, id="ages-and-scope"),
        pytest.param(NEW & NOBODY, PolicyDenied, {"scopes": (), "hint": None}, id="token-age-and-group"),
        pytest.param(policy.lifetime(1), PolicyDenied, {"scopes": (), "hint": None}, id="lifetime"),
        pytest.param(policy.machine(), PolicyDenied, {"scopes": (), "hint": None}, id="machine"),
        pytest.param(CANNOT_TELL, PolicyDenied, {"scopes": ()}, id="cannot-tell"),
    ],
)
def test_what_would_have_helped_is_the_reason(
    rule: Policy, kind: type[AuthError], more: dict[str, Any]
) -> None:
    """`scope=` only where scopes were what failed; a new sign-in only where that would do."""
    error = denial(rule, context())
    assert type(error) is kind
    assert more.items() <= vars(error).items()


@pytest.mark.parametrize(
    ("rule", "answers", "kind", "scopes"),
    [
        pytest.param(CHECK, {CHECK: False}, PolicyDenied, (), id="no"),
        pytest.param(~CHECK, {CHECK: True}, PolicyDenied, (), id="not-yes"),
        pytest.param(CHECK, {CHECK: None}, CheckUnavailable, None, id="broken"),
        pytest.param(~CHECK, {CHECK: "x"}, CheckUnavailable, None, id="not-broken"),
        pytest.param(CHECK & READ, {CHECK: None}, CheckUnavailable, None, id="broken-and-scope"),
        pytest.param(CHECK & ADMIN, {CHECK: None}, PolicyDenied, (), id="broken-and-no-scope"),
        pytest.param(CHECK & NOBODY, {CHECK: None}, PolicyDenied, (), id="not-decisive"),
        pytest.param(CHECK | NOBODY, {CHECK: None}, CheckUnavailable, None, id="decisive-or"),
        pytest.param(ADMIN & CHECK, {}, PolicyDenied, ("admin",), id="not-reached"),
        pytest.param(ADMIN & ~CHECK, {}, PolicyDenied, ("admin",), id="not-reached-not"),
        pytest.param(CHECK & CHECK2, {CHECK: None, CHECK2: None}, CheckUnavailable, None, id="two"),
        pytest.param(CHECK & ~CHECK2, {CHECK: None, CHECK2: None}, CheckUnavailable, None, id="two-signs"),
        pytest.param(CHECK & CHECK2, {CHECK: None, CHECK2: False}, PolicyDenied, (), id="one-no"),
        pytest.param(CHECK & READ | ~CHECK & NOBODY, {CHECK: None}, CheckUnavailable, None, id="both-signs"),
        pytest.param(CHECK & ~CHECK, {CHECK: None}, PolicyDenied, (), id="contradiction"),
    ],
)
def test_a_broken_check_is_our_fault_where_it_would_have_decided(
    rule: Policy, answers: dict[Policy, object], kind: type[AuthError], scopes: object
) -> None:
    """503 if the check could have let the caller pass, else what else is missing (E)."""
    given = {id(leaf): answer for leaf, answer in answers.items()}
    assert rule._evaluate(context(given)) is not True
    error = denial(rule, context(given))
    assert type(error) is kind
    assert vars(error).get("scopes") == scopes


def test_the_scope_hint_names_the_usual_reason() -> None:
    """Tokens of an SDK sign-in hold no custom scope."""
    assert "aws.cognito.signin.user.admin" in str(denial(ADMIN, context()).hint)


def test_the_module_shows_its_names_alone() -> None:
    """`dir(policy)`, which completion reads, shows what `__all__` lists and no part of the machinery."""
    assert dir(policy) == sorted(policy.__all__)
