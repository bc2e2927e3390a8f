"""Shapes: where patterns reach into routes, against the definition spelled out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognito_mr_auth.aws_lambda._authorizer.segments import (
    Entry,
    Segments,
    covers,
    meets,
    reach,
    resolve,
    text,
)

SEGMENTS = st.lists(st.sampled_from(["a", "b", None]), min_size=1, max_size=4).map(tuple)
ENTRIES = st.builds(
    lambda segments, greedy: Entry((*segments, None) if greedy else segments, greedy, 0, "route"),
    SEGMENTS,
    st.booleans(),
)


def spelled_out(entry: Entry, pattern: Segments, longest: int) -> Iterator[Segments]:
    """Each choice of what the pattern's Nones take in, laid beside the route's template."""
    for runs in product(*(range(1, longest + 1) if each is None else [1] for each in pattern)):
        wanted = [each for each, run in zip(pattern, runs, strict=True) for _ in range(run)]
        own = list(entry.segments)
        if entry.greedy:
            own += [None] * (len(wanted) - len(own))
        pairs = list(zip(own, wanted, strict=False))
        if len(own) == len(wanted) and all(None in (one, other) or one == other for one, other in pairs):
            yield tuple(one if other is None else other for one, other in pairs)


@given(entry=ENTRIES, pattern=SEGMENTS, longest=st.integers(1, 4))
def test_meets_loses_nothing(entry: Entry, pattern: Segments, longest: int) -> None:
    """Every shape that both match, and no other."""
    assert set(meets(entry, pattern, longest)) == set(spelled_out(entry, pattern, longest))


@given(pattern=SEGMENTS, shape=SEGMENTS)
def test_covers_is_a_match_of_anything(pattern: Segments, shape: Segments) -> None:
    """A pattern covers a shape if it matches the shape with a new literal for each None."""
    words = ["#" if each is None else each for each in shape]
    ways = (
        [each for each, run in zip(pattern, runs, strict=True) for _ in range(run)]
        for runs in product(*(range(1, len(shape) + 1) if each is None else [1] for each in pattern))
    )
    matched = any(
        len(way) == len(words) and all(want in (None, word) for want, word in zip(way, words, strict=True))
        for way in ways
    )
    assert covers(pattern, shape) is matched


def _entry(path: str, *, greedy: bool = False) -> Entry:
    parts = tuple(None if part == "*" else part for part in path.split("/"))
    return Entry(parts, greedy, 0, path)


REACHES = {
    "a literal": (["a"], "a"),
    "a greedy one alone": (["a/*+"], "a/?*"),
    "a greedy one beside {x}": (["a/*", "a/*+"], "a/?*/?*"),
    "a greedy one beside two": (["a/*", "a/*/*", "a/*+"], "a/?*/?*/?*"),
    "a greedy one beside a literal": (["a/b", "a/*+"], "a/?*"),
    "one that others take whole": (["a/*+", "a/*"], None),
}


@pytest.mark.parametrize(("paths", "expected"), REACHES.values(), ids=REACHES)
def test_reach(paths: list[str], expected: str | None) -> None:
    """The narrowest pattern for what is left to the last of some entries, by precedence."""
    entries = [_entry(path.removesuffix("+"), greedy=path.endswith("+")) for path in paths]
    found = reach(entries[-1], entries, 6)
    assert (found if found is None else text(found)) == expected


def test_resolve_takes_the_first_that_matches_anything() -> None:
    """A literal takes no shape whose segment may be anything."""
    entries = [_entry("a/b"), _entry("a/*"), _entry("*", greedy=True)]
    assert [resolve(shape, entries) for shape in [("a", "b"), ("a", None), ("a", None, None), ("b",)]] == [
        entries[0],
        entries[1],
        entries[2],
        entries[2],
    ]
    assert resolve(("b", "a"), entries[:2]) is None
