"""What a verifier tells its `on_event` hook: frozen values."""

from __future__ import annotations

import inspect
import pickle
from typing import Any, get_args

import pytest

from cognito_mr_auth import events

KINDS = get_args(events.Event)


def sample(kind: Any) -> Any:
    """An event of that type whose fields are their own names."""
    return kind(**{name: name for name in kind._fields})


def test_the_union_and_the_index_are_complete() -> None:
    """`Event` is every type of the module, and `__all__` names them and it."""
    defined = {value for value in vars(events).values() if inspect.isclass(value)}
    defined.discard(events.NamedTuple)
    assert set(KINDS) == defined
    assert sorted([kind.__name__ for kind in KINDS] + ["Event"]) == events.__all__


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_event_is_a_frozen_value(kind: Any) -> None:
    """The pool comes first; nothing can be changed; copies for other processes are equal."""
    event = sample(kind)
    assert kind._fields[0] == "user_pool_id"
    assert pickle.loads(pickle.dumps(event)) == event  # noqa: S301
    with pytest.raises(AttributeError):
        event.user_pool_id = "another"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_event_has_no_place_for_a_token(kind: Any) -> None:
    """No field is for a token, a claim, a signature or a principal (H3)."""
    forbidden = {"token", "claims", "claim", "payload", "signature", "principal", "username"}
    assert forbidden.isdisjoint(kind._fields)
