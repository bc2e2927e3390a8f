"""One user pool's keys in one verifier, for its callers: served at once, or after a wait (R).

This module takes a caller through the table of R: it is served, waits, or is refused. Sync, asyncio and trio
callers run the same generators, which yield what to wait for. A known kid in a fresh set takes no lock at
all (R8).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from typing import TYPE_CHECKING

from cognito_mr_auth._base.clock import Instant, elapsed
from cognito_mr_auth._jwks import schedule as rules
from cognito_mr_auth._jwks.attempt import Waiter
from cognito_mr_auth._jwks.key_set import KeySet
from cognito_mr_auth._jwks.model import Key, KeyFileContents, KeySetConfig, Snapshot
from cognito_mr_auth._jwks.reachability import Outlook
from cognito_mr_auth._jwks.refresh import UNKNOWN, WARM
from cognito_mr_auth.errors import KeysUnavailable, KeyUnknown

from .coordinator import RefreshCoordinator
from .dependencies import Dependencies

if TYPE_CHECKING:
    from concurrent.futures import Future

    from cognito_mr_auth.health import ProviderHealth

__all__ = ["RemoteKeySet", "Timeout", "Wait"]

Wait = tuple["Future[None]", float] | None
"""A future that ends when something has happened, and the seconds to wait for it at most. None means: let
others run, then go on at once."""
Timeout = float | Callable[[], float]
"""The seconds that a caller waits at most, or a function that returns them when the wait begins."""

# A quarantined kid causes requests to all endpoints at most this often (K3).
QUARANTINE_SECONDS = 60.0
# `warm` waits this long for hooks and handlers of the logger, which should take far less.
TELLING_SECONDS = 0.25
# The shortest wait. With a shorter one, a rounding error could make a caller loop without waiting.
MIN_WAIT = 0.001


class RemoteKeySet:
    """The keys of one pool. `contents` come from its key files, whose safety was checked before."""

    # Every request reads these, and a thousand key sets take less memory without a dict each.
    __slots__ = ("_coordinator", "_dependencies", "_key_set", "_quarantine_rechecked")

    def __init__(
        self, config: KeySetConfig, dependencies: Dependencies, contents: KeyFileContents | None = None
    ) -> None:
        found = contents or KeyFileContents()
        self._dependencies = dependencies
        self._key_set = KeySet(
            config,
            dependencies.lifetimes,
            dependencies.rng,
            region=dependencies.region,
            entries=found.entries,
            now=dependencies.clock(),
            exposed=found.exposed,
        )
        self._coordinator = RefreshCoordinator(self._key_set, dependencies)
        self._quarantine_rechecked: Instant | None = None
        if self._key_set.noticed:
            dependencies.emit(self._key_set.noticed)

    @property
    def is_local(self) -> bool:
        """Whether its keys come from an emulator or from this machine, as in tests."""
        config = self._key_set.config
        return config.insecure_emulator or any(each.loopback for each in config.endpoints)

    def key_now(self, kid: str, now: Instant) -> Key | None:
        """The key, if it can be had without waiting (R8). None means that `resolve` must decide."""
        snapshot = self._key_set.snapshot
        made, safe_for = snapshot.made, snapshot.safe_for
        if now[0] - made[0] < safe_for and now[1] - made[1] < safe_for:
            return snapshot.keys.get(kid)
        return self._key_by_age(kid, now)

    def safe_until(self, key: Key) -> tuple[KeySet, Snapshot, Instant] | None:
        """The key set, its snapshot, and until when the snapshot's age needs no check.

        None if the snapshot has another key, or none.
        """
        snapshot = self._key_set.snapshot
        if snapshot.keys.get(key.kid) is not key:
            return None
        wall, monotonic = snapshot.made
        return self._key_set, snapshot, (wall + snapshot.safe_for, monotonic + snapshot.safe_for)

    def _key_by_age(self, kid: str, now: Instant) -> Key | None:
        self._rebuild_if_due(now)
        key = self._key_set.snapshot.keys.get(kid)
        step = self._step(known=key is not None, now=now)
        if step == rules.SERVE_AND_REFRESH:
            if self._coordinator.loaded is None and self._coordinator.may_fetch:
                return None  # so that `resolve` loads the HTTP client in steps
            self._refresh_in_background(now)
            return key
        return key if step == rules.SERVE else None

    def _rebuild_if_due(self, now: Instant) -> None:
        key_set = self._key_set
        if key_set.needs_rebuild(now) or key_set.state_of(now) != key_set.state:
            self._coordinator.rebuild_if_due(now)

    def _step(self, *, known: bool, now: Instant) -> str:
        """The cell of the table of R."""
        key_set = self._key_set
        return rules.decide(key_set.state_of(now), known=known, stale_if_error=key_set.stale_if_error)

    def _refresh_in_background(self, now: Instant) -> None:
        """Ask every endpoint in the background, unless that is under way or cannot succeed."""
        coordinator = self._coordinator
        if coordinator.look_due(now) and coordinator.prepare():  # each hit of an aged set comes here
            coordinator.look(coordinator.moment(), background=True)

    def resolve(
        self, kid: str, plausible: Callable[[], bool], timeout: Timeout
    ) -> Generator[Wait, None, Key]:
        """The key, after a wait of at most `timeout` (R1, R3 to R5).

        `plausible` says whether the token could pass if the key were known (R5). `timeout` runs from the
        first look at a refresh, because loading the HTTP client is not counted (R1).

        Raises:
            KeyUnknown: no endpoint lists the kid.
            KeysUnavailable: the answer cannot be had in time.
        """
        waiter: Waiter | None = None
        try:
            while True:
                now = self._dependencies.clock()
                key = self.key_now(kid, now)
                if key is not None:
                    return key
                snapshot = self._key_set.snapshot
                step = self._step(known=kid in snapshot.keys, now=now)
                if step in rules.SERVED:  # because of events meanwhile, or once the client is loaded
                    yield from self._coordinator.loading()
                    continue
                if step == rules.FETCH_UNKNOWN:
                    self._refuse_at_once(kid, snapshot, plausible, now)
                    plausible = _checked
                if waiter is None:
                    waiter = yield from self._join_or_raise(kid, step, timeout, now)
                if waiter is None:  # the refresh of a stale set cannot begin
                    continue
                waiter.need = step
                wait = self._wait_or_raise(waiter, snapshot, now)
                if wait is not None:
                    yield wait
                elif self._waited_in_vain(waiter, snapshot):
                    return snapshot.keys[kid]  # it is still usable, and no endpoint contradicts it (R)
        finally:
            if waiter is not None:
                self._coordinator.machine.leave(waiter)

    def _join_or_raise(
        self, kid: str, step: str, timeout: Timeout, now: Instant
    ) -> Generator[Wait, None, Waiter | None]:
        can_fetch = yield from self._coordinator.loading()
        if not can_fetch:
            self._without_fetching(step, now)
            return None
        seconds = timeout() if callable(timeout) else timeout
        deadline = self._dependencies.monotonic() + max(0.0, seconds)  # in this order, max() turns NaN into 0
        return self._coordinator.machine.join(kid, step, deadline)

    def _without_fetching(self, step: str, now: Instant) -> None:
        """Answer a caller of a pool that asks no endpoint. For a stale set that is a failed refresh (R)."""
        if step == rules.REVALIDATE:
            self._key_set.stale_if_error = True
            self._coordinator.note_refusal(now)
            return
        # An unknown kid is refused only if the pool has no endpoints at all (E).
        if step == rules.FETCH_UNKNOWN and not self._key_set.endpoints:
            raise KeyUnknown
        raise self._unavailable(now)

    def _unavailable(self, now: Instant) -> KeysUnavailable:
        """The error of an outage, which is reported the first time."""
        self._coordinator.note_refusal(now)
        return self._key_set.unavailable(now)

    def _wait_or_raise(self, waiter: Waiter, judged: Snapshot, now: Instant) -> Wait | None:
        """What to wait for. None to judge again, or if the time of a caller of a stale set is over.

        Raises:
            KeyUnknown, KeysUnavailable: as `resolve` does.
        """
        coordinator, key_set = self._coordinator, self._key_set
        moment = coordinator.moment()
        step, progress = coordinator.look(moment, waiter)
        if key_set.snapshot is not judged:
            return None
        if waiter.need == rules.REVALIDATE and key_set.stale_if_error:  # this or another caller's look set it
            return None
        if coordinator.closed:
            self._without_fetching(waiter.need, now)
            return None
        left = waiter.deadline - moment.monotonic
        if step.verdict == UNKNOWN:
            raise KeyUnknown
        if progress is not None and left > 0:
            return progress, max(MIN_WAIT, min(left, step.look_at - moment.monotonic))
        if waiter.need == rules.FETCH_UNKNOWN:
            raise key_set.unconfirmed(now, step.retry_in)
        if waiter.need == rules.FETCH:
            raise self._unavailable(now)
        return None

    def _waited_in_vain(self, waiter: Waiter, judged: Snapshot) -> bool:
        """Whether the time of a caller of a stale set is over, and nothing has come meanwhile."""
        over = self._dependencies.monotonic() >= waiter.deadline
        return over and waiter.need == rules.REVALIDATE and self._key_set.snapshot is judged

    def _refuse_at_once(
        self, kid: str, snapshot: Snapshot, plausible: Callable[[], bool], now: Instant
    ) -> None:
        """Refuse, without a payment, a kid with two keys and a token that could not pass anyway (K3, R5)."""
        if kid in snapshot.quarantined:
            self._recheck_quarantine(now)
            raise KeysUnavailable(hint="two endpoints give different keys for this kid")
        if not plausible():
            raise KeyUnknown

    def _recheck_quarantine(self, now: Instant) -> None:
        coordinator = self._coordinator
        if self._may_recheck_quarantine(now) and coordinator.prepare():
            coordinator.look(coordinator.moment(), background=True)

    def _may_recheck_quarantine(self, now: Instant) -> bool:
        """Whether endpoints may be asked because of a quarantined kid. True once a minute (K3)."""
        with self._coordinator.lock:
            last = self._quarantine_rechecked
            if last is not None and elapsed(now, last) < QUARANTINE_SECONDS:
                return False
            self._quarantine_rechecked = now
            return True

    def listing(self, timeout: Timeout, *, refresh: bool = False) -> Generator[Wait, None, tuple[Key, ...]]:
        """Every usable key. `refresh` asks all endpoints first, within R4's limit, as an unknown kid does.

        Raises:
            KeysUnavailable: there is no usable key, and none can be had in time.
        """
        key_set = self._key_set
        known = next(iter(key_set.snapshot.keys), "")  # "" is no kid (S3)
        with suppress(KeyUnknown, KeysUnavailable):  # the present keys count
            yield from self.resolve("" if refresh else known, _checked, timeout)
        now, keys = self._dependencies.clock(), tuple(key_set.snapshot.keys.values())
        if keys and key_set.usable(now):
            return keys
        raise self._unavailable(now)

    def warming(self, timeout: float) -> Generator[Wait, None, None]:
        """Ask every endpoint, and wait at most `timeout` seconds until all have answered or failed.

        If the pool has keys, it stops waiting when the other endpoints have been silent for 1 s.

        Raises:
            KeysUnavailable: the pool has no usable key at the end.
        """
        coordinator, monotonic = self._coordinator, self._dependencies.monotonic
        can_fetch = yield from coordinator.loading()
        # The time runs from here, after the HTTP client is loaded, as in `resolve`.
        deadline = monotonic() + max(0.0, timeout)
        if can_fetch:
            waiter = coordinator.machine.join("", WARM, deadline)
            coordinator.warm(coordinator.moment())
            try:
                while (progress := coordinator.warming(waiter)) and (left := deadline - monotonic()) > 0:
                    yield progress, min(left, rules.HEDGE_SECONDS)
            finally:
                coordinator.machine.leave(waiter)
        while (saved := coordinator.saved) is not None:  # a key file to be baked must be complete
            left = deadline - monotonic()
            if left <= 0:
                break
            yield saved, min(left, rules.WARM_SECONDS)  # a user's timeout may exceed threading.TIMEOUT_MAX
        # A process may end because of this outage. It must not end before hooks and log have the reason.
        done, left = coordinator.hooks_done, deadline - monotonic()
        if done is not None and left > 0:
            yield done, min(left, TELLING_SECONDS)
        now = self._dependencies.clock()
        if not self._key_set.usable(now):
            raise self._unavailable(now)

    def outlook(self, now: Instant) -> Outlook:
        """What the pool still has while an endpoint does not answer. Takes no lock, and asks nothing."""
        return self._key_set.outlook(now)

    def ready(self, now: Instant) -> bool:
        """Whether the pool has a usable key, stale ones included (B3). Waits for nothing.

        A process that is not ready gets no callers, so this starts the refresh that a caller would start. If
        every key is in quarantine, that is the recheck of K3.
        """
        self._rebuild_if_due(now)
        ready = self._key_set.ready(now)
        if self._key_set.state_of(now) != rules.FRESH:
            self._refresh_in_background(now)
        elif not ready:
            self._recheck_quarantine(now)
        return ready

    def health(self, now: Instant) -> ProviderHealth:
        """The age of the set and the state of each endpoint (see `Verifier.health`). Asks no endpoint."""
        from cognito_mr_auth._jwks.report import provider_health  # only a call pays for this import

        self._coordinator.look(self._coordinator.moment())  # counts attempts that are silent too long (R1)
        return provider_health(self._key_set, now)

    def close(self) -> None:
        """Start nothing more, store nothing more (K4), and release every waiter."""
        self._coordinator.close()

    def reset_after_fork(self) -> None:
        """In a forked child, drop the parent's lock, refresh and waiters (F)."""
        self._coordinator.reset_after_fork()


def _checked() -> bool:
    """The plausibility of a token that was checked before."""
    return True
