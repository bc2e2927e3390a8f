"""Counts the valid requests that a verifier of the demo lost, phase by phase.

Owns these counts, which any thread may change. Knows neither tokens nor verifiers.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

__all__ = ["Column", "Losses", "Score"]


@dataclass(frozen=True, slots=True)
class Score:
    """How many valid requests were sent, accepted and lost; the others still wait for a response."""

    sent: int = 0
    accepted: int = 0
    lost: int = 0

    @property
    def waiting(self) -> int:
        """How many have no response yet."""
        return self.sent - self.accepted - self.lost

    def __add__(self, other: Score) -> Score:
        return Score(self.sent + other.sent, self.accepted + other.accepted, self.lost + other.lost)


@dataclass(frozen=True, slots=True)
class Column:
    """One verifier's scores, a score per phase."""

    verifier: str
    phases: tuple[Score, ...]

    @property
    def total(self) -> Score:
        """The whole demo."""
        return sum(self.phases, Score())

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as JSON data."""
        rows = [_as_dict(score) for score in self.phases]
        return {"verifier": self.verifier, **_as_dict(self.total), "phases": rows}


class Losses:
    """The column of one verifier while it is counted. A request counts in the phase in which it was sent."""

    def __init__(self, verifier: str, phases: int) -> None:
        self._verifier = verifier
        self._changed = threading.Condition()
        self._scores = [Score()] * phases
        self._ended = False

    def sent(self, index: int) -> None:
        """Count a request that is about to be made in this phase."""
        self._add(index, Score(sent=1))

    def answered(self, index: int, *, accepted: bool) -> None:
        """Count its response; an error of any kind counts as lost."""
        self._add(index, Score(accepted=1) if accepted else Score(lost=1))

    def end(self, grace: float) -> None:
        """Wait up to `grace` seconds for pending responses. A request that is still pending then is lost."""
        with self._changed:
            self._changed.wait_for(lambda: not any(score.waiting for score in self._scores), grace)
            self._ended = True
            self._scores = [
                Score(each.sent, each.accepted, each.sent - each.accepted) for each in self._scores
            ]

    def column(self) -> Column:
        """The scores so far."""
        with self._changed:
            return Column(self._verifier, tuple(self._scores))

    def _add(self, index: int, score: Score) -> None:
        with self._changed:
            if not self._ended:
                self._scores[index] += score
                self._changed.notify_all()


def _as_dict(score: Score) -> dict[str, int]:
    return {"sent": score.sent, "accepted": score.accepted, "lost": score.lost}
