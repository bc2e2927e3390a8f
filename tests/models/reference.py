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
DISABLED_SECONDS = 3600.0  # K5
# R4: a payment covers an endpoint that it has not asked for so long; how long the next refresh waits for one
# that was given back.
PAYMENT_SECONDS, PAUSE_SECONDS = 15.0, 1.0
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
    """R6, K5, R3: failures in a row, how long the endpoint rests, when it answered, since when it fails.

    `urgent` is the cooldown while the pool has no usable key.
    """

    failures: int = 0
    since: Instant = (0.0, 0.0)
    cooldown: float = 0.0
    urgent: float = 0.0
    disabled: bool = False
    answered: Instant | None = None
    failing_since: Instant | None = None


class Model:
    """One pool; `original` is the endpoint that every pool has, the others are optional (K5)."""

    def __init__(self, urls: Collection[str], original: str, now: Instant) -> None:
        self.urls = tuple(urls)
        self.original = original
        self.born = now
        self.responses: dict[str, Response] = {}
        self.compromised: set[int] = set()  # T5: for the life of the process
        self.file: dict[str, Response] = {}
        self.filed: dict[int, float] = {}  # the exposed keys of the file, and as of when
        self.states = dict.fromkeys(self.urls, EndpointState())
        self.quarantined_asked_at: Instant | None = None

    # ---- K: what is known

    def view(self, now: Instant) -> View:
        """K1 to K3, T5 and the states of R."""
        standing = [each for each in self.responses.values() if elapsed(now, each.begun) < MAX_STALE]
        keys: dict[str, frozenset[int]] = {}
        quarantined = set()
        for kid in {kid for each in standing for kid in each.keys}:
            listed = [(elapsed(now, each.begun), each.keys[kid]) for each in standing if kid in each.keys]
            listed = [(age, material) for age, material in listed if material not in self.compromised]
            if len({material for age, material in listed if age < REVALIDATE_AFTER}) > 1:
                quarantined.add(kid)
            elif listed:
                newest = min(listed)[0]
                keys[kid] = frozenset(material for age, material in listed if age == newest)
        used = [each for each in standing if not self.compromised.issuperset(each.keys.values())]
        age = min((elapsed(now, each.begun) for each in used), default=MAX_STALE)
        return View(state_of(age), keys, frozenset(quarantined))

    def store_response(self, url: str, begun: Instant, doc: Doc, now: Instant) -> bool:
        """K1, K4, R7: take an answer; False if it counts as a failed attempt."""
        if not self.compromised.issuperset(doc.compromised):  # T5: written at once
            self.compromised |= doc.compromised
            self._file(now)
        if self.compromised.issuperset(doc.usable.values()):
            return False
        held = self.responses.get(url)
        newer = held is None or held.begun[1] <= begun[1]  # the monotonic clock may have gone back (R7)
        if newer or elapsed(now, begun) <= elapsed(now, self.responses[url].begun):
            self.responses[url] = Response(begun, doc.usable)
        self._file(now)
        before = self.states[url].answered
        if before is None or elapsed(now, begun) <= elapsed(now, before):
            before = begun
        self.states[url] = EndpointState(answered=before)
        return True

    def _file(self, now: Instant) -> None:
        """P: the key file is written."""
        self.file, self.filed = dict(self.responses), dict.fromkeys(self.compromised, now[0])

    def reloaded(self, now: Instant) -> Model:
        """P: the model of a new process, which has only the key file."""
        after = Model(self.urls, self.original, now)
        after.file, after.filed = self.file, self.filed
        after.compromised = {each for each, seen in self.filed.items() if now[0] - seen < MAX_STALE}
        newest = max(
            (each.begun[0] for each in self.file.values() if each.begun[0] <= now[0] + CLOCK_SKEW),
            default=0.0,
        )
        for url, response in self.file.items():
            age = now[0] - response.begun[0]
            begun = (now[0] - age, now[1] - max(0.0, age))
            if age >= -CLOCK_SKEW:
                behind = newest - response.begun[0] >= MAX_STALE
                after.states[url] = EndpointState(
                    since=now, answered=begun, failing_since=begun if behind else None
                )
            if -CLOCK_SKEW <= age < MAX_STALE:
                after.responses[url] = response._replace(begun=begun)
        return after

    @property
    def clocks_disagree(self) -> bool:
        """Whether the two clocks disagree on which of two responses is newer."""
        moments = [each.begun for each in self.responses.values()]
        return any(a != b and (a[0] - b[0]) * (a[1] - b[1]) <= 0 for a in moments for b in moments)

    # ---- R: which endpoints to ask

    def record_failure(self, url: str, status: int | None, retry_after: float, now: Instant) -> None:
        """R6 with the random number in the middle, K5."""
        response, state = self.responses.get(url), self.states[url]
        has_response = response is not None and elapsed(now, response.begun) < MAX_STALE
        if url != self.original and status in (403, 404) and not has_response:
            self.states[url] = state._replace(
                failures=0,
                since=now,
                cooldown=DISABLED_SECONDS,
                urgent=2.0,
                disabled=True,
                failing_since=None,
            )
            return
        failures = state.failures + 1
        interrupted = elapsed(now, state.since) >= 2 * REVALIDATE_AFTER
        self.states[url] = state._replace(
            failures=failures,
            since=now,
            failing_since=now if interrupted or state.failing_since is None else state.failing_since,
            cooldown=max(0.75 * min(60.0, 2.0**failures), min(retry_after, 60.0)),
            urgent=max(0.75 * (0.5, 1.0, 2.0)[min(failures, 3) - 1], min(retry_after, 2.0)),
            disabled=False,
        )

    def cooldown_left(self, url: str, now: Instant, *, urgent: bool = False) -> float:
        """R6: seconds until it may be asked again; `urgent`: the pool has no usable key."""
        state = self.states[url]
        cooldown = state.urgent if urgent else state.cooldown
        return max(0.0, cooldown - elapsed(now, state.since)) if cooldown else 0.0

    def disabled(self, url: str, now: Instant) -> bool:
        """K5: whether its issuer is not enabled."""
        return self.states[url].disabled and self.cooldown_left(url, now) > 0.0

    def gone(self, url: str, now: Instant) -> bool:
        """R3: whether its response about an unknown kid is no longer awaited: it has failed for long."""
        state = self.states[url]
        if state.failing_since is None:
            return False
        failing = elapsed(now, state.failing_since)
        if state.answered is None:
            return failing >= (MAX_STALE if url == self.original else REVALIDATE_AFTER)
        return elapsed(now, state.answered) >= MAX_STALE and failing >= REVALIDATE_AFTER

    def ready(self, now: Instant, *, urgent: bool) -> set[str]:
        """R6, K5: those that neither rest nor are disabled."""
        return {
            url
            for url in self.urls
            if not self.disabled(url, now) and not self.cooldown_left(url, now, urgent=urgent)
        }

    def retried(self, now: Instant) -> set[str]:
        """K5: the disabled ones that may be asked when no other satisfies: 2 s after the last time."""
        return {
            url
            for url in self.urls
            if self.disabled(url, now) and not self.cooldown_left(url, now, urgent=True)
        }

    def last_resort(self, among: Collection[str], now: Instant) -> set[str]:
        """R6: of these the resting ones whose back-off ends first, which an unknown kid may have asked."""
        rests = {
            url: self.cooldown_left(url, now)
            for url in among
            if not self.disabled(url, now) and self.cooldown_left(url, now)
        }
        return {url for url, rest in rests.items() if rest == min(rests.values())}

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


