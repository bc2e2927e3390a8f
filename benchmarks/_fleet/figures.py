"""The results of the runs: rows for the tables, limits, and lines for the plots.

Owns the arithmetic. All counts are for a fleet of FLEET machines, however many were simulated.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median
from typing import Any

from benchmarks.suite._result import Result, Row, at_most
from cognito_mr_auth._jwks.rate_limit import SECONDS_FOR_ONE
from cognito_mr_auth._jwks.schedule import CALLER_WAIT_SECONDS, MAX_BACK_OFF_WITHOUT_KEYS

from .scenarios import BACK, BEFORE, DEAD, KINDS, LATE, LATER, REQUEST_SECONDS, Phase, Record, Scenario
from .world import LATENCY

__all__ = ["CALLERS", "FLEET", "LIMITS", "SECTION", "lines", "rows"]

FLEET = 10_000
SECTION, CALLERS, LIMITS = "fleet", "fleet-callers", "fleet-limits"

# In the ten minutes of the recovery no endpoint gets more requests per second than RECOVERY times the
# outage's peak (if all were dead: the peak of its last ten minutes). After that, it gets in no window more
# than STEADY times the steady rate. The window is so long that chance alone does not double a small number.
RECOVERY, STEADY, WINDOW_SECONDS = 1.5, 2.0, 60
# The library waits at least this long, so a caller may notice so much later that its time is over.
CLOCK_STEP = 0.001
# Seconds between two points of a plot.
POINT_SECONDS = 60


def rows(scenario: Scenario, record: Record, window: int = WINDOW_SECONDS) -> list[Row]:
    """Return all rows of a scenario."""
    return [*_load(scenario, record), *_callers(scenario, record), *limits(scenario, record, window)]


def _seconds(counts: Sequence[int], phase: Phase) -> Sequence[int]:
    return counts[int(phase.begin) : int(phase.end)]


def _peak(counts: Sequence[int], seconds: int) -> float:
    """Return the highest rate per second, over so many seconds."""
    most = running = sum(counts[:seconds])
    for here, before in zip(counts[seconds:], counts, strict=False):
        running += here - before
        most = max(most, running)
    return most / seconds


def _load(scenario: Scenario, record: Record) -> list[Row]:
    """Return the requests to the endpoints, phase by phase."""
    scale, found = FLEET / record.machines, []
    for phase in scenario.phases:
        sent = {kind: _seconds(record.sent[kind], phase) for kind in KINDS}
        figures = {kind: mean(counts) for kind, counts in sent.items()}
        figures["most in 1 s"] = max(_peak(counts, 1) for counts in sent.values())
        figures["most over 10 s"] = max(_peak(counts, 10) for counts in sent.values())
        for figure, value in figures.items():
            name = f"{scenario.name}, {phase.name}: {figure}"
            found.append(Row(SECTION, name, value * scale, "/s", None))
        silent = max(max(_seconds(record.open[kind], phase)) for kind in KINDS) * scale
        name = f"{scenario.name}, {phase.name}: open, silent"
        found.append(Row(SECTION, name, silent, "open, silent", None))
    return found


def _callers(scenario: Scenario, record: Record) -> list[Row]:
    """Return the callers that waited or were refused. Forged tokens have their own columns."""
    scale = FLEET / record.machines
    waits = [each.waited for each in record.waited if each.waited]
    refused = {status: sum(each.status == status for each in record.waited) for status in (401, 503)}
    figures = [
        ("machines simulated", record.machines, "machines simulated"),
        ("waited", len(waits) * scale, "callers"),
        ("median wait", median(waits) if waits else 0.0, "s"),
        ("longest wait", max(waits, default=0.0), "s"),
        ("valid, 401", refused[401] * scale, "callers"),
        ("valid, 503", refused[503] * scale, "callers"),
        ("forged, 401", record.forged["401"] * scale, "callers"),
        ("forged, 503", record.forged["503"] * scale, "callers"),
        ("forged, waited", record.forged["waited"] * scale, "callers"),
        ("forged, longest wait", record.longest_forged, "s"),
    ]
    return [Row(CALLERS, f"{scenario.name}: {name}", value, unit, None) for name, value, unit in figures]


# -- limits ---------------------------------------------------------------------------------------


def limits(scenario: Scenario, record: Record, window: int = WINDOW_SECONDS) -> list[Row]:
    """Return the limits of this scenario."""
    return [*_refusals(scenario, record), *_recovery(scenario, record, window)]


def _count(scenario: Scenario, what: str, value: float) -> Row:
    """Return a row for an event that must not happen at all."""
    return Row(LIMITS, f"{scenario.name}: {what}", value, "callers", None, limit="0", ok=not value)


def _within(scenario: Scenario, what: str, value: float, most: float, rule: str) -> Row:
    """Return a row for the seconds that a rule allows."""
    name, limit = f"{scenario.name}: {what}", f"<= {most:g} s"
    return Row(LIMITS, name, value, "s", None, limit=limit, ok=value <= most + CLOCK_STEP, note=rule)


def _refusals(scenario: Scenario, record: Record) -> list[Row]:
    """No valid token is refused beyond what the rules say."""
    refused = [each for each in record.waited if each.status != 200]
    longest = max((each.waited for each in record.waited), default=0.0)
    waiting = _within(scenario, "longest wait", longest, CALLER_WAIT_SECONDS, "a caller's time")
    event, ended = scenario.event_at, max((each.begun + each.waited for each in refused), default=-math.inf)
    if event is None or not (scenario.every_endpoint_dies or record.forged):
        return [waiting, _count(scenario, "valid tokens refused", len(refused))]
    after = max(0.0, ended - event)
    if scenario.every_endpoint_dies:
        with_keys = sum(not each.without_keys for each in refused)
        most = MAX_BACK_OFF_WITHOUT_KEYS + LATENCY[1]
        return [
            waiting,
            _count(scenario, "valid tokens refused by machines with keys", with_keys),
            _within(
                scenario,
                "last refusal after the cure",
                after,
                most,
                "back-off without keys, and an answer",
            ),
        ]
    known = sum(each.begun < event for each in refused)
    most = SECONDS_FOR_ONE + LATENCY[1]
    return [
        waiting,
        _count(scenario, "valid tokens of a known key refused", known),
        _within(scenario, "last refusal after the rotation", after, most, "the next payment, and an answer"),
    ]


def _recovery(scenario: Scenario, record: Record, window: int) -> list[Row]:
    """No burst when the endpoints are back, or later. A rotation costs each endpoint at most one request."""
    phases = {each.name: each for each in scenario.phases}
    if BACK not in phases:
        if scenario.event_at is None or record.forged:
            return []
        asked = Row(
            LIMITS, f"{scenario.name}: requests of one machine", record.asked_most, "at one endpoint",
            float(record.asked_most), "a rotation",
        )  # fmt: skip
        return [at_most(asked, 1.0)]
    # One Region's outage changes so little that the counts of single seconds are noise. Its last ten minutes
    # would show the restarts before.
    seconds, during = (1, LATE) if scenario.every_endpoint_dies else (window, DEAD)
    ratios = {}
    for kind, counts in record.sent.items():
        dead, back = (_peak(_seconds(counts, phases[name]), seconds) for name in (during, BACK))
        steady, later = mean(_seconds(counts, phases[BEFORE])), _peak(_seconds(counts, phases[LATER]), window)
        ratios[kind] = (back / dead, back), (later / steady, later)
    scale = FLEET / record.machines
    (first, back), (then, later) = (max(each) for each in zip(*ratios.values(), strict=True))
    name = f"{scenario.name}: most per second at one endpoint"
    return [
        at_most(Row(LIMITS, f"{name}, back", back * scale, "/s", first, "the outage"), RECOVERY),
        at_most(Row(LIMITS, f"{name}, later", later * scale, "/s", then, "the steady rate"), STEADY),
    ]


# -- plots ----------------------------------------------------------------------------------------


def lines(records: Mapping[str, tuple[Scenario, Record]]) -> Result:
    """Requests per second at the updated endpoint over time, as series of plots."""
    starts = [name for name in records if name.startswith(("start", "deployment"))]
    outages = [name for name in records if name.startswith("all ")]
    rotations = [name for name in records if name.startswith("rotation")]
    about = f"{FLEET:,} machines, a request each {REQUEST_SECONDS:g} s"
    plots = {
        "fleet-start": _plot(f"Starts: {about}", records, starts),
        "fleet-rotation": _plot(f"A rotation at 45 min: {about}", records, rotations),
        "fleet-outage": _plot(f"All endpoints dead from 45 min on: {about}", records, outages),
    }
    return Result([], plots)


def _plot(title: str, records: Mapping[str, tuple[Scenario, Record]], names: Iterable[str]) -> dict[str, Any]:
    drawn, marks = {}, {}
    for name in names:
        scenario, record = records[name]
        drawn[name] = _points(record.sent["updated"], FLEET / record.machines)
        if scenario.event_at is not None:
            marks[scenario.event_at / 60] = "rotation" if name.startswith("rotation") else "back"
    return {
        "title": title,
        "x": "minutes",
        "y": f"requests per second at one endpoint, mean of {POINT_SECONDS} s",
        "lines": drawn,
        "log": "y",
        "marks": [[when, what] for when, what in marks.items()],
    }


def _points(counts: Sequence[int], scale: float) -> list[list[float | None]]:
    """Return the points; a zero has no point on a logarithmic axis."""
    found = []
    for begin in range(0, len(counts) - POINT_SECONDS, POINT_SECONDS):
        value = sum(counts[begin : begin + POINT_SECONDS]) / POINT_SECONDS * scale
        found.append([begin / 60, round(value, 1) or None])
    return found
