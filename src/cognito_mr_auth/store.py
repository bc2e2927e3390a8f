"""One user pool's keys in one verifier: the snapshot that is served, and the flights that renew it.

Owns the state that DESIGN K and R speak of, and obeys their pure decisions (`_keys`, `_refresh`,
`_flight`). Its lock guards bookkeeping only: never I/O, a callback or a waiter. A known kid in a fresh
set takes no lock at all (R8). Sync and asyncio callers drive the same generators, which yield what
to wait for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Generator, Iterable
from random import random
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from . import _refresh as rules
from ._flight import ANSWERED, CUT, FAILED, PARKED, PENDING, Ask, Flight
from ._keys import Document, assemble, read_document
from ._snapshot import (
    Clock,
    Endpoint,
    FetchFailed,
    Instant,
    Key,
    Snapshot,
    Windows,
    Word,
    elapsed,
)
from .errors import AuthError, ConfigurationError, KeysUnavailable, KeyUnknown
from .events import (
    BudgetExhausted,
    EndpointParked,
    Event,
    FetchSucceeded,
    KeyExposed,
    KeyQuarantined,
    KeysChanged,
    KeysSkipped,
    StateChanged,
)
from .events import FetchFailed as FetchFailedEvent
from .pool import UserPool

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["Gear", "KeyStore", "Record", "Wait"]

Wait = tuple["Future[None]", float]
"""A future that ends when something has happened, and the seconds to wait for it at most."""

# The other endpoints are asked at most this often because of a quarantined kid (K3).
QUARANTINE_SECONDS = 60.0
# A flight this late was frozen, not slow: nobody's failure (R6).
FROZEN_SECONDS = 2 * rules.FLIGHT_SECONDS
# How often one caller starts again because a freeze or a clock's jump spoiled its flight.
MAX_CUTS = 3


class Record(NamedTuple):
    """A word for the key file: URL, wall time at which its request began, document."""

    url: str
    begun: float
    document: bytes


class Fetch(Protocol):
    """What fetches: `prepare` on the caller's thread, then a call on a thread of its own."""

    def prepare(self, urls: Iterable[str]) -> None: ...

    def __call__(self, url: str, seconds: float) -> bytes: ...


class Crew(Protocol):
    """What starts threads (see `_crew`)."""

    def start(
        self, place: object, name: str, work: Callable[[], None], *, background: bool
    ) -> str: ...


class Gear(NamedTuple):
    """What all stores of a verifier share, and every seam to the world."""

    windows: Windows
    clock: Clock
    fetch: Fetch
    crew: Crew
    emit: Callable[[Collection[Event]], None]
    region: str | None = None
    save: Callable[[UserPool, Collection[Record]], Collection[Event]] = lambda _pool, _words: ()
    dice: Callable[[], float] = random
    pace: Callable[[], float] = monotonic


class _Visit:
    """One caller's stay: when it came, how long it waits, and which flight it waits for."""

    __slots__ = ("came", "checked", "cuts", "flight", "followed", "seeking", "until")

    def __init__(self, came: int, until: float) -> None:
        self.came = came
        self.until = until
        self.flight: Flight | None = None
        self.followed = False
        self.seeking = False
        self.checked = False
        self.cuts = 0


class _Batch:
    """What a spell under the lock leaves to be done after it: rounds to end, events to tell."""

    __slots__ = ("events", "rounds", "save")

    def __init__(self) -> None:
        self.rounds: list[Future[None]] = []
        self.events: list[Event] = []
        self.save = False


