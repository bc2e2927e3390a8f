"""The refreshes of one pool: starting them, their attempts on threads, storing the results (R1, F).

Owns the lock of a pool's key set. Never holds it over I/O, a callback or a waiter: code that holds it adds
work to `DeferredActions`, and the caller runs that after the release.
"""

import threading
from collections.abc import Collection
from typing import TYPE_CHECKING

from cognito_mr_auth import events
from cognito_mr_auth._base.clock import Instant, elapsed
from cognito_mr_auth._jwks import schedule as rules
from cognito_mr_auth._jwks.document import Document
from cognito_mr_auth._jwks.key_set import KeySet
from cognito_mr_auth._jwks.model import Endpoint, FetchError
from cognito_mr_auth._jwks.refresh import (
    ANSWERED,
    DISABLED,
    DROPPED,
    FAILED,
    PENDING,
    Attempt,
    Refresh,
    Signal,
)
from cognito_mr_auth.events import Event

from .dependencies import Dependencies
from .threads import BUSY, FULL

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["DeferredActions", "RefreshCoordinator"]

# The lock is held for well under a millisecond; a longer wait means that the waiting thread holds it.
CLOSE_SECONDS = 1.0


class DeferredActions:
    """Work that waits for the release of the lock: futures to set, events to emit, a key file to save."""

    __slots__ = ("events", "futures", "save")

    def __init__(self) -> None:
        self.futures: list[Signal] = []
        self.events: list[Event] = []
        self.save = False  # set by fetch threads alone, because no caller may wait for a disk (P)


