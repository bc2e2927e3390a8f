"""One user pool's keys in one verifier, for its callers: served at once, or after a wait (R).

Owns a caller's way through the table of R: whether it is served, waits for a refresh, or is refused.
Sync and asyncio callers run the same generators, which yield what to wait for. A known kid in a fresh
set takes no lock at all (R8).
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
from cognito_mr_auth.events import RateLimitReached

from .coordinator import DeferredActions, RefreshCoordinator
from .dependencies import Dependencies

__all__ = ["RemoteKeySet", "Timeout", "Wait"]

Wait = tuple[Signal, float]
"""A future that ends when something has happened, and the seconds to wait for it at most."""
Timeout = float | Callable[[], float]
"""Seconds that a caller waits at most, or a function that gives them when the waiting begins."""

# All endpoints are asked at most this often because of a quarantined kid (K3).
QUARANTINE_SECONDS = 60.0
# How often one caller starts again because a freeze or a clock's jump spoiled its refresh.
MAX_RESTARTS = 3
# A wait is never shorter, or a rounding error could make a caller loop without waiting.
MIN_WAIT = 0.001


class _Waiter:
    """One caller that waits: when it came, how long it waits, and for which refresh.

    `timeout` runs from its first look at a refresh, because loading the HTTP client is not counted (R1).
    """

    __slots__ = ("attempts_before", "checked", "deadline", "followed_up", "refresh", "restarts", "timeout")

    def __init__(self, attempts_before: int, timeout: Timeout) -> None:
        self.attempts_before = attempts_before
        self.timeout = timeout
        self.deadline: float | None = None
        self.refresh: Refresh | None = None
        self.followed_up = False
        self.checked = False
        self.restarts = 0

    def left(self, monotonic: float) -> float:
        """Seconds of its timeout that are left; the first call starts the timeout."""
        if self.deadline is None:
            seconds = self.timeout() if callable(self.timeout) else self.timeout
            self.deadline = monotonic + max(0.0, seconds)  # in this order NaN counts as 0
        return self.deadline - monotonic


class RemoteKeySet:
    """The keys of one pool. `entries` come from its key files, whose safety was checked."""

    # Every request reads these, and a thousand key sets take less memory without a dict each.
    __slots__ = (
        "_coordinator",
        "_dependencies",
        "_key_set",
        "_quarantine_rechecked",
        "_rate_limit",
        "_rate_limited",
        "_unknown_kid_waiters",
    )

    def __init__(
        self, config: KeySetConfig, dependencies: Dependencies, entries: Collection[KeyFileEntry] = ()
    ) -> None:
        now = dependencies.clock()
        self._dependencies = dependencies
        self._key_set = KeySet(
            config,
            dependencies.lifetimes,
            dependencies.rng,
            region=dependencies.region,
            entries=entries,
            now=now,
        )
        self._coordinator = RefreshCoordinator(self._key_set, dependencies)
        self._rate_limit = rules.RateLimit(rules.RATE_LIMIT_BURST, now)
        self._rate_limited = False
        self._unknown_kid_waiters: set[_Waiter] = set()
        self._quarantine_rechecked: Instant | None = None

    def key_now(self, kid: str, now: Instant) -> Key | None:
        """The key, if it can be had without waiting (R8); None means `resolve` must decide."""
        snapshot = self._key_set.snapshot
        made, safe_for = snapshot.made, snapshot.safe_for
        if now[0] - made[0] < safe_for and now[1] - made[1] < safe_for:
            return snapshot.keys.get(kid)
        return self._key_by_age(kid, now)

    def _key_by_age(self, kid: str, now: Instant) -> Key | None:
        key_set = self._key_set
        snapshot = key_set.snapshot
        if key_set.needs_rebuild(now) or key_set.state_of(now) != key_set.state:
            deferred = DeferredActions()
            with self._coordinator.lock:
                key_set.expire(now, deferred.events)
            self._coordinator.run_deferred(deferred)
            snapshot = key_set.snapshot
        key = snapshot.keys.get(kid)
        step = rules.decide(
            key_set.state_of(now), known=key is not None, stale_if_error=key_set.stale_if_error
        )
        if step == rules.SERVE_AND_REFRESH:
            self._refresh_in_background(now)
            return key
        return key if step == rules.SERVE else None

    def _refresh_in_background(self, now: Instant) -> None:
        """Ask every endpoint in the background, unless that is under way or would be in vain."""
        if self._coordinator.candidates_now(now):
            self._coordinator.refresh_in_background(now)

    def resolve(
        self, kid: str, plausible: Callable[[], bool], timeout: Timeout
    ) -> Generator[Wait, None, Key]:
        """The key, waiting at most `timeout` for it (R1, R3 to R5).

        `plausible` says whether the token could pass if the key were known (R5).

        Raises:
            KeyUnknown: no endpoint lists the kid, or no refresh may begin for it.
            KeysUnavailable: the answer cannot be had in time.
        """
        key_set = self._key_set
        waiter = _Waiter(self._coordinator.attempts_begun, timeout)
        try:
            while True:
                now = self._dependencies.clock()
                key = self.key_now(kid, now)
                if key is not None:
                    return key
                snapshot = key_set.snapshot
                known = kid in snapshot.keys
                step = rules.decide(key_set.state_of(now), known=known, stale_if_error=key_set.stale_if_error)
                if step == rules.FETCH_UNKNOWN:
                    self._refuse_without_fetching(kid, waiter, snapshot, plausible, now)
                outcome = self._wait_or_error(step, kid, waiter, snapshot, now)
                if isinstance(outcome, AuthError):
                    raise outcome
                if outcome is not None:
                    left = waiter.left(self._dependencies.monotonic())
                    if left <= 0 and step == rules.REVALIDATE:
                        return snapshot.keys[kid]  # usable, and no endpoint contradicts it (R)
                    if left <= 0:
                        raise key_set.unavailable(now)
                    yield outcome[0], min(left, outcome[1])
        finally:
            # This takes no lock, because the garbage collector may close the generator on a thread that
            # holds it.
            self._unknown_kid_waiters.discard(waiter)

    def _refuse_without_fetching(
        self,
        kid: str,
        waiter: _Waiter,
        snapshot: Snapshot,
        plausible: Callable[[], bool],
        now: Instant,
    ) -> None:
        """Refuse a quarantined kid or an implausible token outside the rate limit (K3, R5)."""
        if kid in snapshot.quarantined:
            if self._may_recheck_quarantine(now):
                self._refresh_in_background(now)
            raise KeysUnavailable(hint="two endpoints contradict each other on this key")
        if not waiter.checked and not plausible():
            raise KeyUnknown
        waiter.checked = True

    def _may_recheck_quarantine(self, now: Instant) -> bool:
        """Whether the endpoints may be asked for a quarantined kid; true once a minute (K3)."""
        with self._coordinator.lock:
            last = self._quarantine_rechecked
            if last is not None and elapsed(now, last) < QUARANTINE_SECONDS:
                return False
            self._quarantine_rechecked = now
            return True

    def _wait_or_error(
        self, step: str, kid: str, waiter: _Waiter, judged: Snapshot, now: Instant
    ) -> Wait | AuthError | None:
        """What to wait for, the error that ends the wait, or None to judge again."""
        if step in rules.SERVED:  # meanwhile its key came, or the refresh of others failed
            return None
        ready = self._coordinator.prepare()
        deferred = DeferredActions()
        try:
            with self._coordinator.lock:
                if not ready:
                    return self._without_endpoint(step, now)
                if self._key_set.snapshot is not judged:
                    return None
                refresh = self._coordinator.running(now, deferred)
                if refresh is None:
                    begun = self._begin_refresh(step, waiter, now, deferred)
                    if not isinstance(begun, Refresh):
                        return begun
                    refresh = begun
                elif self._may_start_successor(step, waiter, refresh):
                    refresh = self._start_successor(step, waiter, refresh, now, deferred)
                return self._join(refresh, step, kid, waiter, now, deferred)
        finally:
            self._coordinator.run_deferred(deferred)

    def _begin_refresh(
        self, step: str, waiter: _Waiter, now: Instant, deferred: DeferredActions
    ) -> Refresh | AuthError | None:
        """A new refresh for a caller without one, unless the one it waited for decides its case."""
        if waiter.refresh is not None:
            verdict = self._verdict(step, waiter, waiter.refresh, now)
            if verdict is not None and step == rules.REVALIDATE:  # dropped too often: as good as failed
                self._key_set.stale_if_error = True
                return None
            if verdict is not None:
                return verdict
        unknown_kid = step == rules.FETCH_UNKNOWN
        rate_limit = self._rate_limit
        if unknown_kid and self._key_set.endpoints and not self._coordinator.closed:
            taken = rate_limit.take(now)
            if taken is None:
                return self._refused(now, deferred)
            rate_limit = taken
        refresh = self._coordinator.begin(now, deferred, unknown_kid=unknown_kid, ask_all=False)
        if refresh is None:  # no endpoint can be asked, so the rate limit is not charged (R4)
            return self._without_endpoint(step, now)
        if rate_limit is not self._rate_limit:
            self._rate_limit, self._rate_limited = rate_limit, False
        return refresh

    def _without_endpoint(self, step: str, now: Instant) -> AuthError | None:
        """The outcome where no endpoint can be asked: for a stale set a failed refresh (R)."""
        if step == rules.REVALIDATE:
            self._key_set.stale_if_error = True
            return None
        # An unknown kid is refused only where the pool has no endpoints at all (E).
        offline = step == rules.FETCH_UNKNOWN and not self._key_set.endpoints
        return KeyUnknown() if offline else self._key_set.unavailable(now)

    def _may_start_successor(self, step: str, waiter: _Waiter, refresh: Refresh) -> bool:
        """Whether this refresh can bring answers of hanging endpoints only (R3)."""
        if waiter.followed_up or refresh.queue:
            return False
        if step == rules.FETCH_UNKNOWN and not refresh.answers:
            return False
        answered = (
            attempt.number > waiter.attempts_before
            for attempt in refresh.attempts
            if attempt.state == ANSWERED
        )
        return not any(answered) and not refresh.hedge_left(self._dependencies.monotonic())

    def _start_successor(
        self, step: str, waiter: _Waiter, refresh: Refresh, now: Instant, deferred: DeferredActions
    ) -> Refresh:
        """The caller's one successor, without waiting for the end of hanging attempts (R3, R4)."""
        pending_urls = refresh.pending_urls
        candidates = self._key_set.candidates(now, unknown_kid=False, ask_all=False)
        queue = [each for each in candidates if each.url not in pending_urls]
        rate_limit = self._rate_limit.take(now) if step == rules.FETCH_UNKNOWN else self._rate_limit
        if not queue or rate_limit is None:
            return refresh
        self._rate_limit = rate_limit
        waiter.followed_up = True
        self._coordinator.start_successor(refresh, queue, now, deferred, background=False)
        return self._coordinator.current or refresh

    def _verdict(self, step: str, waiter: _Waiter, ended: Refresh, now: Instant) -> AuthError | None:
        """What an ended refresh means for this caller (R3); None where it may begin another."""
        if ended.dropped and waiter.restarts < MAX_RESTARTS:
            waiter.restarts += 1
            return None
        later = [attempt for attempt in ended.attempts if attempt.number > waiter.attempts_before]
        if step == rules.FETCH_UNKNOWN and any(attempt.state == ANSWERED for attempt in later):
            return KeyUnknown()
        if waiter.followed_up or len(later) == len(ended.attempts):
            return self._key_set.unavailable(now)
        waiter.followed_up = True
        return None

    def _refused(self, now: Instant, deferred: DeferredActions) -> AuthError:
        """Beyond the rate limit (R4): an answer at once, by the result of the last refresh."""
        if not self._rate_limited:
            self._rate_limited = True
            deferred.events.append(RateLimitReached(self._key_set.config.provider))
        return KeyUnknown() if self._coordinator.last_answered else self._key_set.unavailable(now)

    def _join(
        self, refresh: Refresh, step: str, kid: str, waiter: _Waiter, now: Instant, deferred: DeferredActions
    ) -> Wait | AuthError:
        if step == rules.FETCH_UNKNOWN and waiter not in self._unknown_kid_waiters:
            if len(self._unknown_kid_waiters) >= rules.MAX_UNKNOWN_KID_WAITERS:
                return self._refused(now, deferred)
            self._unknown_kid_waiters.add(waiter)
        if waiter.refresh is not refresh:
            waiter.refresh = refresh
            refresh.add_wanted(kid)
            refresh.background = False  # a caller waits now, so it may use the foreground's threads
        ending = refresh.progress
        self._coordinator.start_due(refresh, now, deferred)
        if refresh.over:  # its `progress` is in `deferred`: the wait ends at once
            return ending, MIN_WAIT
        monotonic = self._dependencies.monotonic()
        wake = refresh.limit - (monotonic - refresh.began_monotonic)
        if refresh.queue:
            # An overdue start found no thread.
            wake = min(wake, refresh.hedge_left(monotonic) or refresh.hedge)
        elif refresh.pending < len(refresh.attempts) and not waiter.followed_up:
            # A successor may become possible.
            wake = min(wake, refresh.hedge_left(monotonic) or refresh.hedge)
        if step == rules.REVALIDATE and not refresh.answers:
            left = rules.CALLER_WAIT_SECONDS - (monotonic - refresh.silent_since)
            if left <= 0:
                # It was silent for as long as a caller waits, so later callers need not wait again (R).
                self._key_set.stale_if_error = True
                deferred.futures.append(refresh.notify())
            wake = min(wake, left)
        return ending, max(wake, MIN_WAIT)

    def warming(self, timeout: float) -> Generator[Wait, None, None]:
        """Ask every endpoint and wait for all of them, at most `timeout` seconds.

        Raises:
            KeysUnavailable: when the pool is left without a usable key.
        """
        refresh = self._coordinator.warm(self._dependencies.clock())
        # Begins after the HTTP client is loaded, as in `resolve`.
        deadline = self._dependencies.monotonic() + max(0.0, timeout)
        while refresh is not None and not refresh.over:
            left = deadline - self._dependencies.monotonic()
            if left <= 0:
                break
            yield refresh.progress, min(left, refresh.hedge)
            now = self._dependencies.clock()
            deferred = DeferredActions()
            with self._coordinator.lock:
                if self._coordinator.running(now, deferred) is refresh:
                    self._coordinator.start_due(refresh, now, deferred)
            self._coordinator.run_deferred(deferred)
            refresh = refresh.latest
        while (saved := self._coordinator.saved) is not None:  # a key file to be baked must be complete
            left = deadline - self._dependencies.monotonic()
            if left <= 0:
                break
            yield saved, min(left, rules.REFRESH_SECONDS)  # a user's may exceed threading.TIMEOUT_MAX
        now = self._dependencies.clock()
        if not self._key_set.usable(now):
            raise self._key_set.unavailable(now)

    def health(self, now: Instant) -> dict[str, Any]:
        """JSON-able: the age of the set and the state of each endpoint (see `Verifier.health`)."""
        return self._key_set.health(now)

    def close(self) -> None:
        """Start nothing more, store nothing more (K4), and release every waiter."""
        self._coordinator.close()

    def reset_after_fork(self) -> None:
        """In a forked child: the parent's lock, refresh and waiters are not ours (F)."""
        self._coordinator.reset_after_fork()
        self._unknown_kid_waiters = set()
