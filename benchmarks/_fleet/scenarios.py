"""The events of the fleet: starts, a rotation, outages, a flood.

Owns the scenarios and their times, and the record of a run. Machines do not know each other, and an endpoint
has capacity for all of them. So a fleet may be simulated in parts, whose counts are added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from itertools import accumulate
from typing import NamedTuple

from .machine import FORGED, NEW_KID, Machine, Outcome, Pool
from .world import ANSWERS, REFUSES, SILENT, Endpoint, World

__all__ = [
    "BACK", "BEFORE", "DEAD", "DEAD_AT", "KINDS", "LATE", "LATER", "REQUEST_SECONDS", "Fleet", "Phase",
    "Record", "Scenario", "combined", "run", "scenarios",
]  # fmt: skip

# One request of each machine in 2 s. That is often enough to trigger the background refresh, and to find each
# moment at which an endpoint may be requested again.
REQUEST_SECONDS = 2.0
MINUTE, HOUR = 60.0, 3600.0
# Machines whose starts are spread over refresh_after refresh at a steady rate. At this time the event
# happens.
DEAD_AT = 45 * MINUTE
FLOOD_AT, FLOOD_SECONDS, FORGED_SECONDS = 30 * MINUTE, 6 * MINUTE, 0.1
# The flood reaches the machines one after the other, because their budgets would be synchronous otherwise.
FLOOD_SPREAD = 10.0
# Tokens of the old key live so long after a rotation (Cognito's default).
TOKEN_SECONDS = HOUR
# The share of the machines that lose their keys in an outage of all endpoints.
RESTARTED = 0.1

KINDS = ("updated", "original", "replica")
PRIMARY = ("updated", "original")
BEFORE, DEAD, LATE, BACK, LATER = "before", "dead", "dead, at last", "back, 10 min", "back, later"


class Phase(NamedTuple):
    """A part of a scenario: its name, and its first and last second."""

    name: str
    begin: float
    end: float


class Record(NamedTuple):
    """The record of a run. For each second of an endpoint: connections, and silent ones open at its end.

    `waited` has the callers with valid tokens that waited or were refused. `forged` has the forged ones by
    status and "waited". `asked_most` is the highest number of foreground requests from one machine to one
    endpoint since the scenario's event.
    """

    machines: int
    sent: dict[str, list[int]]
    open: dict[str, list[int]]
    waited: list[Outcome]
    forged: Counter[str]
    longest_forged: float
    asked_most: int


class Scenario(NamedTuple):
    """A fleet's life of `seconds`. Its starts are spread over `spread` seconds, by `warm` or a first request.

    `event_at` is the time of the rotation or of the recovery, if there is one.
    """

    name: str
    seconds: float
    spread: float
    phases: tuple[Phase, ...]
    play: Callable[[Fleet], None]
    warm: bool = True
    event_at: float | None = None
    every_endpoint_dies: bool = False


class Fleet:
    """The machines of one run, and the events that affect them."""

    def __init__(self, scenario: Scenario, machines: int, seed: str, kind: type[Machine] = Machine) -> None:
        self.scenario = scenario
        self._kind = kind
        self.world = World(seed)
        self.pool = Pool()
        self.endpoints = {
            kind: Endpoint(kind, self.world, self.pool.before, int(scenario.seconds)) for kind in KINDS
        }
        self.waited: list[Outcome] = []
        self.forged: Counter[str] = Counter()
        self.longest_forged = 0.0
        self.machines: dict[int, Machine] = {}
        for number in range(machines):
            begin = self.world.random.uniform(0.0, scenario.spread)
            self.world.at(begin, partial(self.begin, number, warm=scenario.warm))

    def begin(self, number: int, *, warm: bool) -> None:
        """Start a machine's process, which replaces an earlier one."""
        before = self.machines.get(number)
        if before is not None:
            before.end()
        machine = self._kind(self.world, self.pool, self.endpoints, self._note, REQUEST_SECONDS)
        self.machines[number] = machine
        machine.begin(warm=warm)

    def _note(self, outcome: Outcome) -> None:
        if outcome.kid != FORGED:
            if outcome.waited or outcome.status != 200:
                self.waited.append(outcome)
            return
        self.forged[str(outcome.status)] += 1
        self.forged["waited"] += outcome.waited > 0.0
        self.longest_forged = max(self.longest_forged, outcome.waited)

    def record(self) -> Record:
        """Return the record so far."""
        return Record(
            len(self.machines),
            {kind: list(each.sent) for kind, each in self.endpoints.items()},
            {kind: list(accumulate(each.silent)) for kind, each in self.endpoints.items()},
            self.waited,
            self.forged,
            self.longest_forged,
            max((max(each.fetched.values(), default=0) for each in self.machines.values()), default=0),
        )

    # -- events -----------------------------------------------------------------------------------

    def set_state(self, kinds: tuple[str, ...], state: str) -> None:
        """Make these endpoints answer, refuse, or stay silent from now on."""
        for kind in kinds:
            self.endpoints[kind].state = state

    def rotate(self, ramp: float) -> None:
        """Sign with a new key from now on. Old tokens are replaced evenly within `ramp` seconds."""
        for each in self.endpoints.values():
            each.document = self.pool.rotated
        for machine in self.machines.values():
            machine.fetched.clear()
            self._renew(machine, ramp, self.world.now, machine.next_request(self.world.now))

    def _renew(self, machine: Machine, ramp: float, begun: float, when: float) -> None:
        """Find this machine's first request with a new token."""
        while self.world.random.random() * ramp > when - begun:
            when += REQUEST_SECONDS
        self.world.at(when, partial(self._new_token, machine, ramp, begun, when))

    def _new_token(self, machine: Machine, ramp: float, begun: float, when: float) -> None:
        if not machine.request(NEW_KID):  # it may have been refused, so others follow
            self._renew(machine, ramp, begun, when + REQUEST_SECONDS)

    def restart(self, share: float, begin: float, end: float) -> None:
        """Restart this share of the machines without keys, spread over that time."""
        for number in range(int(share * len(self.machines))):
            when = self.world.random.uniform(begin, end)
            self.world.at(when, partial(self.begin, number, warm=False))

    def flood(self, until: float) -> None:
        """Each machine gets forged tokens until then."""
        for number in self.machines:
            begin = self.world.now + self.world.random.uniform(0.0, FLOOD_SPREAD)
            self.world.at(begin, partial(self._forge, number, until))

    def _forge(self, number: int, until: float) -> None:
        self.machines[number].request(FORGED)
        if self.world.now + FORGED_SECONDS < until:
            self.world.at(self.world.now + FORGED_SECONDS, partial(self._forge, number, until))


