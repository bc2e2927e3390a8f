"""The flights of one pool: starting them, their requests on threads, and what comes back (R1, F).

Owns the lock of a pool's store, and what happens under it and right after it. Never holds it over I/O,
a callback or a waiter: whatever a spell under the lock leaves to do goes into a `DeferredActions`.
"""

import threading
from collections.abc import Callable, Collection, Iterable
from random import random
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cognito_mr_auth import events
from cognito_mr_auth._base.clock import Clock, Instant, elapsed
from cognito_mr_auth._jwks import schedule as rules
from cognito_mr_auth._jwks.document import Document
from cognito_mr_auth._jwks.key_set import KeySet
from cognito_mr_auth._jwks.model import CacheLifetimes, Endpoint, FetchFailed, KeyFileEntry, KeySetConfig
from cognito_mr_auth._jwks.refresh import ANSWERED, CUT, FAILED, PARKED, PENDING, Attempt, Refresh, Signal
from cognito_mr_auth.events import Event

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["DeferredActions", "Dependencies", "Fetch", "FetchThreads", "RefreshCoordinator"]

# The lock is held for well under a millisecond; who cannot have it for so long stands in its way.
CLOSE_SECONDS = 1.0


class Fetch(Protocol):
    """What fetches: `prepare` on the caller's thread, then a call on a thread of its own."""

    def prepare(self, urls: Iterable[str]) -> None:
        """Load whatever a fetch of these URLs needs."""

    def __call__(self, url: str, seconds: float) -> bytes:
        """The document, or FetchFailed."""


class FetchThreads(Protocol):
    """What starts threads: "started", "busy" (two hang at this place) or "full" (no room)."""

    def start(self, place: object, name: str, work: Callable[[], None], *, background: bool) -> str:
        """Run `work` on a thread of its own."""


def _save_nothing(_pool: KeySetConfig, _records: Collection[KeyFileEntry]) -> Collection[Event]:
    return ()


class Dependencies(NamedTuple):
    """What all stores of a verifier share, and every seam to the world."""

    windows: CacheLifetimes
    clock: Clock
    fetch: Fetch
    crew: FetchThreads
    emit: Callable[[Collection[Event]], None]
    region: str | None = None
    save: Callable[[KeySetConfig, Collection[KeyFileEntry]], Collection[Event]] = _save_nothing
    dice: Callable[[], float] = random
    pace: Callable[[], float] = monotonic


class DeferredActions:
    """What a spell under the lock leaves to be done after it: rounds to end, events to tell."""

    __slots__ = ("events", "rounds", "save")

    def __init__(self) -> None:
        self.rounds: list[Signal] = []
        self.events: list[Event] = []
        self.save = False  # set by a fetch thread alone: no caller may wait for a disk (P)


