"""What the judge notes of one pool's requests, and what the rules allow of each (R1, R2, R4, R6, K5, F, W7).

Written from the rules, beside the engine: of the engine it sees which threads were started, what was hung up,
and whether a request was paid for.
"""

from __future__ import annotations

from typing import NamedTuple

from .reference import (
    AGED,
    BACKGROUND,
    FETCH,
    FETCH_UNKNOWN,
    PAYMENT_SECONDS,
    REVALIDATE,
    STALE,
    Budget,
    Instant,
    Model,
    elapsed,
)
from .rigged import FAKES, Request, Waiter, World

ATTEMPT_SECONDS = 15.0
SILENT_SECONDS = 5.0
SECOND_SECONDS = 1.5
SILENCE_SECONDS = 1.0
HEDGE_SECONDS = 0.2
RECENT_SECONDS = 10.0
# A thaw, R6 and R7: the wall clock went on by so much more than real time; or real time did, and nobody
# looked.
THAW_SECONDS, THAW_REAL_SECONDS = 5.0, 30.0
# A caller's wait is never shorter than 1 ms.
EPSILON = 0.002
NEVER = float("inf")
WARM = "warm"
FOREGROUND = {FETCH, FETCH_UNKNOWN, REVALIDATE}


class Caller(NamedTuple):
    """One caller, and the token it presents."""

    waiter: Waiter
    kid: str
    material: int
    plausible: bool


