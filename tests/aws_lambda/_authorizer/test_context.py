"""The context: what the API behind gets, by chosen names, in forms that each kind of API takes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.lambda_events import with_token

from cognito_mr_auth import Principal, policy
from cognito_mr_auth.aws_lambda import Authorizer, principal_from_authorizer
from cognito_mr_auth.aws_lambda._authorizer.context import (
    DEFAULT,
    MAX_CONTEXT_CHARS,
    Context,
    flat_groups,
    is_plain,
)
from cognito_mr_auth.errors import CheckUnavailable, ClaimRejected, ConfigurationError
from cognito_mr_auth.testing import REMOVE, FakeClock, FakeUserPool

FAKE = FakeUserPool(clock=FakeClock())
VERIFIER = FAKE.offline_verifier("any")


def context(token: str, *names: str, nested: bool = False) -> dict[str, Any]:
    """What stands in the context of a token's principal."""
    return Context(names or DEFAULT).of(VERIFIER.verify(token), nested=nested, admitted=True)


ROWS: Mapping[str, tuple[dict[str, Any], str, Any, Any]] = {
    "scopes": ({"scopes": ["b", "a"]}, "scope", "a b", "a b"),
    "no scopes": ({"claims": {"scope": REMOVE}}, "scope", None, None),
    "groups": ({"groups": ["ops", "admin"]}, "groups", "ops admin", ["ops", "admin"]),
    "no groups": ({}, "groups", "", []),
    "an empty array of groups": ({"claims": {"cognito:groups": []}}, "groups", "", []),
    "groups that are a string": ({"claims": {"cognito:groups": "ops"}}, "groups", None, None),
    "groups that are an empty string": ({"claims": {"cognito:groups": ""}}, "groups", None, None),
    "groups that are null": ({"claims": {"cognito:groups": None}}, "groups", None, None),
    "groups that are no names": ({"claims": {"cognito:groups": ["ops", 5]}}, "groups", None, None),
    "groups that are an object": ({"claims": {"cognito:groups": {}}}, "groups", None, None),
    "a group with a space": ({"groups": ["a b", "c"]}, "groups", '["a b", "c"]', ["a b", "c"]),
    "a group with a bracket": ({"groups": ["[a"]}, "groups", '["[a"]', ["[a"]),
    "a claim": ({"claims": {"tier": "gold"}}, "tier", "gold", "gold"),
    "a custom claim": ({"claims": {"custom:tenant": "t"}}, "custom:tenant", "t", "t"),
    "a flag": ({"claims": {"beta": True}}, "beta", True, True),
    "a number": ({"claims": {"level": 1.5}}, "level", 1.5, 1.5),
    "an array": ({"claims": {"tags": ["a", 1]}}, "tags", '["a",1]', ["a", 1]),
    "an object": ({"claims": {"org": {"id": [1]}}}, "org", '{"id":[1]}', {"id": [1]}),
    "null": ({"claims": {"tier": None}}, "tier", None, None),
    "an absent claim": ({}, "tier", None, None),
    "whole seconds": ({"claims": {"iat": 1.5}}, "iat", 1, 1),
    "a user": ({}, "kind", "user", "user"),
}


@pytest.mark.parametrize(("minted", "name", "flat", "nested"), ROWS.values(), ids=ROWS)
def test_values(minted: dict[str, Any], name: str, flat: Any, nested: Any) -> None:
    """Scalars are as they are; arrays and objects stay where payload 2.0 allows them, else are text."""
    token = FAKE.access_token(**minted)
    assert context(token, name).get(name) == flat
    assert context(token, name, nested=True).get(name) == nested


def test_machines_and_id_tokens() -> None:
    """A machine has no username; an ID token no scope, and its client is its audience."""
    machine = context(FAKE.machine_token())
    assert machine["kind"] == "machine"
    assert "username" not in machine
    person = context(FAKE.id_token(username="alice"))
    assert (person["username"], person["client_id"]) == ("alice", FAKE.client_id)
    assert "scope" not in person


def test_nothing_chosen() -> None:
    """An empty choice is a choice."""
    assert Context(()).of(VERIFIER.verify(FAKE.access_token()), nested=False, admitted=True) == {}


def test_a_context_has_a_size_limit() -> None:
    """A context larger than any API would hand on is an error that says what to do."""
    fits = FAKE.access_token(claims={"note": "x" * (MAX_CONTEXT_CHARS - len("note"))})
    assert context(fits, "note")
    with pytest.raises(ConfigurationError, match="choose fewer names"):
        context(FAKE.access_token(claims={"note": "x" * MAX_CONTEXT_CHARS}), "note")


