"""DESIGN's rules K, R and P for one pool, said once more and small: what the machines believe.

Written from DESIGN's text, and imports nothing of the package, so that a mistake would have to be made
twice. A key is a number here, its *material*; time comes in as (wall, monotonic).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

Instant = tuple[float, float]

# R, K3, P: the ages of a set, in seconds.
REFRESH_AFTER, REVALIDATE_AFTER, MAX_STALE = 900.0, 3600.0, 86400.0
# R1, R6: when a flight ends, and when it was frozen rather than slow.
REFRESH_SECONDS, FROZEN = 5.0, 10.0
DISABLED = 3600.0
FUTURE = 60.0

FRESH, AGED, STALE, NONE = "fresh", "aged", "stale", "none"
# Why somebody asks: nobody, the background, a waiter on a stale set, for an unknown kid, without a set.
NOBODY, BACKGROUND, REVALIDATE, FETCH_UNKNOWN, FETCH = (
    "nobody",
    "background",
    "revalidate",
    "fetch-unknown",
    "fetch",
)


def elapsed(now: Instant, then: Instant) -> float:
    """R7: the larger of both clocks."""
    return max(now[0] - then[0], now[1] - then[1])


class Doc(NamedTuple):
    """What an endpoint may serve: the material of each kid, and the kids with private members."""

    keys: Mapping[str, int]
    private: frozenset[str] = frozenset()

    @property
    def compromised(self) -> frozenset[int]:
        """T5: materials of which anybody may have the private half."""
        return frozenset(self.keys[kid] for kid in self.private)

    @property
    def usable(self) -> dict[str, int]:
        """K4: the keys that count."""
        return {kid: each for kid, each in self.keys.items() if each not in self.compromised}


class Response(NamedTuple):
    """K1: a word."""

    begun: Instant
    keys: Mapping[str, int]
    compromised: frozenset[int]


class View(NamedTuple):
    """What callers may be told at one moment: for each known kid the materials that may verify it."""

    row: str
    keys: Mapping[str, frozenset[int]]
    quarantined: frozenset[str]

    @property
    def usable(self) -> bool:
        """Whether there is a set at all."""
        return self.row != NONE

    def knows(self, kid: str) -> bool:
        """Whether a caller with this kid is served without asking anybody."""
        return self.usable and kid in self.keys

    def cause(self, kid: str, *, plausible: bool) -> str:
        """The table of R: what a caller with this kid makes the pool do."""
        if not self.usable:
            return FETCH
        if kid in self.quarantined:
            return BACKGROUND
        if kid in self.keys:
            return {FRESH: NOBODY, AGED: BACKGROUND, STALE: REVALIDATE}[self.row]
        return FETCH_UNKNOWN if plausible else NOBODY


class Rest(NamedTuple):
    """R6, K5: how long an endpoint is left alone."""

    failures: int = 0
    since: Instant = (0.0, 0.0)
    seconds: float = 0.0
    disabled: bool = False


class Model:
    """One pool."""

    def __init__(self, urls: Collection[str], updated: str, now: Instant) -> None:
        self.urls = tuple(urls)
        self.updated = updated
        self.words: dict[str, Response] = {}
        self.burnt: dict[str, Response] = {}
        self.file: dict[str, Response] = {}
        self.rests = dict.fromkeys(self.urls, Rest())
        self.level, self.spent = 2.0, now
        self.rechecked: Instant | None = None

    # ---- K: what is known

    def view(self, now: Instant) -> View:
        """K1 to K3, T5 and the rows of R."""
        standing = [each for each in self.words.values() if elapsed(now, each.begun) < MAX_STALE]
        burnt = [each for each in self.burnt.values() if elapsed(now, each.begun) < MAX_STALE]
        compromised = frozenset[int]().union(*(each.compromised for each in (*standing, *burnt)))
        keys: dict[str, frozenset[int]] = {}
        quarantined = set()
        for kid in {kid for each in standing for kid in each.keys}:
            said = [(elapsed(now, each.begun), each.keys[kid]) for each in standing if kid in each.keys]
            said = [(age, material) for age, material in said if material not in compromised]
            if len({material for age, material in said if age < REVALIDATE_AFTER}) > 1:
                quarantined.add(kid)
            elif said:
                newest = min(said)[0]
                keys[kid] = frozenset(material for age, material in said if age == newest)
        age = min((elapsed(now, each.begun) for each in standing), default=MAX_STALE)
        return View(row(age), keys, frozenset(quarantined))

    def hear(self, url: str, begun: Instant, doc: Doc, now: Instant) -> bool:
        """K1, K4, R7: an endpoint has answered; False when that is a failed fetch."""
        if not doc.usable:
            if doc.compromised:
                self.burnt[url] = Response(begun, {}, doc.compromised)
            return False
        held = self.words.get(url)
        newer = held is None or held.begun[1] <= begun[1]  # unless that clock went back (R7)
        if newer or elapsed(now, begun) <= elapsed(now, self.words[url].begun):
            self.words[url] = Response(begun, doc.usable, doc.compromised)
            self.burnt.pop(url, None)
        self.file = dict(self.words)
        self.rests[url] = Rest()
        return True

    def reloaded(self, now: Instant) -> Model:
        """P: a new process, with nothing but what the key file holds."""
        after = Model(self.urls, self.updated, now)
        after.file = self.file
        for url, word in self.file.items():
            age = now[0] - word.begun[0]
            if -FUTURE <= age < MAX_STALE:
                after.words[url] = word._replace(begun=(now[0] - age, now[1] - max(0.0, age)))
        return after

    @property
    def crooked(self) -> bool:
        """Whether the two clocks do not agree on which of two words is the newer one."""
        moments = [each.begun for each in (*self.words.values(), *self.burnt.values())]
        return any(a != b and (a[0] - b[0]) * (a[1] - b[1]) <= 0 for a in moments for b in moments)

    # ---- R: whom to ask

    def fail(self, url: str, status: int | None, retry_after: float, now: Instant) -> None:
        """R6 with the middle draw, K5."""
        word = self.words.get(url)
        speaks = word is not None and elapsed(now, word.begun) < MAX_STALE
        if url == self.updated and status in (403, 404) and not speaks:
            self.rests[url] = Rest(0, now, DISABLED, True)
            return
        failures = self.rests[url].failures + 1
        back_off = 0.75 * min(60.0, 2.0**failures)
        self.rests[url] = Rest(failures, now, max(back_off, min(retry_after, 60.0)))

    def left(self, url: str, now: Instant, *, urgent: bool = False) -> float:
        """R6: seconds for which it is still left alone; 2 s at most while there is no key to serve."""
        rest = self.rests[url]
        seconds = min(rest.seconds, 2.0) if urgent else rest.seconds
        return max(0.0, seconds - elapsed(now, rest.since)) if seconds else 0.0

    def askable(self, cause: str, now: Instant) -> set[str]:
        """R2, R6, K5: the endpoints that a flight for this cause may ask."""
        if cause == NOBODY:
            return set()
        disabled = {url for url in self.urls if self.rests[url].disabled and self.left(url, now)}
        awake = {url for url in self.urls if not self.left(url, now, urgent=cause == FETCH)} - disabled
        again = {url for url in disabled if not self.left(url, now, urgent=True)}
        if cause == BACKGROUND:
            return awake or again
        if cause == FETCH_UNKNOWN:
            again |= self._soonest(disabled, now) if not awake else set()
            again |= self.last_resort(awake, now)
        return awake | again

    def _soonest(self, disabled: set[str], now: Instant) -> set[str]:
        """R6: one at least, whoever rests; a parked one only where all are parked."""
        others = [url for url in self.urls if url not in disabled] or self.urls
        soonest = min(self.left(url, now) for url in others)
        return {url for url in others if self.left(url, now) == soonest}

    def at_rest(self, now: Instant) -> set[str]:
        """R6: who is left alone now; parked ones are another matter (K5)."""
        return {url for url, rest in self.rests.items() if self.left(url, now) and not rest.disabled}

    def last_resort(self, awake: set[str], now: Instant) -> set[str]:
        """R6: who else a flight for an unknown kid may ask as long as nobody answers it."""
        cooldown_left = {url: self.left(url, now) for url in self.urls if url not in awake}
        cooldown_left = {url: left for url, left in cooldown_left.items() if not self.rests[url].disabled}
        # Where nobody is awake, the first to wake is asked anyhow, and the spare is the second.
        upto = sorted(cooldown_left.values())[: 1 if awake else 2][-1:]
        return {url for url, left in cooldown_left.items() if [left] <= upto}

    def budget(self, now: Instant) -> float:
        """R4: flights for unknown kids that may be begun now: at most 2 + T/5 in any T."""
        return min(2.0, self.level + elapsed(now, self.spent) / 5.0)

    def spend(self, now: Instant) -> bool:
        """R4: one of them; False when there was none."""
        had = self.budget(now)
        self.level, self.spent = had - 1.0, now
        return had >= 1.0

    def recheck(self, now: Instant) -> bool:
        """K3: whether the endpoints may be asked because of a quarantined kid: once a minute."""
        if self.rechecked is not None and elapsed(now, self.rechecked) < 60.0:
            return False
        self.rechecked = now
        return True


def row(age: float) -> str:
    """The rows of the table of R."""
    if age >= MAX_STALE:
        return NONE
    if age >= REVALIDATE_AFTER:
        return STALE
    return AGED if age >= REFRESH_AFTER else FRESH
