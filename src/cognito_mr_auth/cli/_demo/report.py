"""Counts the demo's answers, and sums them up.

Owns the score and the summary. Accepts calls and events from any thread; calls no verifier or endpoint.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from cognito_mr_auth import errors

from .judge import Call, World, fault
from .losses import Column, Losses
from .plan import Plan

__all__ = ["Board", "PhaseReport", "Report"]

OUTCOMES: Final = ("accepted", "refused", "unavailable")

State = Literal["waiting", "running", "ended"]
# Faults listed per phase. The first ones show the problem, and hundreds would hide it.
MAX_LISTED: Final = 5


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """One phase so far. `slowest_ms` is the slowest verification, `answered` the fetches by kind.

    `accepted`, `refused` and `unavailable` (503) count the responses to valid and to forged tokens together.
    `wrong` says which of them were wrong. `notes` has other remarks to show.
    """

    name: str
    state: State
    accepted: int
    refused: int
    unavailable: int
    slowest_ms: float
    answered: dict[str, int]
    notes: tuple[str, ...]
    wrong: tuple[str, ...]
    open_calls: int


@dataclass(frozen=True, slots=True)
class Report:
    """The whole demo so far. `counts` has the numbers of `summary`, `seconds` how long it has run.

    `columns` has the losses of our verifier, then those of an ordinary verifier if one runs beside it.
    """

    phases: tuple[PhaseReport, ...]
    seconds: float
    counts: dict[str, int]
    columns: tuple[Column, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every phase and every call has ended."""
        return all(phase.state == "ended" and not phase.open_calls for phase in self.phases)

    @property
    def ok(self) -> bool:
        """Whether the demo is complete, every response was right, and every phase accepted a valid token."""
        return self.complete and not any(phase.wrong for phase in self.phases)

    @property
    def summary(self) -> str:
        """One line."""
        verdict = "WELL" if self.ok else "FAILED" if self.complete else "BROKEN OFF"
        parts = [f"{verdict} after {self.seconds:.1f} s."]
        for kind in ("valid", "forged"):
            counts = ", ".join(f"{self.counts[f'{kind} {each}']} {each}" for each in OUTCOMES)
            parts.append(f"{kind.capitalize()} tokens: {counts}.")
        return " ".join([*parts, f"Wrong answers: {self.counts['wrong']}."])

    @property
    def lost(self) -> str:
        """One line: what an ordinary verifier lost, if there is one, and what ours lost."""
        ours, *others = [column.total for column in self.columns]
        if not others:
            return f"Valid tokens: cognito-mr-auth lost {ours.lost} of {ours.sent} requests."
        theirs = f"an ordinary verifier lost {others[0].lost} of {others[0].sent} requests"
        return f"Valid tokens: {theirs}, cognito-mr-auth lost {ours.lost}."

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        phases = [asdict(phase) for phase in self.phases]
        for phase in phases:
            del phase["open_calls"], phase["state"]
        return {
            "ok": self.ok,
            "summary": self.summary,
            "seconds": round(self.seconds, 3),
            "counts": self.counts,
            "phases": phases,
            "lost": [column.to_dict() for column in self.columns],
        }


class _Tally:
    """One phase, while it is counted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: State = "waiting"
        self.outcomes: Counter[tuple[bool, str]] = Counter()
        self.answered: Counter[str] = Counter()
        self.notes: list[str] = []
        self.wrong: Counter[str] = Counter()
        self.slowest = 0.0
        self.open_calls = 0

    def count(self, outcome: str) -> int:
        return self.outcomes[False, outcome] + self.outcomes[True, outcome]

    def faults(self) -> tuple[str, ...]:
        found = [f"{what} ({n} times)" if n > 1 else what for what, n in self.wrong.items()]
        if self.state == "ended" and not self.open_calls and not self.outcomes[False, "accepted"]:
            found.append("no valid token accepted")
        more = [f"and {len(found) - MAX_LISTED} more"] if len(found) > MAX_LISTED else []
        return (*found[:MAX_LISTED], *more)


class Board:
    """The score of one run; a phase is known by its index in the plan."""

    def __init__(self, plan: Plan, losses: Sequence[Losses] = ()) -> None:
        self._lock = threading.Lock()
        self._plan = plan
        self._losses = losses
        self._tallies = [_Tally(phase.name) for phase in plan.phases]
        self._worlds: list[World] = []
        self._now = 0

    def enter(self, index: int) -> None:
        """Begin this phase, and end the one before."""
        with self._lock:
            self._now = index
            for position, tally in enumerate(self._tallies):
                tally.state = "ended" if position < index else "waiting" if position > index else "running"

    def is_now(self, world: World) -> None:
        """Record how the endpoints are from now on."""
        with self._lock:
            self._worlds.append(world)

    def answered(self, kind: str) -> None:
        """Count an endpoint that has served its keys. After the last phase it counts for that phase.

        If the endpoint is down now, the request was made before, so it counts for the last phase in which it
        was well.
        """
        with self._lock:
            index = min(self._now, len(self._tallies) - 1)
            while index and kind in self._plan.phases[index].faults:
                index -= 1
            self._tallies[index].answered[kind] += 1

    def have_answered(self, kinds: Iterable[str]) -> bool:
        """Whether all of these endpoints have served their keys in this phase."""
        with self._lock:
            return self._tallies[self._now].answered.keys() >= set(kinds)

    def opened(self) -> int:
        """Count a call that is about to begin. Return the index of its phase."""
        with self._lock:
            self._tallies[self._now].open_calls += 1
            return self._now

    def closed(self, index: int, call: Call, error: errors.AuthError | None, note: str | None = None) -> None:
        """Count the end of a call: accepted, or refused with this error. `note` is shown."""
        unavailable = isinstance(error, errors.Unavailable)
        outcome = "accepted" if error is None else "unavailable" if unavailable else "refused"
        with self._lock:
            tally = self._tallies[index]
            tally.open_calls -= 1
            tally.notes += [] if note is None else [note]
            tally.outcomes[call.shot.forged, outcome] += 1
            tally.slowest = max(tally.slowest, call.ended - call.began)
            wrong = fault(call, error, self._worlds)
            if wrong is not None:
                tally.wrong[wrong] += 1

    def report(self, seconds: float) -> Report:
        """The report, `seconds` after the start."""
        with self._lock:
            total: Counter[tuple[bool, str]] = Counter()
            for tally in self._tallies:
                total += tally.outcomes
            counts = {
                f"{kind} {outcome}": total[kind == "forged", outcome]
                for kind in ("valid", "forged")
                for outcome in OUTCOMES
            }
            counts["wrong"] = sum(tally.wrong.total() for tally in self._tallies)
            columns = tuple(losses.column() for losses in self._losses)
            return Report(tuple(map(_phase_report, self._tallies)), seconds, counts, columns)


def _phase_report(tally: _Tally) -> PhaseReport:
    return PhaseReport(
        name=tally.name,
        state=tally.state,
        accepted=tally.count("accepted"),
        refused=tally.count("refused"),
        unavailable=tally.count("unavailable"),
        slowest_ms=round(tally.slowest * 1000, 1),
        answered=dict(sorted(tally.answered.items())),
        notes=tuple(tally.notes),
        wrong=tally.faults(),
        open_calls=tally.open_calls,
    )
