"""How often unknown kids may cause refreshes: at most 2 + T/5 in any T seconds (R4).

This module decides what is paid, what a payment covers, and what is given back. Pure: moments are arguments.
"""

from __future__ import annotations

from cognito_mr_auth._base.clock import Instant, elapsed

__all__ = ["Payment", "RateLimit"]

# Two at once (a rotation may follow a forged kid; Nimbus allows it too), then one in 5 s.
BURST = 2.0
SECONDS_FOR_ONE = 5.0
# A refresh that no endpoint answered is given back, and the next one may begin after this time. So an
# endpoint that refuses connections is asked once a second, which costs it a packet.
UNANSWERED_SECONDS = 1.0
# The unused part of a payment expires after this time, because the callers that it was for have gone.
PAYMENT_SECONDS = 15.0


class Payment:
    """One refresh, in which each endpoint may be asked once, by any number of connections.

    `pending` counts its attempts without a result. `answered` says whether one brought an HTTP answer.
    """

    __slots__ = ("answered", "at", "cost", "pending", "urls")

    def __init__(self, at: Instant, cost: float) -> None:
        self.at = at
        self.cost = cost
        self.urls: set[str] = set()
        self.pending = 0
        self.answered = False

    def use(self, url: str) -> Payment:
        """Begin an attempt at this endpoint."""
        self.urls.add(url)
        self.pending += 1
        return self

    def undo(self, url: str) -> None:
        """Take back an attempt that could not begin. Its endpoint may still be asked."""
        self.urls.discard(url)
        self.pending -= 1


class RateLimit:
    """A bucket of payments, and the payment that is in use."""

    __slots__ = ("_at", "_level", "_not_before", "current")

    def __init__(self, now: Instant) -> None:
        self._level = BURST
        self._at = now
        self._not_before: Instant | None = None
        self.current: Payment | None = None

    def free(self, url: str, now: Instant) -> Payment:
        """A payment that costs nothing, for a pool without a usable key. It covers this endpoint."""
        return self.cover(url, now) or self._begin(now, 0.0).use(url)

    def cover(self, url: str, now: Instant) -> Payment | None:
        """The current payment, if it covers this endpoint too."""
        payment = self._covering(url, now)
        return None if payment is None else payment.use(url)

    def pay(self, url: str, now: Instant) -> Payment | None:
        """The payment that covers this endpoint, either the current or a new one; None beyond the limit."""
        if self.wait(url, now):
            return None
        return self.cover(url, now) or self._begin(now, 1.0).use(url)

    def wait(self, url: str, now: Instant) -> float:
        """Seconds until a payment for this endpoint can be had; 0 if it can be had now."""
        if self._covering(url, now) is not None:
            return 0.0
        self._give_back()
        held_back = 0.0
        if self._not_before is not None:
            held_back = max(0.0, UNANSWERED_SECONDS - elapsed(now, self._not_before))
        return max(held_back, self.empty_for(now))

    def empty_for(self, now: Instant) -> float:
        """Seconds until the bucket holds a payment; 0 if it holds one."""
        return max(0.0, (1.0 - self._filled(now)) * SECONDS_FOR_ONE)

    def _filled(self, now: Instant) -> float:
        return min(BURST, self._level + elapsed(now, self._at) / SECONDS_FOR_ONE)

    def _covering(self, url: str, now: Instant) -> Payment | None:
        current = self.current
        if current is None or url in current.urls or elapsed(now, current.at) >= PAYMENT_SECONDS:
            return None
        return current

    def _begin(self, now: Instant, cost: float) -> Payment:
        self._give_back()
        self._level, self._at = self._filled(now) - cost, now
        self._not_before = None
        self.current = Payment(now, cost)
        return self.current

    def _give_back(self) -> None:
        """End a payment without a pending attempt and without an answer, and put its cost back."""
        current = self.current
        if current is None or not current.urls or current.pending or current.answered:
            return
        self.current = None
        if current.cost:
            self._level, self._not_before = self._level + current.cost, current.at
