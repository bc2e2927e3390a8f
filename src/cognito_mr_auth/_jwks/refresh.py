"""One flight: a shared round of requests for a pool's keys, and who still hungers (DESIGN R1, R2).

Owns the bookkeeping of a flight and the decision whom it asks next. Starts no thread and takes no
lock: the store calls it under its own lock, and hands in every moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from cognito_mr_auth._base.clock import Instant, elapsed

from .model import Endpoint

__all__ = ["Attempt", "Refresh", "Signal"]

# Kids remembered as wanted; more than this and the flight just asks everybody.
MAX_WANTED = 64
# A flight as late as two of them was frozen, not slow, also where real time went on.
FROZEN_LIMITS = 2

PENDING, ANSWERED, FAILED, PARKED, CUT = "pending", "answered", "failed", "parked", "cut"


class Signal(Protocol):
    """What waiters wait for; whoever runs the flight makes it, and sets it once."""

    def set_result(self, result: None, /) -> None:
        """Wake every waiter."""


class Attempt:
    """One request to one endpoint, under the deadline of the flight that began it.

    `number` counts the store's requests: who came before whom.
    """

    __slots__ = ("begun", "endpoint", "flight", "number", "state")

    def __init__(self, endpoint: Endpoint, begun: Instant, number: int, flight: Refresh) -> None:
        self.endpoint = endpoint
        self.begun = begun
        self.number = number
        self.flight = flight
        self.state = PENDING


class Refresh:
    """Requests that share one deadline and one audience.

    `queue` is whom it asks, in order, and `spare` whom it asks after them as long as nobody answers (R6).
    `born` is a reading of the pace clock (real seconds, for hedging), `begun` one of the verifier's
    clock (for the deadline over a freeze). `round` is replaced whenever something has happened:
    waiters wait for it, then judge for themselves (R3).
    """

    __slots__ = (
        "asks",
        "background",
        "begun",
        "born",
        "everywhere",
        "hedge",
        "heir",
        "kicked",
        "last_launch",
        "limit",
        "new_round",
        "over",
        "queue",
        "round",
        "silent_since",
        "spare",
        "wanted",
    )

    def __init__(
        self,
        queue: list[Endpoint],
        spare: list[Endpoint],
        *,
        born: float,
        begun: Instant,
        everywhere: bool,
        background: bool,
        limit: float,
        hedge: float,
        new_round: Callable[[], Signal],
    ) -> None:
        self.queue = queue + spare
        self.spare = spare
        self.born = born
        self.silent_since = born  # a follow-up of an unanswered flight begins no new silence
        self.begun = begun
        self.everywhere = everywhere
        self.background = background
        self.limit = limit
        self.hedge = hedge
        self.asks: list[Attempt] = []
        self.wanted: set[str] = set()
        self.kicked = True  # the first request needs no waiting
        self.last_launch = born
        self.over = False
        self.heir: Refresh | None = None  # goes on with what is out, since a caller followed up (R3)
        self.new_round = new_round
        self.round = new_round()

    def want(self, kid: str) -> None:
        """A waiter for this kid has joined."""
        if len(self.wanted) < MAX_WANTED:
            self.wanted.add(kid)

    @property
    def latest(self) -> Refresh:
        """This flight, or the one that goes on with its requests."""
        flight = self
        while flight.heir is not None:
            flight = flight.heir
        return flight

    @property
    def answers(self) -> int:
        """How many endpoints gave a usable key set."""
        return sum(ask.state == ANSWERED for ask in self.asks)

    @property
    def pending(self) -> int:
        """How many requests are still out."""
        return sum(ask.state == PENDING for ask in self.asks)

    @property
    def cut(self) -> bool:
        """Whether a freeze or a jump of the clock made answers worthless: nobody's failure (R6)."""
        return any(ask.state == CUT for ask in self.asks)

    @property
    def stuck(self) -> frozenset[str]:
        """The URLs that are still silent."""
        return frozenset(ask.endpoint.url for ask in self.asks if ask.state == PENDING)

    def idle(self, pace: float) -> float:
        """Seconds until the silent ones have had their `hedge`; 0 when they have."""
        return max(0.0, self.hedge - (pace - self.last_launch))

    def hungry(self, keys: Mapping[str, object]) -> bool:
        """Whether a waiter still lacks what it came for."""
        # Answers of a flight that this one follows up are what its waiters were not content with.
        answered = any(ask.state == ANSWERED and ask.flight is self for ask in self.asks)
        return not answered or any(kid not in keys for kid in self.wanted)

    def next(self, pace: float, keys: Mapping[str, object]) -> Endpoint | None:
        """Whom to ask now (R2): all, or one after `hedge` seconds or at once after a miss."""
        if self.spare and self.answers:
            self.queue = [each for each in self.queue if each not in self.spare]
            self.spare = []
        if self.over or not self.queue:
            return None
        if not self.everywhere:
            if not self.hungry(keys):
                return None
            if not self.kicked and self.pending and pace - self.last_launch < self.hedge:
                return None
        return self.queue[0]

    def launched(self, ask: Attempt, pace: float) -> None:
        """The first of the queue has been asked."""
        self.queue.pop(0)
        self.asks.append(ask)
        self.last_launch = pace
        self.kicked = False

    def settled(self, keys: Mapping[str, object]) -> bool:
        """Whether nothing is out and nothing more will be asked."""
        return not self.pending and (not self.queue or not (self.everywhere or self.hungry(keys)))

    def late(self, now: Instant, pace: float) -> bool:
        """Whether the deadline has passed, by real time or by the verifier's clock (R7)."""
        return pace - self.born >= self.limit or elapsed(now, self.begun) >= self.limit

    def frozen(self, now: Instant, pace: float) -> bool:
        """Whether it is late by a freeze or a jump of the clock, and by nobody's fault (R6)."""
        age = elapsed(now, self.begun)
        return age >= FROZEN_LIMITS * self.limit or (age >= self.limit and pace - self.born < self.limit)

    def turn(self) -> Signal:
        """Start a new round; the caller ends the returned one when it holds no lock."""
        done, self.round = self.round, self.new_round()
        return done