class KeyStore:
    """The keys of one pool. `records` are words from its key file, already of safe origin."""

    def __init__(self, pool: UserPool, gear: Gear, records: Collection[Record] = ()) -> None:
        self._pool = pool
        self._gear = gear
        self._endpoints = () if pool.offline else rules.order(pool.endpoints, gear.region)
        self._states = {each.url: rules.EndpointState() for each in self._endpoints}
        self._budget = rules.Budget(rules.BUDGET_BURST, gear.clock())
        self._words: dict[str, Word] = {}
        self._asked = 0
        self._seekers = 0
        self._confirmed = False
        self._closed = False
        self._over_budget = False
        self._last_answered = True
        self._rechecked: Instant | None = None
        self._reset()
        now = gear.clock()
        self._load(records, now)
        self.snapshot = self._assembled(now)
        self._state = self._phase(now)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._flight: Flight | None = None
        self._seekers = 0

    # -- what is held ---------------------------------------------------------------------------

    def _load(self, records: Collection[Record], now: Instant) -> None:
        """Words from the key file, then the seed where no such word is usable (P)."""
        by_url = {each.url: each for each in self._pool.endpoints}
        for record in records:
            endpoint = by_url.get(record.url)
            if endpoint is None:  # another pool's or an older configuration's endpoint
                continue
            age = now[0] - record.begun
            if age < -60.0:  # a time in the future is no time
                age = self._gear.windows.max_stale
            begun = (now[0] - age, now[1] - age)
            try:
                document = self._read(record.document, local=endpoint.loopback)
            except FetchFailed:
                continue
            if document.keys and age < self._gear.windows.max_stale:
                self._words[record.url] = _word(record.url, begun, document, record.document)
        if self._pool.seed is not None and not self._words:
            self._seed(self._pool.seed, now)

    def _seed(self, raw: bytes, now: Instant) -> None:
        local = all(each.loopback for each in self._pool.endpoints)
        try:
            document = self._read(raw, local=local)
        except FetchFailed as error:
            raise ConfigurationError(f"jwks is no JWKS document: {error.reason}") from None
        if not document.keys:
            reasons = ", ".join(reason for reason, _ in document.skipped) or "it is empty"
            raise ConfigurationError(f"jwks holds no usable key: {reasons}")
        age = self._gear.windows.revalidate_after
        word = _word("", (now[0] - age, now[1] - age), document, raw)
        self._words[""] = word._replace(ageless=self._pool.offline)

    def _read(self, raw: bytes, *, local: bool) -> Document:
        snapshot: Snapshot | None = getattr(self, "snapshot", None)
        return read_document(
            raw,
            allow_emulators=local or self._pool.insecure_emulator,
            known=snapshot.keys.get if snapshot is not None else {}.get,
        )

    def _assembled(self, now: Instant) -> Snapshot:
        windows = self._gear.windows
        fresh_for = rules.drawn(windows.refresh_after, self._gear.dice())
        return assemble(self._words.values(), now, windows, fresh_for)

    def _phase(self, now: Instant) -> str:
        ever = bool(self._words)
        return rules.phase(self.snapshot, now, self._gear.windows, ever=ever)

    def _publish(self, now: Instant, batch: _Batch) -> None:
        """A new snapshot in one assignment, and what changed by it (under the lock)."""
        before = self.snapshot
        after = self._assembled(now)
        self.snapshot = after
        pool_id = self._pool.user_pool_id
        added = tuple(sorted(after.keys.keys() - before.keys.keys()))
        removed = tuple(sorted(before.keys.keys() - after.keys.keys()))
        if added or removed:
            batch.events.append(KeysChanged(pool_id, added, removed))
        for kid, urls in after.quarantined.items():
            if kid not in before.quarantined:
                batch.events.append(KeyQuarantined(pool_id, kid, urls))
        self._note_state(now, batch)

    def _note_state(self, now: Instant, batch: _Batch) -> None:
        state = self._phase(now)
        if state != self._state:
            batch.events.append(StateChanged(self._pool.user_pool_id, self._state, state))
            self._state = state

    # -- the request path -----------------------------------------------------------------------

    def key_now(self, kid: str, now: Instant) -> Key | None:
        """The key, if it can be had without waiting (R8); None means `resolve` must decide."""
        snapshot = self.snapshot
        made, calm = snapshot.made, snapshot.calm_for
        if now[0] - made[0] < calm and now[1] - made[1] < calm:
            return snapshot.keys.get(kid)
        return self._key_by_age(kid, now)

    def _key_by_age(self, kid: str, now: Instant) -> Key | None:
        snapshot = self.snapshot
        age = self._phase(now)
        if elapsed(now, snapshot.made) >= snapshot.recheck_in or age != self._state:
            snapshot, age = self._lapse(snapshot, now)
        key = snapshot.keys.get(kid)
        step = rules.decide(age, known=key is not None, confirmed=self._confirmed)
        if step == rules.SERVE_AND_ASK:
            self._ask_around(now)
            return key
        return key if step == rules.SERVE else None

    def _lapse(self, judged: Snapshot, now: Instant) -> tuple[Snapshot, str]:
        """A word or a contradiction has grown too old, or the set has: settle it again."""
        batch = _Batch()
        with self._lock:
            if self.snapshot is judged and elapsed(now, judged.made) >= judged.recheck_in:
                self._publish(now, batch)
            self._note_state(now, batch)
            found = self.snapshot, self._phase(now)
        self._flush(batch)
        return found

    def resolve(
        self, kid: str, plausible: Callable[[], bool], patience: float
    ) -> Generator[Wait, None, Key]:
        """The key, waiting at most `patience` seconds for it (R1, R3 to R5).

        `plausible` says whether the token could pass if the key were known (R5).

        Raises:
            KeyUnknown: no endpoint lists the kid, or nothing may be spent on asking.
            KeysUnavailable: the answer cannot be had in time.
        """
        visit = _Visit(self._asked, self._gear.pace() + patience)
        try:
            while True:
                now = self._gear.clock()
                key = self.key_now(kid, now)
                if key is not None:
                    return key
                snapshot = self.snapshot
                known = kid in snapshot.keys
                step = rules.decide(self._phase(now), known=known, confirmed=self._confirmed)
                if step == rules.SEEK and kid in snapshot.quarantined:
                    self._recheck(now)
                    raise KeysUnavailable(hint="two endpoints contradict each other on this key")
                if step == rules.SEEK and not visit.checked and not plausible():
                    raise KeyUnknown
                visit.checked = True
                seat = self._seat(step, kid, visit, snapshot, now)
                if isinstance(seat, AuthError):
                    raise seat
                if seat is None:
                    continue
                left = visit.until - self._gear.pace()
                if left <= 0:
                    if step == rules.CONFIRM:  # usable, and nobody contradicts it: serve (R)
                        return snapshot.keys[kid]
                    raise self._unavailable(now)
                yield seat[0], min(left, seat[1])
        finally:
            if visit.seeking:
                with self._lock:
                    self._seekers -= 1

    def _seat(
        self, step: str, kid: str, visit: _Visit, judged: Snapshot, now: Instant
    ) -> Wait | AuthError | None:
        """A place in a flight, the end of the visit, or None to judge again."""
        self._gear.fetch.prepare(each.url for each in self._endpoints)
        batch = _Batch()
        try:
            with self._lock:
                if self.snapshot is not judged:
                    return None
                flight = self._live(now, batch)
                if flight is None:
                    begun = self._start_again(step, visit, now, batch)
                    if not isinstance(begun, Flight):
                        return begun
                    flight = begun
                return self._join(flight, step, kid, visit, now, batch)
        finally:
            self._flush(batch)

    def _start_again(
        self, step: str, visit: _Visit, now: Instant, batch: _Batch
    ) -> Flight | AuthError | None:
        """A new flight for a caller without one, if the one it waited for leaves any hope."""
        ended = visit.flight
        if ended is not None:
            verdict = self._verdict(step, visit, ended, now)
            if verdict is not None:
                return verdict
        if step == rules.SEEK and self._endpoints and not self._closed:
            left = self._budget.take(now)
            if left is None:
                return self._refused(now, batch)
            self._budget = left
            self._over_budget = False
        flight = self._begin(now, batch, seek=step == rules.SEEK, everywhere=False)
        if flight is not None:
            return flight
        if step == rules.CONFIRM:  # nobody can be asked now: that is a failed flight (R)
            self._confirmed = True
            return None
        return KeyUnknown() if step == rules.SEEK else self._unavailable(now)

    def _verdict(self, step: str, visit: _Visit, ended: Flight, now: Instant) -> AuthError | None:
        """What an ended flight means for this caller (R3); None where it may take another."""
        if ended.cut and visit.cuts < MAX_CUTS:
            visit.cuts += 1
            return None
        later = [ask for ask in ended.asks if ask.number > visit.came]
        if step == rules.SEEK and any(ask.state == ANSWERED for ask in later):
            return KeyUnknown()
        if visit.followed or len(later) == len(ended.asks):
            if step == rules.SEEK and ended.answers:
                return KeyUnknown()
            return self._unavailable(now)
        visit.followed = True
        return None

    def _refused(self, now: Instant, batch: _Batch) -> AuthError:
        """Beyond the budget (R4): an answer at once, by what the last flight found."""
        if not self._over_budget:
            self._over_budget = True
            batch.events.append(BudgetExhausted(self._pool.user_pool_id))
        return KeyUnknown() if self._last_answered else self._unavailable(now)

    def _join(
        self, flight: Flight, step: str, kid: str, visit: _Visit, now: Instant, batch: _Batch
    ) -> Wait | AuthError:
        if step == rules.SEEK and not visit.seeking:
            if self._seekers >= rules.MAX_SEEKERS:
                return self._refused(now, batch)
            self._seekers += 1
            visit.seeking = True
        if visit.flight is not flight:
            visit.flight = flight
            flight.want(kid)
        self._advance(flight, now, batch)
        pace = self._gear.pace()
        wake = flight.limit - (pace - flight.born)
        if flight.queue:
            wake = min(wake, flight.hedge - (pace - flight.last_launch))
        if step == rules.CONFIRM:
            patience = rules.PATIENCE_SECONDS - (pace - flight.born)
            if patience <= 0 and not flight.answers:
                # Silence for as long as a caller waits: later callers need not wait again (R).
                self._confirmed = True
                batch.rounds.append(flight.turn())
            wake = min(wake, patience)
        return flight.round, max(wake, 0.001)

    def _unavailable(self, now: Instant) -> KeysUnavailable:
        states = self._states
        if states and all(state.parked for state in states.values()):
            hint = (
                "the updated issuer answers 403 or 404: is IssuerConfiguration.Type UPDATED "
                "for this user pool?"
            )
        else:
            reasons = ", ".join(
                f"{each.kind} issuer in {each.region}: {states[each.url].last_error or 'no answer'}"
                for each in self._endpoints
            )
            hint = (
                f"{reasons}; a missing route to the internet looks the same"
                if reasons
                else "the pool is offline and holds no usable key"
            )
        return KeysUnavailable(hint=hint, retry_after=rules.retry_after(states.values(), now))

    # -- flights --------------------------------------------------------------------------------

    def _ask_around(self, now: Instant) -> None:
        """Ask every endpoint in the background, unless that is under way or would be in vain."""
        flight = self._flight
        if flight is not None and not flight.late(now, self._gear.pace()):
            return
        if self._closed or not self._plan(now, seek=False, everywhere=True):
            return
        self._everywhere(now)

    def _everywhere(self, now: Instant, *, urgent: bool = False) -> Flight | None:
        """A flight to every endpoint: the one under way, widened, or a new one."""
        self._gear.fetch.prepare(each.url for each in self._endpoints)
        batch = _Batch()
        with self._lock:
            flight = self._live(now, batch)
            if flight is None:
                flight = self._begin(now, batch, seek=urgent, everywhere=True, background=True)
            elif not flight.everywhere:
                flight.everywhere = True
                self._advance(flight, now, batch)
        self._flush(batch)
        return flight

    def _recheck(self, now: Instant) -> None:
        """A quarantined kid was asked for: ask again, once a minute at most (K3)."""
        if self._rechecked is None or elapsed(now, self._rechecked) >= QUARANTINE_SECONDS:
            self._rechecked = now
            self._ask_around(now)

    def warming(self, patience: float) -> Generator[Wait, None, None]:
        """Ask every endpoint and wait for all of them, at most `patience` seconds.

        Raises:
            KeysUnavailable: when the pool is left without a usable key.
        """
        until = self._gear.pace() + patience
        flight = self._everywhere(self._gear.clock(), urgent=True)
        while flight is not None and not flight.over:
            pace = self._gear.pace()
            if pace >= until:
                break
            yield flight.round, min(until - pace, flight.hedge)
            now = self._gear.clock()
            batch = _Batch()
            with self._lock:
                if self._live(now, batch) is flight:
                    self._advance(flight, now, batch)
            self._flush(batch)
        now = self._gear.clock()
        if self._phase(now) in (rules.EMPTY, rules.EXPIRED):
            raise self._unavailable(now)

    def _plan(self, now: Instant, *, seek: bool, everywhere: bool) -> list[Endpoint]:
        urgent = self._phase(now) in (rules.EMPTY, rules.EXPIRED)
        return rules.plan(
            self._endpoints, self._states, now, urgent=urgent, seek=seek, everywhere=everywhere
        )

    def _begin(
        self,
        now: Instant,
        batch: _Batch,
        *,
        seek: bool,
        everywhere: bool,
        background: bool = False,
    ) -> Flight | None:
        queue = [] if self._closed else self._plan(now, seek=seek, everywhere=everywhere)
        if not queue:
            return None
        flight = Flight(
            queue,
            born=self._gear.pace(),
            begun=now,
            everywhere=everywhere,
            background=background,
            limit=rules.FLIGHT_SECONDS,
            hedge=rules.HEDGE_SECONDS,
            new_round=_new_round,
        )
        self._flight = flight
        self._advance(flight, now, batch)
        if flight.over or (background and not flight.asks):  # no room for a single request
            self._flight = None
            return None
        return flight

    def _live(self, now: Instant, batch: _Batch) -> Flight | None:
        """The flight under way; one past its deadline is ended here (R1)."""
        flight = self._flight
        if flight is None or not flight.late(now, self._gear.pace()):
            return flight
        frozen = elapsed(now, flight.begun) >= FROZEN_SECONDS
        for ask in flight.asks:
            if ask.state == PENDING:
                ask.state = CUT if frozen else FAILED
                if not frozen:
                    self._failed(ask, FetchFailed("timeout"), rules.FLIGHT_SECONDS, now, batch)
        self._end(flight, now, batch)
        return None

    def _end(self, flight: Flight, now: Instant, batch: _Batch) -> None:
        flight.over = True
        self._flight = None
        if flight.asks and not flight.cut:
            self._last_answered = flight.answers > 0
            if not flight.answers and self._phase(now) == rules.STALE:
                self._confirmed = True
        batch.rounds.append(flight.turn())

    def _advance(self, flight: Flight, now: Instant, batch: _Batch) -> None:
        """Start whatever requests are due, and end the flight when nothing is left to hope for."""
        pace = self._gear.pace()
        while (endpoint := flight.next(pace, self.snapshot.keys)) is not None:
            ask = Ask(endpoint, now, self._asked + 1)
            outcome = self._gear.crew.start(
                (self._pool.user_pool_id, endpoint.url),
                f"cognito-mr-auth fetch {endpoint.kind} {endpoint.region}",
                lambda ask=ask: self._fly(flight, ask),  # type: ignore[misc]
                background=flight.background,
            )
            if outcome == "full":
                break
            if outcome == "busy":  # two requests hang there already: this one would hang too
                flight.queue.pop(0)
                continue
            self._asked += 1
            flight.launched(ask, pace)
        if not flight.over and flight.settled(self.snapshot.keys):
            self._end(flight, now, batch)

    def _fly(self, flight: Flight, ask: Ask) -> None:
        """One request, on its own thread."""
        started = self._gear.pace()
        raw, document = b"", None
        failure: FetchFailed | None = None
        try:
            raw = self._gear.fetch(ask.endpoint.url, flight.limit - (started - flight.born))
            document = self._read(raw, local=ask.endpoint.loopback)
        except FetchFailed as error:
            failure = error
        except BaseException:  # noqa: BLE001 - a user's transport may raise anything; the thread is ours
            failure = FetchFailed("broken-transport")
        if document is not None and not document.keys:
            failure = FetchFailed("document-no-usable-key", status=200)
        self._land(flight, ask, raw, document, failure, self._gear.pace() - started)

    def _land(
        self,
        flight: Flight,
        ask: Ask,
        raw: bytes,
        document: Document | None,
        failure: FetchFailed | None,
        seconds: float,
    ) -> None:
        """An answer or a failure has arrived: publish it, then wake every waiter (R3)."""
        batch = _Batch()
        with self._lock:
            now = self._gear.clock()
            if self._closed or flight.over:
                return
            age = elapsed(now, flight.begun)
            if age >= FROZEN_SECONDS or (failure is None and age >= flight.limit):
                ask.state = CUT  # R7: what comes after the deadline is thrown away
            else:
                if document is not None:
                    self._heard(ask, raw, document, seconds, now, batch)
                if failure is not None:
                    self._failed(ask, failure, seconds, now, batch)
            flight.kicked = True
            self._advance(flight, now, batch)
            if not flight.over:
                batch.rounds.append(flight.turn())
        self._flush(batch)

    def _heard(
        self,
        ask: Ask,
        raw: bytes,
        document: Document,
        seconds: float,
        now: Instant,
        batch: _Batch,
    ) -> None:
        url, pool_id = ask.endpoint.url, self._pool.user_pool_id
        held = self._words.get(url)
        if document.skipped:
            batch.events.append(KeysSkipped(pool_id, url, document.skipped))
        if document.exposed:
            batch.events.append(KeyExposed(pool_id, url, len(document.exposed)))
        if document.keys:
            ask.state = ANSWERED
            self._states[url] = rules.EndpointState()
            self._confirmed = False
            if held is None or held.begun[1] <= ask.begun[1]:  # K4: by the request's start
                self._words[url] = _word(url, ask.begun, document, raw)
            self._words.pop("", None)
            batch.save = self._pool.key_file is not None
            skipped = sum(count for _, count in document.skipped)
            batch.events.append(
                FetchSucceeded(pool_id, url, seconds, len(document.keys), skipped)
            )
        elif document.exposed:
            # No word (K4), but what was exposed stays exposed while the endpoint says so (T5).
            held = held or Word(url, ask.begun, {}, b"")
            self._words[url] = held._replace(exposed=held.exposed | document.exposed)
        self._publish(now, batch)

    def _failed(
        self, ask: Ask, failure: FetchFailed, seconds: float, now: Instant, batch: _Batch
    ) -> None:
        endpoint, state = ask.endpoint, self._states[ask.endpoint.url]
        pool_id = self._pool.user_pool_id
        status = failure.status
        off = endpoint.kind == "updated" and status in (403, 404)
        if off and endpoint.url not in self._words:  # K5: not enabled, which is nobody's failure
            ask.state = PARKED
            self._states[endpoint.url] = rules.EndpointState(
                0, now, rules.PARKED_SECONDS, True, "not enabled"
            )
            batch.events.append(EndpointParked(pool_id, endpoint.url, status or 0))
            return
        ask.state = FAILED
        failures = state.failures + 1
        rest = rules.back_off(failures, self._gear.dice(), failure.retry_after)
        reason = failure.reason if status is None else f"{failure.reason} {status}"
        self._states[endpoint.url] = rules.EndpointState(failures, now, rest, False, reason)
        batch.events.append(
            FetchFailedEvent(pool_id, endpoint.url, failure.reason, seconds, status, rest)
        )

    def _flush(self, batch: _Batch) -> None:
        """Without the lock: first the waiters, then the file, then the hooks (H3)."""
        for done in batch.rounds:
            done.set_result(None)
        if batch.save:
            words = [
                Record(word.url, word.begun[0], word.raw)
                for word in list(self._words.values())
                if word.keys and word.url
            ]
            batch.events.extend(self._gear.save(self._pool, words))
        if batch.events:
            self._gear.emit(batch.events)

    # -- life -----------------------------------------------------------------------------------

    def health(self, now: Instant) -> dict[str, Any]:
        """JSON-able: how old the set is and how each endpoint does. Stale is not healthy."""
        state = self._phase(now)
        snapshot = self.snapshot
        begun = snapshot.begun
        return {
            "state": state,
            "healthy": state in (rules.FRESH, rules.AGED),
            "age": None if begun is None else max(0.0, elapsed(now, begun)),
            "keys": len(snapshot.keys),
            "quarantined": len(snapshot.quarantined),
            "endpoints": [self._endpoint_health(each, now) for each in self._endpoints],
        }

    def _endpoint_health(self, endpoint: Endpoint, now: Instant) -> dict[str, Any]:
        state, word = self._states[endpoint.url], self._words.get(endpoint.url)
        return {
            "url": endpoint.url,
            "kind": endpoint.kind,
            "region": endpoint.region,
            "age": None if word is None else max(0.0, elapsed(now, word.begun)),
            "failures": state.failures,
            "last_error": state.last_error,
            "parked": state.parked,
            "retry_in": rules.resting(state, now, urgent=False),
        }

    def close(self) -> None:
        """Start nothing more, store nothing more (K4), and release every waiter."""
        batch = _Batch()
        with self._lock:
            self._closed = True
            if self._flight is not None:
                flight, self._flight = self._flight, None
                flight.over = True
                batch.rounds.append(flight.turn())
        self._flush(batch)

    def forget(self) -> None:
        """After a fork: the parent's lock and flight are not ours, and never waited for (F)."""
        self._reset()


def _word(url: str, begun: Instant, document: Document, raw: bytes) -> Word:
    return Word(url, begun, document.keys, raw, document.conflicts, document.exposed)


def _new_round() -> Future[None]:
    from concurrent.futures import Future

    # Running from birth, so that a waiter's cancellation cannot cancel it for the others.
    future: Future[None] = Future()
    future.set_running_or_notify_cancel()
    return future
