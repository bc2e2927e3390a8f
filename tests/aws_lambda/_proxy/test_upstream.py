"""aws_lambda.principal_from_authorizer: what an authorizer has verified comes back as a Principal, or not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.lambda_events import event as golden
from support.lambda_events import with_token

from cognito_mr_auth import Principal, Verifier, policy
from cognito_mr_auth.aws_lambda._authorizer.authorizer import Authorizer
from cognito_mr_auth.aws_lambda._proxy.upstream import principal_from_authorizer, still_valid
from cognito_mr_auth.errors import AuthError, ClaimRejected, ConfigurationError, PolicyDenied
from cognito_mr_auth.testing import REMOVE, FakeClock, FakeUserPool

T0 = 1_790_000_000
POOL_ID = "us-west-2_Fake00001"
ISS = f"https://cognito-idp.us-west-2.amazonaws.com/{POOL_ID}"
SUB = "c09e1170-0000-4000-8000-000000000001"
CLIENT = "1example23456789"

# What each authorizer hands on for the same access token; "ours" as API Gateway has made strings of it.
HANDED: dict[str, dict[str, Any]] = {
    "ours": {
        "sub": SUB,
        "client_id": CLIENT,
        "username": "alice",
        "token_use": "access",
        "scope": "orders/read orders/write",
        "groups": "admins ops",
        "iss": ISS,
        "user_pool_id": POOL_ID,
        "iat": str(T0),
        "exp": str(T0 + 3600),
        "kind": "user",
    },
    "jwt": {
        "sub": SUB,
        "client_id": CLIENT,
        "username": "alice",
        "token_use": "access",
        "scope": "orders/read orders/write",
        "cognito:groups": "[admins]",
        "iss": ISS,
        "iat": str(T0),
        "exp": str(T0 + 3600),
        "auth_time": str(T0),
        "version": "2",
    },
}
HANDED["cognito"] = HANDED["jwt"] | {
    "cognito:groups": "admins",
    "iat": "Mon Sep 21 14:13:20 UTC 2026",
    "exp": "Mon Sep 21 15:13:20 UTC 2026",
}

# Form -> golden proxy event, and where in requestContext.authorizer its claims stand.
PLACES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "ours, REST": ("ours", "rest", ()),
    "ours, HTTP 1.0": ("ours", "http-1.0", ()),
    "ours, WebSocket": ("ours", "websocket-connect", ()),
    "ours, HTTP 2.0": ("ours", "http-2.0", ("lambda",)),
    "JWT, HTTP 2.0": ("jwt", "http-2.0", ("jwt", "claims")),
    "JWT, HTTP 1.0": ("jwt", "http-1.0", ("claims",)),
    "Cognito, REST": ("cognito", "rest", ("claims",)),
}
OURS = [place for place, (form, *_) in PLACES.items() if form == "ours"]
JWT = [place for place, (form, *_) in PLACES.items() if form == "jwt"]


def event_at(place: str, claims: Any) -> dict[str, Any]:
    """The event of a function behind that authorizer, with what it has handed on."""
    form, kind, path = PLACES[place]
    event = golden(f"proxy-{kind}")
    for name in reversed(path):
        claims = {name: claims}
    beside: dict[str, Any] = {"principalId": f"{POOL_ID}|x", "integrationLatency": 12} if not path else {}
    if form == "jwt":
        beside = {"scopes": None}
        if kind == "http-2.0":
            claims, beside = {"jwt": claims["jwt"] | {"scopes": ["orders/admin"]}}, {}
    event["requestContext"]["authorizer"] = beside | claims
    return event


def handed(place: str, **changes: Any) -> dict[str, Any]:
    """The event with some of the claims changed; None takes one away."""
    claims = HANDED[PLACES[place][0]] | {
        name.replace("cognito_", "cognito:"): changes[name] for name in changes
    }
    return event_at(place, {name: value for name, value in claims.items() if value is not None})


def outcome(event: Any, **options: Any) -> Any:
    """The principal, or the claim that was refused."""
    try:
        return principal_from_authorizer(event, **options)
    except ClaimRejected as error:
        return error.claim


# --- What comes back


@pytest.mark.parametrize("place", PLACES)
def test_an_access_token_comes_back(place: str) -> None:
    """Subject, client, user, use, scopes, groups, issuer, pool and times, from every authorizer's form."""
    principal = principal_from_authorizer(handed(place))
    assert isinstance(principal, Principal)
    assert principal.to_dict() | {"claims": None} == {
        "subject": SUB,
        "provider": POOL_ID,
        "client_id": CLIENT,
        "username": "alice",
        "token_use": "access",
        "scopes": ["orders/read", "orders/write"],
        "groups": ["admins", "ops"] if place in OURS else ["admins"],
        "issuer": {"url": ISS, "kind": "original", "region": "us-west-2"},
        "user_pool_id": POOL_ID,
        "issued_at": T0,
        "expires_at": T0 + 3600,
        "is_machine": False,
        "claims": None,
    }
    assert type(principal.issued_at) is type(principal.expires_at) is int


