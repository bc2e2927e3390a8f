"""Compares a rigged verifier with the models after each step: each caller's outcome, and each request.

Where the rules leave a choice, every outcome that they allow passes. There are two such choices. After a
clock was set back over a limit (`set_back`), expired responses may stand again until an endpoint answers.
If the two clocks disagree on which of two responses is newer (`clocks_disagree`), either may be.
"""

from __future__ import annotations

from cognito_mr_auth._jwks.model import FetchError
from cognito_mr_auth.errors import KeysUnavailable

from .case import (
    EPSILON,
    FOREGROUND,
    NEVER,
    RECENT_SECONDS,
    SECOND_SECONDS,
    SILENCE_SECONDS,
    SILENT_SECONDS,
    WARM,
    Caller,
    Case,
)
from .reference import (
    BACKGROUND,
    FETCH,
    FETCH_UNKNOWN,
    NO_REQUEST,
    REVALIDATE,
    STALE,
    Doc,
    View,
    elapsed,
)
from .rigged import (
    ACCEPTED,
    DOWN,
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

# A caller that takes more steps than this for one verification spins.
MAX_TURNS = 120
# A hit of an aged set has the endpoints looked at so often at most.
LOOK_SECONDS = 1.0
# An endpoint that answered last and was asked just now has still its chance.
CHANCE_SECONDS = 0.5


class Judge:
    """The models beside the verifier."""

    def __init__(self, world: World, verifier: Rigged, cases: list[Case], *, prompt: bool) -> None:
        self.world = world
        self.verifier = verifier
        self.cases = cases
        self.prompt = prompt  # what is hung up ends at once
        self.closed = False

    # ---- callers

    def call(self, case: Case, kid: str, material: int, text: str, timeout: float, plausible: bool) -> str:
        """A caller begins to verify this token."""
        caller = Caller(
            Waiter(self.verifier, self.world, case.number, text, timeout), kid, material, plausible
        )
        case.callers.append(caller)
        self._step(case, caller)
        self._wake()
        return caller.waiter.outcome

    def _wake(self) -> None:
        """Each caller that is due takes a step."""
        while due := [(case, each) for case in self.cases for each in case.callers if each.waiter.due()]:
            self._step(*due[0])
        for case in self.cases:
            self._judge_crowd(case)
        for request in [each for each in self.world.requests if each.hung_up and self.prompt]:
            if request in self.world.requests:
                self.land(request, None, FetchError("deadline"))

    def _step(self, case: Case, caller: Caller) -> None:
        now, model, waiter = self.world.clock(), case.model, caller.waiter
        view = model.view(now)
        cause = self._cause(case, view, caller)
        case.look()
        causes = {cause, *([BACKGROUND] if cause == REVALIDATE else [])}
        if case.undecided and view.knows(caller.kid):  # then the age of the set is left open as well
            causes |= {BACKGROUND, REVALIDATE}
        purposes, allowed = self._purposes(case, {(each, waiter.came) for each in causes})
        before = list(self.world.requests)
        due = self._due_in_background(case, cause)
        had_failed = case.refresh_failed or case.refresh_has_failed()
        waiter.step()
        assert waiter.turns <= MAX_TURNS, "a caller spins"
        if waiter.outcome != WAITING:
            case.callers.remove(caller)
        self._observe(case, before, purposes, allowed, {(each, waiter.came) for each in causes})
        self._must_have_asked(case, due)
        if case.undecided:
            stored = {response.keys.get(caller.kid) for response in model.responses.values()}
            assert waiter.outcome != ACCEPTED or caller.material in stored, (
                "T2, K1: no response lists that key"
            )
        else:
            self._judge_outcome(case, caller, view, cause, had_failed=had_failed)
        polled = waiter.outcome == WAITING or cause in (REVALIDATE, FETCH, FETCH_UNKNOWN)
        self._note_failed_refresh(case, polled=polled)
        if waiter.outcome == WAITING and not case.undecided:
            self._judge_second_connections(case)
        self._sync(case)

    def _cause(self, case: Case, view: View, caller: Caller) -> str:
        cause = view.cause(caller.kid, plausible=caller.plausible)
        if cause == BACKGROUND and caller.kid in view.quarantined:
            due = case.model.may_ask_for_quarantined(self.world.clock())  # also noted while `undecided`
            cause = cause if due or case.undecided else NO_REQUEST
        return cause

    def _purposes(self, case: Case, also: set[tuple[str, int]]) -> tuple[set[str], set[str]]:
        """Why requests may begin now, and at which endpoints."""
        view = case.model.view(self.world.clock())
        causes = {(view.cause(each.kid, plausible=each.plausible), each.waiter.came) for each in case.callers}
        causes = {each for each in causes if each[0] in FOREGROUND} | also
        allowed = set[str]().union(*(case.may_be_asked(*each) for each in causes))
        purposes = {cause for cause, _ in causes} - {NO_REQUEST}
        return purposes | ({WARM} if case.wanted else set()), allowed

    # ---- requests

    def _observe(
        self,
        case: Case,
        before: list[Request],
        purposes: set[str],
        allowed: set[str],
        also: set[tuple[str, int]] = frozenset(),  # type: ignore[assignment]
    ) -> None:
        """Judge what was hung up and begun, in the order in which the library did it."""
        for pool_id, url in self.world.refused:
            next(each for each in self.cases if each.pool_id == pool_id).refuse(url)
        self.world.refused.clear()
        case.look()
        for request in list(case.out()):
            if request.hung_up:
                case.hang_up(request)
        for request in [each for each in self.world.requests if each not in before]:
            assert not self.closed, "K4: asked after close()"
            owner = next(each for each in self.cases if each.pool_id == request.pool_id)
            after = allowed | self._purposes(owner, also)[1]
            owner.begin(request, purposes, after)

    def _due_in_background(self, case: Case, cause: str) -> set[str]:
        """R: what the background must ask now: every endpoint that may be asked."""
        if cause != BACKGROUND or self.closed or case.undecided:
            return set()
        recently = self.world.monotonic() - case.looked_at < LOOK_SECONDS
        case.looked_at = self.world.monotonic()
        return set() if recently else case.may_be_asked(BACKGROUND, 0)

    def _must_have_asked(self, case: Case, due: set[str]) -> None:
        assert {url for url in due if not case.busy(url)} == set(), "R: an endpoint was not asked"

    def _judge_second_connections(self, case: Case) -> None:
        """R1: while a caller waits, a second connection is beside each request without a byte for 1.5 s."""
        monotonic = self.world.monotonic()
        for url, first in case.first.items():
            limit = SECOND_SECONDS if first.connection.first_byte is None else SILENT_SECONDS
            fresh = monotonic - case.second_at.get(url, -NEVER) < SECOND_SECONDS + EPSILON
            silent = first.silent_for(monotonic) >= limit + EPSILON
            second = case.second.get(url)
            assert not silent or fresh or case.full(url), "R1: no second connection"
            if second is not None:
                assert monotonic - second.monotonic < SECOND_SECONDS + EPSILON, "R1: not hung up after 1.5 s"

    # ---- answers

    def _judge_outcome(self, case: Case, caller: Caller, view: View, cause: str, *, had_failed: bool) -> None:
        outcome, kid = caller.waiter.outcome, caller.kid
        if view.knows(kid):
            self._judge_known(case, caller, view, had_failed=had_failed)
            return
        assert outcome in (UNKNOWN, DOWN, WAITING), f"{outcome}: that key is not known"
        if outcome == WAITING and not caller.waiter.due():
            self._judge_waiting(case, caller, view, cause)
        if outcome == UNKNOWN:
            assert view.usable, "E: an outage is not the token's fault"
            assert kid not in view.quarantined, "K3: a quarantined kid is no fault of the token"
            if caller.plausible:
                self._judge_unknown(case, caller)
        if outcome == DOWN and (kid not in view.quarantined or not view.usable):
            assert caller.plausible or not view.usable, "R5: a token that could not pass heard 503"
            self._judge_down(case, caller, cause)

    def _judge_known(self, case: Case, caller: Caller, view: View, *, had_failed: bool) -> None:
        waiter, outcome = caller.waiter, caller.waiter.outcome
        expected = {
            (ACCEPTED if caller.plausible else REJECTED) if each == caller.material else FORGED
            for each in view.keys[caller.kid]
        }
        assert outcome in expected | {WAITING}, f"R, T2, K: {outcome} for a known kid"
        if outcome == WAITING and waiter.due():
            return  # it looks again at once
        if outcome == WAITING:
            assert view.state == STALE, "R, W7: a known kid waits though the set is not stale"
            assert not case.stale_if_error, "R: a known kid waits though the refreshes have failed"
            assert not case.refresh_has_failed(surely=True), (
                "R, W7: it waits for a stale set though all fail or are silent"
            )
            assert self.world.monotonic() < waiter.deadline, "R1: it waits beyond its timeout"
        elif view.state == STALE and waiter.timeout > 0 and self.world.monotonic() < waiter.deadline:
            # The look that found all attempts too old may have begun others, which `warm` wants.
            all_fail = all(each.failures or each.disabled for each in case.model.states.values())
            failed = had_failed or case.refresh_has_failed() or all_fail or self.closed
            assert failed, "R: a stale set is revalidated before it is served"

    def _judge_waiting(self, case: Case, caller: Caller, view: View, cause: str) -> None:
        """R1, R3, R4: whether a caller with an unknown kid, or without a set, waits for something."""
        waiter = caller.waiter
        assert not self.closed, "K4: it waits after close()"
        assert self.world.monotonic() < waiter.deadline, "R1: it waits beyond its timeout"
        assert waiter.wake <= waiter.deadline + EPSILON, "R1: it wakes after its timeout"
        assert caller.kid not in view.quarantined or not view.usable, "K3: a quarantined kid waits"
        assert cause in (FETCH, FETCH_UNKNOWN), "R5: it waits, and could not pass anyway"
        missing = set(case.model.urls) if cause == FETCH else case.missing(waiter.came)
        if cause == FETCH_UNKNOWN:
            heard = any(case.answered_since(url, waiter.came) for url in case.model.urls)
            assert missing or not heard, "R3: it waits though all have answered"
        if cause == FETCH and not case.first:
            left_out = [url for url in case.may_be_asked(FETCH, 0) if not case.full(url)]
            assert not left_out, "F, R2: a host is full, and the next one was not asked at once"
        if any(case.busy(url) for url in case.model.urls):
            return
        left = waiter.deadline - self.world.monotonic()
        assert self._next_start(case, caller, cause) < left + EPSILON, "R1: it waits in vain"
        spent = cause == FETCH_UNKNOWN and self._budget_spent(case, missing, every=True)
        assert not spent, "R4: it waits though the budget is spent"

    def _next_start(self, case: Case, caller: Caller, cause: str, *, least: bool = False) -> float:
        """Seconds until a request for this caller may begin; `least`: the latest that the rules allow."""
        now, urgent = self.world.clock(), cause == FETCH
        soon = case.may_be_asked(cause, caller.waiter.came)
        if least:
            soon -= case.last_resort(caller.waiter.came) - case.last_resort(caller.waiter.came, surely=True)
        waits = []
        missing = case.missing(caller.waiter.came) if cause == FETCH_UNKNOWN else set(case.model.urls)
        for url in missing if least and missing else case.model.urls:
            if cause == FETCH_UNKNOWN and case.answered_since(url, caller.waiter.came):
                continue
            if url in case.first:
                continue
            rest = 0.0 if url in soon else case.model.cooldown_left(url, now, urgent=urgent)
            paid = case.budget.wait(url, now, least=least) if cause == FETCH_UNKNOWN else 0.0
            waits.append(max(rest, paid))
        return min(waits, default=NEVER)

    def _budget_spent(self, case: Case, missing: set[str], *, every: bool = False) -> bool:
        """R4: whether some (or every) one of these endpoints that may be asked cannot be paid for."""
        now = self.world.clock()
        idle = [url for url in missing if not case.busy(url)]
        if every:
            idle = [url for url in idle if not case.model.cooldown_left(url, now)]
        spent = [case.budget.spent(url, now, least=not every) for url in idle]
        return bool(spent) and (all(spent) if every else any(spent))

    def _judge_unknown(self, case: Case, caller: Caller) -> None:
        """R3: 401 only when every endpoint that counts has answered a request begun after the caller came."""
        came = caller.waiter.came
        missing, now = case.missing(came), self.world.clock()
        if not missing:
            heard = any(case.answered_since(url, came) for url in case.model.urls)
            assert heard, "R3, E: 401 though no endpoint has answered"
            return
        pending = [url for url in missing if url in case.first]
        assert not pending, "R3: 401 while an endpoint may still answer"
        spent = self._budget_spent(case, missing) or case.payment_lost()
        assert spent, "R3: 401 though an endpoint has not answered"
        for url in missing:
            last = case.answered.get(url)
            number = case.asked.get(url, (0, 0.0))[0]
            answered_last = last is not None and (last.number >= number or case.cut.get(url) == number)
            assert answered_last, "R3, R4: 401 though one did not answer last"
            assert url not in case.failing, "R3, R4: 401 though one has failed since it answered"
            assert last is not None
            assert elapsed(now, last.begun) <= RECENT_SECONDS, "R3, R4: 401 by an answer older than 10 s"

    def _judge_down(self, case: Case, caller: Caller, cause: str) -> None:
        """W7, R1, R4: why a caller gets 503."""
        waiter = caller.waiter
        if self.closed or self.world.monotonic() >= waiter.deadline:
            return
        urls = set(case.model.urls)
        missing = urls if cause == FETCH else case.missing(waiter.came)
        counted = missing or {url for url in urls if not case.answered_since(url, waiter.came)}
        pending = any(url in case.first for url in counted)
        spent = cause == FETCH_UNKNOWN and (self._budget_spent(case, counted) or case.payment_lost())
        if spent and not pending:
            return
        left = waiter.deadline - self.world.monotonic()
        if not pending and self._next_start(case, caller, cause, least=True) >= left - EPSILON:
            return
        if all(case.model.disabled(url, self.world.clock()) for url in counted):
            return  # K5: an outage
        if spent:  # then those alone count that were asked
            counted = missing = {url for url in counted if url in case.first}
        silent = case.silence_begins(counted) <= self.world.monotonic() + 1e-6
        assert silent, "W7: refused before 1 s of silence"
        others = [each for each in case.callers if each is not caller]
        assert others, "W7: refused though nobody else waits"
        for url in missing:
            assert not self._has_its_chance(case, url), f"W7: refused before {url} has answered"

    def _has_its_chance(self, case: Case, url: str, seconds: float = CHANCE_SECONDS) -> bool:
        """W7: whether this endpoint answered when it was asked last, and still has to answer now."""
        refused = case.full(url) or case.asked.get(url, (1, 0.0))[0] == 0
        if url in case.failing or url not in case.answered or refused:
            return False
        first = case.first.get(url)
        if first is None:
            return case.answered[url].number >= case.asked[url][0]
        return self.world.monotonic() - first.monotonic < seconds

    def _judge_crowd(self, case: Case) -> None:
        """W7: after 1 s of silence one caller of a pool waits at most."""
        if case.undecided or self.closed:
            return
        view = case.model.view(self.world.clock())
        silent = []
        for each in case.callers:
            if each.waiter.deadline <= self.world.monotonic() + EPSILON:
                continue  # its time is over, and it leaves with its next step
            cause = view.cause(each.kid, plausible=each.plausible)
            missing = case.missing(each.waiter.came) if cause == FETCH_UNKNOWN else set(case.model.urls)
            if any(self._has_its_chance(case, url, SILENCE_SECONDS) for url in missing):
                continue
            if missing and case.silence_begins(missing) + EPSILON <= self.world.monotonic():
                silent.append(each)
        assert len(silent) <= 1, "W7: two callers wait in silence"

    def _note_failed_refresh(self, case: Case, *, polled: bool) -> None:
        failed = case.refresh_has_failed(surely=True)
        case.refresh_failed = case.refresh_failed or case.refresh_has_failed()
        unanswered = case.pool_silent is not None
        case.stale_if_error = case.stale_if_error or (
            failed and polled and unanswered and not self.closed and not case.undecided
        )

    # ---- endpoints

    def land(self, request: Request, doc: Doc | None, failure: FetchError | None) -> None:
        """A request ends with a document, a failure, or neither, which is garbage."""
        world, now = self.world, self.world.clock()
        case = next(each for each in self.cases if each.pool_id == request.pool_id)
        before, saved = list(world.requests), world.saved.get(request.pool_id)
        given_up = request not in case.out()
        waited_for = self._purposes(case, set())[0]  # a caller who waits may need something else by now
        answer = failure or (b"{}" if doc is None else served(doc))
        world.land(request, answer)
        if self.closed:
            assert world.saved.get(request.pool_id) is saved, "K4: an answer was stored after close()"
            return
        if doc is not None and case.model.store_response(request.url, request.begun, doc, now):
            case.answer(request)
        else:
            status, retry_after = (failure.status, failure.retry_after) if failure else (200, None)
            reason = "" if failure is None else failure.reason
            http = status is not None and reason != "proxy"
            optional = status if reason == "status" else None
            if not given_up:
                case.failure(request, optional, retry_after or 0.0, http=http)
            else:
                case.late_failure(request, http=http)
        case.looked_at = -NEVER
        case.look()
        purposes, allowed = self._purposes(case, set())
        self._observe(case, before, purposes | waited_for, allowed)
        self._sync(case)
        self._note_failed_refresh(case, polled=True)
        self._wake()

    def room(self, hosts: set[str]) -> None:
        """Threads can be had again at these hosts."""
        before = list(self.world.requests)
        self.world.full -= hosts
        for case in self.cases:
            case.look()
        for host in sorted(hosts):
            self.world.make_room(host)
        for case in self.cases:
            own = [each for each in self.world.requests if each.pool_id != case.pool_id]
            self._observe(case, [*before, *own], *self._purposes(case, set()))
            self._sync(case)
        self._wake()

    def _sync(self, case: Case) -> None:
        """Compare `health`, which looks at what time has done, with the model."""
        before, (purposes, allowed) = list(self.world.requests), self._purposes(case, set())
        key_set = self.verifier._key_sets[case.pool_id]
        case.look()
        pool = key_set.health(self.world.clock())  # of this pool alone: it looks at what time has done
        self._observe(case, before, purposes, allowed)
        now, model = self.world.clock(), case.model
        for reported in pool["endpoints"]:
            url, state = reported["url"], model.states[reported["url"]]
            if not self.closed:
                found = reported["failures"], reported["disabled"]
                expected = state.failures, state.disabled
                assert found == expected, f"R1, R6, K5: {url} has {found}, not {expected}"
                assert abs(reported["retry_in"] - model.cooldown_left(url, now)) < 1e-6, (
                    "R6: another back-off"
                )
            response = model.responses.get(url)
            age = None if response is None else max(0.0, elapsed(now, response.begun))
            assert reported["age"] == age, "K1"
        out = case.out()
        for request in self.world.requests:
            if request.pool_id == case.pool_id and request not in out and not self.closed:
                assert request.hung_up, "R1: a request that was given up was not hung up"

    def look(self) -> None:
        """Have both the verifier and the models look at what time has done."""
        for case in self.cases:
            self._sync(case)

    # ---- time and life

    def views(self) -> list[View]:
        """The view of each pool now."""
        return [case.model.view(self.world.clock()) for case in self.cases]

    def jump(self, seconds: float) -> None:
        """Only the wall clock moves (forward, that is a freeze); it wakes no waiter."""
        before = self.views()
        self.world.clock.jump_wall(seconds)
        for case, old, new in zip(self.cases, before, self.views(), strict=True):
            same = (old.keys, old.quarantined, old.usable) == (new.keys, new.quarantined, new.usable)
            case.set_back = case.set_back or (seconds < 0 and not same)

    def pass_time(self, seconds: float) -> None:
        """Both clocks go on; each waiter takes its step at the moment when it wakes."""
        end = self.world.monotonic() + seconds
        while self.world.monotonic() < end:
            wakes = [each.waiter.wake for case in self.cases for each in case.callers]
            deadline = min([end, *(wake for wake in wakes if wake > self.world.monotonic())])
            self.world.clock.advance(deadline - self.world.monotonic())
            self._wake()

    def warm(self, case: Case) -> None:
        """`warm`: every endpoint that is not disabled has a pending request (R2)."""
        before = list(self.world.requests)
        case.look()
        now = self.world.clock()
        awake = {url for url in case.model.urls if not case.model.disabled(url, now)}
        wanted = awake or set(case.model.urls)
        if not self.closed:
            case.wanted = {url for url in wanted if url not in case.first}
        purposes, allowed = self._purposes(case, set())
        steps = self.verifier._key_sets[case.pool_id].warming(0.0)
        error = None
        try:
            next(steps)
        except StopIteration:
            pass
        except KeysUnavailable as unavailable:
            error = unavailable
        steps.close()
        if not self.closed:
            case.wanted |= {url for pool_id, url in self.world.refused if pool_id == case.pool_id}
        self._observe(case, before, purposes | {WARM}, allowed)
        self._sync(case)
        assert case.undecided or (error is None) == case.usable(), "R2: warm fails only without a usable key"
        if not self.closed and not case.undecided:
            missed = {url for url in wanted if not case.busy(url)}
            assert not missed, "R2: warm asks every endpoint"
        self._note_failed_refresh(case, polled=True)
        self._wake()

    def close(self) -> None:
        """K4: `close` releases every waiter."""
        self.closed = True
        self.verifier.close()
        self._wake()
        assert not any(case.callers for case in self.cases), "K4: a caller still waits after close()"

    def drop_callers(self) -> None:
        """Drop the callers: they do not exist in a forked child or a new process."""
        for case in self.cases:
            for caller in case.callers:
                if caller.waiter.steps is not None:
                    caller.waiter.steps.close()
            case.forget_requests()
