"""Compares a rigged verifier with the models after each step: each caller's outcome, and each request.

Where the rules leave a choice, every outcome that they allow passes. There are two such choices. After a
clock was set back over a limit (`set_back`), expired responses may stand again until an endpoint answers.
If the two clocks disagree on which of two responses is newer (`clocks_disagree`), either may be.
"""

from __future__ import annotations

from typing import Any

from cognito_mr_auth._jwks.model import FetchError
from cognito_mr_auth.errors import KeysUnavailable

from .reference import (
    BACKGROUND,
    FETCH,
    FETCH_UNKNOWN,
    FROZEN_SECONDS,
    NO_REQUEST,
    REFRESH_SECONDS,
    REVALIDATE,
    STALE,
    Doc,
    Model,
    View,
    elapsed,
)
from .rigged import (
    ACCEPTED,
    DOWN,
    FAKES,
    FORGED,
    REJECTED,
    UNKNOWN,
    WAITING,
    Request,
    Rigged,
    Waiter,
    World,
    served,
)

MAX_UNKNOWN_KID_WAITERS = 32
# A caller that takes more steps than this for one verification spins.
MAX_TURNS = 120


class Case:
    """One pool: its model, and what the judge notes of the real one."""

    def __init__(self, number: int, model: Model) -> None:
        self.number = number
        self.pool_id = FAKES[number].user_pool_id
        self.model = model
        self.waiters: list[tuple[Waiter, str, int, bool]] = []  # with kid, material, whether plausible
        # By refresh: the URLs that it may ask; and, for an unknown kid, those in back-off when it began.
        self.allowed_urls: dict[Any, set[str]] = {}
        self.in_back_off: dict[Any, set[str]] = {}
        self.answered_numbers: list[int] = []  # the numbers of the requests that were answered
        self.set_back = False  # a clock was set back over a limit
        self.failed_since_answer = False  # an endpoint failed since the last answer
        self.stale_if_error = False  # a refresh of a stale set has failed

    @property
    def undecided(self) -> bool:
        """Whether the rules leave open which keys are known now."""
        return self.set_back or self.model.clocks_disagree