@pytest.mark.parametrize("place", PLACES)
def test_an_id_token_comes_back(place: str) -> None:
    """The client is `aud`, and the user `cognito:username`."""
    changes: dict[str, Any] = {"token_use": "id", "scope": None}
    if place not in OURS:
        changes |= {"client_id": None, "aud": CLIENT, "username": None, "cognito_username": "alice"}
    principal = principal_from_authorizer(handed(place, **changes))
    assert (principal.token_use, principal.client_id, principal.username) == ("id", CLIENT, "alice")
    assert principal.scopes == frozenset()
    assert principal.claims["aud"] == CLIENT
    assert "client_id" not in principal.claims


@pytest.mark.parametrize("place", PLACES)
def test_a_machine_comes_back(place: str) -> None:
    """A token of the client credentials grant has no user and no groups."""
    changes: dict[str, Any] = {"sub": CLIENT, "username": None, "groups": None, "cognito_groups": None}
    if place in OURS:
        changes["kind"] = "machine"
    principal = principal_from_authorizer(handed(place, **changes))
    assert principal.is_machine
    assert (principal.username, principal.groups) == (None, ())
    assert "cognito:groups" not in principal.claims


@pytest.mark.parametrize("place", PLACES)
def test_event_classes_are_read_too(place: str) -> None:
    """Anything with `.raw_event`."""

    class Wrapped:
        raw_event = handed(place)

    assert principal_from_authorizer(Wrapped()) == principal_from_authorizer(handed(place))


def test_other_claims_are_as_handed_on() -> None:
    """Times are numbers, groups an array; the original type of any other claim is lost."""
    claims = principal_from_authorizer(handed("JWT, HTTP 2.0", email_verified="true", nbf=str(T0))).claims
    assert {name: claims[name] for name in ("version", "email_verified", "auth_time", "nbf")} == {
        "version": "2",
        "email_verified": "true",
        "auth_time": T0,
        "nbf": T0,
    }
    chosen = principal_from_authorizer(handed("ours, REST", email="alice@example.com", integrationLatency=12))
    assert chosen.claims["email"] == "alice@example.com"
    assert not {"principalId", "integrationLatency", "kind", "user_pool_id", "groups"} & set(chosen.claims)


def test_scopes_of_a_route_are_not_the_tokens() -> None:
    """`jwt.scopes` is not read: a scope that only stands there is not the token's."""
    principal = principal_from_authorizer(handed("JWT, HTTP 2.0", scope=None))
    assert principal.scopes == frozenset()


def test_a_policy_cannot_tell_what_was_left_out(verifier: Verifier) -> None:
    """Without the groups, neither "in the group" nor "not in the group" passes."""
    principal = principal_from_authorizer(handed("ours, REST", groups=None))
    for require in (policy.any_group("ops"), ~policy.any_group("ops")):
        with pytest.raises(AuthError):
            verifier.require(principal, require)


ISSUERS: dict[str, tuple[str, tuple[str, str] | None]] = {
    "original": (ISS, ("original", "us-west-2")),
    "updated": (f"https://issuer-cognito-idp.us-west-2.amazonaws.com/{POOL_ID}", ("updated", "us-west-2")),
    "replica": (f"https://cognito-idp.us-east-1.amazonaws.com/{POOL_ID}", ("replica", "us-east-1")),
    "China": ("https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_a", ("original", "cn-north-1")),
    "GovCloud": (
        "https://cognito-idp.us-gov-east-1.amazonaws.com/us-gov-west-1_a",
        ("replica", "us-gov-east-1"),
    ),
    "updated, of a replica": (f"https://issuer-cognito-idp.us-east-1.amazonaws.com/{POOL_ID}", None),
    "of another partition": (f"https://cognito-idp.cn-north-1.amazonaws.com.cn/{POOL_ID}", None),
    "http": (ISS.replace("https", "http"), None),
    "capital": (ISS.replace("https", "HTTPS"), None),
    "slash": (ISS + "/", None),
    "newline": (ISS + "\n", None),
    "query": (ISS + "?x", None),
    "port": (ISS.replace(".com/", ".com:443/"), None),
    "user": (ISS.replace("//", "//u@"), None),
    "another host": (f"https://auth.example.com/{POOL_ID}", None),
    "no pool": ("https://cognito-idp.us-west-2.amazonaws.com/", None),
    "no region": ("https://cognito-idp.amazonaws.com/us-west-2_a", None),
    "loopback": (f"http://127.0.0.1:9229/{POOL_ID}", None),
    "digits of another script": ("https://cognito-idp.us-west-\u0662.amazonaws.com/us-west-2_a", None),
    "empty": ("", None),
}


