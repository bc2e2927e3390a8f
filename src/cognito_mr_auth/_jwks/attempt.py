"""The values of the refresh machine: an attempt, the attempts at one endpoint, one step (R1).

This module remembers them, and decides nothing. Pure: moments are arguments. What a connection has received
is read from its `Connection`.
"""

from __future__ import annotations

from typing import Protocol

from cognito_mr_auth._base.clock import Instant, elapsed

from . import schedule
from .model import Endpoint
from .rate_limit import Payment

__all__ = [
    "Attempt",
    "Connection",
    "EndpointAttempts",
    "Moment",
    "Step",
    "Waiter",
]

# If the verifier's clock advanced by this much more than real time, the process was frozen or the clock set.
THAW_SECONDS = 5.0
# A thread ends its attempt in time. So an attempt of twice that age was frozen, even if real time went on.
THAW_ATTEMPTS = 2


class Moment:
    """The present moment on the verifier's clock, and a reading of the real monotonic clock, in seconds."""

    __slots__ = ("monotonic", "now")

    def __init__(self, now: Instant, monotonic: float) -> None:
        self.now = now
        self.monotonic = monotonic


class Connection(Protocol):
    """The visible state of an attempt's connection. Times are of the real monotonic clock.

    `phase` is what it is doing: "dns", "connect", "tls" or "answer". `proxy` is the name of the variable that
    holds the URL of its proxy; None without one.
    """

    phase: str
    proxy: str | None
    first_byte: float | None
    last_byte: float | None


class Attempt:
    """One request to one endpoint.

    `number` counts the pool's attempts, so it shows whether this one began after a caller came (R3).
    `given_up` means that only an answer of it still counts. `counted` means that its silence was counted as a
    failure (R1). `settled` means that its payment no longer waits for it.
    """

    __slots__ = (
        "background",
        "begun",
        "connection",
        "counted",
        "endpoint",
        "given_up",
        "monotonic",
        "number",
        "payment",
        "settled",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        moment: Moment,
        number: int,
        connection: Connection,
        payment: Payment | None,
        *,
        background: bool,
    ) -> None:
        self.endpoint = endpoint
        self.begun, self.monotonic = moment.now, moment.monotonic
        self.number = number
        self.connection = connection
        self.payment = payment
        self.background = background
        self.counted = self.given_up = False
        self.settled = payment is None

    def silent_for(self, monotonic: float) -> float:
        """Seconds since the last byte came, or since the attempt began."""
        return monotonic - max(self.monotonic, self.connection.last_byte or 0.0)

    def thawed(self, moment: Moment) -> bool:
        """Whether the process was frozen since it began, so that its connection is useless (R6, R7)."""
        real = moment.monotonic - self.monotonic
        return (
            elapsed(moment.now, self.begun) - real >= THAW_SECONDS
            or real >= THAW_ATTEMPTS * schedule.ATTEMPT_SECONDS
        )

    def settle(self, *, answered: bool = False) -> None:
        """Note in its payment that it has ended or failed. `answered` means that an HTTP answer came (R4)."""
        if self.payment is not None:
            self.payment.answered |= answered
            self.payment.pending -= not self.settled
        self.settled = True


class EndpointAttempts:
    """The attempts at one endpoint. `first` and `second` are pending.

    `asked` is the number of the attempt that began last, and `asked_at` when it began. `answered` is the
    attempt with the newest answer. `silent_since` is when the first attempt after the last answer began; None
    after an answer. Until `full_until` no thread can be had (F). Times are of the real monotonic clock.
    """

    __slots__ = (
        "answered",
        "asked",
        "asked_at",
        "endpoint",
        "first",
        "full_until",
        "second",
        "second_at",
        "silent_since",
    )

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.first: Attempt | None = None
        self.second: Attempt | None = None
        self.second_at = 0.0
        self.answered: Attempt | None = None
        self.asked = 0
        self.asked_at = 0.0
        self.silent_since: float | None = None
        self.full_until = 0.0

    def idle(self, monotonic: float) -> bool:
        """Whether nothing is pending, and a thread may be had."""
        return self.first is None and self.full_until <= monotonic

    def busy(self, monotonic: float) -> bool:
        """Whether an attempt is pending, or waits for a thread."""
        return not self.idle(monotonic)

    def answered_since(self, number: int) -> bool:
        """Whether it answered a request that began after the attempt of this number."""
        return self.answered is not None and self.answered.number > number

    def recent(self, monotonic: float) -> bool:
        """Whether what is known of it shows its present state."""
        return self.first is not None or monotonic - self.asked_at <= schedule.RECENT_SECONDS

    def remove(self, attempt: Attempt) -> None:
        """The attempt is no longer pending. A second connection takes the place of the first."""
        if attempt is self.first:
            self.first, self.second = self.second, None
        elif attempt is self.second:
            self.second = None


class Waiter:
    """One caller: what it needs, and the number of the last attempt that had begun when it came (R3).

    `need` is a step of the table of R (FETCH, REVALIDATE or FETCH_UNKNOWN), or WARM. `deadline` is a reading
    of the real monotonic clock.
    """

    __slots__ = ("came", "deadline", "kid", "need")

    def __init__(self, came: int, kid: str, need: str, deadline: float) -> None:
        self.came = came
        self.kid = kid
        self.need = need
        self.deadline = deadline


class Step:
    """The result of one look: attempts to begin, connections to hang up, and the caller's verdict.

    `look_at` is the latest time for the next look. `next_start` is when an attempt for the caller may begin.
    Both are of the real monotonic clock. After `retry_in` seconds a refused caller may be paid for.
    `changed` means that other waiters must judge again.
    """

    __slots__ = ("changed", "hang_ups", "look_at", "next_start", "retry_in", "starts", "verdict")

    def __init__(self) -> None:
        self.starts: list[Attempt] = []
        self.hang_ups: list[Attempt] = []
        self.verdict: str | None = None
        self.retry_in: float | None = None
        self.look_at = self.next_start = float("inf")
        self.changed = False

    def wake(self, monotonic: float) -> None:
        """Look again at this time at the latest."""
        self.look_at = min(self.look_at, monotonic)

    def may_start(self, monotonic: float) -> None:
        """An attempt for the caller may begin at this time."""
        self.next_start = min(self.next_start, monotonic)
        self.wake(monotonic)
