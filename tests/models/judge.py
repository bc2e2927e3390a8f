"""Holds a rigged verifier to the models, step by step: what each caller was told, and who was asked.

Where DESIGN leaves a choice, anything that it allows will do. After a clock was set back over a limit that
had been passed (`set_back`), whether what had fallen stands again is such a choice, until an endpoint
answers; so is which of two words is the newer one, where the two clocks do not agree on it (`crooked`).
"""

from __future__ import annotations

from typing import Any

from cognito_mr_auth._jwks.model import FetchError
from cognito_mr_auth.errors import KeysUnavailable

from .reference import (
    BACKGROUND,
    FETCH,
    FETCH_UNKNOWN,
    FROZEN,
    NOBODY,
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
    Out,
    Rigged,
    Waiter,
    World,
    served,
)

MAX_UNKNOWN_KID_WAITERS = 32
# A caller that is woken more often than this in one visit spins.
MAX_TURNS = 120


class Case:
    """One pool: its model, and what the judge remembers of the real one."""

    def __init__(self, number: int, model: Model) -> None:
        self.number = number
        self.pool_id = FAKES[number].user_pool_id
        self.model = model
        self.waiters: list[tuple[Waiter, str, int, bool]] = []  # with kid, material, whether plausible
        self.permits: dict[Any, set[str]] = {}  # by flight: whom it may ask
        self.seeks: dict[Any, set[str]] = {}  # by flight for an unknown kid: who was at rest when it began
        self.store_response: list[int] = []  # the numbers of the requests that were answered
        self.set_back = False  # a clock, over a limit that had been passed
        self.troubled = False  # somebody failed since the last answer
        self.stale_if_error = False  # a caller waited on a stale set, in vain

    @property
    def blurred(self) -> bool:
        """Whether DESIGN leaves open what is known now."""
        return self.set_back or self.model.crooked