@pytest.mark.parametrize("row", ISSUERS)
@pytest.mark.parametrize("place", ["ours, REST", "JWT, HTTP 2.0", "Cognito, REST"])
def test_the_issuers_kind_is_in_its_form(place: str, row: str) -> None:
    """updated, original, or replica by the host's Region; what has another form is refused."""
    url, expected = ISSUERS[row]
    found = outcome(handed(place, iss=url, **({"user_pool_id": None} if place in OURS else {})))
    if expected is None:
        assert found == "iss"
    else:
        assert (found.issuer.kind, found.issuer.region) == expected
        assert (found.issuer.url, found.user_pool_id) == (url, url.rpartition("/")[2])


@pytest.mark.parametrize("kind", ["original", "replica", "updated"])
def test_issuers_are_those_of_the_pool(pool: FakeUserPool, kind: Any) -> None:
    """The same `Issuer` as of a principal that a verifier has made."""
    url = pool.issuer(kind)
    issuer = pool.user_pool().issuers[url]
    assert principal_from_authorizer(handed("JWT, HTTP 2.0", iss=url)).issuer == issuer


# --- What an absent claim says

ABSENT: dict[str, tuple[str, dict[str, Any], object]] = {
    # Place, changes, and whether somebody passes who must not be in a group.
    "ours: it was not chosen, or was malformed": ("ours, REST", {"groups": None}, False),
    "ours, HTTP 2.0": ("ours, HTTP 2.0", {"groups": None}, False),
    "ours: in no group": ("ours, HTTP 2.0", {"groups": []}, True),
    "ours: in no group, flat": ("ours, REST", {"groups": ""}, True),
    "ours: in another group": ("ours, REST", {"groups": "ops"}, True),
    "ours: in that group": ("ours, REST", {"groups": "ops suspended"}, False),
    "JWT: in another group": ("JWT, HTTP 2.0", {"cognito:groups": "[ops]"}, True),
}


@pytest.mark.parametrize("row", ABSENT)
def test_groups_that_were_not_handed_on_are_not_no_groups(pool: FakeUserPool, row: str) -> None:
    """Our authorizer passes on the chosen names. Absent groups let no request pass `~any_group`."""
    place, changes, passes = ABSENT[row]
    principal = principal_from_authorizer(handed(place, **changes))
    verifier = pool.offline_verifier()
    try:
        found = verifier.require(principal, ~policy.any_group("suspended")) is principal
    except PolicyDenied:
        found = False
    assert found is passes
    for name in ("custom:suspended", "absent"):
        if place in OURS:
            with pytest.raises(PolicyDenied):
                verifier.require(principal, ~policy.has_claim(name))


@pytest.mark.parametrize("place", ["JWT, HTTP 2.0", "JWT, HTTP 1.0", "Cognito, REST"])
def test_groups_of_the_apis_own_authorizers(pool: FakeUserPool, place: str) -> None:
    """They hand on every claim, so that absent groups are none; null ones are refused."""
    event = handed(place)
    claims = event["requestContext"]["authorizer"]
    for name in PLACES[place][2]:
        claims = claims[name]
    claims["cognito:groups"] = None
    assert outcome(event) == "cognito:groups"
    del claims["cognito:groups"]
    principal = principal_from_authorizer(event)
    assert pool.offline_verifier().require(principal, ~policy.any_group("suspended")) is principal


# --- Times