class RefreshCoordinator:
    """Runs at most one refresh at a time for one pool's key set."""

    def __init__(self, key_set: KeySet, dependencies: Dependencies) -> None:
        self._key_set = key_set
        self._dependencies = dependencies
        self.attempts_begun = 0  # so far; shows which attempts began after a caller came (R3)
        self.closed = False
        self.last_answered = True
        self._prepared = True
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """In the constructor, and in a forked child, which must not use its parent's lock and refresh (F)."""
        self.lock = threading.Lock()
        self.current: Refresh | None = None
        self._unsaved = self._saving = False
        self.saved: Future[None] | None = None  # ends when the key file holds every stored response

    def prepare(self) -> bool:
        """Import what a refresh needs and load certificates, on the caller's thread, without the lock (F).

        False when that fails, as in a process without a free descriptor: an outage, reported once until
        it is over.
        """
        if not self._key_set.endpoints:
            return True
        try:
            import concurrent.futures  # noqa: F401 - `progress` is one of its futures

            self._dependencies.fetch.prepare(each.url for each in self._key_set.endpoints)
        except (ImportError, OSError):
            if self._prepared:
                self._prepared = False
                provider, url = self._key_set.config.provider, self._key_set.endpoints[0].url
                self._dependencies.emit([events.FetchFailed(provider, url, "setup", 0.0, None, 0.0)])
            return False
        self._prepared = True
        return True

    def candidates_now(self, now: Instant) -> list[Endpoint]:
        """The endpoints that the background may ask now.

        None while a refresh still has a queue, or began its last attempt less than `hedge` ago.

        Without the lock only a hint.
        """
        refresh, monotonic = self.current, self._dependencies.monotonic()
        pending_urls: Collection[str] = ()
        if refresh is not None and not refresh.overdue(now, monotonic):
            if refresh.queue or refresh.hedge_left(monotonic):
                return []
            pending_urls = refresh.pending_urls
        # Each request of an aged set comes here, so the cheap test comes before the candidates.
        if self.closed or (
            pending_urls and all(each.url in pending_urls for each in self._key_set.endpoints)
        ):
            return []
        candidates = self._key_set.candidates(now, unknown_kid=False, ask_all=True)
        return [each for each in candidates if each.url not in pending_urls]

    def begin(
        self,
        now: Instant,
        deferred: DeferredActions,
        *,
        unknown_kid: bool,
        ask_all: bool,
        background: bool = False,
    ) -> Refresh | None:
        """Under the lock: begin a refresh, or None when no endpoint can be asked now."""
        queue = [] if self.closed else self._key_set.candidates(now, unknown_kid=unknown_kid, ask_all=ask_all)
        if not queue:
            return None
        last_resort = self._key_set.last_resort(now, queue) if unknown_kid and not ask_all else []
        refresh = self._new_refresh(queue, last_resort, now, ask_all=ask_all, background=background)
        self.current = refresh
        self.start_due(refresh, now, deferred)
        if background and not refresh.attempts:  # no thread for a single attempt
            self.current = None
        return self.current

    def _new_refresh(
        self,
        queue: list[Endpoint],
        last_resort: list[Endpoint],
        now: Instant,
        *,
        ask_all: bool,
        background: bool,
    ) -> Refresh:
        return Refresh(
            queue,
            last_resort,
            began_monotonic=self._dependencies.monotonic(),
            begun=now,
            ask_all=ask_all,
            background=background,
            limit=rules.REFRESH_SECONDS,
            hedge=rules.HEDGE_SECONDS,
            new_progress=_new_progress,
        )

    def start_successor(
        self,
        old: Refresh,
        queue: list[Endpoint],
        now: Instant,
        deferred: DeferredActions,
        *,
        background: bool,
    ) -> None:
        """Under the lock: a refresh that takes over the pending attempts of `old`, and asks others anew.

        Otherwise one endpoint that hangs would keep all others from being asked for five seconds.
        """
        refresh = self._new_refresh(queue, [], now, ask_all=background, background=background)
        # Older predecessors' results are left out, or an endpoint that always hangs would grow the list.
        refresh.attempts = [
            attempt for attempt in old.attempts if attempt.state == PENDING or attempt.refresh is old
        ]
        refresh.wanted_kids = set(old.wanted_kids)
        if not old.answers:
            refresh.silent_since = old.silent_since
        old.over, old.successor = True, refresh
        deferred.futures.append(old.notify())
        self.current = refresh
        self.start_due(refresh, now, deferred)

    def running(self, now: Instant, deferred: DeferredActions) -> Refresh | None:
        """Under the lock: the refresh under way; ends what is past its deadline (R1)."""
        refresh, monotonic = self.current, self._dependencies.monotonic()
        if refresh is None:
            return None
        for attempt in refresh.attempts:
            if attempt.state == PENDING and attempt.refresh.overdue(now, monotonic):
                if attempt.refresh.frozen(now, monotonic):
                    attempt.state = DROPPED
                else:
                    self._failed(attempt, FetchError("timeout"), rules.REFRESH_SECONDS, now, deferred)
        if not refresh.overdue(now, monotonic):
            return refresh
        self._end(refresh, now, deferred)
        return None

    def refresh_in_background(self, now: Instant) -> None:
        """Ask every endpoint in the background, unless that is under way or would be in vain."""
        if not self.prepare():
            return
        deferred = DeferredActions()
        with self.lock:
            refresh = self.running(now, deferred)
            if refresh is None:
                self.begin(now, deferred, unknown_kid=False, ask_all=True, background=True)
            elif queue := self.candidates_now(now):
                self.start_successor(refresh, queue, now, deferred, background=True)
        self.run_deferred(deferred)

    def warm(self, now: Instant) -> Refresh | None:
        """A refresh of every endpoint that is not disabled: the one under way, extended, or a new one."""
        if not self.prepare():
            return None
        deferred = DeferredActions()
        with self.lock:
            refresh = self.running(now, deferred)
            if refresh is None:
                refresh = self.begin(now, deferred, unknown_kid=True, ask_all=True)
            else:
                refresh.ask_all, refresh.background, refresh.last_resort = True, False, []
                asked = {attempt.endpoint.url for attempt in refresh.attempts}
                asked |= {each.url for each in refresh.queue}
                candidates = self._key_set.candidates(now, unknown_kid=True, ask_all=True)
                refresh.queue += [each for each in candidates if each.url not in asked]
                self.start_due(refresh, now, deferred)
        self.run_deferred(deferred)
        return refresh

    def start_due(self, refresh: Refresh, now: Instant, deferred: DeferredActions) -> None:
        """Under the lock: start the attempts that are due; end a refresh that has no more to wait for."""
        keys = self._key_set.snapshot.keys
        monotonic = self._dependencies.monotonic()
        while (endpoint := refresh.next(monotonic, keys)) is not None:
            # Counted before it starts, so that no caller that comes meanwhile takes it for a later one.
            self.attempts_begun += 1
            attempt = Attempt(endpoint, now, self.attempts_begun, refresh)
            outcome = self._dependencies.threads.start(
                (self._key_set.config.provider, endpoint.url),
                f"cognito-mr-auth fetch {endpoint.kind} {endpoint.region}",
                _Request(self, attempt),
                background=refresh.background,
            )
            if outcome == FULL:
                refresh.last_start = monotonic  # waiters look again after `hedge`, not all the time
                break
            if outcome == BUSY:  # two attempts hang there already: this one would hang too
                refresh.queue.pop(0)
                continue
            refresh.note_start(attempt, monotonic)
        if refresh.done(keys):
            self._end(refresh, now, deferred)

    def _end(self, refresh: Refresh, now: Instant, deferred: DeferredActions) -> None:
        refresh.over = True
        self.current = None
        if not refresh.dropped:
            self.last_answered = refresh.answers > 0
            if not refresh.answers and self._key_set.state_of(now) == rules.STALE:
                self._key_set.stale_if_error = True
        deferred.futures.append(refresh.notify())

    def close(self) -> None:
        """Start nothing more, store nothing more (K4), and release every waiter."""
        self.closed = True
        # A signal's handler may run on the thread that holds the lock, and would wait for itself. Then the
        # waiters end by their own timeout.
        if not self.lock.acquire(timeout=CLOSE_SECONDS):
            return
        deferred = DeferredActions()
        try:
            refresh, self.current = self.current, None
            if refresh is not None:
                refresh.over = True
                deferred.futures.append(refresh.notify())
        finally:
            self.lock.release()
        self.run_deferred(deferred)

    def run_attempt(self, attempt: Attempt) -> None:
        """Make one request, on its own thread, and store the result."""
        refresh = attempt.refresh
        started = self._dependencies.monotonic()
        raw, document = b"", None
        failure: FetchError | None = None
        try:
            raw = self._dependencies.fetch(
                attempt.endpoint.url, refresh.limit - (started - refresh.began_monotonic)
            )
            document = self._key_set.read(raw, local=attempt.endpoint.loopback)
        except FetchError as error:
            failure = error
        except BaseException:  # noqa: BLE001 - a replaced transport may raise anything here
            failure = FetchError("broken-transport")
        self.on_result(attempt, raw, document, failure, self._dependencies.monotonic() - started)

    def on_result(
        self,
        attempt: Attempt,
        raw: bytes,
        document: Document | None,
        failure: FetchError | None,
        seconds: float,
    ) -> None:
        """Store an answer or a failure, then wake every waiter (R3)."""
        deferred = DeferredActions()
        with self.lock:
            refresh = self.current
            if self.closed or refresh is None or attempt not in refresh.attempts or attempt.state != PENDING:
                return  # too late, counted as such already, or from before a fork (K4)
            now = self._dependencies.clock()
            overdue = elapsed(now, attempt.refresh.begun) >= attempt.refresh.limit
            if document is not None and overdue:  # R7: discarded
                document, failure = None, FetchError("timeout")
            if attempt.refresh.frozen(now, self._dependencies.monotonic()):
                attempt.state = DROPPED
            elif document is not None and self._key_set.store_response(
                attempt.endpoint, attempt.begun, raw, document, seconds, now, deferred.events
            ):
                attempt.state = ANSWERED
                if self._key_set.config.key_file is not None:
                    self._unsaved = deferred.save = True
                    self.saved = self.saved or _new_progress()
            else:
                failure = failure or FetchError("document-no-usable-key", status=200)
                self._failed(attempt, failure, seconds, now, deferred)
            refresh.result_arrived = True
            deferred.futures.append(refresh.notify())
            if self.running(now, deferred) is refresh:  # else whatever it asked now would be in vain
                self.start_due(refresh, now, deferred)
        self.run_deferred(deferred)

    def _failed(
        self, attempt: Attempt, failure: FetchError, seconds: float, now: Instant, deferred: DeferredActions
    ) -> None:
        counted = self._key_set.record_failure(attempt.endpoint, failure, seconds, now, deferred.events)
        attempt.state = FAILED if counted else DISABLED

    def run_deferred(self, deferred: DeferredActions) -> None:
        """Without the lock: first the waiters, then the key file, then the hooks (H3, P)."""
        for done in deferred.futures:
            done.set_result(None)
        if deferred.save:
            self._save(deferred)
        if deferred.events:
            self._dependencies.emit(deferred.events)

    def _save(self, deferred: DeferredActions) -> None:
        """Write the key file: one thread at a time, again while something newer has come (P)."""
        while self._claim_save():
            try:
                deferred.events.extend(self._dependencies.save(self._key_set.config, self._key_set.entries()))
            finally:  # or an unexpected error would leave `_saving` set for ever
                done = self._finish_save()
                if done is not None:
                    done.set_result(None)

    def _finish_save(self) -> "Future[None] | None":
        with self.lock:
            self._saving = False
            if self._unsaved:
                return None
            done, self.saved = self.saved, None
            return done

    def _claim_save(self) -> bool:
        with self.lock:
            if self._saving or not self._unsaved:
                return False
            self._saving, self._unsaved = True, False
            return True


class _Request:
    """The work of one fetch thread: one attempt."""

    __slots__ = ("_attempt", "_coordinator")

    def __init__(self, coordinator: RefreshCoordinator, attempt: Attempt) -> None:
        self._coordinator = coordinator
        self._attempt = attempt

    def __call__(self) -> None:
        self._coordinator.run_attempt(self._attempt)


def _new_progress() -> "Future[None]":
    from concurrent.futures import Future

    # Marked as running at once, so that a waiter's cancellation cannot cancel it for the others.
    future: Future[None] = Future()
    future.set_running_or_notify_cancel()
    return future