class Judge:
    """The models beside the verifier."""

    def __init__(self, world: World, verifier: Rigged, cases: list[Case]) -> None:
        self.world = world
        self.verifier = verifier
        self.cases = cases
        self.closed = False

    # ---- callers

    def arrive(self, case: Case, kid: str, material: int, text: str, patience: float, plausible: bool) -> str:
        """A caller comes with this token."""
        waiter = Waiter(self.verifier, self.world, case.number, text, patience)
        case.waiters.append((waiter, kid, material, plausible))
        self._step(case, waiter, kid, material, plausible)
        self._wake()
        return waiter.outcome

    def _wake(self) -> None:
        """Whoever may go on does."""
        while due := [(case, each) for case in self.cases for each in case.waiters if each[0].due()]:
            case, one = due[0]
            self._step(case, *one)

    def _step(self, case: Case, waiter: Waiter, kid: str, material: int, plausible: bool) -> None:
        now, model = self.world.clock(), case.model
        view = model.view(now)
        cause = view.cause(kid, plausible=plausible)
        if cause == BACKGROUND and kid in view.quarantined:
            due = model.recheck(now)  # counted also while it is open who is right, as the real one does
            cause = cause if due or case.blurred else NOBODY
        before, live, flying = list(self.world.outs), self._live(case), self._flying(case)
        may = model.askable(cause, now) | (model.askable(BACKGROUND, now) if cause == REVALIDATE else set())
        had = model.budget(now)
        seekers = sum(each[0].waits_for_unknown_kid for each in case.waiters)
        waiter.step()
        assert waiter.turns <= MAX_TURNS, "a caller spins"
        if waiter.outcome != WAITING:
            case.waiters.remove((waiter, kid, material, plausible))
        elif cause == FETCH_UNKNOWN and not case.blurred and not waiter.waits_for_unknown_kid:
            waiter.waits_for_unknown_kid = True
            assert seekers < MAX_UNKNOWN_KID_WAITERS, "R4: 33 callers wait for unknown kids"
        failed = self._sync(case)
        after = model.askable(cause, now)
        asked = [out for out in self.world.outs if out not in before]
        in_vain = cause == FETCH_UNKNOWN and not live and not asked and self._crowded(case)
        if in_vain:
            # Nobody could be asked, and what that has cost is seen from inside alone.
            model.level, model.spent = self.verifier._key_sets[case.pool_id]._rate_limit
        self._judge_requests(case, asked, cause, may | after)
        if cause == BACKGROUND and not live and not flying:
            self._must_ask(case, asked, model.askable(BACKGROUND, now) & may - failed)
        if case.blurred:
            said = {word.keys.get(kid) for word in model.words.values()}
            assert waiter.outcome != ACCEPTED or material in said, "T2, K1: nobody said so"
        else:
            self._judge_outcome(case, waiter, view, kid, material, plausible)
            refused = waiter.outcome in (UNKNOWN, DOWN) and cause == FETCH_UNKNOWN
            if (
                refused
                and not in_vain
                and not self.closed
                and not asked
                and seekers < MAX_UNKNOWN_KID_WAITERS
            ):
                judged = self._is_judgement(case, waiter, live)
                assert judged or (had < 1.0 and not live), "R4: refused, with budget left"

    # ---- requests

    def _live(self, case: Case) -> list[Out]:
        return [out for out in self.world.outs if out.pool_id == case.pool_id and not out.late]

    def _flying(self, case: Case) -> bool:
        """R1: one flight at a time, for five seconds at most, even if nothing of it is out any more."""
        refresh = self.verifier._key_sets[case.pool_id]._coordinator.current
        return refresh is not None and not refresh.overdue(self.world.clock(), self.world.monotonic())

    def _hangs(self, case: Case) -> bool:
        """Whether anything is out that may count still, after whatever clocks did."""
        now = self.world.clock()
        outs = [out for out in self.world.outs if out.pool_id == case.pool_id]
        return any(not out.late or elapsed(now, out.refresh.begun) < REFRESH_SECONDS for out in outs)

    def _crowded(self, case: Case) -> bool:
        """F: whether two requests hang at each endpoint that may be asked."""
        hanging = [out.url for out in self.world.outs]
        return any(hanging.count(url) >= 2 for url in case.model.urls)

    def _judge_requests(self, case: Case, asked: list[Out], cause: str, may: set[str]) -> None:
        """R1, R2, R4, R6, K5, F: who was asked just now."""
        assert not (asked and self.closed), "K4: asked after close()"
        now = self.world.clock()
        for out in asked:
            assert out.pool_id == case.pool_id, "T2: another pool was asked"
            others = [each.url for each in self._live(case) if each is not out]
            assert out.url not in others, "R1: two requests of one pool at one endpoint"
            if out.refresh not in case.permits:
                case.permits[out.refresh] = set(case.model.urls) if case.blurred else may
                if cause == FETCH_UNKNOWN:
                    case.seeks[out.refresh] = case.model.at_rest(now)
                    spent = case.model.spend(now)
                    assert spent or case.blurred, "R4: more flights than the budget"
            assert out.url in case.permits[out.refresh], f"R: {out.url} was asked for {cause}"
            rests = out.url in case.seeks.get(out.refresh, ())
            if rests and not case.blurred and not out.refresh.ask_all:
                assert not out.refresh.answers, "R6: a resting endpoint was asked after an answer"
        foreground = [out for out in asked if not out.background and not out.refresh.ask_all]
        assert len(foreground) <= 1, "R2: a hedged flight asks one after the other"

    def _must_ask(self, case: Case, asked: list[Out], awake: set[str]) -> None:
        """R: "every endpoint asked in the background"."""
        if self.closed or case.blurred or len(self.world.outs) >= 8:
            return
        told = {out.url for out in asked}
        hanging = [out.url for out in self.world.outs if out.url not in told]
        assert {url for url in awake if hanging.count(url) < 2} <= told, "R: not everybody was asked"

    # ---- answers

    def _judge_outcome(
        self, case: Case, waiter: Waiter, view: View, kid: str, material: int, plausible: bool
    ) -> None:
        outcome = waiter.outcome
        if view.knows(kid):
            said = {
                (ACCEPTED if plausible else REJECTED) if each == material else FORGED
                for each in view.keys[kid]
            }
            self._judge_known(case, waiter, view, said)
        elif outcome == WAITING:
            assert not self.closed, "K4: it waits after close()"
            assert self.world.monotonic() < waiter.deadline, "R1: it waits beyond its patience"
            assert self._hangs(case) or waiter.wake - self.world.monotonic() <= 0.2, "R3: it waits for nobody"
            assert kid not in view.quarantined, "K3: a quarantined kid waits"
        else:
            assert outcome in (UNKNOWN, DOWN), f"{outcome}: that key is not known"
        if outcome == UNKNOWN:
            assert view.usable, "E: an outage is not the token's fault"
            assert kid not in view.quarantined, "K3: a quarantined kid is no fault of the token"

    def _judge_known(self, case: Case, waiter: Waiter, view: View, said: set[str]) -> None:
        outcome = waiter.outcome
        assert outcome in said | {WAITING}, f"R, T2, K: {outcome} for a known kid"
        if outcome == WAITING:
            assert view.row == STALE, "R: a known kid waits though the set is young"
            assert not case.stale_if_error, "R: a known kid waits twice on a stale set"
            assert self.world.monotonic() < waiter.deadline, "R1: it waits beyond its patience"
            return
        if view.row != STALE:
            return
        if waiter.arriving and waiter.timeout > 0 and not self._may_give_up(case):
            raise AssertionError("R: a stale set is confirmed before it is served")
        refresh = self.verifier._key_sets[case.pool_id]._coordinator.current
        silent = (
            refresh is None or self.world.monotonic() - refresh.began_monotonic >= 2.0
        )  # a follow-up begins anew
        if waiter.timeout > 2.0 and not waiter.frozen and silent:
            case.stale_if_error = True

    def _may_give_up(self, case: Case) -> bool:
        """Whether somebody has failed, or nobody can be asked."""
        silent = any(out.pool_id == case.pool_id and out.late for out in self.world.outs)
        awake = case.model.askable(REVALIDATE, self.world.clock())
        return case.troubled or case.stale_if_error or silent or not awake or self.closed

    def _is_judgement(self, case: Case, waiter: Waiter, live: list[Out]) -> bool:
        """R3: whether a refusal of an unknown kid follows from what the endpoints have said."""
        if waiter.frozen or self.world.monotonic() >= waiter.deadline:
            return True
        if waiter.arriving:
            return False
        answered = any(number > waiter.attempts_before for number in case.store_response)
        assert not live, "R3: judged while an endpoint may still answer"
        return answered if waiter.outcome == UNKNOWN else not answered

    # ---- endpoints

    def land(self, out: Out, doc: Doc | None, failure: FetchError | None) -> None:
        """A request comes back, with a document or a failure (or with garbage: neither)."""
        world, now = self.world, self.world.clock()
        case = next(each for each in self.cases if each.pool_id == out.pool_id)
        before, saved = list(world.outs), world.saved.get(out.pool_id)
        in_time = elapsed(now, out.refresh.begun) < REFRESH_SECONDS and not self.closed
        out.late = out.late or not in_time
        answer = failure or (b"{}" if doc is None else served(doc))
        world.land(out, answer)
        if not in_time:
            assert world.saved.get(out.pool_id) is saved, "R7, K4: what came too late was stored"
            case.troubled = True
            self._late_note(case, out, failure)
        elif not out.late or self._took(case, out, doc):
            self._took_note(case, out, doc, failure)
        self._sync(case)
        asked = [each for each in world.outs if each not in before]
        self._judge_requests(case, asked, FETCH, set(case.model.urls))
        self._wake()

    def _took(self, case: Case, out: Out, doc: Doc | None) -> bool:
        """A clock went forth and back over the deadline: either will do. Was it taken?"""
        failures = {each["url"]: each["failures"] for each in self._health(case)["endpoints"]}
        if doc is not None and doc.usable:
            return out.answered
        return bool(failures[out.url] > case.model.rests[out.url].failures)

    def _took_note(self, case: Case, out: Out, doc: Doc | None, failure: FetchError | None) -> None:
        now, model = self.world.clock(), case.model
        if doc is not None and model.hear(out.url, out.begun, doc, now):
            case.store_response.append(out.number)
            case.set_back = case.troubled = case.stale_if_error = False
            return
        out.counted = case.troubled = True
        status, wish = (failure.status, failure.retry_after) if failure else (200, None)
        model.fail(out.url, status, wish or 0.0, now)

    def _late_note(self, case: Case, out: Out, failure: FetchError | None) -> None:
        """R6, R7: nobody waited for it any more, so it may count as a failure, once."""
        [said] = [each for each in self._health(case)["endpoints"] if each["url"] == out.url]
        rest = case.model.rests[out.url]
        if (said["failures"], said["disabled"]) == (rest.failures, rest.disabled):
            return
        now = self.world.clock()
        assert not out.counted, "R6: one request is two failures"
        assert elapsed(now, out.refresh.begun) < FROZEN, "R6: a freeze is nobody's failure"
        out.counted = True
        status, wish = (failure.status, failure.retry_after) if failure else (None, None)
        case.model.fail(out.url, status, wish or 0.0, now)

    def _health(self, case: Case) -> dict[str, Any]:
        pools: dict[str, dict[str, Any]] = self.verifier.health()["providers"]
        return pools[case.pool_id]

    def _sync(self, case: Case) -> set[str]:
        """What `health` says is what the model says; gives the endpoints that ran out of time."""
        now, model, failed = self.world.clock(), case.model, set()
        for said in self._health(case)["endpoints"]:
            url, rest = said["url"], model.rests[said["url"]]
            if said["failures"] != rest.failures:
                late = [out for out in self.world.outs if out.url == url and out.late and not out.counted]
                timely = [out for out in late if elapsed(now, out.refresh.begun) < FROZEN or case.blurred]
                assert timely, "R6: a failure that nobody had"
                timely[0].counted = case.troubled = True
                model.fail(url, None, 0.0, now)
                failed.add(url)
            rest = model.rests[url]
            assert (said["failures"], said["disabled"]) == (rest.failures, rest.disabled), "R6, K5"
            assert abs(said["retry_in"] - model.left(url, now)) < 1e-6, "R6: another rest"
            word = model.words.get(url)
            assert said["age"] == (None if word is None else max(0.0, elapsed(now, word.begun))), "K1"
        return failed

    # ---- time and life

    def views(self) -> list[View]:
        """What is known now, for each pool."""
        return [case.model.view(self.world.clock()) for case in self.cases]

    def moved(self) -> None:
        """The clock has moved: which requests are late by now."""
        now = self.world.clock()
        for out in self.world.outs:
            if not out.late and elapsed(now, out.refresh.begun) >= REFRESH_SECONDS:
                out.late = True
                for case in self.cases:
                    case.troubled = case.troubled or case.pool_id == out.pool_id

    def jump(self, seconds: float) -> None:
        """The wall clock alone moves (a freeze, if forward): no waiter notices."""
        before = self.views()
        self.world.clock.jump_wall(seconds)
        self.moved()
        for case, old, new in zip(self.cases, before, self.views(), strict=True):
            same = (old.keys, old.quarantined, old.usable) == (new.keys, new.quarantined, new.usable)
            case.set_back = case.set_back or (seconds < 0 and not same)
            for waiter, *_ in case.waiters:
                waiter.frozen = True

    def pass_time(self, seconds: float) -> None:
        """Both clocks go on; whoever wakes meanwhile takes a step at that moment."""
        end = self.world.monotonic() + seconds
        while self.world.monotonic() < end:
            wakes = [each[0].wake for case in self.cases for each in case.waiters]
            deadline = min([end, *(wake for wake in wakes if wake > self.world.monotonic())])
            self.world.clock.advance(deadline - self.world.monotonic())
            self.moved()
            self._wake()

    def warm(self, case: Case) -> None:
        """The user asks: every endpoint that is not parked has a request out, or hangs twice (R2)."""
        before, hangs = list(self.world.outs), self._hangs(case)
        store = self.verifier._key_sets[case.pool_id]
        steps = store.warming(0.0)
        error = None
        try:
            next(steps)
        except StopIteration:
            pass
        except KeysUnavailable as unavailable:
            error = unavailable
        steps.close()
        self._sync(case)
        for out in self.world.outs:
            case.permits.setdefault(out.refresh, set()).update(case.model.urls)
        asked = [out for out in self.world.outs if out not in before]
        self._judge_requests(case, asked, FETCH, set(case.model.urls))
        usable = case.model.view(self.world.clock()).usable
        assert case.blurred or (error is None) == usable, "R2: warm fails for want of a key alone"
        if not self.closed and not case.blurred and not hangs:
            urls = [out.url for out in self.world.outs]
            disabled = {url for url, rest in case.model.rests.items() if rest.disabled}
            assert set(case.model.urls) - disabled <= set(urls), "R2: warm asks every endpoint"
        self._wake()

    def close(self) -> None:
        """The end: every waiter is released."""
        self.closed = True
        self.verifier.close()
        self._wake()
        assert not any(case.waiters for case in self.cases), "K4: somebody still waits after close()"

    def leave(self) -> None:
        """Callers that are not in the child of a fork."""
        for case in self.cases:
            for waiter, *_ in case.waiters:
                waiter.steps.close()
            case.waiters.clear()
            case.permits.clear()
            case.seeks.clear()