class Judge:
    """The models beside the verifier."""

    def __init__(self, world: World, verifier: Rigged, cases: list[Case]) -> None:
        self.world = world
        self.verifier = verifier
        self.cases = cases
        self.closed = False

    # ---- callers

    def call(self, case: Case, kid: str, material: int, text: str, timeout: float, plausible: bool) -> str:
        """A caller begins to verify this token."""
        waiter = Waiter(self.verifier, self.world, case.number, text, timeout)
        case.waiters.append((waiter, kid, material, plausible))
        self._step(case, waiter, kid, material, plausible)
        self._wake()
        return waiter.outcome

    def _wake(self) -> None:
        """Each caller that is due takes a step."""
        while due := [(case, each) for case in self.cases for each in case.waiters if each[0].due()]:
            case, one = due[0]
            self._step(case, *one)

    def _step(self, case: Case, waiter: Waiter, kid: str, material: int, plausible: bool) -> None:
        now, model = self.world.clock(), case.model
        view = model.view(now)
        cause = view.cause(kid, plausible=plausible)
        if cause == BACKGROUND and kid in view.quarantined:
            due = model.may_ask_for_quarantined(now)  # also noted while `undecided`, as in the verifier
            cause = cause if due or case.undecided else NO_REQUEST
        before, pending, refreshing = list(self.world.requests), self._pending(case), self._refreshing(case)
        background = model.candidates(BACKGROUND, now) if cause == REVALIDATE else set()
        allowed = model.candidates(cause, now) | background
        units = model.units_left(now)
        waiting = sum(each[0].waits_for_unknown_kid for each in case.waiters)
        waiter.step()
        assert waiter.turns <= MAX_TURNS, "a caller spins"
        if waiter.outcome != WAITING:
            case.waiters.remove((waiter, kid, material, plausible))
        elif cause == FETCH_UNKNOWN and not case.undecided and not waiter.waits_for_unknown_kid:
            waiter.waits_for_unknown_kid = True
            assert waiting < MAX_UNKNOWN_KID_WAITERS, "R4: 33 callers wait for unknown kids"
        failed = self._sync(case)
        after = model.candidates(cause, now)
        asked = [request for request in self.world.requests if request not in before]
        no_slot = cause == FETCH_UNKNOWN and not pending and not asked and self._slots_taken(case)
        if no_slot:
            # No request could begin, and only the verifier knows which unit that took.
            model.level, model.level_at = self.verifier._key_sets[case.pool_id]._rate_limit
        self._judge_requests(case, asked, cause, allowed | after)
        if cause == BACKGROUND and not pending and not refreshing:
            self._must_ask(case, asked, model.candidates(BACKGROUND, now) & allowed - failed)
        if case.undecided:
            stored = {response.keys.get(kid) for response in model.responses.values()}
            assert waiter.outcome != ACCEPTED or material in stored, "T2, K1: no response lists that key"
        else:
            self._judge_outcome(case, waiter, view, kid, material, plausible)
            refused = waiter.outcome in (UNKNOWN, DOWN) and cause == FETCH_UNKNOWN
            excused = no_slot or self.closed or asked or waiting >= MAX_UNKNOWN_KID_WAITERS
            if refused and not excused:
                judged = self._is_judgement(case, waiter, pending)
                assert judged or (units < 1.0 and not pending), "R4: refused within the rate limit"

    # ---- requests

    def _pending(self, case: Case) -> list[Request]:
        return [each for each in self.world.requests if each.pool_id == case.pool_id and not each.late]

    def _refreshing(self, case: Case) -> bool:
        """R1: whether a refresh runs: one at a time, 5 s at most, also without a pending attempt."""
        refresh = self.verifier._key_sets[case.pool_id]._coordinator.current
        return refresh is not None and not refresh.overdue(self.world.clock(), self.world.monotonic())

    def _any_pending(self, case: Case) -> bool:
        """Whether a request is pending whose answer may still count, whatever the clocks did."""
        now = self.world.clock()
        requests = [each for each in self.world.requests if each.pool_id == case.pool_id]
        return any(not each.late or elapsed(now, each.refresh.begun) < REFRESH_SECONDS for each in requests)

    def _slots_taken(self, case: Case) -> bool:
        """F: whether two requests hang at one of the endpoints."""
        hanging = [request.url for request in self.world.requests]
        return any(hanging.count(url) >= 2 for url in case.model.urls)

    def _judge_requests(self, case: Case, asked: list[Request], cause: str, allowed: set[str]) -> None:
        """R1, R2, R4, R6, K5, F: which endpoints were asked in this step."""
        assert not (asked and self.closed), "K4: asked after close()"
        now = self.world.clock()
        for request in asked:
            assert request.pool_id == case.pool_id, "T2: another pool was asked"
            others = [each.url for each in self._pending(case) if each is not request]
            assert request.url not in others, "R1: two requests of one pool at one endpoint"
            if request.refresh not in case.allowed_urls:
                case.allowed_urls[request.refresh] = set(case.model.urls) if case.undecided else allowed
                if cause == FETCH_UNKNOWN:
                    case.in_back_off[request.refresh] = case.model.in_back_off(now)
                    within_limit = case.model.take(now)
                    assert within_limit or case.undecided, "R4: more refreshes than the rate limit"
            url = request.url
            assert url in case.allowed_urls[request.refresh], f"R: {url} was asked for {cause}"
            backing_off = url in case.in_back_off.get(request.refresh, ())
            if backing_off and not case.undecided and not request.refresh.ask_all:
                assert not request.refresh.answers, "R6: an endpoint in back-off was asked after an answer"
        foreground = [request for request in asked if not request.background and not request.refresh.ask_all]
        assert len(foreground) <= 1, "R2: a hedged refresh asks one after the other"

    def _must_ask(self, case: Case, asked: list[Request], ready: set[str]) -> None:
        """R: the background asks every endpoint that may be asked."""
        if self.closed or case.undecided or len(self.world.requests) >= 8:
            return
        urls = {request.url for request in asked}
        hanging = [request.url for request in self.world.requests if request.url not in urls]
        assert {url for url in ready if hanging.count(url) < 2} <= urls, "R: an endpoint was not asked"

    # ---- answers

    def _judge_outcome(
        self, case: Case, waiter: Waiter, view: View, kid: str, material: int, plausible: bool
    ) -> None:
        outcome = waiter.outcome
        if view.knows(kid):
            expected = {
                (ACCEPTED if plausible else REJECTED) if each == material else FORGED
                for each in view.keys[kid]
            }
            self._judge_known(case, waiter, view, expected)
        elif outcome == WAITING:
            assert not self.closed, "K4: it waits after close()"
            assert self.world.monotonic() < waiter.deadline, "R1: it waits beyond its timeout"
            soon = waiter.wake - self.world.monotonic() <= 0.2
            assert self._any_pending(case) or soon, "R3: it waits, and no request is pending"
            assert kid not in view.quarantined, "K3: a quarantined kid waits"
        else:
            assert outcome in (UNKNOWN, DOWN), f"{outcome}: that key is not known"
        if outcome == UNKNOWN:
            assert view.usable, "E: an outage is not the token's fault"
            assert kid not in view.quarantined, "K3: a quarantined kid is no fault of the token"

    def _judge_known(self, case: Case, waiter: Waiter, view: View, expected: set[str]) -> None:
        outcome = waiter.outcome
        assert outcome in expected | {WAITING}, f"R, T2, K: {outcome} for a known kid"
        if outcome == WAITING:
            assert view.state == STALE, "R: a known kid waits though the set is not stale"
            assert not case.stale_if_error, "R: a known kid waits twice on a stale set"
            assert self.world.monotonic() < waiter.deadline, "R1: it waits beyond its timeout"
            return
        if view.state != STALE:
            return
        if waiter.arriving and waiter.timeout > 0 and not self._may_give_up(case):
            raise AssertionError("R: a stale set is revalidated before it is served")
        refresh = self.verifier._key_sets[case.pool_id]._coordinator.current
        # A successor counts from its own beginning.
        silent = refresh is None or self.world.monotonic() - refresh.began_monotonic >= 2.0
        if waiter.timeout > 2.0 and not waiter.frozen and silent:
            case.stale_if_error = True

    def _may_give_up(self, case: Case) -> bool:
        """Whether an endpoint has failed, or none may be asked."""
        silent = any(request.pool_id == case.pool_id and request.late for request in self.world.requests)
        ready = case.model.candidates(REVALIDATE, self.world.clock())
        return case.failed_since_answer or case.stale_if_error or silent or not ready or self.closed

    def _is_judgement(self, case: Case, waiter: Waiter, pending: list[Request]) -> bool:
        """R3: whether the refusal of an unknown kid follows from the answers."""
        if waiter.frozen or self.world.monotonic() >= waiter.deadline:
            return True
        if waiter.arriving:
            return False
        answered = any(number > waiter.attempts_before for number in case.answered_numbers)
        assert not pending, "R3: judged while an endpoint may still answer"
        return answered if waiter.outcome == UNKNOWN else not answered

    # ---- endpoints

    def land(self, request: Request, doc: Doc | None, failure: FetchError | None) -> None:
        """A request ends with a document, a failure, or neither, which is garbage."""
        world, now = self.world, self.world.clock()
        case = next(each for each in self.cases if each.pool_id == request.pool_id)
        before, saved = list(world.requests), world.saved.get(request.pool_id)
        in_time = elapsed(now, request.refresh.begun) < REFRESH_SECONDS and not self.closed
        request.late = request.late or not in_time
        answer = failure or (b"{}" if doc is None else served(doc))
        world.land(request, answer)
        if not in_time:
            assert world.saved.get(request.pool_id) is saved, "R7, K4: a late answer was stored"
            case.failed_since_answer = True
            self._note_late_result(case, request, failure)
        elif not request.late or self._was_taken(case, request, doc):
            self._note_result(case, request, doc, failure)
        self._sync(case)
        asked = [each for each in world.requests if each not in before]
        self._judge_requests(case, asked, FETCH, set(case.model.urls))
        self._wake()

    def _was_taken(self, case: Case, request: Request, doc: Doc | None) -> bool:
        """Whether it was counted: if a clock passed the deadline and went back, it need not be."""
        if doc is not None and doc.usable:
            return request.answered
        [reported] = [each for each in self._health(case)["endpoints"] if each["url"] == request.url]
        state = case.model.states[request.url]
        return (reported["failures"], reported["disabled"]) != (state.failures, state.disabled)

    def _note_result(self, case: Case, request: Request, doc: Doc | None, failure: FetchError | None) -> None:
        now, model = self.world.clock(), case.model
        if doc is not None and model.store_response(request.url, request.begun, doc, now):
            case.answered_numbers.append(request.number)
            case.set_back = case.failed_since_answer = case.stale_if_error = False
            return
        request.counted = case.failed_since_answer = True
        status, retry_after = (failure.status, failure.retry_after) if failure else (200, None)
        model.record_failure(request.url, status, retry_after or 0.0, now)

    def _note_late_result(self, case: Case, request: Request, failure: FetchError | None) -> None:
        """R6, R7: a late result may count as one failure."""
        [reported] = [each for each in self._health(case)["endpoints"] if each["url"] == request.url]
        state = case.model.states[request.url]
        if (reported["failures"], reported["disabled"]) == (state.failures, state.disabled):
            return
        now = self.world.clock()
        assert not request.counted, "R6: one request is two failures"
        assert elapsed(now, request.refresh.begun) < FROZEN_SECONDS, "R6: a freeze is no failure"
        request.counted = True
        status, retry_after = (failure.status, failure.retry_after) if failure else (None, None)
        case.model.record_failure(request.url, status, retry_after or 0.0, now)

    def _health(self, case: Case) -> dict[str, Any]:
        pools: dict[str, dict[str, Any]] = self.verifier.health()["providers"]
        return pools[case.pool_id]

    def _sync(self, case: Case) -> set[str]:
        """Compare `health` with the model; give the endpoints whose requests ran out of time."""
        now, model, failed = self.world.clock(), case.model, set()
        for reported in self._health(case)["endpoints"]:
            url, state = reported["url"], model.states[reported["url"]]
            if reported["failures"] != state.failures:
                late = [
                    each for each in self.world.requests if each.url == url and each.late and not each.counted
                ]
                limit = float("inf") if case.undecided else FROZEN_SECONDS
                timely = [each for each in late if elapsed(now, each.refresh.begun) < limit]
                assert timely, "R6: a failure without a request"
                timely[0].counted = case.failed_since_answer = True
                model.record_failure(url, None, 0.0, now)
                failed.add(url)
            state = model.states[url]
            assert (reported["failures"], reported["disabled"]) == (state.failures, state.disabled), "R6, K5"
            assert abs(reported["retry_in"] - model.cooldown_left(url, now)) < 1e-6, "R6: another back-off"
            response = model.responses.get(url)
            age = None if response is None else max(0.0, elapsed(now, response.begun))
            assert reported["age"] == age, "K1"
        return failed

    # ---- time and life

    def views(self) -> list[View]:
        """The view of each pool now."""
        return [case.model.view(self.world.clock()) for case in self.cases]

    def mark_late(self) -> None:
        """After the clock moved: mark the requests that are late now."""
        now = self.world.clock()
        for request in self.world.requests:
            if not request.late and elapsed(now, request.refresh.begun) >= REFRESH_SECONDS:
                request.late = True
                for case in self.cases:
                    case.failed_since_answer = case.failed_since_answer or case.pool_id == request.pool_id

    def jump(self, seconds: float) -> None:
        """Only the wall clock moves (forward, that is a freeze); it wakes no waiter."""
        before = self.views()
        self.world.clock.jump_wall(seconds)
        self.mark_late()
        for case, old, new in zip(self.cases, before, self.views(), strict=True):
            same = (old.keys, old.quarantined, old.usable) == (new.keys, new.quarantined, new.usable)
            case.set_back = case.set_back or (seconds < 0 and not same)
            for waiter, *_ in case.waiters:
                waiter.frozen = True

    def pass_time(self, seconds: float) -> None:
        """Both clocks go on; each waiter takes its step at the moment when it wakes."""
        end = self.world.monotonic() + seconds
        while self.world.monotonic() < end:
            wakes = [each[0].wake for case in self.cases for each in case.waiters]
            deadline = min([end, *(wake for wake in wakes if wake > self.world.monotonic())])
            self.world.clock.advance(deadline - self.world.monotonic())
            self.mark_late()
            self._wake()

    def warm(self, case: Case) -> None:
        """`warm`: every endpoint that is not disabled has a pending request (R2)."""
        before, pending_before = list(self.world.requests), self._any_pending(case)
        steps = self.verifier._key_sets[case.pool_id].warming(0.0)
        error = None
        try:
            next(steps)
        except StopIteration:
            pass
        except KeysUnavailable as unavailable:
            error = unavailable
        steps.close()
        self._sync(case)
        for request in self.world.requests:
            case.allowed_urls.setdefault(request.refresh, set()).update(case.model.urls)
        asked = [request for request in self.world.requests if request not in before]
        self._judge_requests(case, asked, FETCH, set(case.model.urls))
        usable = case.model.view(self.world.clock()).usable
        assert case.undecided or (error is None) == usable, "R2: warm fails only without a usable key"
        if not self.closed and not case.undecided and not pending_before:
            urls = [request.url for request in self.world.requests]
            disabled = {url for url, state in case.model.states.items() if state.disabled}
            assert set(case.model.urls) - disabled <= set(urls), "R2: warm asks every endpoint"
        self._wake()

    def close(self) -> None:
        """K4: `close` releases every waiter."""
        self.closed = True
        self.verifier.close()
        self._wake()
        assert not any(case.waiters for case in self.cases), "K4: a caller still waits after close()"

    def drop_callers(self) -> None:
        """Drop the callers: they do not exist in a forked child or a new process."""
        for case in self.cases:
            for waiter, *_ in case.waiters:
                waiter.steps.close()
            case.waiters.clear()
            case.allowed_urls.clear()
            case.in_back_off.clear()