TIMES: dict[str, tuple[Any, float | None]] = {
    "number": (T0, T0),
    "float": (T0 + 0.5, T0 + 0.5),
    "digits": (str(T0), T0),
    "point": (f"{T0}.0", T0),
    "exponent": ("1.79e+09", T0),
    "Java's exponent": ("1.79E9", T0),
    "date": ("Mon Sep 21 14:13:20 UTC 2026", T0),
    "date, GMT": ("Mon Sep 21 14:13:20 GMT 2026", T0),
    "date of the facts": ("Tue Jul 16 02:55:29 UTC 2019", 1563245729),
    "zero": ("0", 0),
    "date of another zone": ("Mon Sep 21 14:13:20 CEST 2026", None),
    "date in another language": ("Mo Sep 21 14:13:20 UTC 2026", None),
    "no such day": ("Mon Feb 30 14:13:20 UTC 2026", None),
    "no such hour": ("Mon Sep 21 24:13:20 UTC 2026", None),
    "before the epoch": ("Wed Dec 31 23:59:59 UTC 1969", None),
    "ISO": ("2026-09-21T14:13:20Z", None),
    "milliseconds": (f"{T0}000", None),
    "large": ("9e99", None),
    "larger": ("9e999", None),
    "negative": ("-1", None),
    "sign": (f"+{T0}", None),
    "space": (f" {T0}", None),
    "newline": (f"{T0}\n", None),
    "underscore": ("1_790_000_000", None),
    "hexadecimal": ("0x6ab13b80", None),
    "digits of another script": ("\u0661\u0662\u0663", None),
    "superscript": ("\u00b2", None),
    "NaN": ("nan", None),
    "NaN, number": (float("nan"), None),
    "infinity": (float("inf"), None),
    "flag": (True, None),
    "list": ([T0], None),
    "object": ({}, None),
    "empty": ("", None),
}


@pytest.mark.parametrize("name", ["iat", "exp", "auth_time", "nbf"])
@pytest.mark.parametrize("row", TIMES)
def test_times_are_numbers_or_refused(row: str, name: str) -> None:
    """Epoch seconds as a number or digits, or the date that a REST API's Cognito authorizer prints."""
    given_time, seconds = TIMES[row]
    for place in ("ours, HTTP 2.0", "JWT, HTTP 2.0", "Cognito, REST"):
        found = outcome(handed(place, **{name: given_time}))
        assert (found if seconds is None else found.claims[name]) == (name if seconds is None else seconds)


# --- Groups

GROUPS: dict[str, dict[Any, list[str] | None]] = {
    # form -> what stands there -> the names; None for what is refused
    "ours, REST": {
        "admins": ["admins"],
        "admins ops": ["admins", "ops"],
        "a,b c": ["a,b", "c"],
        "a] [b": ["a]", "[b"],
        "": [],
        '["two words","ops"]': ["two words", "ops"],
        '["[a", ""]': ["[a", ""],
        "[]": [],
        "[admins ops]": None,
        "[1]": None,
        '["a"': None,
        '["a"] ': ["a"],
        "[" * 5000: None,
        "a  b": None,
        " a": None,
        "a ": None,
        "a\tb": None,
        "a\xa0b": None,
    },
    "JWT, HTTP 2.0": {
        "[admins ops]": None,
        "[admins]": ["admins"],
        "[[a]]": ["[a]"],
        "[a,b]": None,
        "[]": [],
        "[a  b]": None,
        "[ a]": None,
        "[a\tb]": None,
        '["admins","ops"]': None,
        '["admins", "ops"]': None,
        "admins": None,
        "admins ops": None,
        "admins,ops": None,
        "[admins": None,
        "admins]": None,
        "[": None,
        "": None,
    },
    "Cognito, REST": {
        "admins": ["admins"],
        "admins/eu-1": ["admins/eu-1"],
        "admins,ops": None,
        "admins ops": None,
        "[admins ops]": None,
        "[admins]": None,
        '["admins","ops"]': None,
        "": None,
    },
}
GROUPS["ours, HTTP 2.0"] = GROUPS["ours, REST"]
GROUPS["JWT, HTTP 1.0"] = GROUPS["JWT, HTTP 2.0"]
OF_ANY_TYPE: list[tuple[Any, list[str] | None]] = [
    (["admins", "two words", "a,b"], ["admins", "two words", "a,b"]),
    ([], []),
    (["admins", 5], None),
    ([["admins"]], None),
    ({"admins": True}, None),
    (5, None),
    (True, None),
]


@pytest.mark.parametrize("place", GROUPS)
def test_groups_are_unambiguous_or_refused(place: str) -> None:
    """If a name could be read as another or as two, all groups are refused, never a part of them."""
    name = "groups" if place in OURS else "cognito_groups"
    for written, names in [*GROUPS[place].items(), *OF_ANY_TYPE]:
        found = outcome(handed(place, **{name: written}))
        got = found if isinstance(found, str) else list(found.groups)
        assert (written, got) == (written, "cognito:groups" if names is None else names)


