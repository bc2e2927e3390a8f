"""Simulated time, and the endpoints of one pool.

Owns the queue of events, the latency of responses, and the requests to each endpoint in each second. Knows
nothing of the library. The same seed gives the same run, because every random number comes from one
generator, and events of one moment happen in the order in which they were added.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from heapq import heappop, heappush
from random import Random

__all__ = ["ANSWERS", "ATTEMPT_SECONDS", "REFUSES", "SILENT", "Endpoint", "World"]

ANSWERS, REFUSES, SILENT = "answers", "refuses", "black hole"

# From the first packet to the document: DNS is cached, TCP and TLS 1.3 and HTTP take a round trip each.
LATENCY = (0.030, 0.100)
ROUND_TRIPS = 3
# How long the simulated network keeps a connection. This is the engine's own limit.
ATTEMPT_SECONDS = 15.0
# Arbitrary starts of the wall clock and of the monotonic clock.
WALL, MONOTONIC = 1_790_000_000.0, 1_000.0


class World:
    """The future events, in simulated seconds; `now` is 0 at the start."""

    def __init__(self, seed: str) -> None:
        self.random = Random(seed)  # noqa: S311 - a simulation
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, when: float, event: Callable[[], None]) -> None:
        """Schedule an event for that moment, or for now if that is past."""
        self._count += 1
        heappush(self._events, (max(when, self.now), self._count, event))

    def run(self, until: float) -> None:
        """Let time pass."""
        events = self._events
        while events and events[0][0] <= until:
            self.now, _, event = heappop(events)
            event()
        self.now = until

    def clock(self) -> tuple[float, float]:
        """Seconds on the wall clock and on the monotonic clock."""
        return WALL + self.now, MONOTONIC + self.now

    def monotonic(self) -> float:
        """Seconds on the monotonic clock."""
        return MONOTONIC + self.now

    def simulated(self, monotonic: float) -> float:
        """The simulated second of a reading of the monotonic clock."""
        return monotonic - MONOTONIC


class Endpoint:
    """One issuer's JWKS endpoint, which has capacity for every machine.

    Its state at the start of a connection decides the result. A connection into a black hole stays silent
    after the recovery. `sent` counts connections by the second in which they began. `silent` is the change of
    the number of open silent connections in that second.
    """

    def __init__(self, kind: str, world: World, document: bytes, seconds: int) -> None:
        self.kind = kind
        self.state = ANSWERS
        self.document = document
        self.sent = array("l", [0]) * (seconds + 1)
        self.silent = array("l", [0]) * (seconds + 1)
        self._world = world

    def connect(self) -> tuple[str, float]:
        """Begin a connection. Return its result, and after how many seconds it comes."""
        world, state = self._world, self.state
        self.sent[int(world.now)] += 1
        if state == SILENT:
            self.silent[int(world.now)] += 1
            return state, ATTEMPT_SECONDS
        latency = world.random.uniform(*LATENCY)
        return state, latency if state == ANSWERS else latency / ROUND_TRIPS

    def hung_up(self) -> None:
        """A silent connection has ended."""
        self.silent[int(self._world.now)] -= 1