@given(st.lists(st.text(min_size=0, max_size=6), max_size=5), st.lists(st.text(max_size=6), max_size=5))
def test_flat_groups_are_unambiguous(some: list[str], others: list[str]) -> None:
    """Two lists of names never have one flat form."""
    assert (flat_groups(some) == flat_groups(others)) == (some == others)


# -- characters that break a header or a line ---------------------------------------------------

CONTROL = {
    "a line end": "\r\n",
    "half a line end": "\n",
    "the other half": "\r",
    "a null": "\0",
    "a tab": "\t",
    "an escape": "\x1b",
    "a delete": "\x7f",
    "a next line": "\x85",
    "the last control character": "\x9f",
    "a line separator": "\u2028",
    "a paragraph separator": "\u2029",
}
KINDS = ("rest-token", "rest-request", "http-1.0", "http-2.0", "websocket", "appsync")
NAMES = [
    "sub",
    "client_id",
    "username",
    "token_use",
    "scope",
    "groups",
    "iss",
    "iat",
    "exp",
    "note",
    "tags",
    "org",
]
# The gateway's own rule for a header's value (RFC 9110 5.5), and every character that ends a line somewhere.
BREAKS = re.compile("[^\t\x20-\x7e\xa0-\uffff]|[\t\u2028\u2029]")


