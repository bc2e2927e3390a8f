"""One pool's refreshes as a pure machine: what to ask now, and the verdict for a caller (R2 to R4, W7).

This module has every decision between a caller that must wait and its answer. It has no lock, thread, clock
or future. Its inputs are moments and results. Its outputs are attempts to begin, connections to hang up, and
verdicts. Its caller, `_remote.coordinator`, holds the lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from cognito_mr_auth._base.clock import elapsed
from cognito_mr_auth.events import Event, RateLimitReached

from . import schedule
from .attempt import Attempt, Connection, EndpointAttempts, Moment, Step, Waiter
from .attempts import Attempts
from .key_set import KeySet
from .rate_limit import RateLimit
from .schedule import FETCH_UNKNOWN, REVALIDATE

__all__ = ["SERVE_STALE", "UNAVAILABLE", "UNCONFIRMED", "UNKNOWN", "WARM", "RefreshMachine"]

# The verdicts for a caller; None means to wait. The caller checks first whether its key can be served.
UNKNOWN = "unknown"  # every endpoint that counts has answered without the kid (R3)
UNCONFIRMED = "unconfirmed"  # one that may list the kid has not answered
UNAVAILABLE = "unavailable"  # no usable key, and no endpoint answers
SERVE_STALE = "serve-stale"  # the refresh of a stale set has failed

WARM = "warm"  # the need of a caller of `warm`, beside the needs in the table of R


class RefreshMachine:
    """The refreshes of one pool: who waits, what was paid, and the attempts (see `attempts`)."""

    __slots__ = ("_key_set", "_last_waiter", "_rate_limit", "_rate_limited", "_wanted", "attempts", "waiters")

    def __init__(
        self, key_set: KeySet, rate_limit: RateLimit, new_connection: Callable[[], Connection]
    ) -> None:
        self._key_set = key_set
        self._rate_limit = rate_limit
        self._rate_limited = False  # whether that was reported since the last payment
        self._wanted: set[str] = set()  # the endpoints that `warm` still wants to ask
        self._last_waiter: Waiter | None = None  # the one that waits on in silence (W7)
        self.attempts = Attempts(key_set, new_connection)
        self.waiters: dict[Waiter, None] = {}  # in the order in which they came

    # -- callers --------------------------------------------------------------------------------

    def join(self, kid: str, need: str, deadline: float) -> Waiter:
        """Begin a caller's wait. `deadline` is a reading of the real monotonic clock. Needs no lock."""
        waiter = Waiter(self.attempts.begun, kid, need, deadline)
        self.waiters[waiter] = None
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """End a caller's wait.

        It takes no lock, because the garbage collector may end a caller on a thread that holds the lock.
        """
        self.waiters.pop(waiter, None)
        if self._last_waiter is waiter:
            self._last_waiter = None

    def warm(self, moment: Moment) -> None:
        """Ask every endpoint at once, whatever its back-off; disabled ones if all are disabled (R2, K5).

        Endpoints with a pending attempt are included, because the next look may drop it (R6).
        """
        awake = [each for each in self.attempts if not self.attempts.disabled(each, moment)]
        self._wanted = {each.endpoint.url for each in awake or self.attempts}

    def warmed(self, moment: Moment) -> bool:
        """Whether all have answered or failed, or the pool has keys and the others were silent for 1 s."""
        pending = [each for each in self.attempts if each.first or each.endpoint.url in self._wanted]
        begun = [each.first.monotonic if each.first else each.silent_since for each in pending]
        quiet = all(
            since is not None and moment.monotonic - since >= schedule.WARM_QUIET_SECONDS for since in begun
        )
        return quiet and (not pending or self._key_set.usable(moment.now))

    # -- what to do -----------------------------------------------------------------------------

    def poll(
        self, moment: Moment, events: list[Event], waiter: Waiter | None = None, *, background: bool = False
    ) -> Step:
        """What to do now, for this caller or the one that came first. `background` asks for a due refresh."""
        step, attempts = Step(), self.attempts
        for each in attempts:
            attempts.note_time(each, moment, step, events)
        caller = waiter or self._first_waiter(moment)
        if caller is not None and not self._satisfied(caller, moment):
            verdict = self._judge(caller, moment, step, events)
            step.verdict = verdict if caller is waiter else None
        self._start_wanted(moment, step)
        for each in self._due(moment) if background else ():
            attempts.start(each, moment, step, background=True)
        self._note_failed_refresh(moment, step)
        if self.waiters or background:
            for each in attempts:
                attempts.second_connection(each, moment, step)
        return step

    def refused(self, attempt: Attempt, moment: Moment) -> None:
        """No thread could be had for an attempt (F). `warm` still wants it."""
        if any(waiter.need == WARM for waiter in list(self.waiters)):
            self._wanted.add(attempt.endpoint.url)
        self.attempts.refused(attempt, moment)

    def _start_wanted(self, moment: Moment, step: Step) -> None:
        for each in self.attempts if self._wanted else ():
            if each.endpoint.url in self._wanted and each.idle(moment.monotonic):
                self.attempts.start(each, moment, step)
            if each.first is not None:
                self._wanted.discard(each.endpoint.url)

    def _first_waiter(self, moment: Moment) -> Waiter | None:
        """The caller that came first and has time left. One whose loop has stopped is removed here."""
        with suppress(RuntimeError):  # a caller has just left; the others look for themselves
            while (first := next(iter(self.waiters), None)) is not None:
                if first.deadline > moment.monotonic:
                    return first
                self.leave(first)
        return None

    def _satisfied(self, waiter: Waiter, moment: Moment) -> bool:
        """Whether it has what it needs, or needs something else by now, as its own look will find."""
        if waiter.need == FETCH_UNKNOWN:
            snapshot = self._key_set.snapshot
            known = waiter.kid in snapshot.keys or waiter.kid in snapshot.quarantined
            return known or not self._key_set.usable(moment.now)
        if waiter.need == REVALIDATE:
            return self._key_set.stale_if_error or self._key_set.state_of(moment.now) != schedule.STALE
        return waiter.need == WARM or self._key_set.usable(moment.now)

    def _due(self, moment: Moment) -> list[EndpointAttempts]:
        """What a background refresh asks: all that may be asked; disabled ones if no other may (R2, K5)."""
        attempts = self.attempts
        urgent = not self._key_set.usable(moment.now)  # R6: a set without a usable key shortens the back-off
        found = [each for each in attempts if attempts.askable(each, moment, urgent=urgent)]
        awake = [each for each in found if not attempts.disabled(each, moment)]
        return awake if awake or any(each.busy(moment.monotonic) for each in attempts) else found

    def _note_failed_refresh(self, moment: Moment, step: Step) -> None:
        """Begin stale-if-error when a due refresh has failed, even before the set is stale (R)."""
        if self._key_set.stale_if_error or not self.attempts.unanswered:
            return
        if self._key_set.state_of(moment.now) not in (schedule.AGED, schedule.STALE):
            return
        ended = not any(each.busy(moment.monotonic) for each in self.attempts) and not self._due(moment)
        silent = self.attempts.all_silent_since(moment) + schedule.SILENCE_SECONDS <= moment.monotonic
        if ended or silent:
            self._serve_stale(step)

    def _serve_stale(self, step: Step) -> str:
        self._key_set.stale_if_error = step.changed = True
        return SERVE_STALE

    # -- one caller -----------------------------------------------------------------------------

    def _judge(self, waiter: Waiter, moment: Moment, step: Step, events: list[Event]) -> str | None:
        """Begin what is due for this caller, and return its verdict."""
        if waiter.need == FETCH_UNKNOWN:
            refusal = UNCONFIRMED
            verdict, missing = self._for_kid(waiter, moment, step, events)
        else:
            refusal, missing = UNAVAILABLE, list(self.attempts)
            verdict = self._for_answer(waiter, moment, step)
        if verdict is not None:
            return verdict
        silence_begins = self.attempts.silence_begins(missing, moment)
        if silence_begins <= moment.monotonic:
            if waiter.need == REVALIDATE:
                return self._serve_stale(step)
            last = self._last_waiter
            if last not in (None, waiter) and last.deadline > moment.monotonic:
                return refusal
            self._last_waiter = waiter
        else:
            step.wake(silence_begins)
        pending = any(each.busy(moment.monotonic) for each in missing)
        # If nothing can happen before its deadline, the caller does not wait.
        return None if pending or step.next_start < waiter.deadline else refusal

    def _for_answer(self, waiter: Waiter, moment: Moment, step: Step) -> str | None:
        """Ask for a caller without a usable set, or with a stale one. Any answer satisfies it."""
        attempts, urgent = self.attempts, not self._key_set.usable(moment.now)
        ready = self._in_order(
            [each for each in attempts if attempts.askable(each, moment, urgent=urgent)], moment
        )
        if ready and attempts.hedged(moment, step):
            payment = self._rate_limit.free(ready[0].endpoint.url, moment.now) if urgent else None
            attempts.start(ready[0], moment, step, payment)
        self._wake_after_rest(attempts, moment, step, urgent=urgent, paid=False)
        if ready or any(each.busy(moment.monotonic) for each in attempts):
            return None
        if waiter.need == REVALIDATE:
            return self._serve_stale(step)
        return UNAVAILABLE if all(attempts.disabled(each, moment) for each in attempts) else None

    def _for_kid(
        self, waiter: Waiter, moment: Moment, step: Step, events: list[Event]
    ) -> tuple[str | None, list[EndpointAttempts]]:
        """Ask for an unknown kid: the verdict, and the endpoints that may still list it (R3, R4, R6)."""
        attempts = self.attempts
        others = [each for each in attempts if not each.answered_since(waiter.came)]
        missing = [each for each in others if attempts.counts(each, moment)]
        ready = self._in_order(self._askable(waiter, others, missing or others, moment), moment)
        if not missing and len(others) < len(self._key_set.endpoints):
            if ready and (payment := self._rate_limit.cover(ready[0].endpoint.url, moment.now)):
                attempts.start(ready[0], moment, step, payment)  # K5: it is disabled; no other had the kid
            return UNKNOWN, missing
        missing = missing or others
        if not ready:
            self._wake_after_rest(missing, moment, step, urgent=False, paid=True)
        elif attempts.hedged(moment, step):
            return self._pay(ready, missing, moment, step, events)
        return None, missing

    def _askable(
        self,
        waiter: Waiter,
        others: list[EndpointAttempts],
        missing: list[EndpointAttempts],
        moment: Moment,
    ) -> list[EndpointAttempts]:
        """The endpoints that do not rest, and the missing one whose rest ends first (R6, K5)."""
        counting = [each.endpoint for each in missing if each.asked <= waiter.came]
        resort = schedule.last_resort(counting, self._key_set.states, moment.now)
        return [
            each
            for each in others
            if self.attempts.askable(each, moment, urgent=False)
            or (each.endpoint is resort and each.idle(moment.monotonic))
        ]

    def _pay(
        self,
        ready: list[EndpointAttempts],
        missing: list[EndpointAttempts],
        moment: Moment,
        step: Step,
        events: list[Event],
    ) -> tuple[str | None, list[EndpointAttempts]]:
        """Begin an attempt for an unknown kid, or find out what is left without a payment (R4).

        Without a new payment, an endpoint that the current payment covers is asked. Otherwise, if callers
        leave early and have one endpoint asked each, all would have the first one asked.
        """
        limit = self._rate_limit
        for each in ready:
            url = each.endpoint.url
            payment = limit.pay(url, moment.now) if each is ready[0] else limit.cover(url, moment.now)
            if payment is not None:
                self._rate_limited = False
                self.attempts.start(each, moment, step, payment)
                return None, missing
        step.retry_in = limit.wait(ready[0].endpoint.url, moment.now)
        step.may_start(moment.monotonic + step.retry_in)
        if pending := [each for each in missing if each.first]:
            return None, pending  # nothing else is asked for this caller
        if not limit.empty_for(moment.now):  # there is only a pause, because the last refresh had no answer
            return None, missing
        if not self._rate_limited:
            self._rate_limited = True
            events.append(RateLimitReached(self._key_set.config.provider))
        known = all(self._just_answered(each, moment) for each in missing)
        return UNKNOWN if known else UNCONFIRMED, missing

    def _just_answered(self, each: EndpointAttempts, moment: Moment) -> bool:
        """Whether its last attempt was answered and began within 10 s (R3), so that it is not gone."""
        return (
            each.silent_since is None
            and each.answered is not None
            and elapsed(moment.now, each.answered.begun) <= schedule.RECENT_SECONDS
            and not self._key_set.states[each.endpoint.url].failures  # a thaw ends a silence, but no failure
        )

    def _wake_after_rest(
        self, some: Iterable[EndpointAttempts], moment: Moment, step: Step, *, urgent: bool, paid: bool
    ) -> None:
        """Look again when one of these may be asked. With `paid`, it must also be possible to pay for it."""
        for each in some:
            rest = self.attempts.rest_left(each, moment, urgent=urgent)
            if each.first is None and max(rest, each.full_until - moment.monotonic) > 0.0:
                unpaid = self._rate_limit.wait(each.endpoint.url, moment.now) if paid else 0.0
                step.may_start(max(moment.monotonic + max(rest, unpaid), each.full_until))

    def _in_order(self, ready: list[EndpointAttempts], moment: Moment) -> list[EndpointAttempts]:
        """By preference (R2), and those that answer first (W7); disabled ones if no others are left (K5)."""
        awake = [each for each in ready if not self.attempts.disabled(each, moment)]
        if not awake and any(each.first for each in self.attempts):
            return []
        return sorted(awake or ready, key=_is_silent)


def _is_silent(each: EndpointAttempts) -> bool:
    return each.silent_since is not None