SEPARATED: dict[str, list[str] | None] = {
    "admins,ops": ["admins", "ops"],
    "admins": ["admins"],
    "": [],
    "admins,": None,
    ",": None,
    "admins,,ops": None,
    "admins, ops": None,
    "admins ops": None,
    "[admins ops]": None,
    '["admins","ops"]': None,
    "[a],b": ["[a]", "b"],
}


SPACED: dict[str, list[str] | None] = {
    "[admins ops]": ["admins", "ops"],
    "[admins]": ["admins"],
    "[]": [],
    "[a,b c]": ["a,b", "c"],
    "[[a] b]": ["[a]", "b"],
    "[a  b]": None,
    "[ a]": None,
    "[a\tb]": None,
    '["admins" "ops"]': None,
    "admins ops": None,
    "admins": None,
    "": None,
}


@pytest.mark.parametrize("written", SPACED)
def test_spaces_divide_groups_by_choice(written: str) -> None:
    """`group_separator=" "` is for an HTTP API's JWT authorizer, whose "[a b]" is two groups or one."""
    expected = SPACED[written]
    found = outcome(handed("JWT, HTTP 2.0", cognito_groups=written), group_separator=" ")
    assert (found if isinstance(found, str) else list(found.groups)) == (
        "cognito:groups" if expected is None else expected
    )


WRONG = [("JWT, HTTP 2.0", "[a,b]", ","), ("Cognito, REST", "a b", " "), ("JWT, HTTP 2.0", "[a b]", ",")]


@pytest.mark.parametrize(("place", "written", "separator"), WRONG)
def test_another_authorizers_separator_divides_nothing(place: str, written: str, separator: str) -> None:
    """A comma says nothing about the JWT authorizer, nor a space about Cognito's."""
    assert outcome(handed(place, cognito_groups=written), group_separator=separator) == "cognito:groups"


@pytest.mark.parametrize("written", SEPARATED)
def test_commas_divide_groups_by_choice(written: str) -> None:
    """`group_separator=","` is for a REST API's Cognito authorizer, whose "a,b" is two groups or one."""
    expected = SEPARATED[written]
    found = outcome(handed("Cognito, REST", cognito_groups=written), group_separator=",")
    assert (found if isinstance(found, str) else list(found.groups)) == (
        "cognito:groups" if expected is None else expected
    )


@pytest.mark.parametrize("place", [*OURS, *JWT])
def test_other_authorizers_need_no_separator(place: str) -> None:
    """Where groups are unambiguous, the choice changes nothing."""
    assert principal_from_authorizer(handed(place), group_separator=",") == principal_from_authorizer(
        handed(place)
    )


def test_the_refusal_says_what_helps() -> None:
    """The hint names the option, where it is one."""
    with pytest.raises(ClaimRejected) as caught:
        principal_from_authorizer(handed("Cognito, REST", cognito_groups="secret,names"))
    assert "group_separator=','" in (caught.value.hint or "")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [("groups", '["secret'), ("exp", "Mon Feb 30 14:13:20 UTC 2026"), ("iss", "secret")]
)
def test_a_refusal_carries_no_decoders_error(name: str, value: str) -> None:
    """E: such an error would hold the claims; nor does a message hold a value."""
    with pytest.raises(ClaimRejected) as caught:
        principal_from_authorizer(handed("ours, REST", **{name: value}))
    assert caught.value.__context__ is caught.value.__cause__ is None
    assert value not in f"{caught.value!r} {caught.value.hint}"


@pytest.mark.parametrize("separator", ["", "  ", ";", ",,", b",", True, 0], ids=repr)
def test_no_other_separator_is_taken(separator: Any) -> None:
    """API Gateway joins with a comma or a space."""
    with pytest.raises(ConfigurationError, match="group_separator="):
        principal_from_authorizer(handed("Cognito, REST"), group_separator=separator)


# --- What is refused

REQUIRED = ("sub", "token_use", "client_id", "iss", "exp", "iat")


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("place", PLACES)
def test_what_a_principal_needs_is_required(place: str, name: str) -> None:
    """A name that was left out is named, with the way to have it handed on."""
    with pytest.raises(ClaimRejected, match=name) as caught:
        principal_from_authorizer(handed(place, **{name: None}))
    assert caught.value.claim == name
    assert (f"add {name!r} to context= of the Authorizer" in (caught.value.hint or "")) is (place in OURS)


def test_an_id_tokens_client_is_asked_for_by_its_name_in_the_context() -> None:
    """The claim is `aud`, but the context calls it `client_id`."""
    with pytest.raises(ClaimRejected) as caught:
        principal_from_authorizer(handed("ours, REST", token_use="id", client_id=None))
    assert (caught.value.claim, caught.value.hint) == ("aud", "add 'client_id' to context= of the Authorizer")


