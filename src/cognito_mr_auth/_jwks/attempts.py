"""The attempts at one pool's endpoints: begun, silent, given up, answered (R1, R6, W7).

This module decides what a result and the passing of time do to an attempt, and which endpoint counts as
silent. `refresh` decides which endpoint is asked, and for whom. Pure: moments and results are arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from cognito_mr_auth.events import Event

from . import schedule
from .attempt import Attempt, Connection, EndpointAttempts, Moment, Step
from .document import Document
from .key_set import KeySet
from .model import FetchError
from .rate_limit import Payment

__all__ = ["Attempts"]

_NEVER = float("inf")


class Attempts:
    """At most two pending attempts for each endpoint, shared by all callers (R1)."""

    __slots__ = (
        "_by_url",
        "_key_set",
        "_last_start",
        "_new_connection",
        "_result_arrived",
        "_silent_attempt",
        "begun",
    )

    def __init__(self, key_set: KeySet, new_connection: Callable[[], Connection]) -> None:
        self._key_set = key_set
        self._new_connection = new_connection
        self._by_url = {each.url: EndpointAttempts(each) for each in key_set.endpoints}
        self.begun = 0  # the number of attempts so far
        self._last_start = 0.0
        self._result_arrived = True  # since the last start
        self._silent_attempt: Attempt | None = None  # the first one after the last answer of any endpoint

    def __iter__(self) -> Iterator[EndpointAttempts]:
        return iter(self._by_url.values())

    def __getitem__(self, url: str) -> EndpointAttempts:
        return self._by_url[url]

    # -- endpoints ------------------------------------------------------------------------------

    def may_ask(self, each: EndpointAttempts, moment: Moment, *, urgent: bool) -> bool:
        """Whether it does not rest. `urgent`: the pool has no usable key, or no other endpoint is left."""
        return not self.rest_left(each, moment, urgent=urgent)

    def rest_left(self, each: EndpointAttempts, moment: Moment, *, urgent: bool) -> float:
        """Seconds until it may be asked (R6, K5)."""
        return schedule.cooldown_left(self._key_set.states[each.endpoint.url], moment.now, urgent=urgent)

    def disabled(self, each: EndpointAttempts, moment: Moment) -> bool:
        """Whether its issuer is not enabled (K5)."""
        state = self._key_set.states[each.endpoint.url]
        return state.disabled and not self.may_ask(each, moment, urgent=False)

    def askable(self, each: EndpointAttempts, moment: Moment, *, urgent: bool) -> bool:
        """Whether an attempt may begin. A disabled endpoint rests for 2 s, and is asked after all others."""
        return each.idle(moment.monotonic) and self.may_ask(
            each, moment, urgent=urgent or self._key_set.states[each.endpoint.url].disabled
        )

    def counts(self, each: EndpointAttempts, moment: Moment) -> bool:
        """Whether refusing an unknown kid needs its answer: it is neither disabled nor gone (R3)."""
        state = self._key_set.states[each.endpoint.url]
        return not self.disabled(each, moment) and not schedule.gone(
            each.endpoint, state, moment.now, self._key_set.lifetimes
        )

    # -- begin ----------------------------------------------------------------------------------

    def hedged(self, moment: Moment, step: Step) -> bool:
        """Whether the next endpoint may be asked now (R2): 200 ms after the last, or after any result."""
        due = self._last_start + schedule.HEDGE_SECONDS
        if self._result_arrived or moment.monotonic >= due or not any(each.first for each in self):
            return True
        step.may_start(due)
        return False

    def start(
        self,
        each: EndpointAttempts,
        moment: Moment,
        step: Step,
        payment: Payment | None = None,
        *,
        background: bool = False,
    ) -> None:
        """Begin an attempt at an endpoint that is idle."""
        if not any(other.recent(moment.monotonic) for other in self):
            self._silent_attempt = None
        if each.silent_since is None or not self._silent_now(each, moment):
            each.silent_since = moment.monotonic
        each.first = self._begin(each, moment, step, payment, background=background)
        self._silent_attempt = self._silent_attempt or each.first
        each.asked, each.asked_at = self.begun, moment.monotonic
        self._last_start, self._result_arrived = moment.monotonic, False
        step.may_start(moment.monotonic + schedule.HEDGE_SECONDS)

    def _begin(
        self,
        each: EndpointAttempts,
        moment: Moment,
        step: Step,
        payment: Payment | None,
        *,
        background: bool,
    ) -> Attempt:
        self.begun += 1
        connection = self._new_connection()
        self._key_set.connections[each.endpoint.url] = connection
        attempt = Attempt(each.endpoint, moment, self.begun, connection, payment, background=background)
        step.starts.append(attempt)
        return attempt

    def second_connection(self, each: EndpointAttempts, moment: Moment, step: Step) -> None:
        """Beside an attempt without a byte, keep a second connection, begun anew every 1.5 s (R1).

        If it gets a byte before the first, it takes the first one's place. If the first once got bytes, the
        second begins only after the silence that counts as a failure.
        """
        first, second, again = each.first, each.second, schedule.SECOND_CONNECTION_SECONDS
        if first is None:
            return
        has_byte = first.connection.first_byte is not None
        begin = moment.monotonic - first.silent_for(moment.monotonic)
        begin += schedule.SILENT_ATTEMPT_SECONDS if has_byte else again
        if second is not None:
            if _got_byte_first(second, first):
                second.settled, first.settled = first.settled, True  # the payment waits for this one (R4)
                self.drop(first, step)
                self.second_connection(each, moment, step)
                return
            if begin <= moment.monotonic < second.monotonic + again:
                step.wake(second.monotonic + again)
                return
            self.drop(second, step)
        begin = max(begin, each.second_at + again, each.full_until)
        if moment.monotonic < begin:
            step.wake(begin)
            return
        each.second = self._begin(each, moment, step, first.payment, background=first.background)
        each.second.settled, each.second_at = True, moment.monotonic
        step.wake(moment.monotonic + again)

    def refused(self, attempt: Attempt, moment: Moment) -> None:
        """No thread could be had (F). The next endpoint is asked at once, and this one counts as silent."""
        each = self[attempt.endpoint.url]
        if attempt is each.first:
            each.asked = 0  # because it was not asked
            self._result_arrived = True
            if attempt.payment is not None:
                attempt.payment.undo(attempt.endpoint.url)
            attempt.settled = True
        else:
            each.second_at = 0.0
        each.remove(attempt)
        each.full_until = moment.monotonic + schedule.HEDGE_SECONDS

    def try_all_again(self) -> None:
        """Threads can be had again (F)."""
        for each in self:
            each.full_until = 0.0

    # -- end ------------------------------------------------------------------------------------

    def drop(self, attempt: Attempt, step: Step) -> None:
        """Give it up without counting a failure (R6)."""
        attempt.given_up = True
        attempt.settle()
        self[attempt.endpoint.url].remove(attempt)
        step.hang_ups.append(attempt)

    def note_time(self, each: EndpointAttempts, moment: Moment, step: Step, events: list[Event]) -> None:
        """Drop what a thaw has made useless; count what is silent, or has used up its time (R1, R6)."""
        if each.first is None:
            return
        for attempt in (each.second, each.first):
            if attempt is not None and attempt.thawed(moment):
                self.drop(attempt, step)
                self._forget_silence(each)
        first = each.first
        if first is None:
            return
        age, silent_for = moment.monotonic - first.monotonic, first.silent_for(moment.monotonic)
        late = age >= schedule.ATTEMPT_SECONDS
        if not first.counted and (late or silent_for >= schedule.SILENT_ATTEMPT_SECONDS):
            self._count_failure(first, FetchError(f"{first.connection.phase}-timeout"), age, moment, events)
        if late:  # both, because the second would go on asking the endpoint on one payment (R4)
            for attempt in (each.second, first):
                if attempt is not None:
                    self.drop(attempt, step)
        elif not first.counted:
            step.wake(moment.monotonic + schedule.SILENT_ATTEMPT_SECONDS - silent_for)

    def on_result(
        self,
        attempt: Attempt,
        raw: bytes,
        document: Document | None,
        failure: FetchError | None,
        moment: Moment,
        events: list[Event],
    ) -> tuple[bool, list[Attempt]]:
        """Store an answer, or count a failure: (whether it was stored, connections to hang up).

        An answer counts however late it comes, with the age of its request, even if its attempt was given up
        (R1, R7). A failure of an attempt that was given up says nothing new.
        """
        step = Step()
        seconds = moment.monotonic - attempt.monotonic
        stored = document is not None and self._key_set.store_response(
            attempt.endpoint, attempt.begun, raw, document, seconds, moment.now, events
        )
        if stored:
            self._on_answer(attempt, moment, step)
        else:
            if failure is not None and failure.compromised:  # T5: this holds for an unused document too
                self._key_set.note_exposed(attempt.endpoint.url, failure.compromised, events)
                self._key_set.rebuild(moment.now, events)
            failure = failure or FetchError("document-no-usable-key", status=200)
            self._on_failure(attempt, failure, seconds, moment, step, events)
        self[attempt.endpoint.url].remove(attempt)
        self._result_arrived = True
        return stored, step.hang_ups

    def _on_answer(self, attempt: Attempt, moment: Moment, step: Step) -> None:
        each = self[attempt.endpoint.url]
        attempt.settle(answered=True)
        for other in (each.second, each.first):
            # Callers who came since may need the attempt that began after this one was given up (R3).
            late = attempt.given_up and other is not None and other.number > attempt.number
            if other is not None and other is not attempt and not late:
                self.drop(other, step)
        if not each.answered_since(attempt.number):
            each.answered = attempt
        self._forget_silence(each)
        if each.first is not None and each.first is not attempt:  # it began later, and is silent from now on
            each.silent_since = moment.monotonic

    def _on_failure(
        self,
        attempt: Attempt,
        failure: FetchError,
        seconds: float,
        moment: Moment,
        step: Step,
        events: list[Event],
    ) -> None:
        each, thawed = self[attempt.endpoint.url], attempt.thawed(moment)
        attempt.settle(answered=failure.answered)
        if attempt is each.second and each.first is not None and _got_byte_first(attempt, each.first):
            self.drop(each.first, step)  # the second one's 503 or 403 is the endpoint's answer
        if attempt.given_up:
            return
        if thawed:
            self._forget_silence(each)
        elif attempt is each.first:
            if not attempt.counted:
                self._count_failure(attempt, failure, seconds, moment, events)
            if each.second is not None and each.second.connection.first_byte is None:
                self.drop(each.second, step)  # otherwise an endpoint that fails slowly would never rest (R6)

    def _forget_silence(self, each: EndpointAttempts) -> None:
        """End the silence, after an answer or a thaw. Before a thaw, nobody knows what was silence."""
        self._result_arrived, self._silent_attempt, each.silent_since = True, None, None

    def _count_failure(
        self, attempt: Attempt, failure: FetchError, seconds: float, moment: Moment, events: list[Event]
    ) -> None:
        attempt.counted = True
        attempt.settle()
        if not self._key_set.record_failure(attempt.endpoint, failure, seconds, moment.now, events):
            self[attempt.endpoint.url].silent_since = None  # disabled: no answer and no failure (K5)

    # -- silence (W7) ---------------------------------------------------------------------------

    def silence_begins(self, missing: Collection[EndpointAttempts], moment: Moment) -> float:
        """When none of these, or no endpoint at all, will have answered for 1 s. A failure is no answer."""
        each_begins = [
            each.silent_since if each.silent_since is not None and self._silent_now(each, moment) else _NEVER
            for each in missing
        ]
        silence = min(self.all_silent_since(moment), max(each_begins)) + schedule.SILENCE_SECONDS
        return max(silence, *(self._grace_ends(each, moment) for each in missing))

    def _grace_ends(self, each: EndpointAttempts, moment: Moment) -> float:
        """Until when no caller is refused, because the endpoint answered last time and may do so again."""
        if each.answered is None or self._key_set.states[each.endpoint.url].failures:
            return 0.0
        if each.silent_since is None and self.may_ask(each, moment, urgent=False):
            return moment.monotonic + schedule.GRACE_SECONDS
        return 0.0 if each.first is None else each.first.monotonic + schedule.GRACE_SECONDS

    def all_silent_since(self, moment: Moment) -> float:
        """When the first attempt after the last answer of any endpoint began.

        If a byte has come, the time of its first byte counts, because a slow handshake is no silence.
        """
        first = self._silent_attempt
        if first is None or not any(each.recent(moment.monotonic) for each in self):
            return _NEVER
        return max(first.monotonic, first.connection.first_byte or 0.0)

    @property
    def unanswered(self) -> bool:
        """Whether an attempt has begun after the last answer."""
        return self._silent_attempt is not None

    def _silent_now(self, each: EndpointAttempts, moment: Moment) -> bool:
        """Whether its silence is a present one: it was asked lately, or it rests."""
        return each.recent(moment.monotonic) or not self.may_ask(each, moment, urgent=False)


def _got_byte_first(second: Attempt, first: Attempt) -> bool:
    """Whether a second connection got a byte before the first, so that it takes the first one's place."""
    return second.connection.first_byte is not None and first.connection.first_byte is None
