"""Drives one pool's refresh machine: its lock, its threads, its results (R1, F).

This module has the lock of a pool's key set. It never holds the lock over I/O, a clock, a thread's start, a
callback or a waiter. It acts on the result of a look after the release. It decides nothing (see
`_jwks.refresh`).
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Generator
from typing import TYPE_CHECKING, cast

from cognito_mr_auth import events
from cognito_mr_auth._base.clock import Instant, elapsed
from cognito_mr_auth._jwks.attempt import Attempt, Moment, Step, Waiter
from cognito_mr_auth._jwks.document import Document
from cognito_mr_auth._jwks.key_set import KeySet
from cognito_mr_auth._jwks.model import FetchError
from cognito_mr_auth._jwks.rate_limit import RateLimit
from cognito_mr_auth._jwks.refresh import RefreshMachine
from cognito_mr_auth._jwks.schedule import ATTEMPT_SECONDS, SILENCE_SECONDS
from cognito_mr_auth.events import Event

from .cancel_scope import CancelScope
from .dependencies import Dependencies

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["RefreshCoordinator"]

# The lock is held for well under a millisecond. A longer wait means that the waiting thread itself holds it.
CLOSE_SECONDS = 1.0
# A hit of an aged set takes the lock at most this often, by the larger of the clocks (R7). In a sandbox that
# is frozen between requests, one second of the monotonic clock lasts for hundreds of requests.
LOOK_SECONDS = 1.0


class RefreshCoordinator:
    """The refreshes of one pool's key set."""

    def __init__(self, key_set: KeySet, dependencies: Dependencies) -> None:
        self._key_set = key_set
        self._dependencies = dependencies
        self._hosts = {each.url: each.url.split("/")[2] for each in key_set.endpoints}
        self._rate_limit = RateLimit(dependencies.clock())
        self.loaded: bool | None = None  # None before the first try, False after a failed one
        self.closed = False
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Start without the parent's lock and attempts. The constructor and a forked child call it (F)."""
        self.lock = threading.Lock()
        self._rate_limit.current = None
        self.machine = RefreshMachine(self._key_set, self._rate_limit, _new_scope)
        self.next_look = 0.0  # when a hit that finds the set aged may look; real monotonic clock
        self._last_look: Instant = (0.0, 0.0)
        self._progress: Future[None] | None = None
        self._unsaved = self._saving = False
        self.saved: Future[None] | None = None  # ends when the key file holds every stored response
        self._tellers = 0
        self.hooks_done: Future[None] | None = None  # ends when the hooks have been called for every result

    # -- loading --------------------------------------------------------------------------------

    @property
    def may_fetch(self) -> bool:
        """Whether this pool asks endpoints at all. It does not if it is offline or closed."""
        return bool(self._hosts) and not self.closed

    def prepare(self) -> bool:
        """Take all steps of `loading` at once, for a background refresh."""
        for _ in self.loading():
            pass
        return self.may_fetch and bool(self.loaded)

    def loading(self) -> Generator[None, None, bool]:
        """Import what a refresh needs and load certificates, on the caller's thread, without the lock (F).

        It yields where others may run, and never once everything is loaded. It returns False if nothing may
        be fetched, or if loading fails, as in a process without a free descriptor. Such a failure is an
        outage, which is reported once until it is over.
        """
        if self.loaded or not self.may_fetch:
            return self.may_fetch
        try:
            import concurrent.futures  # noqa: F401 - a waiter waits for one of its futures

            yield from self._dependencies.fetch.prepare_steps(self._hosts)
        except (ImportError, OSError):
            before, self.loaded = self.loaded, False
            self._key_set.not_loaded = True
            if before is None:
                provider, url = self._key_set.config.provider, next(iter(self._hosts))
                self._dependencies.emit([events.FetchFailed(provider, url, "setup", 0.0, None, 0.0)])
            return False
        self.loaded, self._key_set.not_loaded = True, False
        return True

    # -- looks ----------------------------------------------------------------------------------

    def moment(self) -> Moment:
        """The present moment on both clocks."""
        return Moment(self._dependencies.clock(), self._dependencies.monotonic())

    def warm(self, moment: Moment) -> None:
        """Ask every endpoint at once, whatever its back-off (R2)."""
        with self.lock:
            self.machine.warm(moment)

    def warming(self, waiter: Waiter) -> Future[None] | None:
        """The future that a caller of `warm` waits for; None when the work is done."""
        moment = self.moment()
        _, progress = self.look(moment, waiter)
        with self.lock:
            return None if self.machine.warmed(moment) else progress

    def look_due(self, now: Instant) -> bool:
        """Whether a hit that finds the set aged has something to do. Takes no lock."""
        return self.may_fetch and (
            self._dependencies.monotonic() >= self.next_look or elapsed(now, self._last_look) >= LOOK_SECONDS
        )

    def look(
        self, moment: Moment, waiter: Waiter | None = None, *, background: bool = False
    ) -> tuple[Step, Future[None] | None]:
        """Do what is due now. Returns its meaning for this caller (see `RefreshMachine.poll`) and a future.

        A caller that waits on waits for the future, which ends with the next result.
        """
        emitted: list[Event] = []
        try:
            return self._look(moment, emitted, waiter, background=background)
        finally:
            self._emit(emitted)

    def _look(
        self,
        moment: Moment,
        emitted: list[Event],
        waiter: Waiter | None = None,
        *,
        background: bool = False,
    ) -> tuple[Step, Future[None] | None]:
        refused: list[Attempt] = []
        while True:
            progress = None
            with self.lock:
                for attempt in refused:
                    self.machine.refused(attempt, moment)
                if self.closed:
                    return Step(), None
                step = self.machine.poll(moment, emitted, waiter, background=background)
                if background:
                    self.next_look = min(step.look_at, moment.monotonic + LOOK_SECONDS)
                    self._last_look = moment.now
                woken = self._take_progress() if step.changed else None
                if waiter is not None and step.verdict is None:
                    progress = self._progress = self._progress or _new_future()
            _hang_up(step.hang_ups, moment)
            _wake(woken)
            refused = self._start(step.starts, moment)
            if not refused:
                return step, progress

    def _emit(self, emitted: list[Event]) -> None:
        if emitted:
            self._dependencies.emit(emitted)

    def _start(self, attempts: list[Attempt], moment: Moment) -> list[Attempt]:
        """Start the threads of these attempts. Returns the attempts that got no thread."""
        waiting = list(attempts)
        refused: list[Attempt] = []
        try:
            while waiting:
                attempt = waiting[0]
                url = attempt.endpoint.url
                started = self._dependencies.threads.start(
                    self._hosts[url],
                    (self._key_set.config.provider, url),
                    f"cognito-mr-auth fetch {attempt.endpoint.kind} {attempt.endpoint.region}",
                    _Request(self, attempt),
                    background=attempt.background,
                    on_room=self._on_room,
                )
                waiting.pop(0)
                if not started:
                    refused.append(attempt)
        finally:
            if waiting:  # a signal's handler has raised
                with self.lock:
                    for attempt in [*waiting, *refused]:
                        self.machine.refused(attempt, moment)
        return refused

    def _on_room(self) -> None:
        """React to a free slot, on the thread that has ended."""
        with self.lock:
            self.machine.attempts.try_all_again()
            progress = self._take_progress()
        self.look(self.moment())
        _wake(progress)

    def _take_progress(self) -> Future[None] | None:
        """Take the future that waiters wait for, under the lock. The caller ends it after the release."""
        progress, self._progress = self._progress, None
        return progress

    def rebuild_if_due(self, now: Instant) -> None:
        """Rebuild the snapshot if time has changed it (K1, K3)."""
        emitted: list[Event] = []
        with self.lock:
            self._key_set.rebuild_if_due(now, emitted)
        self._emit(emitted)

    def note_refusal(self, now: Instant) -> None:
        """Report that a caller is refused, or gets stale keys, because fetching or answers fail (B1).

        A caller that could wait for only a moment proves nothing about the endpoints.
        """
        key_set = self._key_set
        if self.closed or key_set.reachability.reported(key_set.state_of(now)):
            return
        emitted: list[Event] = []
        moment = self.moment()
        with self.lock:
            silence_begins = self.machine.attempts.all_silent_since(moment) + SILENCE_SECONDS
            if not self.loaded or silence_begins <= moment.monotonic:
                key_set.note_trouble(now, emitted)
        self._emit(emitted)

    def close(self) -> None:
        """Start nothing more, store nothing more (K4), and release every waiter."""
        self.closed = True
        # A signal's handler may run on the thread that holds the lock, and would wait for itself. Then the
        # waiters end by their own timeout.
        if not self.lock.acquire(timeout=CLOSE_SECONDS):
            return
        try:
            progress = self._take_progress()
        finally:
            self.lock.release()
        _wake(progress)

    # -- results --------------------------------------------------------------------------------

    def run_attempt(self, attempt: Attempt, machine: RefreshMachine) -> None:
        """Make one request, on its own thread, and store the result."""
        raw, document = b"", None
        failure: FetchError | None = None
        try:
            raw = self._dependencies.fetch(attempt.endpoint.target, _scope(attempt))
            document = self._key_set.read(raw, local=attempt.endpoint.loopback)
        except FetchError as error:
            failure = error
        except BaseException:  # noqa: BLE001 - a replaced transport may raise anything here
            failure = FetchError("broken-transport")
        self._on_result(attempt, machine, raw, document, failure)

    def _on_result(
        self,
        attempt: Attempt,
        machine: RefreshMachine,
        raw: bytes,
        document: Document | None,
        failure: FetchError | None,
    ) -> None:
        """Store an answer or a failure; wake waiters (R3), write the key file (P), call the hooks (H3)."""
        emitted: list[Event] = []
        moment = self.moment()
        with self.lock:
            if self.closed or machine is not self.machine:
                return  # it is too late, or from before a fork (K4)
            exposed = len(self._key_set.exposed)
            stored, hang_ups = machine.attempts.on_result(attempt, raw, document, failure, moment, emitted)
            # An exposure is written at once, even if its document holds no usable key (T5).
            worth_saving = stored or len(self._key_set.exposed) > exposed
            if worth_saving and self._key_set.config.key_file is not None:
                self._unsaved = True
                self.saved = self.saved or _new_future()
            self.next_look = 0.0
            self._tellers += 1
            self.hooks_done = self.hooks_done or _new_future()
            progress = self._take_progress()
        try:
            _hang_up(hang_ups, moment)
            _wake(progress)
            self._look(moment, emitted)
            if worth_saving:
                self._save(emitted)
        finally:
            try:
                self._emit(emitted)
            finally:
                _wake(self._finish_telling())

    def _finish_telling(self) -> Future[None] | None:
        with self.lock:
            self._tellers -= 1
            if self._tellers:
                return None
            done, self.hooks_done = self.hooks_done, None
            return done

    def _save(self, emitted: list[Event]) -> None:
        """Write the key file: one thread at a time, and again if something newer has come (P)."""
        while self._claim_save():
            try:
                contents = self._key_set.contents(self._dependencies.clock())
                emitted.extend(self._dependencies.save(self._key_set.config, contents))
            finally:  # an unexpected error must not leave `_saving` set for ever
                _wake(self._finish_save())

    def _finish_save(self) -> Future[None] | None:
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
    """The work of one fetch thread: one attempt of the machine that began it."""

    __slots__ = ("_attempt", "_coordinator", "_machine")

    def __init__(self, coordinator: RefreshCoordinator, attempt: Attempt) -> None:
        self._coordinator = coordinator
        self._machine = coordinator.machine
        self._attempt = attempt

    def __call__(self) -> None:
        self._coordinator.run_attempt(self._attempt, self._machine)


def _new_scope() -> CancelScope:
    return CancelScope(ATTEMPT_SECONDS)


def _scope(attempt: Attempt) -> CancelScope:
    return cast("CancelScope", attempt.connection)  # `_new_scope` has made it


def _hang_up(attempts: Collection[Attempt], moment: Moment) -> None:
    for attempt in attempts:
        scope = _scope(attempt)
        # An answer that came during a freeze is still read. It is as old as its request (R7).
        (scope.hang_up if attempt.thawed(moment) else scope.cancel)()


def _wake(future: Future[None] | None) -> None:
    if future is not None:
        future.set_result(None)


def _new_future() -> Future[None]:
    from concurrent.futures import Future

    # It is marked as running at once, so that a waiter's cancellation cannot cancel it for the others.
    future: Future[None] = Future()
    future.set_running_or_notify_cancel()
    return future