def strings(value: Any) -> list[str]:
    """Every string within."""
    if isinstance(value, dict):
        return [*value, *(text for each in value.values() for text in strings(each))]
    if isinstance(value, list):
        return [text for each in value for text in strings(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("bad", CONTROL.values(), ids=CONTROL)
@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_holds_a_character_that_breaks_a_header(kind: str, bad: str) -> None:
    """Whatever claim has it: the value is left out, or escaped where JSON can say it."""
    evil = f"x{bad}X-Admin: true"
    claims = {"note": evil, "tags": ["a", evil], "org": {"name": evil, evil: 1}}
    token = FAKE.access_token(username=evil, subject=evil, groups=["ops", evil], claims=claims)
    answer = Authorizer(VERIFIER, context=NAMES)(with_token(kind, token))
    assert [text for text in strings(answer) if BREAKS.search(text)] == []
    context = answer.get("resolverContext", answer.get("context"))
    assert not {"note", "sub", "username"} & set(context)
    assert json.loads(context["groups"]) == ["ops", evil]
    if kind == "http-2.0":
        assert not {"tags", "org"} & set(context)
    else:
        assert (json.loads(context["tags"]), json.loads(context["org"])) == (claims["tags"], claims["org"])


@pytest.mark.parametrize("bad", CONTROL.values(), ids=CONTROL)
@pytest.mark.parametrize("kind", KINDS)
def test_no_name_holds_one_either(kind: str, bad: str) -> None:
    """A callable may make names of what a user chose: the member is left out."""
    evil = f"x{bad}X-Admin"
    authorizer = Authorizer(VERIFIER, context=lambda _: {evil: "yes", "tags": {evil: 1}, "tenant": "blue"})
    answer = authorizer(with_token(kind, FAKE.access_token()))
    assert [text for text in strings(answer) if BREAKS.search(text)] == []
    context = answer.get("resolverContext", answer.get("context"))
    assert (context["tenant"], len(context)) == ("blue", 1 if kind == "http-2.0" else 2)


def test_half_a_character_is_not_plain() -> None:
    """Half of a surrogate pair has no form in UTF-8: no token holds one, but a callable may give it."""
    assert not is_plain("a\ud800")
    made = Context(lambda _: {"half": "a\udfff", "whole": "\U0001f600"})
    principal = VERIFIER.verify(FAKE.access_token())
    assert made.of(principal, nested=True, admitted=True) == {"whole": "\U0001f600"}


def test_names_of_people_are_plain() -> None:
    """Letters of every language stay as they are."""
    for text in ("Jürgen", "José", "北京", "Ł ódź", "a~!\u00a0", "\U0001f600", "\ufeff"):
        assert is_plain(text)


def test_two_subjects_never_share_a_principal_id() -> None:
    """One that could break a line has its digest for a name, and a pool's prefix as all have."""
    names = set()
    for subject in ("a\nb", "a\x0bb", "a%0Ab", "a\\nb", "a b"):
        answer = Authorizer(VERIFIER)(with_token("rest-token", FAKE.access_token(subject=subject)))
        names.add(answer["principalId"])
        assert re.fullmatch(rf"{FAKE.user_pool_id}\|([0-9a-f]{{64}}|a[ -~]+b)", answer["principalId"])
    assert len(names) == 5


@pytest.mark.parametrize("kind", ["rest-token", "http-2.0"])
def test_what_is_left_out_is_never_read_as_something_else(kind: str) -> None:
    """Behind the authorizer a user stays a user: what was left out is lacking, or the token refused."""

    def behind(**minted: Any) -> Principal:
        given = Authorizer(VERIFIER)(with_token(kind, FAKE.access_token(**minted)))["context"]
        handed_on = {name: str(value) for name, value in given.items()} if kind == "rest-token" else given
        authorizer = {"lambda": handed_on} if kind == "http-2.0" else handed_on
        return principal_from_authorizer({"requestContext": {"authorizer": authorizer}})

    assert behind(groups=["a\nb", "c"]).groups == ("a\nb", "c")
    assert behind(claims={"scope": "a b\x85c d"}).scopes <= {"a", "d"}
    for minted in (
        {"username": "a\nb"},
        {"subject": "a\nb"},
        {"username": "a\nb", "subject": FAKE.client_id},
    ):
        try:
            there = behind(**minted)
        except ClaimRejected:
            continue
        assert not there.is_machine
        assert there.username is None


# -- values by a callable -----------------------------------------------------------------------


def test_a_callable_gives_names_and_values() -> None:
    """Its members are the whole context, in the form that claims of their type have."""
    values = {
        "tenant": "blue",
        "level": 3,
        "beta": True,
        "share": 0.5,
        "tags": ["a", 1],
        "org": {"id": 1},
        "no": None,
    }
    token = FAKE.access_token()
    flat = Authorizer(VERIFIER, context=lambda _: values)(with_token("rest-token", token))["context"]
    assert flat == {
        "tenant": "blue",
        "level": 3,
        "beta": True,
        "share": 0.5,
        "tags": '["a",1]',
        "org": '{"id":1}',
    }
    nested = Authorizer(VERIFIER, context=lambda _: values)(with_token("http-2.0", token))["context"]
    assert nested == {name: value for name, value in values.items() if value is not None}


def test_a_callable_is_asked_for_an_allow_alone() -> None:
    """A look-up costs time and may fail: whoever is denied gets the default names, without it."""
    asked: list[Principal] = []

    def look_up(principal: Principal) -> dict[str, Any]:
        asked.append(principal)
        return {"tenant": "blue"}

    lacking: list[dict[str, Any]] = [
        {"require": policy.groups("ops")},
        {"routes": {"GET /orders": policy.groups("ops")}},
    ]
    for options in lacking:
        for kind in ("rest-token", "rest-request", "http-1.0", "http-2.0"):
            authorizer = Authorizer(VERIFIER, context=look_up, **options)
            denied = authorizer(with_token(kind, FAKE.access_token(username="bob")))
            assert denied["context"]["username"] == "bob"
            assert not asked
            granted = authorizer(with_token(kind, FAKE.access_token(groups=["ops"])))
            assert granted["context"] == {"tenant": "blue"}
            assert asked.pop().groups == ("ops",)
    simple = Authorizer(VERIFIER, context=look_up, response="simple", require=policy.groups("ops"))
    assert simple(with_token("http-2.0", FAKE.access_token()))["isAuthorized"] is False
    fields = Authorizer(VERIFIER, context=look_up, require=policy.groups("ops"))
    assert fields(with_token("appsync", FAKE.access_token()))["isAuthorized"] is False
    assert not asked


BROKEN: dict[str, tuple[Any, type[Exception]]] = {
    "nothing": (None, TypeError),
    "a list": (["tenant"], TypeError),
    "a set within": ({"scopes": {"a"}}, TypeError),
    "octets": ({"tenant": b"blue"}, TypeError),
    "not a number": ({"level": float("nan")}, TypeError),
    "a number for a name": ({5: "blue"}, ConfigurationError),
    "an empty name": ({"": "blue"}, ConfigurationError),
    "a reserved name": ({"claims": {}}, ConfigurationError),
    "too much": ({"note": "x" * MAX_CONTEXT_CHARS}, ConfigurationError),
}


@pytest.mark.parametrize(("given", "error"), BROKEN.values(), ids=BROKEN)
def test_what_no_api_takes_is_an_error(given: Any, error: type[Exception]) -> None:
    """It names what is wrong and shows no value: 500, and no cached answer."""
    with pytest.raises(error) as caught:
        Authorizer(VERIFIER, context=lambda _: given)(with_token("rest-token", FAKE.access_token()))
    assert "blue" not in str(caught.value)
    assert caught.value.__context__ is None


def test_what_a_callable_raises_is_an_outage() -> None:
    """So that a good token is not refused because a database is away."""

    def look_up(_principal: Principal) -> Any:
        raise KeyError("tenant")

    verifier = FAKE.offline_verifier()
    with pytest.raises(CheckUnavailable) as caught:
        Authorizer(verifier, context=look_up)(with_token("http-2.0", FAKE.access_token()))
    assert caught.value.hint == "context raised an exception"
    assert verifier.counts()[FAKE.user_pool_id, "original", "check_unavailable"] == 1  # of the token's pool
