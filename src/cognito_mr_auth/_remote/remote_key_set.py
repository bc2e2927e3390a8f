"""One user pool's keys in one verifier, as a caller meets them: served at once, or waited for (R).

Owns a caller's way through the table of DESIGN R: who is served, who waits in which flight, who is
turned away. Sync and asyncio callers drive the same generators, which yield what to wait for. A known
kid in a fresh set takes no lock at all (R8).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator
from typing import Any

from cognito_mr_auth._base.clock import Instant, elapsed
from cognito_mr_auth._jwks import schedule as rules
from cognito_mr_auth._jwks.key_set import KeySet
from cognito_mr_auth._jwks.model import Key, KeyFileEntry, KeySetConfig, Snapshot
from cognito_mr_auth._jwks.refresh import ANSWERED, Refresh, Signal
from cognito_mr_auth.errors import AuthError, KeysUnavailable, KeyUnknown
from cognito_mr_auth.events import BudgetExhausted

from .coordinator import DeferredActions, Dependencies, RefreshCoordinator

__all__ = ["Dependencies", "Patience", "RemoteKeySet", "Wait"]

Wait = tuple[Signal, float]
"""A future that ends when something has happened, and the seconds to wait for it at most."""
Patience = float | Callable[[], float]
"""Seconds that a caller waits at most, or what tells them when the waiting begins."""

# All endpoints are asked at most this often because of a quarantined kid (K3).
QUARANTINE_SECONDS = 60.0
# How often one caller starts again because a freeze or a clock's jump spoiled its flight.
MAX_CUTS = 3
# A wait is never shorter, so that a rounding error cannot make a caller spin.
MIN_WAIT = 0.001


class _Waiter:
    """One caller's stay: when it came, how long it waits, and which flight it waits for.

    `patience` runs from its first seat: what is loaded for a first request ever is no waiting (R1).
    """

    __slots__ = ("came", "checked", "cuts", "flight", "followed", "patience", "until")

    def __init__(self, came: int, patience: Patience) -> None:
        self.came = came
        self.patience = patience
        self.until: float | None = None
        self.flight: Refresh | None = None
        self.followed = False
        self.checked = False
        self.cuts = 0

    def left(self, pace: float) -> float:
        """Seconds of its patience that are left; the first question sets them running."""
        if self.until is None:
            seconds = self.patience() if callable(self.patience) else self.patience
            self.until = pace + max(0.0, seconds)  # in this order NaN is none, too
        return self.until - pace


class RemoteKeySet:
    """The keys of one pool. `records` are words from its key file, already of safe origin."""

    # Every request reads these: a thousand pools' stores stay smaller without a dict each.
    __slots__ = ("_budget", "_flights", "_gear", "_held", "_over_budget", "_rechecked", "_seekers")

    def __init__(
        self, pool: KeySetConfig, gear: Dependencies, records: Collection[KeyFileEntry] = ()
    ) -> None:
        now = gear.clock()
        self._gear = gear
        self._held = KeySet(pool, gear.windows, gear.dice, region=gear.region, records=records, now=now)
        self._flights = RefreshCoordinator(self._held, gear)
        self._budget = rules.Budget(rules.BUDGET_BURST, now)
        self._over_budget = False
        self._seekers: set[_Waiter] = set()
        self._rechecked: Instant | None = None

    def key_now(self, kid: str, now: Instant) -> Key | None:
        """The key, if it can be had without waiting (R8); None means `resolve` must decide."""
        snapshot = self._held.snapshot
        made, calm = snapshot.made, snapshot.calm_for
        if now[0] - made[0] < calm and now[1] - made[1] < calm:
            return snapshot.keys.get(kid)
        return self._key_by_age(kid, now)

    def _key_by_age(self, kid: str, now: Instant) -> Key | None:
        held = self._held
        snapshot = held.snapshot
        if held.outdated(now) or held.phase(now) != held.state:
            batch = DeferredActions()
            with self._flights.lock:
                held.lapse(now, batch.events)
            self._flights.flush(batch)
            snapshot = held.snapshot
        key = snapshot.keys.get(kid)
        step = rules.decide(held.phase(now), known=key is not None, confirmed=held.confirmed)
        if step == rules.SERVE_AND_ASK:
            self._ask_around(now)
            return key
        return key if step == rules.SERVE else None

    def _ask_around(self, now: Instant) -> None:
        """Ask every endpoint in the background, unless that is under way or would be in vain."""
        if self._flights.others(now):
            self._flights.ask_around(now)

    def resolve(
        self, kid: str, plausible: Callable[[], bool], patience: Patience
    ) -> Generator[Wait, None, Key]:
        """The key, waiting at most `patience` for it (R1, R3 to R5).

        `plausible` says whether the token could pass if the key were known (R5).

        Raises:
            KeyUnknown: no endpoint lists the kid, or nothing may be spent on asking.
            KeysUnavailable: the answer cannot be had in time.
        """
        held = self._held
        visit = _Waiter(self._flights.asked, patience)
        try:
            while True:
                now = self._gear.clock()
                key = self.key_now(kid, now)
                if key is not None:
                    return key
                snapshot = held.snapshot
                known = kid in snapshot.keys
                step = rules.decide(held.phase(now), known=known, confirmed=held.confirmed)
                if step == rules.SEEK:
                    self._look_before_seeking(kid, visit, snapshot, plausible, now)
                seat = self._seat(step, kid, visit, snapshot, now)
                if isinstance(seat, AuthError):
                    raise seat
                if seat is not None:
                    left = visit.left(self._gear.pace())
                    if left <= 0 and step == rules.CONFIRM:
                        return snapshot.keys[kid]  # usable, and nobody contradicts it: serve (R)
                    if left <= 0:
                        raise held.unavailable(now)
                    yield seat[0], min(left, seat[1])
        finally:
            # Without the lock: the collector may end an abandoned visit on a thread that holds it.
            self._seekers.discard(visit)

    def _look_before_seeking(
        self,
        kid: str,
        visit: _Waiter,
        snapshot: Snapshot,
        plausible: Callable[[], bool],
        now: Instant,
    ) -> None:
        """What an unknown kid is refused for without spending anything (K3, R5)."""
        if kid in snapshot.quarantined:
            if self._rechecked is None or elapsed(now, self._rechecked) >= QUARANTINE_SECONDS:
                self._rechecked = now
                self._ask_around(now)
            raise KeysUnavailable(hint="two endpoints contradict each other on this key")
        if not visit.checked and not plausible():
            raise KeyUnknown
        visit.checked = True

    def _seat(
        self, step: str, kid: str, visit: _Waiter, judged: Snapshot, now: Instant
    ) -> Wait | AuthError | None:
        """A place in a flight, the end of the visit, or None to judge again."""
        if step in rules.SERVED:  # between two looks its key came, or the flight of others failed
            return None
        ready = self._flights.prepare()
        batch = DeferredActions()
        try:
            with self._flights.lock:
                if not ready:
                    return self._nobody(step, now)
                if self._held.snapshot is not judged:
                    return None
                flight = self._flights.live(now, batch)
                if flight is None:
                    begun = self._start_again(step, visit, now, batch)
                    if not isinstance(begun, Refresh):
                        return begun
                    flight = begun
                elif self._may_follow(step, visit, flight):
                    flight = self._follow(step, visit, flight, now, batch)
                return self._join(flight, step, kid, visit, now, batch)
        finally:
            self._flights.flush(batch)

    def _start_again(
        self, step: str, visit: _Waiter, now: Instant, batch: DeferredActions
    ) -> Refresh | AuthError | None:
        """A new flight for a caller without one, if the one it waited for leaves any hope."""
        if visit.flight is not None:
            verdict = self._verdict(step, visit, visit.flight, now)
            if verdict is not None and step == rules.CONFIRM:  # cut too often: as good as failed
                self._held.confirmed = True
                return None
            if verdict is not None:
                return verdict
        seek, left = step == rules.SEEK, self._budget
        if seek and self._held.endpoints and not self._flights.closed:
            taken = left.take(now)
            if taken is None:
                return self._refused(now, batch)
            left = taken
        flight = self._flights.begin(now, batch, seek=seek, everywhere=False)
        if flight is None:  # two requests hang at each: where nobody is asked, nothing is spent (R4)
            return self._nobody(step, now)
        if left is not self._budget:
            self._budget, self._over_budget = left, False
        return flight

    def _nobody(self, step: str, now: Instant) -> AuthError | None:
        """Nobody can be asked now: for a stale set that is a failed flight (R)."""
        if step == rules.CONFIRM:
            self._held.confirmed = True
            return None
        # A seeker whom nobody can be asked for is refused only where there is nobody to ask (E).
        offline = step == rules.SEEK and not self._held.endpoints
        return KeyUnknown() if offline else self._held.unavailable(now)

    def _may_follow(self, step: str, visit: _Waiter, flight: Refresh) -> bool:
        """Whether all that this flight may still bring is a word from endpoints that hang (R3)."""
        if visit.followed or flight.queue:
            return False
        if step == rules.SEEK and not flight.answers:
            return False
        answered = (ask.number > visit.came for ask in flight.asks if ask.state == ANSWERED)
        return not any(answered) and not flight.idle(self._gear.pace())

    def _follow(
        self, step: str, visit: _Waiter, flight: Refresh, now: Instant, batch: DeferredActions
    ) -> Refresh:
        """The caller's one follow-up, without waiting for the hanging ones to give up (R3, R4)."""
        stuck = flight.stuck
        plan = self._held.plan(now, seek=False, everywhere=False)
        queue = [each for each in plan if each.url not in stuck]
        budget = self._budget.take(now) if step == rules.SEEK else self._budget
        if not queue or budget is None:
            return flight
        self._budget = budget
        visit.followed = True
        self._flights.follow(flight, queue, now, batch, background=False)
        return self._flights.current or flight

    def _verdict(self, step: str, visit: _Waiter, ended: Refresh, now: Instant) -> AuthError | None:
        """What an ended flight means for this caller (R3); None where it may take another."""
        if ended.cut and visit.cuts < MAX_CUTS:
            visit.cuts += 1
            return None
        later = [ask for ask in ended.asks if ask.number > visit.came]
        if step == rules.SEEK and any(ask.state == ANSWERED for ask in later):
            return KeyUnknown()
        if visit.followed or len(later) == len(ended.asks):
            return self._held.unavailable(now)
        visit.followed = True
        return None

    def _refused(self, now: Instant, batch: DeferredActions) -> AuthError:
        """Beyond the budget (R4): an answer at once, by what the last flight found."""
        if not self._over_budget:
            self._over_budget = True
            batch.events.append(BudgetExhausted(self._held.pool.user_pool_id))
        return KeyUnknown() if self._flights.last_answered else self._held.unavailable(now)

    def _join(
        self, flight: Refresh, step: str, kid: str, visit: _Waiter, now: Instant, batch: DeferredActions
    ) -> Wait | AuthError:
        if step == rules.SEEK and visit not in self._seekers:
            if len(self._seekers) >= rules.MAX_SEEKERS:
                return self._refused(now, batch)
            self._seekers.add(visit)
        if visit.flight is not flight:
            visit.flight = flight
            flight.want(kid)
            flight.background = False  # somebody waits now: it may use the places of the foreground
        ending = flight.round
        self._flights.advance(flight, now, batch)
        if flight.over:  # its round is in the batch: the wait ends at once
            return ending, MIN_WAIT
        pace = self._gear.pace()
        wake = flight.limit - (pace - flight.born)
        if flight.queue:
            due = flight.hedge - (pace - flight.last_launch)
            wake = min(wake, due if due > 0 else flight.hedge)  # overdue: there was no thread for it
        elif flight.pending < len(flight.asks) and not visit.followed:
            wake = min(wake, flight.idle(pace) or flight.hedge)  # a follow-up may become possible
        if step == rules.CONFIRM:
            patience = rules.PATIENCE_SECONDS - (pace - flight.silent_since)
            if patience <= 0 and not flight.answers:
                # Silence for as long as a caller waits: later callers need not wait again (R).
                self._held.confirmed = True
                batch.rounds.append(flight.turn())
            wake = min(wake, patience)
        return ending, max(wake, MIN_WAIT)

    def warming(self, patience: float) -> Generator[Wait, None, None]:
        """Ask every endpoint and wait for all of them, at most `patience` seconds.

        Raises:
            KeysUnavailable: when the pool is left without a usable key.
        """
        flight = self._flights.warm(self._gear.clock())
        until = self._gear.pace() + max(0.0, patience)  # after what a first request loads, as in `resolve`
        while flight is not None and not flight.over:
            left = until - self._gear.pace()
            if left <= 0:
                break
            yield flight.round, min(left, flight.hedge)
            now = self._gear.clock()
            batch = DeferredActions()
            with self._flights.lock:
                if self._flights.live(now, batch) is flight:
                    self._flights.advance(flight, now, batch)
            self._flights.flush(batch)
            flight = flight.latest
        while (saved := self._flights.saved) is not None:  # a key file that is baked must be whole
            left = until - self._gear.pace()
            if left <= 0:
                break
            yield saved, min(left, rules.FLIGHT_SECONDS)  # no lock waits for as long as a user may say
        now = self._gear.clock()
        if not self._held.usable(now):
            raise self._held.unavailable(now)

    def health(self, now: Instant) -> dict[str, Any]:
        """JSON-able: how old the set is and how each endpoint does (see `Verifier.health`)."""
        return self._held.health(now)

    def close(self) -> None:
        """Start nothing more, store nothing more (K4), and release every waiter."""
        self._flights.close()

    def forget(self) -> None:
        """In a forked child: the parent's lock, flight and waiters are not ours (F)."""
        self._flights.forget()
        self._seekers = set()
