"""A fleet does not press a service that is down, nor one that is back; benchmarks/fleet.py shows it in full.

The limits, and the rules that they follow from, are those of benchmarks/_fleet/figures.py. Time is simulated.
"""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

PROJECT = Path(__file__).resolve().parents[2]
# Shorter than in the benchmark, because an hour without an answer is full of decisions: long enough for every
# set to pass refresh_after, and for machines to lose their keys.
ALL_DEAD, REGION_DEAD = 1200.0, 7200.0
# With so few machines, chance alone doubles the requests of a shorter window.
WINDOW = 600


class Parts(NamedTuple):
    """The benchmark's modules, from the project's folder, which is no part of the package."""

    machine: ModuleType
    scenarios: ModuleType
    figures: ModuleType

    def scenario(self, name: str) -> Any:
        return self.scenarios.scenarios(ALL_DEAD, REGION_DEAD)[name]


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    """They are loaded for each test anew from the cache of modules."""
    monkeypatch.syspath_prepend(PROJECT)
    found = (importlib.import_module(f"benchmarks._fleet.{name}") for name in Parts._fields)
    return Parts(*found)


def missed(rows: list[Any]) -> list[str]:
    """The limits that are not kept."""
    return [f"{row.name}: {row.value:g} {row.unit}, limit {row.limit}" for row in rows if not row.ok]


# Machines of each scenario: some six hundred together, which take a few seconds of one processor.
SIZES = {
    "start within 10 min": 50,
    "deployment within 1 s, first request": 50,
    "deployment within 1 s, warm()": 50,
    "rotation, tokens renewed within 1 h": 100,
    "rotation, all tokens at once": 100,
    "one Region refuses": 60,
    "one Region is a black hole": 60,
    "all refuse": 60,
    "all are black holes": 40,
    "flood, all answer": 2,
    "flood, one Region refuses": 2,
    "flood, one Region is a black hole": 2,
}


@pytest.mark.parametrize(("name", "machines"), SIZES.items())
def test_a_fleet_keeps_its_limits(parts: Parts, name: str, machines: int) -> None:
    """No valid token is refused beyond the rules, no herd follows an outage, a rotation costs one request."""
    scenario = parts.scenario(name)
    record = parts.scenarios.run(scenario, machines, "test")
    limits = parts.figures.limits(scenario, record, WINDOW)
    assert limits
    assert missed(limits) == []


def test_every_scenario_of_the_benchmark_is_here(parts: Parts) -> None:
    """A new one is given a size."""
    assert list(parts.scenarios.scenarios()) == list(SIZES)


@pytest.mark.parametrize("name", ["one Region refuses", "all refuse", "all are black holes"])
def test_requests_that_take_no_decision_may_be_left_out(parts: Parts, name: str) -> None:
    """With every single request simulated, the endpoints are sent the same in each second."""

    class EveryRequest(parts.machine.Machine):  # type: ignore[name-defined,misc]
        def _next_decision(self) -> float:
            return float(self.world.now)

    scenario = parts.scenario(name)
    short, whole = (
        parts.scenarios.run(scenario, 4, "exact", kind) for kind in (parts.machine.Machine, EveryRequest)
    )
    assert short == whole


def test_the_same_seed_gives_the_same_figures(parts: Parts) -> None:
    """Another seed gives others."""
    scenario = parts.scenario("rotation, all tokens at once")
    first, second, other = (parts.scenarios.run(scenario, 10, seed) for seed in ("a", "a", "b"))
    assert first == second != other


def made(parts: Parts, name: str, per_second: dict[str, int], waited: list[Any] = [], **more: Any) -> Any:  # noqa: B006
    """A record of an even flow of requests, another in some phases."""
    scenario = parts.scenario(name)
    sent = [10] * int(scenario.seconds)
    for phase in scenario.phases:
        for second in range(int(phase.begin), int(phase.end)):
            sent[second] = per_second.get(phase.name, sent[second])
    kinds = parts.scenarios.KINDS
    plain = {"open": dict.fromkeys(kinds, sent), "forged": Counter(), "longest_forged": 0.0, "asked_most": 1}
    record = parts.scenarios.Record(
        machines=100, sent=dict.fromkeys(kinds, sent), waited=waited, **(plain | more)
    )
    return missed(parts.figures.limits(scenario, record, WINDOW))


def refused(parts: Parts, begun: float, *, waited: float = 0.0, without_keys: bool = True) -> list[Any]:
    """One valid token that was refused."""
    return [parts.machine.Outcome(begun, waited, 503, "any", without_keys)]


def test_each_limit_bites(parts: Parts) -> None:
    """A herd, a second request for one rotation, a refusal too many."""
    dead, cured = parts.scenarios.DEAD_AT + 60.0, parts.scenarios.DEAD_AT + ALL_DEAD
    late = parts.scenarios.LATE
    assert made(parts, "all refuse", {}, refused(parts, dead)) == []
    assert len(made(parts, "all refuse", {late: 10, parts.scenarios.BACK: 16})) == 1
    assert len(made(parts, "all refuse", {parts.scenarios.LATER: 21})) == 1
    assert len(made(parts, "all refuse", {}, refused(parts, dead, without_keys=False))) == 1
    assert len(made(parts, "all refuse", {}, refused(parts, dead, waited=2.1))) == 1
    assert len(made(parts, "all refuse", {}, refused(parts, cured + 2.2))) == 1
    assert len(made(parts, "one Region refuses", {}, refused(parts, dead))) == 1
    assert len(made(parts, "rotation, all tokens at once", {}, asked_most=2)) == 1
    forged = Counter({"401": 1})
    rotated = parts.scenario("flood, all answer").event_at
    flood = "flood, all answer"
    assert made(parts, flood, {}, refused(parts, rotated + 5.0, without_keys=False), forged=forged) == []
    assert len(made(parts, flood, {}, refused(parts, rotated + 5.2), forged=forged)) == 1
    assert len(made(parts, flood, {}, refused(parts, rotated - 1.0), forged=forged)) == 1