WRONG: list[tuple[str, Any]] = [
    *[
        (name, value)
        for name in ("sub", "token_use", "client_id", "iss")
        for value in ("", 5, [], ["x"], True)
    ],
    ("token_use", "refresh"),
    ("token_use", "Access"),
    ("client_id", "[a b]"),
    ("client_id", "a b"),
    ("client_id", "a" * 129),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=repr)
@pytest.mark.parametrize("place", PLACES)
def test_what_is_no_such_claim_is_refused(place: str, name: str, value: Any) -> None:
    """Types and forms are checked: nothing that a verifier would not have let through."""
    assert outcome(handed(place, **{name: value})) == name


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"user_pool_id": "us-west-2_Other0001"}, "iss"),
        ({"user_pool_id": 5}, "iss"),
        ({"kind": "machine"}, "username"),
        ({"kind": "robot"}, "username"),
        ({"sub": CLIENT, "username": None}, "username"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("place", OURS)
def test_a_context_that_contradicts_itself_is_refused(place: str, changes: Any, claim: str) -> None:
    """Else a user whose name was left out could be taken for a machine."""
    assert outcome(handed(place, **changes)) == claim


BOTH: list[dict[str, Any]] = [
    {"jwt": {"claims": HANDED["jwt"]}, "lambda": HANDED["ours"]},
    {"claims": HANDED["cognito"], **HANDED["ours"]},
    {"claims": HANDED["cognito"], "lambda": HANDED["ours"]},
    {"claims": HANDED["cognito"], "jwt": {"claims": HANDED["jwt"]}},
    {"lambda": HANDED["ours"], "sub": SUB},
]


@pytest.mark.parametrize("authorizer", BOTH, ids=lambda each: "+".join(sorted(each))[:24])
@pytest.mark.parametrize("kind", ["rest", "http-1.0", "http-2.0"])
def test_more_than_one_authorizer_is_refused(kind: str, authorizer: dict[str, Any]) -> None:
    """API Gateway never writes such an event, so another caller has written it."""
    event = golden(f"proxy-{kind}")
    event["requestContext"]["authorizer"] = authorizer
    for ask in (principal_from_authorizer, still_valid):
        with pytest.raises(ClaimRejected, match="more than one authorizer") as caught:
            ask(event)
        assert caught.value.claim is None


NOTHING: list[Any] = [
    None,
    {},
    {"principalId": "x", "integrationLatency": 12},
    {"principalId": "x", "tenant": "blue"},
    {"claims": None, "scopes": None},
    {"claims": {}, "scopes": []},
    {"claims": "sub"},
    {"claims": [HANDED["jwt"]]},
    {"jwt": None},
    {"jwt": {"claims": None, "scopes": None}},
    {"jwt": {"claims": {"sub": None}}},
    {"jwt": "claims"},
    {"lambda": None},
    {"lambda": {}},
    {"lambda": {"tenant": "blue"}},
    {"lambda": [HANDED["ours"]]},
    {"sub": None},
    {"iam": {"cognitoIdentity": {"identityId": "x"}, "userId": "x"}},
    "sub",
    ["sub"],
    5,
]


@pytest.mark.parametrize("authorizer", NOTHING, ids=repr)
@pytest.mark.parametrize("kind", ["rest", "http-1.0", "http-2.0", "websocket-connect"])
def test_nothing_there_is_a_lookup_error(kind: str, authorizer: Any) -> None:
    """The mistake is in the API's setup, and no token could mend it."""
    event = golden(f"proxy-{kind}")
    event["requestContext"]["authorizer"] = authorizer
    for ask in (principal_from_authorizer, still_valid):
        with pytest.raises(LookupError, match="no principal in the event"):
            ask(event)


@pytest.mark.parametrize(
    "event", [None, {}, [], "event", 5, {"requestContext": None}, {"requestContext": []}]
)
def test_what_is_no_event_is_a_lookup_error(event: Any) -> None:
    """An SQS message or a direct call holds no principal."""
    for ask in (principal_from_authorizer, still_valid):
        with pytest.raises(LookupError, match="no principal in the event"):
            ask(event)


def test_a_token_in_the_event_is_never_read(pool: FakeUserPool) -> None:
    """A good Authorization header makes no principal: only an authorizer does."""
    with pytest.raises(LookupError):
        principal_from_authorizer(with_token("proxy-http-2.0", pool.access_token()))


# --- Expiry


@pytest.mark.parametrize("place", PLACES)
def test_an_expired_token_is_no_longer_valid(place: str) -> None:
    """RFC 7519 4.1.4: "on or after" `exp` it must not be accepted; a leeway for clocks that differ."""
    event = handed(place)
    exp = T0 + 3600
    for now, leeway, valid in (
        (T0, 5, True),
        (exp + 4.9, 5, True),
        (exp + 5, 5, False),
        (exp - 0.1, 0, True),
        (exp, 0, False),
        (exp + 299, 300, True),
    ):
        assert still_valid(event, leeway=leeway, clock=lambda now=now: now) is valid
    assert still_valid(handed(place, exp=5)) is False
    assert still_valid(handed(place, exp=253402300799)) is True


def test_only_exp_is_looked_at() -> None:
    """A context that hands on nothing else is enough for this question, and it must hold that."""
    assert still_valid(event_at("ours, WebSocket", {"exp": str(T0)}), clock=lambda: T0)
    with pytest.raises(ClaimRejected, match="exp") as caught:
        still_valid(event_at("ours, WebSocket", {"sub": SUB}))
    assert caught.value.hint == "add 'exp' to context= of the Authorizer"


@pytest.mark.parametrize("leeway", [-1, 301, True, "5", None, float("nan"), float("inf")], ids=repr)
def test_no_other_leeway_is_taken(leeway: Any) -> None:
    """A leeway that is no number of seconds, or longer than Cognito's shortest token."""
    with pytest.raises(ConfigurationError, match="leeway="):
        still_valid(handed("ours, REST"), leeway=leeway)


# --- Round trip with our own authorizer


@pytest.fixture(scope="module")
def pool() -> FakeUserPool:
    """One pool: no row changes it."""
    return FakeUserPool(POOL_ID, clock=FakeClock(wall=T0))


@pytest.fixture(scope="module")
def verifier(pool: FakeUserPool) -> Verifier:
    """Its verifier, of both kinds of token."""
    return pool.offline_verifier("any")


def stringified(context: dict[str, Any]) -> dict[str, str]:
    """What API Gateway makes of a context's values: "1", "true", "value"."""
    return {
        name: str(value).lower() if value is True or value is False else str(value)
        for name, value in context.items()
    }


# The event of the authorizer, and the place where its context stands for the function behind.
TRIPS = {
    "rest-request": "ours, REST",
    "http-1.0": "ours, HTTP 1.0",
    "websocket": "ours, WebSocket",
    "http-2.0": "ours, HTTP 2.0",
}


def travel(verifier: Verifier, token: str, kind: str, **options: Any) -> Principal:
    """The principal on the other side of API Gateway."""
    context = Authorizer(verifier, **options)(with_token(kind, token), None)["context"]
    sent = json.loads(json.dumps(context)) if kind == "http-2.0" else stringified(context)
    return principal_from_authorizer(event_at(TRIPS[kind], sent))


def essence(principal: Principal) -> dict[str, Any]:
    """All of a principal but its claims, which the context holds in part."""
    return principal.to_dict() | {"claims": None}


TOKENS = {
    "user": lambda pool: pool.access_token(groups=["admins", "ops"], scopes=["orders/read", "a/b"]),
    "user without groups": lambda pool: pool.access_token(),
    "user without scopes": lambda pool: pool.access_token(scopes=[]),
    "replica": lambda pool: pool.access_token(issuer="replica"),
    "updated issuer": lambda pool: pool.access_token(issuer="updated"),
    "machine": lambda pool: pool.machine_token(scopes=["orders/read"]),
    "ID": lambda pool: pool.id_token(groups=["admins"]),
    "ID, federated": lambda pool: pool.id_token(federated=True),
}


@pytest.mark.parametrize("kind", TRIPS)
@pytest.mark.parametrize("row", TOKENS)
def test_our_context_comes_back(pool: FakeUserPool, verifier: Verifier, row: str, kind: str) -> None:
    """What `Authorizer` hands on is the same principal behind API Gateway, strings or not."""
    token = TOKENS[row](pool)
    there, here = travel(verifier, token, kind), verifier.verify(token)
    assert essence(there) == essence(here)
    assert type(there.expires_at) is int


# What stands in a token, and whether somebody passes who must not be in the group "suspended".
GROUPS_OF_A_TOKEN: dict[str, tuple[Any, bool]] = {
    "no claim": (REMOVE, True),
    "an empty array": ([], True),
    "another group": (["ops"], True),
    "that group": (["suspended"], False),
    "a string": ("suspended", False),
    "null": (None, False),
    "an odd member": (["ops", 5], False),
}


@pytest.mark.parametrize("kind", TRIPS)
@pytest.mark.parametrize("row", GROUPS_OF_A_TOKEN)
def test_who_is_in_no_group_is_known_behind(
    pool: FakeUserPool, verifier: Verifier, row: str, kind: str
) -> None:
    """Users without groups and machines pass `~any_group`, as in front; malformed groups say nothing."""
    claimed, passes = GROUPS_OF_A_TOKEN[row]
    for mint in (pool.access_token, pool.machine_token):
        there = travel(verifier, mint(claims={"cognito:groups": claimed}), kind)
        found = True
        try:
            verifier.require(there, ~policy.any_group("suspended"))
        except PolicyDenied:
            found = False
        assert found is passes
        if not there.groups:
            for require in (policy.has_claim("cognito:groups"), policy.any_group("ops", "suspended")):
                with pytest.raises(PolicyDenied):
                    verifier.require(there, require)


@pytest.mark.parametrize("kind", TRIPS)
def test_chosen_claims_come_back(pool: FakeUserPool, verifier: Verifier, kind: str) -> None:
    """Claims that were chosen by name stand in `claims`; `cognito:groups` may be one of them."""
    names = [*REQUIRED, "username", "groups", "auth_time", "custom:tenant", "email_verified"]
    claims = {"custom:tenant": "blue", "email_verified": True}
    token = pool.access_token(groups=["admins", "ops"], claims=claims)
    there = travel(verifier, token, kind, context=names)
    assert there.groups == ("admins", "ops")
    assert (there.claims["auth_time"], there.claims["custom:tenant"]) == (T0, "blue")
    assert there.claims["email_verified"] in ("true", True)


@pytest.mark.parametrize("kind", TRIPS)
@pytest.mark.parametrize("name", REQUIRED)
def test_a_context_that_leaves_out_too_much(
    pool: FakeUserPool, verifier: Verifier, name: str, kind: str
) -> None:
    """The hint names what to add."""
    names = [each for each in REQUIRED if each != name]
    with pytest.raises(ClaimRejected) as caught:
        travel(verifier, pool.access_token(), kind, context=names)
    assert caught.value.hint == f"add {name!r} to context= of the Authorizer"
    assert travel(verifier, pool.access_token(), kind, context=[*names, name])


# CreateGroup, GroupName: letters, marks, symbols, numbers, punctuation. A trigger may put others in.
NAMES = st.text(st.characters(categories=["L", "M", "S", "N", "P"]), min_size=1, max_size=20)
ANY_NAMES = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('[]" ,\\\t\n'), max_size=12)
SCOPES = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1, max_size=20
)


