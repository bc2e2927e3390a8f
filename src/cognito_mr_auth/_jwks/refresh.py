"""One refresh: its attempts, its deadline, and the kids that its waiters need (R1, R2).

Owns the state of a refresh and the choice of the endpoint to ask next. Starts no thread and takes no
lock: `RefreshCoordinator` calls it under the pool's lock, and every moment comes in as an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from cognito_mr_auth._base.clock import Instant, elapsed

from .model import Endpoint

__all__ = ["Attempt", "Refresh", "Signal"]

# A refresh remembers so many wanted kids; for further ones alone it asks no other endpoint.
MAX_WANTED_KIDS = 64
# A refresh that took so many times its limit was frozen, not slow, also where real time went on.
FROZEN_LIMITS = 2

PENDING, ANSWERED, FAILED, DISABLED, DROPPED = "pending", "answered", "failed", "disabled", "dropped"


class Signal(Protocol):
    """What waiters wait for; the coordinator makes it, and sets it once."""

    def set_result(self, result: None, /) -> None:
        """Wake every waiter."""


class Attempt:
    """One request to one endpoint, under the deadline of the refresh that began it.

    `number` counts the pool's attempts, so it shows whether this one began after a caller came (R3).
    """

    __slots__ = ("begun", "endpoint", "number", "refresh", "state")

    def __init__(self, endpoint: Endpoint, begun: Instant, number: int, refresh: Refresh) -> None:
        self.endpoint = endpoint
        self.begun = begun
        self.number = number
        self.refresh = refresh
        self.state = PENDING


class Refresh:
    """One refresh: its attempts, their deadline, and the kids that its waiters need.

    `queue` holds the endpoints to ask, in order. `last_resort` is asked after them while none has answered
    (R6). `began_monotonic` is a reading of the real monotonic clock, for hedging. `begun` is one of the
    verifier's clock, for the deadline over a freeze. `progress` is replaced on each result: waiters wait
    for it, then each judges for itself (R3).
    """

    __slots__ = (
        "ask_all",
        "attempts",
        "background",
        "began_monotonic",
        "begun",
        "hedge",
        "last_resort",
        "last_start",
        "limit",
        "new_progress",
        "over",
        "progress",
        "queue",
        "result_arrived",
        "silent_since",
        "successor",
        "wanted_kids",
    )

    def __init__(
        self,
        queue: list[Endpoint],
        last_resort: list[Endpoint],
        *,
        began_monotonic: float,
        begun: Instant,
        ask_all: bool,
        background: bool,
        limit: float,
        hedge: float,
        new_progress: Callable[[], Signal],
    ) -> None:
        self.queue = queue + last_resort
        self.last_resort = last_resort
        self.began_monotonic = began_monotonic
        self.silent_since = began_monotonic  # a successor keeps that of a refresh without an answer
        self.begun = begun
        self.ask_all = ask_all
        self.background = background
        self.limit = limit
        self.hedge = hedge
        self.attempts: list[Attempt] = []
        self.wanted_kids: set[str] = set()
        self.result_arrived = True  # the first attempt waits for no hedge
        self.last_start = began_monotonic
        self.over = False
        self.successor: Refresh | None = None  # has taken over the pending attempts (R3)
        self.new_progress = new_progress
        self.progress = new_progress()

    def add_wanted(self, kid: str) -> None:
        """A waiter for this kid has joined."""
        if len(self.wanted_kids) < MAX_WANTED_KIDS:
            self.wanted_kids.add(kid)

    @property
    def latest(self) -> Refresh:
        """This refresh, or the last successor, which goes on with its attempts."""
        refresh = self
        while refresh.successor is not None:
            refresh = refresh.successor
        return refresh

    @property
    def answers(self) -> int:
        """How many endpoints gave a usable key set."""
        return sum(attempt.state == ANSWERED for attempt in self.attempts)

    @property
    def pending(self) -> int:
        """How many attempts have no result yet."""
        return sum(attempt.state == PENDING for attempt in self.attempts)

    @property
    def dropped(self) -> bool:
        """Whether a freeze or a jump of the clock made an attempt worthless, which is no failure (R6)."""
        return any(attempt.state == DROPPED for attempt in self.attempts)

    @property
    def pending_urls(self) -> frozenset[str]:
        """The URLs of the pending attempts."""
        return frozenset(attempt.endpoint.url for attempt in self.attempts if attempt.state == PENDING)

    def hedge_left(self, monotonic: float) -> float:
        """Seconds until the pending attempts have had their `hedge`; 0 when they have."""
        return max(0.0, self.hedge - (monotonic - self.last_start))

    def needs_more(self, keys: Mapping[str, object]) -> bool:
        """Whether a waiter still needs an answer or its key."""
        # Answers to a predecessor do not count, because this refresh asks for callers that came after them.
        answered = any(attempt.state == ANSWERED and attempt.refresh is self for attempt in self.attempts)
        return not answered or any(kid not in keys for kid in self.wanted_kids)

    def next(self, monotonic: float, keys: Mapping[str, object]) -> Endpoint | None:
        """The endpoint to ask now (R2): every one with `ask_all`, else one after `hedge` or after a miss."""
        if self.last_resort and self.answers:
            self.queue = [each for each in self.queue if each not in self.last_resort]
            self.last_resort = []
        if self.over or not self.queue:
            return None
        if not self.ask_all:
            if not self.needs_more(keys):
                return None
            if not self.result_arrived and self.pending and self.hedge_left(monotonic):
                return None
        return self.queue[0]

    def note_start(self, attempt: Attempt, monotonic: float) -> None:
        """Record that the first endpoint of the queue has been asked."""
        self.queue.pop(0)
        self.attempts.append(attempt)
        self.last_start = monotonic
        self.result_arrived = False

    def done(self, keys: Mapping[str, object]) -> bool:
        """Whether no attempt is pending and no further one will begin."""
        return not self.pending and (not self.queue or not (self.ask_all or self.needs_more(keys)))

    def overdue(self, now: Instant, monotonic: float) -> bool:
        """Whether the deadline has passed, by real time or by the verifier's clock (R7)."""
        return monotonic - self.began_monotonic >= self.limit or elapsed(now, self.begun) >= self.limit

    def frozen(self, now: Instant, monotonic: float) -> bool:
        """Whether a freeze or a jump of the clock made it late, which is no failure (R6)."""
        age = elapsed(now, self.begun)
        return age >= FROZEN_LIMITS * self.limit or (
            age >= self.limit and monotonic - self.began_monotonic < self.limit
        )

    def notify(self) -> Signal:
        """Replace `progress` and return the old one, which the caller sets after it has released the lock."""
        done, self.progress = self.progress, self.new_progress()
        return done