def run(scenario: Scenario, machines: int, seed: str, kind: type[Machine] = Machine) -> Record:
    """Simulate this part of the fleet."""
    fleet = Fleet(scenario, machines, seed, kind)
    scenario.play(fleet)
    fleet.world.run(scenario.seconds)
    return fleet.record()


def combined(parts: Iterable[Record]) -> Record:
    """The whole fleet's record, from those of its parts."""
    records = list(parts)

    def added(counts: Iterable[dict[str, list[int]]]) -> dict[str, list[int]]:
        every = list(counts)
        return {
            kind: [sum(each) for each in zip(*(one[kind] for one in every), strict=True)] for kind in KINDS
        }

    return Record(
        sum(each.machines for each in records),
        added(each.sent for each in records),
        added(each.open for each in records),
        sorted(outcome for each in records for outcome in each.waited),
        sum((each.forged for each in records), Counter()),
        max(each.longest_forged for each in records),
        max(each.asked_most for each in records),
    )


# -- the scenarios --------------------------------------------------------------------------------


def _nothing(_fleet: Fleet) -> None:
    """Do nothing, because the start is the only event."""


def _start(name: str, spread: float, *, warm: bool) -> Scenario:
    seconds = 3 * HOUR
    phases = (
        Phase("start", 0.0, spread + 10.0),
        Phase("first refresh", 13 * MINUTE, 17 * MINUTE + spread),
        Phase("third hour", 2 * HOUR, seconds),
    )
    return Scenario(name, seconds, spread, phases, _nothing, warm=warm)


