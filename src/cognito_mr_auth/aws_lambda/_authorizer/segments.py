"""Routes and patterns as sequences of segments, and where a pattern reaches into a route (pure).

Owns the arithmetic of a route table. A *pattern* becomes `GET/orders/?*` in an ARN: its None is one or more
characters, "/" included, as IAM matches it. A *route* is what API Gateway resolves: its None is one whole
segment, and a greedy one ends with one or more segments. A *shape* stands for all requests that have its
literals, and any segment at its Nones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

__all__ = ["Entry", "Segments", "covers", "meets", "precedence", "reach", "resolve", "text"]

Segments = tuple[str | None, ...]
"""The verb, then the path's segments; None for a parameter."""


class Entry(NamedTuple):
    """One verb of one route. `demand` is its policy, as an index into the table's policies."""

    segments: Segments
    greedy: bool
    demand: int
    name: str


def text(pattern: Segments) -> str:
    """Return a pattern in the syntax of an ARN, below the stage.

    It has `?*` and not `*`, because a parameter is never empty. "orders/*" would let "orders/" pass, which
    API Gateway may read as "orders".
    """
    return "/".join("?*" if each is None else each for each in pattern)


def precedence(entry: Entry, *, full_first: bool) -> tuple[bool, tuple[int, ...]]:
    """Return the sort key of the entries that match one request: API Gateway takes the first.

    In each segment a literal comes before `{param}`, and `{param}` before `{proxy+}`. HTTP APIs first look
    for a match without `{proxy+}` ("Routing API requests", HTTP APIs).
    """
    ranks = [0 if each is not None else 1 for each in entry.segments]
    if entry.greedy:
        ranks[-1] = 2
    return full_first and entry.greedy, tuple(ranks)


def resolve(shape: Segments, entries: Sequence[Entry]) -> Entry | None:
    """Return the entry that most requests of a shape are routed to; `entries` are in order of precedence.

    A None of the shape stands for all segments that equal no literal of the table. So an entry with a
    parameter there matches each of them, and one with a literal matches none.
    """
    return next((entry for entry in entries if _takes(entry, shape)), None)


def reach(entry: Entry, entries: Sequence[Entry], longest: int) -> Segments | None:
    """Return the narrowest pattern for all requests that reach an entry; None if other entries get all.

    That is its template, except for a greedy entry beside `{x}`. A single segment goes to `{x}`, so the
    greedy entry gets two or more, and the pattern may require that.
    """
    shape = entry.segments
    while resolve(shape, entries) is not entry:
        if not entry.greedy or len(shape) > longest:
            return None
        shape = (*shape, None)
    return shape


def _takes(entry: Entry, shape: Segments) -> bool:
    length = len(entry.segments)
    if len(shape) != length and not (entry.greedy and len(shape) > length):
        return False
    return all(mine is None or mine == theirs for mine, theirs in zip(entry.segments, shape, strict=False))


def covers(pattern: Segments, shape: Segments) -> bool:
    """Whether every request of a shape matches the pattern.

    A None of the shape may stand for anything, so only a None of the pattern matches it.
    """
    reach = {0}
    for want in pattern:
        if want is None:
            reach = set(range(min(reach, default=len(shape)) + 1, len(shape) + 1))
        else:
            reach = {at + 1 for at in reach if at < len(shape) and shape[at] == want}
    return len(shape) in reach


def meets(entry: Entry, pattern: Segments, longest: int) -> Iterator[Segments]:
    """Yield the shapes of all requests that match both the entry's template and the pattern.

    `longest` bounds how many segments one None of the pattern matches. One more than the table's longest
    template is enough. Beyond that, only the tail of a greedy entry grows, and its shorter shape resolves to
    the same entry. The pattern of the shorter shape covers the longer one.
    """
    for want, own in zip(pattern, entry.segments, strict=False):
        if want is None:
            break
        if own not in (None, want):
            return  # most routes differ from most patterns in their first segments
    # Only branches that lead to a shape are followed, because two routes with many parameters have more dead
    # ends than a function's init can visit.
    ends = _ends(entry, pattern, longest)
    yield from _walk(entry, pattern, longest, ends, 0, ())


def _ends(entry: Entry, pattern: Segments, longest: int) -> list[set[int]]:
    """Return, for each place in the pattern, the places in the route from which both can be completed."""
    length = len(entry.segments)
    wild = pattern.count(None)
    furthest = max(length, longest * wild + len(pattern) - wild) if entry.greedy else length
    ends = [set(range(length, furthest + 1))]
    for want in reversed(pattern):
        after = ends[-1]
        if want is None:
            sums = [0]
            for here in range(furthest + 1):
                sums.append(sums[-1] + (here in after))
            ends.append({h for h in range(furthest) if sums[min(h + longest, furthest) + 1] > sums[h + 1]})
        else:
            ends.append({h for h in range(furthest) if h + 1 in after and _own(entry, h) in (None, want)})
    return ends[::-1]


def _own(entry: Entry, here: int) -> str | None:
    return entry.segments[here] if here < len(entry.segments) else None


def _walk(
    entry: Entry, pattern: Segments, longest: int, ends: list[set[int]], at: int, built: Segments
) -> Iterator[Segments]:
    if len(built) not in ends[at]:
        return
    if at == len(pattern):
        yield built
        return
    want = pattern[at]
    if want is not None:
        yield from _walk(entry, pattern, longest, ends, at + 1, (*built, want))
        return
    furthest = max(ends[at + 1])
    for _ in range(min(longest, furthest - len(built))):
        built = (*built, _own(entry, len(built)))
        yield from _walk(entry, pattern, longest, ends, at + 1, built)
