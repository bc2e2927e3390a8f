"""The context: what the API behind gets, by chosen names, in forms that each kind of API takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognito_mr_auth.aws_lambda._authorizer.context import DEFAULT, MAX_CONTEXT_CHARS, Context, flat_groups
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.testing import REMOVE, FakeClock, FakeUserPool

FAKE = FakeUserPool(clock=FakeClock())
VERIFIER = FAKE.offline_verifier("any")


def context(token: str, *names: str, nested: bool = False) -> dict[str, Any]:
    """What stands in the context of a token's principal."""
    return Context(names or DEFAULT).of(VERIFIER.verify(token), nested=nested)


ROWS: Mapping[str, tuple[dict[str, Any], str, Any, Any]] = {
    "scopes": ({"scopes": ["b", "a"]}, "scope", "a b", "a b"),
    "no scopes": ({"claims": {"scope": REMOVE}}, "scope", None, None),
    "groups": ({"groups": ["ops", "admin"]}, "groups", "ops admin", ["ops", "admin"]),
    "no groups": ({}, "groups", None, None),
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
    assert Context(()).of(VERIFIER.verify(FAKE.access_token()), nested=False) == {}


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
