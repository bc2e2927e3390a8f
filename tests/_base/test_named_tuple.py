"""Tuples with named fields: what `typing.NamedTuple` does, and nothing else is taken."""

from __future__ import annotations

import copy
import pickle
import typing
from typing import Any

import pytest

from cognito_mr_auth._base.named_tuple import NamedTuple


class Ours(NamedTuple):
    """With a default and a method."""

    one: int
    two: str
    three: float = 3.0

    def double(self) -> int:
        """A method."""
        return 2 * self.one


class Theirs(typing.NamedTuple):
    """The same of the standard library."""

    one: int
    two: str
    three: float = 3.0


ARGUMENTS: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((1, "2", 4.0), {}),
    ((1, "2"), {}),
    ((1,), {"two": "2"}),
    ((), {"three": 5.0, "two": "2", "one": 1}),
]
WRONG: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    ((), {}),
    ((1,), {}),
    ((1, "2", 3.0, 4), {}),
    ((1, "2"), {"one": 1}),
    ((1, "2"), {"four": 4}),
]


@pytest.mark.parametrize(("values", "named"), ARGUMENTS, ids=range(len(ARGUMENTS)))
def test_it_is_what_the_standard_library_makes(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    """Fields, equality, hash, order, repr, `_replace`, copies."""
    ours, theirs = Ours(*values, **named), Theirs(*values, **named)
    assert ours == theirs
    assert (hash(ours), len(ours), tuple(ours)) == (hash(theirs), 3, tuple(theirs))
    assert (ours.one, ours.two, ours.three) == tuple(theirs)
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert ours._replace(two="x") == theirs._replace(two="x")
    assert type(ours._replace(two="x")) is Ours
    pickled = pickle.loads(pickle.dumps(ours))  # noqa: S301 - made here
    for twin in (copy.copy(ours), copy.deepcopy(ours), pickled):
        assert (twin, type(twin)) == (ours, Ours)
    assert ours.double() == 2
    assert Ours._fields == Theirs._fields


@pytest.mark.parametrize(("values", "named"), WRONG, ids=range(len(WRONG)))
def test_wrong_arguments_are_refused(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    """Too few, too many, twice, unknown."""
    for kind in (Ours, Theirs):
        with pytest.raises(TypeError):
            kind(*values, **named)
    with pytest.raises((TypeError, ValueError)):
        Ours(1, "2")._replace(four=4)


def test_it_cannot_be_changed() -> None:
    """Neither a field nor anything else."""
    made = Ours(1, "2")
    for name in ("one", "other"):
        with pytest.raises(AttributeError):
            setattr(made, name, 1)