@given(
    groups=st.lists(NAMES, max_size=5) | st.lists(ANY_NAMES, max_size=5),
    scopes=st.lists(SCOPES, max_size=5),
    kind=st.sampled_from(sorted(TRIPS)),
)
def test_any_groups_and_scopes_come_back(
    pool: FakeUserPool, verifier: Verifier, groups: list[str], scopes: list[str], kind: str
) -> None:
    """RFC 6749 3.3 for scopes; every list of names that a token can hold for groups, in its order."""
    token = pool.access_token(groups=groups, scopes=scopes)
    there, here = travel(verifier, token, kind), verifier.verify(token)
    assert (there.groups, there.scopes) == (here.groups, here.scopes) == (tuple(groups), frozenset(scopes))


@given(names=st.lists(NAMES, max_size=5))
def test_the_jwt_authorizers_groups_come_back(names: list[str]) -> None:
    """Every list of names that Cognito allows is read from "[a b]" as it was, or refused."""
    found = outcome(handed("JWT, HTTP 2.0", cognito_groups=f"[{' '.join(names)}]"), group_separator=" ")
    assert found == "cognito:groups" if names and names[0].startswith('"') else list(found.groups) == names


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=8), each, max_size=3),
    max_leaves=6,
)


@given(
    place=st.sampled_from(sorted(PLACES)),
    changes=st.dictionaries(st.sampled_from([*HANDED["ours"], *HANDED["jwt"]]), JSON, max_size=3),
)
def test_no_claims_raise_anything_else(place: str, changes: dict[str, Any]) -> None:
    """Whatever stands there: a principal with a subject and a client, or a documented refusal."""
    event = event_at(place, HANDED[PLACES[place][0]] | changes)
    try:
        principal = principal_from_authorizer(event)
    except (ClaimRejected, LookupError):
        return
    assert isinstance(principal.subject, str)
    assert isinstance(principal.client_id, str)
    assert isinstance(hash(principal), int)