class Case:
    """One pool: its model, its callers, and the requests that are out as the rules see them."""

    def __init__(self, number: int, model: Model, world: World) -> None:
        self.number = number
        self.pool_id = FAKES[number].user_pool_id
        self.world = world
        self.lost_payment_at: Instant | None = None  # since then only the engine knows what was paid
        self.model = model
        self.callers: list[Caller] = []
        self.budget = Budget(model.born)
        self.set_back = False  # a clock was set back over a limit
        self.refresh_failed = False  # stale-if-error may have begun since the last answer
        self.stale_if_error = False  # it has
        self.forget_requests()

    def forget_requests(self) -> None:
        """In a constructor, and in a forked child (F)."""
        self.callers.clear()
        if self.budget.current is not None and self.budget.current.in_vain:
            self.lost_payment_at = self.world.clock()  # it may have been given back already
        self.budget.payments, self.budget.current = self.budget.standing(), None
        self.first: dict[str, Request] = {}
        self.second: dict[str, Request] = {}
        self.second_at: dict[str, float] = {}
        self.asked: dict[str, tuple[int, float]] = {}  # number and time of the first attempt begun last
        self.answered: dict[str, Request] = {}  # the newest request that was answered
        self.cut: dict[str, int] = {}  # the last request that a thaw ended, by endpoint
        self.failing: set[str] = set()  # endpoints that failed since their last answer
        self.silent_from: dict[str, float] = {}
        self.pool_silent: tuple[Request | None, float] | None = None
        self.started_at = 0.0
        self.result_since_start = True
        self.wanted: set[str] = set()  # by `warm`
        self.looked_at = -NEVER  # when a background refresh was due last
        self.refused_at: dict[str, float] = {}

    # ---- questions

    @property
    def undecided(self) -> bool:
        """Whether the rules leave open which keys are known now."""
        return self.set_back or self.model.clocks_disagree

    def usable(self) -> bool:
        """Whether the pool has keys that may be served."""
        return self.model.view(self.world.clock()).usable

    def out(self) -> list[Request]:
        """The requests that are out and were not given up."""
        return [*self.first.values(), *self.second.values()]

    def full(self, url: str) -> bool:
        """Whether a thread was refused just now (F)."""
        return self.world.monotonic() < self.refused_at.get(url, -1.0) + HEDGE_SECONDS

    def busy(self, url: str) -> bool:
        """Whether a request is out, or waits for a thread."""
        return url in self.first or self.full(url)

    def payment_lost(self) -> bool:
        """Whether a payment may have been made for a thread that was not had, and be used later.

        Or whether one in vain may have gone on, or have been two: only the engine knows.
        """
        now, at = self.world.clock(), self.lost_payment_at
        doubtful = [each.latest for each in self.budget.payments if each.perhaps]
        moments = doubtful if at is None else [*doubtful, at]
        return any(elapsed(now, each) < 2 * PAYMENT_SECONDS for each in moments)

    def answered_since(self, url: str, number: int) -> bool:
        """Whether it answered a request that began after the one with this number."""
        return url in self.answered and self.answered[url].number > number

    def missing(self, came: int) -> set[str]:
        """R3: the endpoints that may still list an unknown kid."""
        now = self.world.clock()
        return {
            url
            for url in self.model.urls
            if not self.answered_since(url, came)
            and not self.model.disabled(url, now)
            and not self.model.gone(url, now)
        }

    def recent(self, url: str) -> bool:
        """W7: whether what is known of it says how it is now."""
        asked_at = self.asked.get(url, (0, -NEVER))[1]
        return url in self.first or self.world.monotonic() - asked_at <= RECENT_SECONDS

    def silence_begins(self, urls: set[str]) -> float:
        """W7: when these endpoints, or all of the pool, will have been silent for 1 s."""
        now = self.world.clock()
        pool = NEVER
        if self.pool_silent is not None and any(self.recent(url) for url in self.model.urls):
            request, since = self.pool_silent
            pool = max(since, (request and request.connection.first_byte) or 0.0)
        silent = [
            self.silent_from.get(url, NEVER)
            if self.recent(url) or self.model.cooldown_left(url, now)
            else NEVER
            for url in urls
        ]
        return min(pool, max(silent, default=NEVER)) + SILENCE_SECONDS

    def refresh_has_failed(self, *, surely: bool = False) -> bool:
        """R: whether the refreshes since the last answer have all failed, by now."""
        now = self.world.clock()
        if self.model.view(now).state not in (AGED, STALE):
            return False
        busy = self.first or (surely and any(self.full(url) for url in self.model.urls))
        ready = self.model.ready(now, urgent=False) or self.model.retried(now)
        if not busy and not ready:
            return True
        return self.pool_silent is not None and self.silence_begins(set()) <= self.world.monotonic()

    # ---- what time does

    def thawed(self, request: Request) -> bool:
        """R6, R7: whether the process was frozen since it began."""
        real = self.world.monotonic() - request.monotonic
        drift = elapsed(self.world.clock(), request.begun) - real
        return drift >= THAW_SECONDS or real >= THAW_REAL_SECONDS

    def look(self) -> None:
        """What any look counts: thaws, silence of 5 s, the end of an attempt, also of a second connection."""
        while self._look_once():
            pass

    def _look_once(self) -> bool:
        now, changed = self.world.clock(), False
        for url in self.model.urls:
            for request in (self.second.get(url), self.first.get(url)):
                if request is not None and self.thawed(request):
                    self._remove(request)
                    self.cut[url] = request.number
                    self.result_since_start, self.pool_silent, changed = True, None, True
                    self.silent_from.pop(url, None)
            request = self.first.get(url)
            if request is None:
                continue
            monotonic = self.world.monotonic()
            late = monotonic - request.monotonic >= ATTEMPT_SECONDS
            silent = request.silent_for(monotonic) >= SILENT_SECONDS
            if not request.counted and (late or silent):
                self._fail(request, None, 0.0, now)
                changed = True
            if late:  # and its second connection ends with it (R4)
                second = self.second.get(url)
                for each in (second, request) if second is not None else (request,):
                    self._remove(each)
                changed = True
        return changed

    def _fail(self, request: Request, status: int | None, retry_after: float, now: Instant) -> None:
        request.counted = True
        self._settle(request)
        self.failing.add(request.url)
        self.model.record_failure(request.url, status, retry_after, now)
        if self.model.disabled(request.url, now):
            self.silent_from.pop(request.url, None)

    def _settle(self, request: Request) -> None:
        if request.payment is not None:
            request.payment.out -= 1
            request.payment = None

    def _remove(self, request: Request) -> None:
        """It is no longer out; the second connection takes the place of the first."""
        url = request.url
        if self.second.get(url) is request:
            del self.second[url]
        elif self.first.get(url) is request:
            del self.first[url]
            if url in self.second:
                promoted = self.first[url] = self.second.pop(url)
                promoted.payment, request.payment = request.payment, None
        self._settle(request)

    # ---- what the engine does

    def hang_up(self, request: Request) -> None:
        """R1: it was hung up; was there a reason?"""
        if request not in self.out():
            return
        url, monotonic = request.url, self.world.monotonic()
        first, second = self.first[url], self.second.get(url)
        heard = first.connection.first_byte is not None
        if request is second:
            again = monotonic - request.monotonic >= SECOND_SECONDS - EPSILON
            assert again or heard, "R1: a second connection was hung up too soon"
        else:
            overtaken = second is not None and second.connection.first_byte is not None and not heard
            assert overtaken, "R1: a request was hung up without a reason"
        self._remove(request)

    def begin(self, request: Request, purposes: set[str], allowed: set[str]) -> None:
        """A request begins; is it allowed?"""
        assert request.pool_id == self.pool_id, "T2: another pool was asked"
        url, monotonic = request.url, self.world.monotonic()
        first = self.first.get(url)
        if first is not None:
            self._begin_second(request, first, purposes)
            return
        if not request.background and url not in self.wanted:
            assert purposes & FOREGROUND, "R: a request for nobody"
            hedged = self.result_since_start or not self.first
            hedged = hedged or monotonic - self.started_at >= HEDGE_SECONDS - 1e-6
            hedged = hedged or monotonic in self.refused_at.values()  # F: a full host: the next one at once
            now = self.world.clock()
            hedged = hedged or self.model.disabled(url, now) or self.model.gone(url, now)  # beside the answer
            assert hedged, "R2: the next endpoint was asked within 200 ms"
        assert not request.background or BACKGROUND in purposes, "R: a background refresh that is not due"
        if not self.undecided:
            assert url in allowed or url in self.wanted, f"R: {url} was asked for {purposes}"
        self._pay(request, purposes)
        self._note_silence(url, request)
        self.first[url] = request
        self.asked[url] = request.number, monotonic
        self.started_at, self.result_since_start = monotonic, False
        self.wanted.discard(url)

    def _begin_second(self, request: Request, first: Request, purposes: set[str]) -> None:
        url, monotonic = request.url, self.world.monotonic()
        assert url not in self.second, "R1: three requests of one pool at one endpoint"
        assert purposes, "R1: a second connection for nobody"
        limit = SECOND_SECONDS if first.connection.first_byte is None else SILENT_SECONDS
        assert first.silent_for(monotonic) >= limit - 1e-6, "R1: a second connection too soon"
        since = monotonic - self.second_at.get(url, -NEVER)
        assert since >= SECOND_SECONDS - EPSILON, "R1: two second connections within 1.5 s"
        self.second[url], self.second_at[url] = request, monotonic
        request.asked_for = first.asked_for

    def _pay(self, request: Request, purposes: set[str]) -> None:
        now, unpaid = self.world.clock(), bool(purposes & {REVALIDATE, BACKGROUND, WARM})
        usable = self.usable()
        if self.undecided:
            unpaid = True
        if not request.paid:
            assert unpaid or not usable, "R4: a refresh for an unknown kid was not paid for"
            return
        payment = self.budget.pay(request.url, now, free=not usable)
        excused = self.undecided or self.payment_lost()
        assert payment is not None or excused, "R4: more refreshes than the budget"
        request.payment = request.asked_for = payment

    def refuse(self, url: str) -> None:
        """F: there was no thread for this endpoint; a full host counts as silent."""
        now, monotonic = self.world.clock(), self.world.monotonic()
        self.refused_at[url], self.lost_payment_at = monotonic, now
        if url not in self.first:
            self.result_since_start = True
            self._note_silence(url, None)
            self.asked[url] = 0, monotonic
            if not self.usable():
                self.budget.begin_free(url, now)

    def _note_silence(self, url: str, request: Request | None) -> None:
        """W7: the silence begins with the first attempt after the last answer."""
        now, monotonic = self.world.clock(), self.world.monotonic()
        if self.pool_silent is None or not any(self.recent(each) for each in self.model.urls):
            self.pool_silent = request, monotonic
        lasting = self.recent(url) or self.model.cooldown_left(url, now) > 0.0
        if url not in self.silent_from or not lasting:
            self.silent_from[url] = monotonic

    def last_resort(self, came: int, *, surely: bool = False) -> set[str]:
        """R6: of those not asked for a caller, the one whose back-off ends first; of several, one of them."""
        others = {url for url in self.model.urls if not self.answered_since(url, came)}
        counting = self.missing(came) or others
        unasked = {url for url in counting if self.asked.get(url, (0, 0.0))[0] <= came}
        soonest = self.model.last_resort(unasked, self.world.clock())
        return set() if surely and len(soonest) > 1 else soonest

    def may_be_asked(self, cause: str, came: int) -> set[str]:
        """R2, R6, K5: the endpoints that may be asked for this cause; those that are out are not left out."""
        now, model = self.world.clock(), self.model
        if cause not in FOREGROUND | {BACKGROUND}:
            return set()
        ready = model.ready(now, urgent=cause == FETCH)
        if cause == FETCH_UNKNOWN:
            ready |= self.last_resort(came)
            left = {url for url in ready if not self.answered_since(url, came)}
        else:
            left = ready
        idle = {url for url in left if not self.busy(url)}
        pending = {url for url in self.first if not model.disabled(url, now)}
        return ready | (set() if idle or pending else model.retried(now))

    # ---- what endpoints do

    def answer(self, request: Request) -> None:
        """R1, R3: an answer counts, however late; it hangs up the others of its endpoint."""
        url, beside = request.url, request in self.out()
        self._heard(request)
        self._remove(request)
        for other in (self.second.get(url), self.first.get(url)):
            if other is not None and (beside or other.number < request.number):
                assert other.hung_up, "R1: an answer did not hang up the other request"
                self._remove(other)
        if not self.answered_since(url, request.number):
            self.answered[url] = request
        self.failing.discard(url)
        self.silent_from.pop(url, None)
        if url in self.first:
            self.silent_from[url] = self.world.monotonic()
        self.pool_silent = None
        self.result_since_start = True
        self.set_back = self.refresh_failed = self.stale_if_error = False

    def failure(self, request: Request, status: int | None, retry_after: float, *, http: bool) -> None:
        """R6: it counts once, unless it was given up, the process was frozen, or another goes on for it."""
        if http:
            self._heard(request)
        first, second = self.first.get(request.url), self.second.get(request.url)
        overtakes = request is second and request.connection.first_byte is not None
        if overtakes and first is not None and first.connection.first_byte is None:
            assert first.hung_up, "R1: what got the first byte did not take the other's place"
            self._remove(first)
        counts = request is self.first.get(request.url) and not request.counted
        if counts and not request.hung_up and not self.thawed(request):
            self._fail(request, status, retry_after, self.world.clock())
        second = self.second.get(request.url)
        ends = request is self.first.get(request.url) and not request.hung_up and not self.thawed(request)
        if ends and second is not None and second.connection.first_byte is None:
            assert second.hung_up, "R6: what fails goes on being asked"
            self._remove(second)
        if request in self.out() and not request.hung_up and self.thawed(request):
            self.pool_silent = None  # nobody knows what was silence before a thaw
            self.silent_from.pop(request.url, None)
        self._remove(request)
        self.result_since_start = True

    def _heard(self, request: Request) -> None:
        if request.asked_for is not None:
            request.asked_for.heard = True

    def late_failure(self, request: Request, *, http: bool) -> None:
        """A failure of a request that was given up changes nothing, except its payment."""
        if http:
            self._heard(request)
        self.result_since_start = True