def _rotation(name: str, ramp: float) -> Scenario:
    def play(fleet: Fleet) -> None:
        fleet.world.at(DEAD_AT, partial(fleet.rotate, ramp))

    phases = (
        Phase(BEFORE, 30 * MINUTE, DEAD_AT),
        Phase("first 10 min", DEAD_AT, DEAD_AT + 10 * MINUTE),
        Phase("next hour", DEAD_AT + 10 * MINUTE, DEAD_AT + 70 * MINUTE),
    )
    return Scenario(name, phases[-1].end, 15 * MINUTE, phases, play, event_at=DEAD_AT)


def _outage(name: str, dead: tuple[str, ...], state: str, lasts: float, restarted: float) -> Scenario:
    """Return an outage. In the middle of it some of the machines restart within 10 min."""
    cured_at = DEAD_AT + lasts
    middle = DEAD_AT + lasts / 2

    def play(fleet: Fleet) -> None:
        fleet.world.at(DEAD_AT, partial(fleet.set_state, dead, state))
        fleet.world.at(cured_at, partial(fleet.set_state, dead, ANSWERS))
        fleet.world.at(
            DEAD_AT, lambda: fleet.restart(restarted, middle, middle + min(10 * MINUTE, lasts / 4))
        )

    phases = (
        Phase(BEFORE, 30 * MINUTE, DEAD_AT),
        Phase(DEAD, DEAD_AT, cured_at),
        Phase(LATE, cured_at - min(10 * MINUTE, lasts / 4), cured_at),
        Phase(BACK, cured_at, cured_at + 10 * MINUTE),
        Phase(LATER, cured_at + 10 * MINUTE, cured_at + 50 * MINUTE),
    )
    every = dead == KINDS
    return Scenario(
        name, phases[-1].end, 15 * MINUTE, phases, play, event_at=cured_at, every_endpoint_dies=every
    )


def _flood(name: str, dead: tuple[str, ...], state: str) -> Scenario:
    """Return a flood of forged tokens for six minutes, with a rotation for all new tokens in the middle."""
    rotated_at, end = FLOOD_AT + FLOOD_SECONDS / 2, FLOOD_AT + FLOOD_SECONDS

    def play(fleet: Fleet) -> None:
        fleet.world.at(FLOOD_AT, partial(fleet.set_state, dead, state))
        fleet.world.at(FLOOD_AT, lambda: fleet.flood(end))
        fleet.world.at(rotated_at, partial(fleet.rotate, 0.0))

    phases = (
        Phase(BEFORE, 20 * MINUTE, FLOOD_AT),
        Phase("flood", FLOOD_AT, rotated_at),
        Phase("flood and rotation", rotated_at, end),
        Phase("20 min after", end, end + 20 * MINUTE),
    )
    return Scenario(name, phases[-1].end, 15 * MINUTE, phases, play, event_at=rotated_at)


def scenarios(all_dead: float = HOUR, region_dead: float = 24 * HOUR) -> dict[str, Scenario]:
    """Return all scenarios, with these durations of an outage of all endpoints, and of one Region's."""
    found = [
        _start("start within 10 min", 10 * MINUTE, warm=False),
        _start("deployment within 1 s, first request", 1.0, warm=False),
        _start("deployment within 1 s, warm()", 1.0, warm=True),
        _rotation("rotation, tokens renewed within 1 h", TOKEN_SECONDS),
        _rotation("rotation, all tokens at once", 0.0),
        _outage("one Region refuses", PRIMARY, REFUSES, region_dead, 1.0),
        _outage("one Region is a black hole", PRIMARY, SILENT, region_dead, 1.0),
        _outage("all refuse", KINDS, REFUSES, all_dead, RESTARTED),
        _outage("all are black holes", KINDS, SILENT, all_dead, RESTARTED),
        _flood("flood, all answer", (), ANSWERS),
        _flood("flood, one Region refuses", PRIMARY, REFUSES),
        _flood("flood, one Region is a black hole", PRIMARY, SILENT),
    ]
    return {each.name: each for each in found}
