"""The reference model: the rules K, R and P for one pool, written a second time.

It is written from the rules of docs/architecture.md and imports nothing of the package, so a mistake shows
unless it is made twice. A key is a number here, its *material*; a time is (wall, monotonic).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

Instant = tuple[float, float]

# R, K3, P: the ages of a set, in seconds.
REFRESH_AFTER, REVALIDATE_AFTER, MAX_STALE = 900.0, 3600.0, 86400.0
# R1, R6: the age at which a refresh ends, and the age from which it was frozen, not slow.
REFRESH_SECONDS, FROZEN_SECONDS = 5.0, 10.0
DISABLED_SECONDS = 3600.0  # K5
CLOCK_SKEW = 60.0  # P

FRESH, AGED, STALE, NONE = "fresh", "aged", "stale", "none"
# Why requests begin: not at all, in the background, for a stale set, for an unknown kid, without a set.
NO_REQUEST, BACKGROUND, REVALIDATE, FETCH_UNKNOWN, FETCH = (
    "no-request",
    "background",
    "revalidate",
    "fetch-unknown",
    "fetch",
)


def elapsed(now: Instant, then: Instant) -> float:
    """R7: the larger of both clocks."""
    return max(now[0] - then[0], now[1] - then[1])


class Doc(NamedTuple):
    """A document of an endpoint: the material of each kid, and the kids with private members."""

    keys: Mapping[str, int]
    private: frozenset[str] = frozenset()

    @property
    def compromised(self) -> frozenset[int]:
        """T5: the materials whose private members it holds."""
        return frozenset(self.keys[kid] for kid in self.private)

    @property
    def usable(self) -> dict[str, int]:
        """K4: the keys that may be used."""
        return {kid: each for kid, each in self.keys.items() if each not in self.compromised}


class Response(NamedTuple):
    """K1: a stored response."""

    begun: Instant
    keys: Mapping[str, int]
    compromised: frozenset[int]


class View(NamedTuple):
    """What callers may get at one moment: for each known kid the materials that may verify it."""

    state: str
    keys: Mapping[str, frozenset[int]]
    quarantined: frozenset[str]

    @property
    def usable(self) -> bool:
        """Whether the pool has keys that may be served."""
        return self.state != NONE

    def knows(self, kid: str) -> bool:
        """Whether the set holds this kid."""
        return self.usable and kid in self.keys

    def cause(self, kid: str, *, plausible: bool) -> str:
        """The table of R: why a caller with this kid causes requests."""
        if not self.usable:
            return FETCH
        if kid in self.quarantined:
            return BACKGROUND
        if kid in self.keys:
            return {FRESH: NO_REQUEST, AGED: BACKGROUND, STALE: REVALIDATE}[self.state]
        return FETCH_UNKNOWN if plausible else NO_REQUEST


class EndpointState(NamedTuple):
    """R6, K5: failures in a row, and how long the endpoint is not asked."""

    failures: int = 0
    since: Instant = (0.0, 0.0)
    cooldown: float = 0.0
    disabled: bool = False


class Model:
    """One pool."""

    def __init__(self, urls: Collection[str], updated: str, now: Instant) -> None:
        self.urls = tuple(urls)
        self.updated = updated
        self.responses: dict[str, Response] = {}
        self.compromised: dict[str, Response] = {}
        self.file: dict[str, Response] = {}
        self.states = dict.fromkeys(self.urls, EndpointState())
        self.level, self.level_at = 2.0, now
        self.quarantined_asked_at: Instant | None = None

    # ---- K: what is known

    def view(self, now: Instant) -> View:
        """K1 to K3, T5 and the states of R."""
        standing = [each for each in self.responses.values() if elapsed(now, each.begun) < MAX_STALE]
        keyless = [each for each in self.compromised.values() if elapsed(now, each.begun) < MAX_STALE]
        compromised = frozenset[int]().union(*(each.compromised for each in (*standing, *keyless)))
        keys: dict[str, frozenset[int]] = {}
        quarantined = set()
        for kid in {kid for each in standing for kid in each.keys}:
            listed = [(elapsed(now, each.begun), each.keys[kid]) for each in standing if kid in each.keys]
            listed = [(age, material) for age, material in listed if material not in compromised]
            if len({material for age, material in listed if age < REVALIDATE_AFTER}) > 1:
                quarantined.add(kid)
            elif listed:
                newest = min(listed)[0]
                keys[kid] = frozenset(material for age, material in listed if age == newest)
        age = min((elapsed(now, each.begun) for each in standing), default=MAX_STALE)
        return View(state_of(age), keys, frozenset(quarantined))

    def store_response(self, url: str, begun: Instant, doc: Doc, now: Instant) -> bool:
        """K1, K4, R7: take an answer; False if it counts as a failed attempt."""
        if not doc.usable:
            if doc.compromised:
                self.compromised[url] = Response(begun, {}, doc.compromised)
            return False
        held = self.responses.get(url)
        newer = held is None or held.begun[1] <= begun[1]  # the monotonic clock may have gone back (R7)
        if newer or elapsed(now, begun) <= elapsed(now, self.responses[url].begun):
            self.responses[url] = Response(begun, doc.usable, doc.compromised)
            self.compromised.pop(url, None)
        self.file = dict(self.responses)
        self.states[url] = EndpointState()
        return True

    def reloaded(self, now: Instant) -> Model:
        """P: the model of a new process, which has only the key file."""
        after = Model(self.urls, self.updated, now)
        after.file = self.file
        for url, response in self.file.items():
            age = now[0] - response.begun[0]
            if -CLOCK_SKEW <= age < MAX_STALE:
                after.responses[url] = response._replace(begun=(now[0] - age, now[1] - max(0.0, age)))
        return after

    @property
    def clocks_disagree(self) -> bool:
        """Whether the two clocks disagree on which of two responses is newer."""
        moments = [each.begun for each in (*self.responses.values(), *self.compromised.values())]
        return any(a != b and (a[0] - b[0]) * (a[1] - b[1]) <= 0 for a in moments for b in moments)

    # ---- R: which endpoints to ask

    def record_failure(self, url: str, status: int | None, retry_after: float, now: Instant) -> None:
        """R6 with the random number in the middle, K5."""
        response = self.responses.get(url)
        has_response = response is not None and elapsed(now, response.begun) < MAX_STALE
        if url == self.updated and status in (403, 404) and not has_response:
            self.states[url] = EndpointState(0, now, DISABLED_SECONDS, True)
            return
        failures = self.states[url].failures + 1
        back_off = 0.75 * min(60.0, 2.0**failures)
        self.states[url] = EndpointState(failures, now, max(back_off, min(retry_after, 60.0)))

    def cooldown_left(self, url: str, now: Instant, *, urgent: bool = False) -> float:
        """R6: seconds until it may be asked again; 2 s at most while the pool has no usable key."""
        state = self.states[url]
        cooldown = min(state.cooldown, 2.0) if urgent else state.cooldown
        return max(0.0, cooldown - elapsed(now, state.since)) if cooldown else 0.0

    def candidates(self, cause: str, now: Instant) -> set[str]:
        """R2, R6, K5: the endpoints that a refresh for this cause may ask."""
        if cause == NO_REQUEST:
            return set()
        disabled = {url for url in self.urls if self.states[url].disabled and self.cooldown_left(url, now)}
        ready = {
            url for url in self.urls if not self.cooldown_left(url, now, urgent=cause == FETCH)
        } - disabled
        retried = {url for url in disabled if not self.cooldown_left(url, now, urgent=True)}
        if cause == BACKGROUND:
            return ready or retried
        if cause == FETCH_UNKNOWN:
            retried |= self._soonest(disabled, now) if not ready else set()
            retried |= self.last_resort(ready, now)
        return ready | retried

    def _soonest(self, disabled: set[str], now: Instant) -> set[str]:
        """R6: the one whose back-off ends first; a disabled one only if all are disabled."""
        others = [url for url in self.urls if url not in disabled] or self.urls
        soonest = min(self.cooldown_left(url, now) for url in others)
        return {url for url in others if self.cooldown_left(url, now) == soonest}

    def in_back_off(self, now: Instant) -> set[str]:
        """R6: the endpoints in back-off now; disabled ones are not among them (K5)."""
        return {
            url for url, state in self.states.items() if self.cooldown_left(url, now) and not state.disabled
        }

    def last_resort(self, ready: set[str], now: Instant) -> set[str]:
        """R6: the endpoint that a refresh for an unknown kid also asks while no other has answered."""
        waits = {
            url: self.cooldown_left(url, now)
            for url in self.urls
            if url not in ready and not self.states[url].disabled
        }
        # If every endpoint is in back-off, the first is asked anyway, and the last resort is the second.
        upto = sorted(waits.values())[: 1 if ready else 2][-1:]
        return {url for url, wait in waits.items() if [wait] <= upto}

    def units_left(self, now: Instant) -> float:
        """R4: refreshes for unknown kids that may begin now: at most 2 + T/5 in any T seconds."""
        return min(2.0, self.level + elapsed(now, self.level_at) / 5.0)

    def take(self, now: Instant) -> bool:
        """R4: take one unit; False if there was none."""
        units = self.units_left(now)
        self.level, self.level_at = units - 1.0, now
        return units >= 1.0

    def may_ask_for_quarantined(self, now: Instant) -> bool:
        """K3: whether a quarantined kid may cause requests now, which it may once a minute."""
        if self.quarantined_asked_at is not None and elapsed(now, self.quarantined_asked_at) < 60.0:
            return False
        self.quarantined_asked_at = now
        return True


def state_of(age: float) -> str:
    """R: the state of a set of this age."""
    if age >= MAX_STALE:
        return NONE
    if age >= REVALIDATE_AFTER:
        return STALE
    return AGED if age >= REFRESH_AFTER else FRESH