class RefreshCoordinator:
    """At most one flight at a time for one pool's holdings."""

    def __init__(self, held: KeySet, gear: Dependencies) -> None:
        self._held = held
        self._gear = gear
        self.asked = 0  # requests begun so far: who came before whom (R3)
        self.closed = False
        self.last_answered = True
        self._prepared = True
        self.forget()

    def forget(self) -> None:
        """At birth, and in a forked child: the parent's lock and flight are not ours (F)."""
        self.lock = threading.Lock()
        self.current: Refresh | None = None
        self._unsaved = self._saving = False
        self.saved: Future[None] | None = None  # ends when the key file holds all that was heard

    def prepare(self) -> bool:
        """Imports and certificates, on the caller's thread and without the lock (F).

        False when not even that can be done, as in a process without a free descriptor: an outage, told
        once until it is over.
        """
        if not self._held.endpoints:
            return True
        try:
            import concurrent.futures  # noqa: F401 - a round is one of its futures

            self._gear.fetch.prepare(each.url for each in self._held.endpoints)
        except (ImportError, OSError):
            if self._prepared:
                self._prepared = False
                pool_id, url = self._held.pool.user_pool_id, self._held.endpoints[0].url
                self._gear.emit([events.FetchFailed(pool_id, url, "setup", 0.0, None, 0.0)])
            return False
        self._prepared = True
        return True

    def others(self, now: Instant) -> list[Endpoint]:
        """Whom the background may ask now: nobody while a flight has more than hanging ones to offer.

        Without the lock only a hint.
        """
        flight, pace = self.current, self._gear.pace()
        stuck: Collection[str] = ()
        if flight is not None and not flight.late(now, pace):
            if flight.queue or flight.idle(pace):
                return []
            stuck = flight.stuck
        # Each hit of an aged set comes here, so what can be known without a plan is not planned.
        if self.closed or (stuck and all(each.url in stuck for each in self._held.endpoints)):
            return []
        plan = self._held.plan(now, seek=False, everywhere=True)
        return [each for each in plan if each.url not in stuck]

    def begin(
        self, now: Instant, batch: DeferredActions, *, seek: bool, everywhere: bool, background: bool = False
    ) -> Refresh | None:
        """Under the lock: a new flight, or None when nobody can be asked now."""
        queue = [] if self.closed else self._held.plan(now, seek=seek, everywhere=everywhere)
        if not queue:
            return None
        spare = self._held.spare(now, queue) if seek and not everywhere else []
        flight = self._flight(queue, spare, now, everywhere=everywhere, background=background)
        self.current = flight
        self.advance(flight, now, batch)
        if background and not flight.asks:  # no room for a single request
            self.current = None
        return self.current

    def _flight(
        self,
        queue: list[Endpoint],
        spare: list[Endpoint],
        now: Instant,
        *,
        everywhere: bool,
        background: bool,
    ) -> Refresh:
        return Refresh(
            queue,
            spare,
            born=self._gear.pace(),
            begun=now,
            everywhere=everywhere,
            background=background,
            limit=rules.FLIGHT_SECONDS,
            hedge=rules.HEDGE_SECONDS,
            new_round=_new_round,
        )

    def follow(
        self, old: Refresh, queue: list[Endpoint], now: Instant, batch: DeferredActions, *, background: bool
    ) -> None:
        """Under the lock: a flight that takes over what `old` still waits for, and asks others anew.

        Else one endpoint that hangs would keep all others from being asked for its five seconds.
        """
        flight = self._flight(queue, [], now, everywhere=background, background=background)
        # Older generations are left behind, or one that hangs for good would make the list grow.
        flight.asks = [ask for ask in old.asks if ask.state == PENDING or ask.flight is old]
        flight.wanted = set(old.wanted)
        if not old.answers:
            flight.silent_since = old.silent_since
        old.over, old.heir = True, flight
        batch.rounds.append(old.turn())
        self.current = flight
        self.advance(flight, now, batch)

    def live(self, now: Instant, batch: DeferredActions) -> Refresh | None:
        """Under the lock: the flight under way; what is past its deadline is ended here (R1)."""
        flight, pace = self.current, self._gear.pace()
        if flight is None:
            return None
        for ask in flight.asks:
            if ask.state == PENDING and ask.flight.late(now, pace):
                if ask.flight.frozen(now, pace):
                    ask.state = CUT
                else:
                    self._failed(ask, FetchFailed("timeout"), rules.FLIGHT_SECONDS, now, batch)
        if not flight.late(now, pace):
            return flight
        self._end(flight, now, batch)
        return None

    def ask_around(self, now: Instant) -> None:
        """Ask every endpoint in the background, unless that is under way or would be in vain."""
        if not self.prepare():
            return
        batch = DeferredActions()
        with self.lock:
            flight = self.live(now, batch)
            if flight is None:
                self.begin(now, batch, seek=False, everywhere=True, background=True)
            elif queue := self.others(now):
                self.follow(flight, queue, now, batch, background=True)
        self.flush(batch)

    def warm(self, now: Instant) -> Refresh | None:
        """A flight to every endpoint that is not parked: the one under way, widened, or a new one."""
        if not self.prepare():
            return None
        batch = DeferredActions()
        with self.lock:
            flight = self.live(now, batch)
            if flight is None:
                flight = self.begin(now, batch, seek=True, everywhere=True)
            else:
                flight.everywhere, flight.background, flight.spare = True, False, []
                asked = {ask.endpoint.url for ask in flight.asks} | {each.url for each in flight.queue}
                everybody = self._held.plan(now, seek=True, everywhere=True)
                flight.queue += [each for each in everybody if each.url not in asked]
                self.advance(flight, now, batch)
        self.flush(batch)
        return flight

    def advance(self, flight: Refresh, now: Instant, batch: DeferredActions) -> None:
        """Under the lock: start the requests that are due; end a flight without hope or need."""
        keys = self._held.snapshot.keys
        pace = self._gear.pace()
        while (endpoint := flight.next(pace, keys)) is not None:
            # Counted before it starts, so that who comes meanwhile does not take it for a later one.
            self.asked += 1
            ask = Attempt(endpoint, now, self.asked, flight)
            outcome = self._gear.crew.start(
                (self._held.pool.user_pool_id, endpoint.url),
                f"cognito-mr-auth fetch {endpoint.kind} {endpoint.region}",
                _Request(self, ask),
                background=flight.background,
            )
            if outcome == "full":
                flight.last_launch = pace  # waiters look again after `hedge`, not all the time
                break
            if outcome == "busy":  # two requests hang there already: this one would hang too
                flight.queue.pop(0)
                continue
            flight.launched(ask, pace)
        if flight.settled(keys):
            self._end(flight, now, batch)

    def _end(self, flight: Refresh, now: Instant, batch: DeferredActions) -> None:
        flight.over = True
        self.current = None
        if not flight.cut:
            self.last_answered = flight.answers > 0
            if not flight.answers and self._held.phase(now) == rules.STALE:
                self._held.confirmed = True
        batch.rounds.append(flight.turn())

    def close(self) -> None:
        """Start nothing more, store nothing more (K4), and release every waiter."""
        self.closed = True
        # Called by a signal's handler on top of who holds the lock, it would wait for itself: then the
        # waiters end by their own patience.
        if not self.lock.acquire(timeout=CLOSE_SECONDS):
            return
        batch = DeferredActions()
        try:
            flight, self.current = self.current, None
            if flight is not None:
                flight.over = True
                batch.rounds.append(flight.turn())
        finally:
            self.lock.release()
        self.flush(batch)

    def fly(self, ask: Attempt) -> None:
        """One request, on its own thread."""
        flight = ask.flight
        started = self._gear.pace()
        raw, document = b"", None
        failure: FetchFailed | None = None
        try:
            raw = self._gear.fetch(ask.endpoint.url, flight.limit - (started - flight.born))
            document = self._held.read(raw, local=ask.endpoint.loopback)
        except FetchFailed as error:
            failure = error
        except BaseException:  # noqa: BLE001 - a user's transport may raise anything here
            failure = FetchFailed("broken-transport")
        self._land(ask, raw, document, failure, self._gear.pace() - started)

    def _land(
        self,
        ask: Attempt,
        raw: bytes,
        document: Document | None,
        failure: FetchFailed | None,
        seconds: float,
    ) -> None:
        """An answer or a failure has arrived: publish it, then wake every waiter (R3)."""
        batch = DeferredActions()
        with self.lock:
            flight = self.current
            if self.closed or flight is None or ask not in flight.asks or ask.state != PENDING:
                return  # too late, counted as such already, or from before a fork (K4)
            now = self._gear.clock()
            late = elapsed(now, ask.flight.begun) >= ask.flight.limit
            if document is not None and late:  # R7: too late is thrown away
                document, failure = None, FetchFailed("timeout")
            if ask.flight.frozen(now, self._gear.pace()):
                ask.state = CUT
            elif document is not None and self._held.heard(
                ask.endpoint, ask.begun, raw, document, seconds, now, batch.events
            ):
                ask.state = ANSWERED
                if self._held.pool.key_file is not None:
                    self._unsaved = batch.save = True
                    self.saved = self.saved or _new_round()
            else:
                failure = failure or FetchFailed("document-no-usable-key", status=200)
                self._failed(ask, failure, seconds, now, batch)
            flight.kicked = True
            batch.rounds.append(flight.turn())
            if self.live(now, batch) is flight:  # else whatever it asked now would be in vain
                self.advance(flight, now, batch)
        self.flush(batch)

    def _failed(
        self, ask: Attempt, failure: FetchFailed, seconds: float, now: Instant, batch: DeferredActions
    ) -> None:
        counted = self._held.failed(ask.endpoint, failure, seconds, now, batch.events)
        ask.state = FAILED if counted else PARKED

    def flush(self, batch: DeferredActions) -> None:
        """Without the lock: first the waiters, then the key file, then the hooks (H3, P)."""
        for done in batch.rounds:
            done.set_result(None)
        if batch.save:
            self._save(batch)
        if batch.events:
            self._gear.emit(batch.events)

    def _save(self, batch: DeferredActions) -> None:
        """Write the key file: one thread at a time, again while something newer has come (P)."""
        while self._claim():
            try:
                batch.events.extend(self._gear.save(self._held.pool, self._held.records()))
            finally:  # or an error that nobody thought of would be the last attempt
                done = self._saved_all()
                if done is not None:
                    done.set_result(None)

    def _saved_all(self) -> "Future[None] | None":
        with self.lock:
            self._saving = False
            if self._unsaved:
                return None
            done, self.saved = self.saved, None
            return done

    def _claim(self) -> bool:
        with self.lock:
            if self._saving or not self._unsaved:
                return False
            self._saving, self._unsaved = True, False
            return True


class _Request:
    """The work of one thread: a request of a flight."""

    __slots__ = ("_ask", "_flights")

    def __init__(self, flights: RefreshCoordinator, ask: Attempt) -> None:
        self._flights = flights
        self._ask = ask

    def __call__(self) -> None:
        self._flights.fly(self._ask)


def _new_round() -> "Future[None]":
    from concurrent.futures import Future

    # Running from birth, so that a waiter's cancellation cannot cancel it for the others.
    future: Future[None] = Future()
    future.set_running_or_notify_cancel()
    return future
