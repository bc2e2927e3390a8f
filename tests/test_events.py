"""The events that a verifier gives its `on_event` hook: frozen values."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import re
from pathlib import Path
from typing import Any

import pytest

from cognito_mr_auth import events
from cognito_mr_auth.events import EndpointDisabled, Event, HookFailed, StateChanged

KINDS = sorted(Event.__subclasses__(), key=lambda kind: kind.__name__)


def sample(kind: type[Event]) -> Event:
    """An event of that type whose fields hold their own names."""
    return kind(**{name: name for name in kind.fields()})


def test_the_index_is_complete() -> None:
    """`__all__` names every event and their common type."""
    defined = {name for name, value in vars(events).items() if inspect.isclass(value)}
    public = {name for name in defined if not name.startswith("_")} - {"Any"}
    assert sorted(public) == events.__all__
    assert {kind.__name__ for kind in KINDS} | {"Event"} == public


def test_every_event_has_a_row_for_users() -> None:
    """The table of docs/configuration.md names each, and no other one."""
    page = (Path(__file__).parents[1] / "docs" / "configuration.md").read_text("utf-8")
    [table] = re.findall(r"^\| event \|.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE)
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == [kind.__name__ for kind in KINDS]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_event_is_a_frozen_value(kind: type[Event]) -> None:
    """The pool comes first, or the hook of all pools; nothing can be set, added or deleted."""
    event = sample(kind)
    assert kind.fields()[0] == ("hook" if kind is HookFailed else "provider")
    for name in (*kind.fields(), "extra"):
        with pytest.raises(AttributeError):
            setattr(event, name, "another")
        with pytest.raises(AttributeError):
            delattr(event, name)
    assert event == sample(kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda event: pickle.loads(pickle.dumps(event))],  # noqa: S301
    ids=["copy", "deepcopy", "pickle"],
)
def test_copies_are_equal(kind: type[Event], duplicate: Any) -> None:
    """An event may go to another thread, process or log."""
    twin = duplicate(sample(kind))
    assert type(twin) is kind
    assert (twin, hash(twin), repr(twin)) == (sample(kind), hash(sample(kind)), repr(sample(kind)))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_event_has_no_place_for_a_token(kind: type[Event]) -> None:
    """No field is for a token, a claim, a signature or a principal (H3)."""
    forbidden = {"token", "claims", "claim", "payload", "signature", "principal", "username"}
    assert forbidden.isdisjoint(kind.fields())


def test_an_event_shows_its_fields() -> None:
    """In the order of writing: as text, and as a record for a structured log."""
    event = StateChanged("a-pool", "fresh", after="aged")
    assert repr(event) == "StateChanged(provider='a-pool', before='fresh', after='aged')"
    assert json.loads(json.dumps(event.to_dict())) == {
        "event": "StateChanged",
        "provider": "a-pool",
        "before": "fresh",
        "after": "aged",
    }


@pytest.mark.parametrize(
    "other",
    [
        StateChanged("a-pool", "fresh", "stale"),
        EndpointDisabled("a-pool", "fresh", 403, "updated"),
        ("a-pool", "fresh", "aged"),
        None,
    ],
    ids=["a-field", "another-event", "tuple", "none"],
)
def test_events_differ_by_type_and_fields(other: object) -> None:
    """Equal are two of one type with the same fields."""
    assert StateChanged("a-pool", "fresh", "aged") != other


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ((), {}),
        (("a-pool", "fresh"), {}),
        (("a-pool", "fresh", "aged", "stale"), {}),
        (("a-pool", "fresh", "aged"), {"after": "stale"}),
        (("a-pool", "fresh"), {"afterwards": "aged"}),
        (("a-pool", "fresh", "aged"), {"extra": 1}),
    ],
    ids=["nothing", "too-few", "too-many", "twice", "misspelt", "one-more"],
)
def test_every_field_is_given_once(values: tuple[str, ...], named: dict[str, Any]) -> None:
    """A field that is missing, given twice or unknown is a TypeError that names the fields."""
    with pytest.raises(TypeError, match="provider, before, after"):
        StateChanged(*values, **named)