class Payment:
    """R4: one refresh for unknown kids: the endpoints that it asked, and how many have not ended.

    After one in vain the next request may still be its own, or that of another payment, as the rules leave
    open. Then `latest` is the latest time at which that one may have begun, and `perhaps` what it may have
    asked.
    """

    def __init__(self, at: Instant, cost: float) -> None:
        self.at = self.latest = at
        self.cost = cost
        self.urls: set[str] = set()
        self.perhaps: set[str] = set()
        self.out = 0
        self.heard = False  # an endpoint sent an HTTP answer

    @property
    def in_vain(self) -> bool:
        """Whether it is given back."""
        return not self.out and not self.heard and self.cost > 0.0


class Budget:
    """R4: at most 2 + T/5 payments in any T seconds; those that were in vain are given back."""

    def __init__(self, now: Instant) -> None:
        self.born = now
        self.payments: list[Payment] = []
        self.current: Payment | None = None

    def standing(self) -> list[Payment]:
        """Those that count: all but the current one where that is in vain so far."""
        return [each for each in self.payments if each is not self.current or not each.in_vain]

    def level(self, now: Instant, *, least: bool = False) -> float:
        """How many payments may begin: a bucket of two, through which all payments so far are poured."""
        level, at = 2.0, self.born
        for payment in self.standing():
            paid_at = payment.latest if least else payment.at
            level = min(2.0, level + elapsed(paid_at, at) / 5.0) - payment.cost
            level -= 1.0 if least and payment.perhaps else 0.0  # it may have been two
            at = paid_at
        return min(2.0, level + elapsed(now, at) / 5.0)

    def covers(self, url: str, now: Instant, *, least: bool = False) -> bool:
        """Whether the current payment may still ask this endpoint."""
        current = self.current
        if current is None or url in current.urls:
            return False
        if least and (url in current.perhaps or current.in_vain):  # it may have been given back already
            return False
        return elapsed(now, current.at if least else current.latest) < PAYMENT_SECONDS

    def pause_left(self, now: Instant, *, least: bool = False) -> float:
        """Seconds until a refresh may begin after one in vain."""
        current = self.current
        if current is None or not current.in_vain:
            return 0.0
        return max(0.0, PAUSE_SECONDS - elapsed(now, current.latest if least else current.at))

    def spent(self, url: str, now: Instant, *, least: bool = False) -> bool:
        """Whether this endpoint cannot be paid for; `least`: by the reading that leaves the least."""
        one = 1.0 + 1e-6 if least else 1.0 - 1e-6
        return not self.covers(url, now, least=least) and self.level(now, least=least) < one

    def wait(self, url: str, now: Instant, *, least: bool = False) -> float:
        """Seconds until this endpoint may be asked for an unknown kid."""
        if self.covers(url, now, least=least):
            return 0.0
        return max(self.pause_left(now, least=least), (1.0 - self.level(now, least=least)) * 5.0, 0.0)

    def begin_free(self, url: str, now: Instant) -> None:
        """A request without a payment found no thread; the payment that costs nothing goes on."""
        if not self.covers(url, now):
            self.payments, self.current = self.standing(), Payment(now, 0.0)
            self.payments.append(self.current)

    def pay(self, url: str, now: Instant, *, free: bool) -> Payment | None:
        """Ask this endpoint; None if that was too much. `free`: while the pool has no usable key."""
        current = self.current
        if current is not None and current.in_vain and not free and not self.pause_left(now):
            current.perhaps |= current.urls
            current.urls, current.latest = set(), now
        elif not self.covers(url, now):
            if not free and (self.level(now) < 1.0 - 1e-6 or self.pause_left(now) > 1e-6):
                return None
            self.payments = self.standing()
            before, current = current, Payment(now, 0.0 if free else 1.0)
            if before is not None and before.perhaps:  # then this may be the second of those two
                current.perhaps = before.perhaps | before.urls
            self.current = current
            self.payments.append(current)
        assert current is not None
        current.urls.add(url)
        current.out += 1
        return current
