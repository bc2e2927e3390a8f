"""What callers met, held against limits.

Pure. Owns the calls' shape, the figures taken from them, and the texts of a row's result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

__all__ = ["UNANSWERED", "Call", "Finding", "first", "outcomes", "select", "slowest"]

# The outcome of a call that was still waiting when the calls were collected.
UNANSWERED = "unanswered"


class Call(NamedTuple):
    """One caller's visit: times by the machine's monotonic clock, in seconds.

    `outcome` is "ok", a refusal's status, UNANSWERED, or the name of an undocumented exception. `waited` says
    whether an asyncio caller's coroutine yielded; threads cannot tell.
    """

    group: str
    begun: float
    seconds: float
    outcome: str
    waited: bool = False

    @property
    def ended(self) -> float:
        """When the caller had its answer."""
        return self.begun + self.seconds


def select(
    calls: Iterable[Call], group: str | None = None, *, since: float = 0.0, before: float = float("inf")
) -> list[Call]:
    """Those of one group (or all) that began in a span of time."""
    return [each for each in calls if group in (None, each.group) and since <= each.begun < before]


def first(calls: Iterable[Call], outcome: str, *, since: float) -> float | None:
    """Seconds from a moment to the first answer of this kind after it; None if there was none."""
    ended = [each.ended for each in calls if each.outcome == outcome and each.ended >= since]
    return min(ended) - since if ended else None


def slowest(calls: Iterable[Call]) -> float:
    """The longest that anybody waited, or has waited so far."""
    return max((each.seconds for each in calls), default=0.0)


def outcomes(calls: Iterable[Call]) -> Counter[str]:
    """How many calls ended how; those without an answer yet are no outcome."""
    return Counter(each.outcome for each in calls if each.outcome != UNANSWERED)


class Finding:
    """A row's result: its figures, and what is not as promised."""

    def __init__(self) -> None:
        self.figures: list[str] = []
        self.wrong: list[str] = []

    def at_most(self, what: str, found: float | None, limit: float) -> None:
        """A figure in seconds and its limit; None is never, which no limit allows."""
        good = found is not None and found <= limit
        said = "never" if found is None else f"{found:.2f} s"
        self._note(f"{what} {said} (at most {limit:g})", good=good)

    def none(self, what: str, count: int) -> None:
        """A number that has to be zero."""
        self._note(f"{count} x {what}", good=not count)

    def some(self, what: str, count: int) -> None:
        """A number that has to be more than zero, or the row would have shown nothing."""
        if not count:
            self._note(f"0 x {what}", good=False)

    def only(self, who: str, calls: Iterable[Call], *allowed: str) -> None:
        """No call ended otherwise than so; it has to have ended at all."""
        found = outcomes(calls)
        self.some(f"{who} answered", found.total())
        for outcome in sorted(found.keys() - set(allowed)):
            self.none(f"{outcome} for {who}", found[outcome])

    def equal(self, what: str, found: object, wanted: object) -> None:
        """A value that has to be this one."""
        self._note(f"{what} {found}" + ("" if found == wanted else f" (not {wanted})"), good=found == wanted)

    def _note(self, text: str, *, good: bool) -> None:
        self.figures.append(text)
        if not good:
            self.wrong.append(text)
