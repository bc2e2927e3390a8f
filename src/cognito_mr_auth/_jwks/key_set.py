"""What a pool's store holds: words, their snapshot, and how each endpoint has been doing.

Owns the state that DESIGN K speaks of. Pure in the sense of its floor: every moment and draw comes in
as an argument, events go out into a list; the caller holds the lock wherever something changes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from cognito_mr_auth._base.clock import Instant, elapsed
from cognito_mr_auth.errors import ConfigurationError, KeysUnavailable
from cognito_mr_auth.events import (
    EndpointParked,
    Event,
    FetchSucceeded,
    KeyExposed,
    KeyQuarantined,
    KeysChanged,
    KeysSkipped,
    StateChanged,
)
from cognito_mr_auth.events import FetchFailed as FetchFailedEvent

from . import schedule as rules
from .document import Document, read_document
from .merge import assemble
from .model import (
    NO_KEYS,
    CacheLifetimes,
    Endpoint,
    FetchFailed,
    KeyFileEntry,
    KeySetConfig,
    Snapshot,
    StoredResponse,
)

__all__ = ["KeySet"]

# A key file from a machine whose clock is a little ahead is no forgery (P).
CLOCK_SKEW = 60.0


class KeySet:
    """The words and endpoint states of one pool, and the snapshot made of them.

    `snapshot` is replaced in one assignment, so that readers need no lock (R8).
    """

    __slots__ = (
        "_burnt",
        "_dice",
        "_ever",
        "_words",
        "confirmed",
        "endpoints",
        "pool",
        "snapshot",
        "state",
        "states",
        "windows",
    )

    def __init__(
        self,
        pool: KeySetConfig,
        windows: CacheLifetimes,
        dice: Callable[[], float],
        *,
        region: str | None,
        records: Collection[KeyFileEntry],
        now: Instant,
    ) -> None:
        self.pool = pool
        self.windows = windows
        self.endpoints = () if pool.offline else rules.order(pool.endpoints, region)
        self.states = {each.url: rules.EndpointState() for each in self.endpoints}
        self.confirmed = False  # a flight has failed since the set went stale (R)
        self._dice = dice
        self._words: dict[str, StoredResponse] = {}
        self._burnt: dict[str, StoredResponse] = {}  # of documents that were no words, but exposed keys (T5)
        self._ever = False  # whether the pool has had a key at all
        self.snapshot: Snapshot = assemble((), now, windows, 0.0)
        self._load(records, now)
        self.snapshot = self._assembled(now)
        self.state = self.phase(now)

    def _load(self, records: Collection[KeyFileEntry], now: Instant) -> None:
        """Words from the key file, then the seed where no such word is usable (P)."""
        by_url = {each.url: each for each in self.pool.endpoints}
        for record in records:
            endpoint = by_url.get(record.url)
            if endpoint is None:  # another pool's or an older configuration's endpoint
                continue
            age = now[0] - record.begun
            if age < -CLOCK_SKEW or age >= self.windows.max_stale:
                continue  # a time in the future counts as max_stale: neither is usable
            try:
                document = self.read(record.document, local=endpoint.loopback)
            except FetchFailed:
                continue
            # A little in the future is now, or it would stand against all that is heard until then (K4).
            begun = (now[0] - age, now[1] - max(0.0, age))
            if document.keys:
                self._words[record.url] = _word(record.url, begun, document, record.document)
        if self.pool.seed is not None and not self._words:
            self._words[""] = self._seed(self.pool.seed, now)
        self._ever = bool(self._words)

    def _seed(self, raw: bytes, now: Instant) -> StoredResponse:
        local = all(each.loopback for each in self.pool.endpoints)
        try:
            document = self.read(raw, local=local)
        except FetchFailed as error:
            raise ConfigurationError(f"jwks is no JWKS document: {error.reason}") from None
        if not document.keys:
            reasons = ", ".join(reason for reason, _ in document.skipped) or "it is empty"
            raise ConfigurationError(f"jwks holds no usable key: {reasons}")
        age = self.windows.revalidate_after
        word = _word("", (now[0] - age, now[1] - age), document, raw)
        return word._replace(ageless=self.pool.offline)

    def read(self, raw: bytes, *, local: bool) -> Document:
        """The keys of a document from an endpoint, which is `local` on loopback (T4)."""
        return read_document(
            raw,
            allow_emulators=local or self.pool.insecure_emulator,
            known=self.snapshot.keys.get,
        )

    def _assembled(self, now: Instant) -> Snapshot:
        fresh_for = rules.drawn(self.windows.refresh_after, self._dice())
        words = (*self._words.values(), *self._burnt.values())
        return assemble(words, now, self.windows, fresh_for)

    def phase(self, now: Instant) -> str:
        """The age of the set in words: empty, fresh, aged, stale or expired."""
        return rules.phase(self.snapshot, now, self.windows, ever=self._ever)

    def usable(self, now: Instant) -> bool:
        """Whether any key may be served at all."""
        return self.phase(now) not in (rules.EMPTY, rules.EXPIRED)

    def publish(self, now: Instant, events: list[Event]) -> None:
        """A new snapshot, and what changed by it."""
        before, after = self.snapshot, self._assembled(now)
        self.snapshot = after
        pool_id = self.pool.user_pool_id
        added = tuple(sorted(after.keys.keys() - before.keys.keys()))
        removed = tuple(sorted(before.keys.keys() - after.keys.keys()))
        if added or removed:
            events.append(KeysChanged(pool_id, added, removed))
        for kid, urls in after.quarantined.items():
            if kid not in before.quarantined:
                events.append(KeyQuarantined(pool_id, kid, urls))
        self.note_state(now, events)

    def note_state(self, now: Instant, events: list[Event]) -> None:
        """Tell when the age of the set has crossed a limit."""
        state = self.phase(now)
        if state != self.state:
            events.append(StateChanged(self.pool.user_pool_id, self.state, state))
            self.state = state

    def outdated(self, now: Instant) -> bool:
        """Whether time alone may have changed the set: it went on, or the wall clock was set back (R7).

        Without the latter, words that a clock's jump ahead had made too old would not stand again.
        """
        made = self.snapshot.made
        return now[0] < made[0] or elapsed(now, made) >= self.snapshot.recheck_in

    def lapse(self, now: Instant, events: list[Event]) -> None:
        """Settle again what time alone has changed: a word or a contradiction grown too old."""
        if self.outdated(now):
            self.publish(now, events)
        self.note_state(now, events)

    def heard(
        self,
        endpoint: Endpoint,
        begun: Instant,
        raw: bytes,
        document: Document,
        seconds: float,
        now: Instant,
        events: list[Event],
    ) -> bool:
        """Take an endpoint's document; False when it holds no usable key (K4)."""
        url, pool_id = endpoint.url, self.pool.user_pool_id
        held = self._words.get(url)
        if document.skipped:
            events.append(KeysSkipped(pool_id, url, document.skipped))
        if document.exposed:
            events.append(KeyExposed(pool_id, url, len(document.exposed)))
        if document.keys:
            skipped = sum(count for _, count in document.skipped)
            events.append(FetchSucceeded(pool_id, url, seconds, len(document.keys), skipped))
            self.states[url] = rules.EndpointState()
            self.confirmed, self._ever = False, True
            # K4: by the request's start. The monotonic clock of a restored sandbox may have gone back (R7).
            if held is None or held.begun[1] <= begun[1] or elapsed(now, begun) <= elapsed(now, held.begun):
                self._words[url] = _word(url, begun, document, raw)
                self._burnt.pop(url, None)
            self._words.pop("", None)  # the first real word ends the seed (P)
        elif document.exposed:
            # No word (K4), but what was exposed stays exposed while the endpoint says so (T5).
            self._burnt[url] = StoredResponse(url, begun, NO_KEYS, b"", exposed=document.exposed)
        self.publish(now, events)
        return bool(document.keys)

    def failed(
        self,
        endpoint: Endpoint,
        failure: FetchFailed,
        seconds: float,
        now: Instant,
        events: list[Event],
    ) -> bool:
        """Take a failure: back-off (R6), or parking (K5), for which it gives False."""
        pool_id, url, status = self.pool.user_pool_id, endpoint.url, failure.status
        if endpoint.kind == "updated" and status in (403, 404) and not self._speaks(url, now):
            self.states[url] = rules.EndpointState(0, now, rules.PARKED_SECONDS, True, "not enabled")
            events.append(EndpointParked(pool_id, url, status or 0))
            return False
        failures = self.states[url].failures + 1
        rest = rules.back_off(failures, self._dice(), failure.retry_after)
        reason = failure.reason if status is None else f"{failure.reason} {status}"
        self.states[url] = rules.EndpointState(failures, now, rest, False, reason)
        events.append(FetchFailedEvent(pool_id, url, failure.reason, seconds, status, rest))
        return True

    def _speaks(self, url: str, now: Instant) -> bool:
        """Whether a word of that endpoint stands (K1)."""
        word = self._words.get(url)
        return word is not None and elapsed(now, word.begun) < self.windows.max_stale

    def plan(self, now: Instant, *, seek: bool, everywhere: bool) -> list[Endpoint]:
        """The endpoints that may be asked now, in order (see `_jwks.schedule.plan`)."""
        return rules.plan(
            self.endpoints,
            self.states,
            now,
            urgent=not self.usable(now),
            seek=seek,
            everywhere=everywhere,
        )

    def spare(self, now: Instant, chosen: Collection[Endpoint]) -> list[Endpoint]:
        """Whom to ask beyond `chosen` while nobody answers (see `_jwks.schedule.spare`)."""
        return rules.spare(self.endpoints, self.states, now, chosen)

    def records(self) -> list[KeyFileEntry]:
        """The words for the key file; the seed is none of them."""
        words = list(self._words.values())
        return [KeyFileEntry(each.url, each.begun[0], each.raw) for each in words if each.raw and each.url]

    def unavailable(self, now: Instant) -> KeysUnavailable:
        """The error of an outage, with each endpoint's fault as the hint."""
        states = self.states
        if not states:
            hint = "the pool is offline and holds no usable key"
        elif all(state.parked for state in states.values()):
            hint = (
                "the updated issuer answers 403 or 404: is IssuerConfiguration.Type UPDATED "
                "for this user pool?"
            )
        else:
            reasons = ", ".join(
                f"{each.kind} issuer in {each.region}: {states[each.url].last_error or 'no answer'}"
                for each in self.endpoints
            )
            hint = f"{reasons}; a missing route to the internet looks the same"
        return KeysUnavailable(hint=hint, retry_after=rules.retry_after(states.values(), now))

    def health(self, now: Instant) -> dict[str, Any]:
        """JSON-able: how old the set is and how each endpoint does. Stale is not healthy."""
        state, begun = self.phase(now), self.snapshot.begun
        return {
            "state": state,
            "healthy": state in (rules.FRESH, rules.AGED),
            "age": None if begun is None else max(0.0, elapsed(now, begun)),
            "keys": len(self.snapshot.keys),
            "quarantined": len(self.snapshot.quarantined),
            "endpoints": [self._endpoint_health(each, now) for each in self.endpoints],
        }

    def _endpoint_health(self, endpoint: Endpoint, now: Instant) -> dict[str, Any]:
        state, word = self.states[endpoint.url], self._words.get(endpoint.url)
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


def _word(url: str, begun: Instant, document: Document, raw: bytes) -> StoredResponse:
    return StoredResponse(url, begun, document.keys, raw, document.conflicts, document.exposed)
