"""The state of one pool's key set: stored responses, their snapshot, the state of each endpoint (K).

Pure: each moment and each random number is an argument, and events are appended to a list. The caller holds
the lock wherever something changes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

from cognito_mr_auth._base.clock import Instant, elapsed
from cognito_mr_auth.errors import KeysUnavailable
from cognito_mr_auth.events import (
    EndpointDisabled,
    Event,
    FetchFailed,
    FetchSucceeded,
    KeyExposed,
    KeyQuarantined,
    KeysChanged,
    KeysSkipped,
    State,
    StateChanged,
)

from . import schedule as rules
from .document import Document, public_document, read_document
from .exposure import ExposedKeys
from .merge import assemble
from .model import (
    CacheLifetimes,
    Endpoint,
    FetchError,
    KeyFileContents,
    KeyFileEntry,
    KeySetConfig,
    Proxied,
    Snapshot,
    StoredResponse,
)
from .reachability import EndpointOutlook, Outlook, Reachability, all_fail
from .reasons import outage_hint, shown

__all__ = ["KeySet"]


class KeySet:
    """The stored responses and endpoint states of one pool, and the snapshot made of them.

    `snapshot` is replaced in one assignment, so that readers need no lock (R8).
    """

    __slots__ = (
        "_after_outage",
        "_had_keys",
        "_responses",
        "_rng",
        "_seed",
        "config",
        "connections",
        "endpoints",
        "exposed",
        "lifetimes",
        "not_loaded",
        "noticed",
        "reachability",
        "snapshot",
        "stale_if_error",
        "state",
        "states",
    )

    def __init__(
        self,
        config: KeySetConfig,
        lifetimes: CacheLifetimes,
        rng: Callable[[], float],
        *,
        region: str | None,
        entries: Collection[KeyFileEntry],
        now: Instant,
        exposed: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self.config = config
        self.lifetimes = lifetimes
        self.endpoints = () if config.offline else rules.order(config.endpoints, region)
        self.states = {each.url: rules.EndpointState() for each in self.endpoints}
        self.connections: dict[str, Proxied] = {}  # the latest one to each endpoint that was asked
        self.not_loaded = False  # no fetch can begin, because the HTTP client cannot be loaded
        self.reachability = Reachability(config.provider, 2 * lifetimes.revalidate_after)
        self.stale_if_error = False  # every refresh since `refresh_after` has failed (R)
        self._after_outage = False  # the last refresh ended an outage
        self._rng = rng
        self._responses: dict[str, StoredResponse] = {}
        self._seed: StoredResponse | None = None
        self.exposed = ExposedKeys()
        self.noticed: list[Event] = []  # for what files and the seed have exposed (T5)
        self._had_keys = False  # whether the pool has ever had a key
        self.snapshot: Snapshot = assemble((), now, lifetimes, 0.0)
        self._load_exposed(entries, exposed, now)
        self._load(entries, now)
        self.snapshot = self._assembled(now)
        self.state = self.state_of(now)

    def _load_exposed(
        self, entries: Collection[KeyFileEntry], exposed: Mapping[str, float], now: Instant
    ) -> None:
        """Record the exposed keys that key files list, and those that documents in them expose (T5).

        Endpoints that the pool no longer has count too. A time in the future counts as now.
        """
        for found, seen in exposed.items():
            if now[0] - seen < self.lifetimes.max_stale:
                self.exposed.add(found)
        if self.exposed:
            self.noticed.append(KeyExposed(self.config.provider, "", len(self.exposed)))
        for entry in entries:
            if now[0] - entry.begun < self.lifetimes.max_stale:
                _, moduli = public_document(entry.document)
                self.note_exposed(entry.url, moduli, self.noticed)

    def _load(self, entries: Collection[KeyFileEntry], now: Instant) -> None:
        """Store the entries of key files, or the seed where no entry is usable (P)."""
        config, lifetimes = self.config, self.lifetimes
        if not entries and config.seed is None:
            return
        from .loading import load_entries, load_seed  # imported here, because most pools need neither

        self._responses, states = load_entries(
            entries, config.endpoints, lifetimes, now, lambda raw, local: self.read(raw, local=local)
        )
        self.states.update({url: state for url, state in states.items() if url in self.states})
        if config.seed is not None and not any(map(self._uses, self._responses.values())):
            local = all(each.loopback for each in config.endpoints)
            seed, document = load_seed(config.seed, lifetimes, now, lambda raw: self.read(raw, local=local))
            self.note_exposed("", document.compromised, self.noticed)
            self._seed = seed._replace(never_expires=config.offline)
        self._had_keys = bool(self._responses) or self._seed is not None

    def read(self, raw: bytes, *, local: bool) -> Document:
        """Read the keys of a document from an endpoint. `local` says that it is on loopback (T4)."""
        return read_document(
            raw,
            allow_emulators=local or self.config.insecure_emulator,
            known=self.snapshot.keys.get,
        )

    def _assembled(self, now: Instant) -> Snapshot:
        fresh_for = rules.jittered(self.lifetimes, self._rng(), after_outage=self._after_outage)
        seed = () if self._seed is None else (self._seed,)
        return assemble((*seed, *self._responses.values()), now, self.lifetimes, fresh_for, self.exposed)

    def _uses(self, held: Document | StoredResponse) -> bool:
        """Whether it holds a key that no endpoint has exposed (T5)."""
        return any(key.material[0] not in self.exposed for key in held.keys.values())

    def note_exposed(self, url: str, moduli: frozenset[int], events: list[Event]) -> None:
        """Record that this endpoint has served the private members of these keys (T5).

        An event comes only if what the endpoint exposes has changed, because it may serve a key for days.
        """
        if self.exposed.note(url, moduli):
            events.append(KeyExposed(self.config.provider, url, len(moduli)))

    def state_of(self, now: Instant) -> State:
        """The state of the set by its age: empty, fresh, aged, stale or expired."""
        return rules.state_of(self.snapshot, now, self.lifetimes, had_keys=self._had_keys)

    def usable(self, now: Instant) -> bool:
        """Whether the age of the set allows any key to be served."""
        return self.state_of(now) not in (rules.EMPTY, rules.EXPIRED)

    def ready(self, now: Instant) -> bool:
        """Whether some token can be verified now. A stale key counts, a quarantined one does not (B3)."""
        return bool(self.snapshot.keys) and self.usable(now)

    def response_age(self, url: str, now: Instant) -> float | None:
        """The age of an endpoint's stored response; None without one."""
        response = self._responses.get(url)
        return None if response is None else max(0.0, elapsed(now, response.begun))

    def rebuild(self, now: Instant, events: list[Event]) -> None:
        """Make a new snapshot, and add an event for each change."""
        before, after = self.snapshot, self._assembled(now)
        self.snapshot = after
        provider = self.config.provider
        added = tuple(sorted(after.keys.keys() - before.keys.keys()))
        removed = tuple(sorted(before.keys.keys() - after.keys.keys()))
        if added or removed:
            events.append(KeysChanged(provider, added, removed))
        for kid, urls in after.quarantined.items():
            if kid not in before.quarantined:
                events.append(KeyQuarantined(provider, kid, urls))
        self.note_state(now, events)

    def note_state(self, now: Instant, events: list[Event]) -> None:
        """Add an event if the age of the set has crossed a limit."""
        state = self.state_of(now)
        if state != self.state:
            events.append(StateChanged(self.config.provider, self.state, state))
            self.state = state
        self.reachability.keys_are(state, now, events)

    def note_trouble(self, now: Instant, events: list[Event]) -> None:
        """A fetch has failed, or a caller was refused because of missing keys. Add an event (B1)."""
        outlook = self.outlook(now)
        age, left = outlook.age or 0.0, outlook.usable_for or 0.0
        self.reachability.keys_in_trouble(self.state_of(now), age, left, self._hint(), now, events)

    def needs_rebuild(self, now: Instant) -> bool:
        """Whether the snapshot must be rebuilt because time passed or the wall clock was set back (R7).

        A clock that jumped ahead may have made responses too old. After it is set back, they count again.
        """
        made = self.snapshot.made
        return now[0] < made[0] or elapsed(now, made) >= self.snapshot.rebuild_in

    def rebuild_if_due(self, now: Instant, events: list[Event]) -> None:
        """Rebuild the snapshot if a response or a contradiction has become too old."""
        if self.needs_rebuild(now):
            self.rebuild(now, events)
        self.note_state(now, events)

    def store_response(
        self,
        endpoint: Endpoint,
        begun: Instant,
        raw: bytes,
        document: Document,
        seconds: float,
        now: Instant,
        events: list[Event],
    ) -> bool:
        """Store an endpoint's document. Returns False if it holds no usable key (K4, T5)."""
        url, provider = endpoint.url, self.config.provider
        held = self._responses.get(url)
        if document.skipped:
            events.append(KeysSkipped(provider, url, document.skipped))
        self.note_exposed(url, document.compromised, events)
        usable = self._uses(document)
        if usable:
            skipped = sum(count for _, count in document.skipped)
            events.append(FetchSucceeded(provider, url, seconds, len(document.keys), skipped))
            self._note_answer(url, begun, now)
            self.reachability.answered(url, now, events)
            # K4: it replaces the stored one if its request began later. One of two comparisons suffices,
            # because the monotonic clock of a restored sandbox may have gone back (R7).
            if held is None or held.begun[1] <= begun[1] or elapsed(now, begun) <= elapsed(now, held.begun):
                self._responses[url] = StoredResponse(url, begun, document.keys, raw, document.conflicts)
            self._seed = None  # the first response of an endpoint ends the seed (P)
        self.rebuild(now, events)
        return usable

    def _note_answer(self, url: str, begun: Instant, now: Instant) -> None:
        """An endpoint has answered. It no longer rests, and an outage is over."""
        failing = all_fail(self.states.values())
        if self.state_of(now) != rules.FRESH:  # if fresh, it is one more answer of the same refresh
            self._after_outage = self.stale_if_error or (failing and bool(self.states))
        before = self.states[url]
        answered = begun
        if before.answered is not None and elapsed(now, before.answered) < elapsed(now, begun):
            answered = before.answered  # this is a late answer to an older request
        self.states[url] = rules.EndpointState(answered=answered)
        self.stale_if_error, self._had_keys = False, True

    def record_failure(
        self,
        endpoint: Endpoint,
        failure: FetchError,
        seconds: float,
        now: Instant,
        events: list[Event],
    ) -> bool:
        """Record a failure: back off (R6), or disable the endpoint (K5) and return False."""
        provider, url, status = self.config.provider, endpoint.url, failure.status
        before = self.states[url]
        if endpoint.optional and failure.not_enabled and not self._has_response(url, now):
            self.states[url] = before._replace(
                failures=0,
                since=now,
                failing_since=None,
                cooldown=rules.DISABLED_SECONDS,
                cooldown_without_keys=rules.MAX_BACK_OFF_WITHOUT_KEYS,
                disabled=True,
                last_error="not enabled",
            )
            self.reachability.disabled(url)
            events.append(EndpointDisabled(provider, url, status or 0, endpoint.kind))
            self._note_failed(now, events)
            return False
        failures = before.failures + 1
        rest, rest_without_keys = rules.back_off(failures, self._rng(), failure.retry_after)
        # After a long time without a request, the endpoint may have been up in between.
        unbroken = elapsed(now, before.since) < 2 * self.lifetimes.revalidate_after
        reason = shown(failure.reason, status, self._proxy(url))
        self.states[url] = before._replace(
            failures=failures,
            since=now,
            failing_since=(before.failing_since if unbroken else None) or now,
            cooldown=rest,
            cooldown_without_keys=rest_without_keys,
            disabled=False,
            last_error=reason,
        )
        events.append(FetchFailed(provider, url, failure.reason, seconds, status, rest))
        self.reachability.failed(url, reason, self.states, now, events)
        self._note_failed(now, events)
        return True

    def _note_failed(self, now: Instant, events: list[Event]) -> None:
        if all_fail(self.states.values()):
            self.note_trouble(now, events)

    def _has_response(self, url: str, now: Instant) -> bool:
        """Whether a stored response of that endpoint stands (K1)."""
        response = self._responses.get(url)
        return response is not None and elapsed(now, response.begun) < self.lifetimes.max_stale

    def entries(self) -> list[KeyFileEntry]:
        """The stored responses as entries of the key file, without the seed."""
        return [self._entry(each) for each in list(self._responses.values())]

    def _entry(self, response: StoredResponse) -> KeyFileEntry:
        state, begun = self.states.get(response.url), response.begun[0]
        answered = state.answered[0] if state is not None and state.answered is not None else begun
        return KeyFileEntry(response.url, begun, response.raw, None if answered == begun else answered)

    def contents(self, now: Instant) -> KeyFileContents:
        """The content to write to the key file (P).

        Exposed keys have the present time, so a restart keeps them unusable for `max_stale` from now (T5).
        """
        return KeyFileContents(self.entries(), dict.fromkeys(self.exposed.thumbprints, now[0]))

    def unavailable(self, now: Instant) -> KeysUnavailable:
        """The error of an outage, with each endpoint's last error as the hint."""
        return KeysUnavailable(hint=self._hint(), retry_after=rules.retry_after(self.states.values(), now))

    def unconfirmed(self, now: Instant, retry_in: float | None) -> KeysUnavailable:
        """The error for an unknown kid while an endpoint that may list it does not answer (R3).

        `retry_in` is the seconds until that endpoint may be asked, if they are known.
        """
        soonest = rules.retry_after(self.states.values(), now)
        return KeysUnavailable(
            reason="key_unconfirmed",
            hint=self._hint(),
            retry_after=soonest if retry_in is None else rules.whole_seconds(retry_in),
        )

    def _proxy(self, url: str) -> str | None:
        """The variable that names the proxy on the way to that endpoint."""
        connection = self.connections.get(url)
        return None if connection is None else connection.proxy

    def _hint(self) -> str:
        failures = [
            (
                f"{each.kind} issuer in {each.region}",
                self.states[each.url].last_error or shown(None, proxy=self._proxy(each.url)),
            )
            for each in self.endpoints
        ]
        all_disabled = all(state.disabled for state in self.states.values())
        return outage_hint(
            failures, loaded=not self.not_loaded, all_disabled=all_disabled, exposed=bool(self.exposed)
        )

    def outlook(self, now: Instant) -> Outlook:
        """What the pool still has while an endpoint does not answer. Takes no lock."""
        endpoints = {
            each.url: EndpointOutlook(each.kind, each.region, self._is_up(each.url, now))
            for each in self.endpoints
        }
        begun = self.snapshot.begun
        if begun is None or not self.usable(now):
            return Outlook(endpoints)
        age = max(0.0, elapsed(now, begun))
        return Outlook(endpoints, age, self.lifetimes.max_stale - age)

    def _is_up(self, url: str, now: Instant) -> bool:
        state = self.states[url]
        well = not state.failures and not state.disabled and url in self.reachability.ever_answered
        return well and self._has_response(url, now)
