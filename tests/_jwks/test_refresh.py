"""`RefreshMachine`: the requests for a waiting caller, and the caller's result (R2 to R6, W7, K5)."""

from __future__ import annotations

import itertools
import json

import pytest
from support.machine import DOWN, KINDS, LIFETIMES, NOT_ENABLED, Machine, busy

from cognito_mr_auth import events
from cognito_mr_auth._jwks.attempt import Waiter
from cognito_mr_auth._jwks.model import CacheLifetimes, FetchError, KeyFileEntry
from cognito_mr_auth._jwks.refresh import SERVE_STALE, UNAVAILABLE, UNCONFIRMED, UNKNOWN, WARM
from cognito_mr_auth._jwks.schedule import FETCH, FETCH_UNKNOWN, REVALIDATE

HOUR = 3600.0


def disable(machine: Machine, kind: str, passed: float = 0.0) -> None:
    """So long ago this endpoint said that it is not enabled (K5)."""
    url, now = machine.of(kind).endpoint.url, machine.clock()
    machine.key_set.states[url] = machine.key_set.states[url]._replace(
        disabled=True, since=(now[0] - passed, now[1] - passed), cooldown=3600.0, cooldown_without_keys=2.0
    )


def fresh() -> Machine:
    """A machine whose endpoints have all answered half a minute ago."""
    machine = Machine()
    machine.fill()
    machine.later(30.0)
    return machine


def let_go(machine: Machine, kind: str) -> None:
    """This endpoint has failed for a day (R3)."""
    url, now = machine.of(kind).endpoint.url, machine.clock()
    ago = (now[0] - 86400.0, now[1] - 86400.0)
    machine.key_set.states[url] = machine.key_set.states[url]._replace(answered=ago, failing_since=ago)


def crowd(machine: Machine, need: str, count: int = 8, timeout: float = 2.0) -> list[Waiter]:
    """So many callers at once; each has had its first look."""
    waiters = [
        machine.join(need, machine.kid if need != FETCH_UNKNOWN else "unknown", timeout) for _ in range(count)
    ]
    for each in waiters:
        machine.poll(each)
    return waiters


# --- R2: Hedging


def test_one_endpoint_after_the_other() -> None:
    """R2: the preferred one, then one of another Region, then the rest, 200 ms apart."""
    machine = Machine()
    waiter, step = machine.cold()
    for seconds, begun in ((0.0, 1), (0.19, 1), (0.02, 2), (0.19, 2), (0.02, 3)):
        machine.later(seconds)
        machine.poll(waiter)
        assert machine.begun == ["updated", "replica", "original"][:begun]
    assert step.look_at == step.next_start == pytest.approx(50.2)


def test_the_own_region_first() -> None:
    """R2: the pool's endpoint in AWS_REGION, its updated issuer last of that Region."""
    machine = Machine(region="us-west-2")
    machine.all_ask(machine.cold()[0])
    assert machine.begun == ["original", "replica", "updated"]


@pytest.mark.parametrize("answer", [DOWN, NOT_ENABLED, b"<html>"])
def test_the_next_one_at_once_after_a_result(answer: FetchError | bytes) -> None:
    """R2: an error does not wait for 200 ms."""
    machine = Machine()
    machine.cold()
    machine.land("updated", answer)
    assert machine.begun == ["updated", "replica"]


def test_the_next_one_at_once_after_an_answer_without_the_kid() -> None:
    """R2, R3: a lagging endpoint is no reason to wait."""
    machine = Machine()
    machine.fill()
    machine.unknown()
    machine.land("updated")
    assert machine.begun == ["updated", "replica"]


def test_a_response_with_the_kid_needs_no_other_endpoint() -> None:
    """R2: a healthy pool has one endpoint asked."""
    machine = Machine()
    machine.fill()
    machine.fake.rotate()
    machine.unknown(machine.kid)
    machine.land("updated")
    assert machine.begun == ["updated"]
    machine = Machine()
    machine.cold()
    machine.land("updated")
    assert machine.begun == ["updated"]


def test_callers_share_the_attempts() -> None:
    """R1: a crowd asks each endpoint once."""
    machine = Machine()
    waiters = crowd(machine, FETCH)
    machine.all_ask(waiters[0])
    machine.later(0.3)
    for each in waiters:
        machine.poll(each)
    assert sorted(machine.begun) == sorted(KINDS)


def test_a_crowd_whose_first_caller_is_served_is_looked_after_all_the_same() -> None:
    """R1: a step without a caller serves the first caller, or none if that one needs nothing."""
    machine = Machine()
    assert machine.poll().starts == []
    waiter, _ = machine.cold()
    machine.land("updated")
    assert waiter in machine.machine.waiters
    assert machine.poll().starts == []
    machine.machine.leave(waiter)
    machine.machine.leave(waiter)
    assert not machine.machine.waiters


def test_waiters_that_change_while_one_is_looked_for() -> None:
    """F: the garbage collector may end a caller on a thread that holds the lock."""

    class Changing(dict[Waiter, None]):
        """A dict that changes while it is read."""

        def __iter__(self) -> itertools.chain[Waiter]:
            raise RuntimeError("dictionary changed size during iteration")

    machine = Machine()
    machine.cold()
    machine.machine.waiters = Changing(machine.machine.waiters)
    machine.later(0.3)
    assert machine.poll().starts == []


# --- R2, R6, K5: Background and warm


def test_a_due_refresh_asks_every_endpoint_that_does_not_rest() -> None:
    """R2, R6: all at once."""
    machine = Machine()
    machine.fill()
    machine.later(901.0)
    machine.unknown()
    machine.land("updated", busy(30.0))
    machine.begun.clear()
    machine.later(1.0)
    machine.poll(background=True)
    assert machine.begun == ["original"]
    assert machine.out() == ["replica", "original"]


@pytest.mark.parametrize("passed", [1.0, 2.0])
def test_disabled_endpoints_are_asked_by_a_due_refresh_when_no_other_may_be(passed: float) -> None:
    """K5: every 2 s, once nothing else is left."""
    machine = Machine()
    machine.fill()
    machine.key_set._responses.clear()
    machine.machine.warm(machine.moment)
    machine.poll()
    machine.land("updated", NOT_ENABLED)
    machine.land("replica", busy(60.0))
    machine.poll(background=True)
    assert machine.out() == ["original"]
    machine.land("original", busy(60.0))
    machine.begun.clear()
    machine.later(passed)
    machine.poll(background=True)
    assert machine.begun == ([] if passed < 2.0 else ["updated"])


def test_warm_asks_whatever_rests() -> None:
    """R2: the user asks; what is pending already is not asked a second time."""
    machine = Machine()
    machine.cold()
    machine.land("updated", busy(60.0))
    assert machine.out() == ["replica"]
    machine.machine.warm(machine.moment)
    machine.poll()
    assert sorted(machine.out()) == sorted(KINDS)


@pytest.mark.parametrize("disabled", [KINDS[:1], ("updated", "replica"), KINDS])
def test_warm_asks_disabled_endpoints_when_all_are(disabled: tuple[str, ...]) -> None:
    """K5: and no other time; the original never is unless its issuer says so."""
    machine = Machine(kinds=KINDS if "original" not in disabled else ("updated", "replica"))
    machine.machine.warm(machine.moment)
    machine.poll()
    for kind in list(machine.out()):
        machine.land(kind, NOT_ENABLED if kind in disabled else DOWN)
    machine.begun.clear()
    machine.machine.warm(machine.moment)
    machine.poll()
    asked = {"original"} if "original" not in disabled and len(disabled) == 2 else set()
    if disabled == KINDS:
        asked = {"updated", "replica"}
    elif len(disabled) == 1:
        asked = {"original", "replica"}
    assert set(machine.begun) == asked


def warming(machine: Machine) -> Waiter:
    """A caller of `warm`."""
    waiter = machine.join(WARM, "", 5.0)
    machine.machine.warm(machine.moment)
    machine.poll(waiter)
    return waiter


@pytest.mark.parametrize(
    ("answered", "seconds", "done"),
    [
        pytest.param(3, 0.0, True, id="all have answered"),
        pytest.param(2, 0.9, False, id="one is silent for less than 1 s"),
        pytest.param(2, 1.0, True, id="one is silent for 1 s, and there are keys"),
        pytest.param(1, 1.0, True, id="two are silent, and there are keys"),
        pytest.param(0, 4.0, False, id="there is no key"),
    ],
)
def test_when_warm_is_done(answered: int, seconds: float, done: bool) -> None:
    """F: when all have answered or failed, or with keys when the rest has been silent for 1 s."""
    machine = Machine()
    warming(machine)
    for kind in KINDS[:answered]:
        machine.land(kind)
    machine.later(seconds)
    assert machine.machine.warmed(machine.moment) is done


def test_warm_is_done_when_all_have_failed() -> None:
    """F: a failure is a result, and no endpoint is asked twice."""
    machine = Machine()
    warming(machine)
    machine.land_all(DOWN)
    assert machine.machine.warmed(machine.moment)
    assert sorted(machine.begun) == sorted(KINDS)


def test_warm_goes_on_wanting_what_gets_no_thread() -> None:
    """F: a full host is asked when there is room, and `warm` waits for it as for a silent one."""
    machine = Machine()
    machine.full = {"replica"}
    waiter = warming(machine)
    machine.land("updated")
    machine.land("original")
    assert not machine.machine.warmed(machine.moment)
    machine.full = set()
    machine.later(0.2)
    machine.poll(waiter)
    assert machine.out() == ["replica"]
    machine.land("replica")
    assert machine.machine.warmed(machine.moment)


def test_a_full_host_that_warm_never_got_is_silent() -> None:
    """F: after 1 s `warm` waits for it no longer."""
    machine = Machine()
    machine.full = {"replica"}
    waiter = warming(machine)
    machine.land("updated")
    machine.land("original")
    for _ in range(4):
        machine.later(0.25)
        machine.poll(waiter)
    assert machine.machine.warmed(machine.moment)


def test_a_full_host_is_nothing_that_anybody_wants_without_warm() -> None:
    """F: what no caller of `warm` wants is asked for those who wait."""
    machine = Machine()
    machine.full = {"updated"}
    waiter, _ = machine.cold()
    machine.machine.leave(waiter)
    machine.full = set()
    machine.later(1.0)
    assert machine.poll().starts == []


# --- R, R6, W7: A cold start


def test_a_cold_start_tries_again_after_a_quarter_of_a_second() -> None:
    """R1, R6, W7: within its 2 s a caller has an endpoint asked as soon as it may be."""
    machine = Machine()
    waiter, _ = machine.cold()
    machine.land_all(DOWN)
    step = machine.poll(waiter)
    assert step.verdict is None
    assert step.look_at == step.next_start == pytest.approx(50.375)  # 3/4 of 1/2 s
    machine.later(0.374)
    assert machine.poll(waiter).starts == []
    machine.later(0.002)
    machine.poll(waiter)
    assert machine.out() == ["updated"]
    machine.land("updated")
    assert machine.key_set.usable(machine.clock())


def test_a_cold_start_for_which_nothing_can_begin_in_time_is_refused() -> None:
    """W7: a caller without a chance does not wait."""
    machine = Machine()
    waiter, _ = machine.cold(timeout=0.3)
    machine.land_all(DOWN)
    assert machine.hear(waiter) == UNAVAILABLE
    waiter, step = machine.cold(timeout=0.38)
    assert step.verdict is None


def test_a_pool_of_disabled_endpoints_is_refused_at_once() -> None:
    """K5: an outage whose hint names the setting; every 2 s they are asked again."""
    machine = Machine(kinds=("updated", "replica"))
    waiter, _ = machine.cold()
    machine.land_all(NOT_ENABLED)
    assert machine.hear(waiter) == UNAVAILABLE
    machine.later(2.0)
    _, step = machine.cold()
    assert step.verdict is None
    assert machine.out() == ["updated"]


def test_a_disabled_endpoint_is_asked_after_all_others() -> None:
    """K5: and by a cold start only when no other is pending."""
    machine = Machine()
    waiter, _ = machine.cold(timeout=60.0)
    machine.land("updated", NOT_ENABLED)
    machine.later(2.0)
    machine.poll(waiter)
    assert "updated" not in machine.out()
    for _ in range(30):
        machine.later(0.5)
        machine.poll(waiter)
        for kind in machine.out():
            machine.land(kind, busy(60.0))
    assert machine.begun.count("updated") > 1


# --- W7: One last waiter

NEEDS = [
    pytest.param(FETCH, UNAVAILABLE, id="cold"),
    pytest.param(FETCH_UNKNOWN, UNCONFIRMED, id="unknown kid"),
]


def needing(need: str) -> Machine:
    """A pool whose callers have this need."""
    machine = Machine()
    if need == FETCH_UNKNOWN:
        machine.fill()
        machine.later(30.0)
    return machine


@pytest.mark.parametrize("failing", [False, True], ids=["silent", "failing"])
@pytest.mark.parametrize(("need", "refusal"), NEEDS)
def test_after_1_s_one_caller_alone_waits(need: str, refusal: str, failing: bool) -> None:
    """W7: until then all wait; then one goes on to its timeout, and all others get 503 at once."""
    machine = needing(need)
    waiters = crowd(machine, need)
    machine.all_ask(waiters[0])
    if failing:
        for kind in machine.out():
            machine.land(kind, DOWN if need == FETCH else busy(1.0))
    machine.later(0.59)
    assert [machine.poll(each).verdict for each in waiters] == [None] * 8
    machine.later(0.02)
    heard = [machine.hear(each) for each in waiters]
    assert heard == [None, *[refusal] * 7]
    late = machine.join(need, "unknown" if need == FETCH_UNKNOWN else machine.kid, 2.0)
    assert machine.hear(late) == refusal
    machine.later(0.5)
    assert machine.hear(waiters[0]) is None


@pytest.mark.parametrize(("need", "refusal"), NEEDS)
def test_a_look_is_due_when_silence_begins(need: str, refusal: str) -> None:
    """W7: the others need no luck to be released."""
    machine = needing(need)
    began = machine.monotonic
    waiters = crowd(machine, need)
    machine.all_ask(waiters[0])
    assert machine.poll(waiters[1]).look_at == pytest.approx(began + 1.0)
    assert refusal


@pytest.mark.parametrize(("need", "refusal"), NEEDS)
def test_a_new_caller_takes_over_from_the_last_waiter(need: str, refusal: str) -> None:
    """W7: one caller a pool waits, as long as any comes, so that a cure is noticed."""
    machine = needing(need)
    kid = machine.kid if need == FETCH else "unknown"
    waiters = crowd(machine, need)
    machine.all_ask(waiters[0])
    machine.later(0.61)
    assert [machine.hear(each) for each in waiters] == [None, *[refusal] * 7]
    machine.machine.leave(waiters[0])
    following, other = machine.join(need, kid, 2.0), machine.join(need, kid, 2.0)
    assert machine.hear(following) is None
    assert machine.hear(other) == refusal


@pytest.mark.parametrize(("need", "refusal"), NEEDS)
def test_an_answer_ends_silence_for_all(need: str, refusal: str) -> None:
    """W7: a later caller waits again, and is served."""
    machine = needing(need)
    machine.fake.rotate()
    waiters = crowd(machine, need)
    machine.all_ask(waiters[0])
    machine.later(0.61)
    assert [machine.hear(each) for each in waiters] == [None, *[refusal] * 7]
    machine.land("replica")
    assert machine.kid in machine.key_set.snapshot.keys
    assert machine.hear(waiters[0]) is None  # it sees its key itself
    machine.fake.rotate()
    assert machine.unknown(machine.kid)[1].verdict is None


def test_a_caller_whose_loop_has_stopped_blocks_no_other() -> None:
    """W7: its time is over, and it never leaves: it is neither the last waiter nor looked for any more."""
    machine = Machine()
    dead, _ = machine.cold()
    machine.later(1.2)
    machine.poll(dead)
    machine.later(1.0)
    assert machine.poll(machine.cold()[0]).verdict is None
    machine.poll()
    assert dead not in machine.machine.waiters


def test_a_kind_of_silence_lasts_while_an_endpoint_rests() -> None:
    """W7: resting is silence; a caller of a pool whose endpoints all rest for longer is refused at once."""
    machine = fresh()
    waiter, _ = machine.unknown()
    machine.land_all(busy(60.0))
    assert machine.hear(waiter) == UNCONFIRMED
    machine.later(5.0)
    asked = len(machine.begun)
    first, step = machine.unknown()
    assert step.verdict is None  # R6: the one whose rest ends first is asked for it
    assert len(machine.begun) == asked + 1
    _, step = machine.unknown()
    assert step.verdict == UNCONFIRMED
    machine.land_all(busy(60.0))
    assert machine.hear(first) == UNCONFIRMED


def test_no_kid_is_refused_before_a_working_endpoint_has_answered() -> None:
    """W7: what answered last is asked first, and for each caller anew."""
    machine = fresh()
    first, _ = machine.unknown()
    machine.all_ask(first)
    machine.land("replica")
    machine.later(0.7)  # silence of the updated and original ones
    machine.fake.rotate()
    callers = [machine.unknown(machine.kid)[0] for _ in range(3)]
    assert [machine.poll(each).verdict for each in callers] == [None] * 3
    assert machine.out()[-1] == "replica"
    machine.land("replica")
    assert machine.kid in machine.key_set.snapshot.keys


@pytest.mark.parametrize(("seconds", "refused"), [(0.55, False), (0.65, True)])
def test_what_answered_last_time_has_600_ms_to_do_so_again(seconds: float, refused: bool) -> None:
    """W7: however long another one has been silent that callers who left had asked."""
    machine = Machine(kinds=("updated", "replica"))
    machine.fill()
    machine.later(30.0)
    early, _ = machine.unknown()
    machine.machine.leave(early)
    machine.later(0.95)
    callers = crowd(machine, FETCH_UNKNOWN, 3)
    assert machine.out() == ["updated", "replica"]
    machine.later(seconds)
    heard = [machine.hear(each) for each in callers]
    assert heard == ([None, UNCONFIRMED, UNCONFIRMED] if refused else [None] * 3)


@pytest.mark.parametrize(("seconds", "refused"), [(0.95, False), (1.05, True)])
def test_silence_is_that_of_every_endpoint_that_could_serve(seconds: float, refused: bool) -> None:
    """W7: one that hangs for long makes no silence while another has answered lately."""
    machine = Machine(kinds=("updated", "replica"))
    machine.fill()
    machine.later(30.0)
    first, _ = machine.unknown()
    machine.later(0.2)
    machine.poll(first)
    machine.later(0.7)
    machine.land("replica")
    machine.machine.leave(first)
    machine.later(0.05)
    callers = crowd(machine, FETCH_UNKNOWN, 3)
    assert machine.out() == ["updated", "replica"]
    machine.later(seconds)
    heard = [machine.hear(each) for each in callers]
    assert heard == ([None, UNCONFIRMED, UNCONFIRMED] if refused else [None] * 3)


def test_a_silent_endpoint_comes_after_those_that_answered() -> None:
    """W7, R2: the order of preference holds among those that answered, and among those that did not."""
    machine = fresh()
    waiter, _ = machine.unknown()
    machine.land("updated", DOWN)
    machine.land("replica")
    machine.land("original")
    machine.machine.leave(waiter)
    machine.later(5.0)
    machine.begun.clear()
    waiter, _ = machine.unknown()
    machine.all_ask(waiter)
    assert machine.begun == ["replica", "original", "updated"]


# --- R3: Unknown kids

ENDS = {"answers": None, "fails": DOWN, "is busy": busy(60.0), "no document": b"<html>"}


@pytest.mark.parametrize(
    "endings", list(itertools.product(("answers", "fails", "hangs"), repeat=3)), ids="-".join
)
def test_401_only_when_every_endpoint_has_answered(endings: tuple[str, ...]) -> None:
    """R3: while one fails or hangs, the result is unknown: the caller waits, and gets 503."""
    machine = fresh()
    waiter, _ = machine.unknown()
    machine.all_ask(waiter)
    for kind, ending in zip(KINDS, endings, strict=True):
        if ending != "hangs":
            machine.land(kind, ENDS[ending])
    if set(endings) == {"answers"}:
        assert machine.hear(waiter) == UNKNOWN
        return
    assert machine.poll(waiter).verdict is None  # within a second
    second, _ = machine.unknown()
    while machine.monotonic < waiter.deadline:
        machine.later(0.1)
        verdict = machine.poll(waiter).verdict
        assert verdict in (None, UNCONFIRMED)
        assert machine.poll(second).verdict in (None, UNCONFIRMED)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", ["fails", "is busy", "no document", "hangs", "rests", "gone", "disabled"])
def test_what_an_endpoint_without_an_answer_means(kind: str, ending: str) -> None:
    """R3, K5: one that fails, rests or hangs may hold the key; one that is gone or disabled does not."""
    machine = fresh()
    if ending == "gone":
        let_go(machine, kind)
    if ending == "disabled":
        disable(machine, kind)
    if ending == "rests":
        machine.key_set.record_failure(machine.of(kind).endpoint, busy(60.0), 0.1, machine.clock(), [])
        other = next(each for each in KINDS if each != kind)
        machine.key_set.record_failure(machine.of(other).endpoint, busy(20.0), 0.1, machine.clock(), [])
    waiter, _ = machine.unknown()
    machine.all_ask(waiter)
    for each in machine.out():
        if each != kind:
            machine.land(each)
        elif ending in ENDS:
            machine.land(each, ENDS[ending])
    verdict = machine.poll(waiter).verdict
    if ending in ("gone", "disabled"):
        assert verdict == UNKNOWN
    else:
        assert verdict in (None, UNCONFIRMED)
        machine.later(2.0)
        assert machine.hear(waiter) in (None, UNCONFIRMED)


def test_a_gone_endpoint_is_asked_all_the_same() -> None:
    """R3: no caller waits for it, but a key that only it lists is found when it is back."""
    machine = fresh()
    let_go(machine, "original")
    waiter, _ = machine.unknown()
    machine.all_ask(waiter)
    assert "original" in machine.out()


@pytest.mark.parametrize("age", [3 * 86400.0, 40 * 86400.0], ids=["three days", "forty days"])
def test_a_client_counts_as_present_until_it_is_checked(age: float) -> None:
    """R3: after days without traffic, or with an old baked file, one answer without the kid is no 401."""
    machine = Machine()
    machine.fill()
    entries = machine.key_set.entries()
    machine.later(age)
    baked = Machine(entries=[each._replace(begun=each.begun - age) for each in entries])
    for each in (machine, baked):
        waiter = each.join(FETCH, "unknown")
        each.poll(waiter)
        each.land("updated")
        waiter.need = FETCH_UNKNOWN
        assert each.hear(waiter) is None
        each.all_ask(waiter)
        assert sorted(each.out()) == ["original", "replica"]
        each.land("replica")
        assert each.hear(waiter) is None
        each.land("original", DOWN)
        assert each.hear(waiter) != UNKNOWN


def test_only_answers_to_requests_begun_after_the_caller_came_count() -> None:
    """R3: an older request may have been answered before the key was there."""
    machine = fresh()
    first, _ = machine.unknown()
    machine.all_ask(first)
    second, _ = machine.unknown()
    machine.land_all()
    assert machine.hear(first) == UNKNOWN
    assert machine.hear(second) is None
    assert machine.out() == ["updated"]
    machine.land_all()
    assert machine.hear(second) == UNKNOWN


def test_each_answer_is_for_every_waiter() -> None:
    """R3: a caller from before the start of the request is served by it."""
    machine = fresh()
    waiters = crowd(machine, FETCH_UNKNOWN)
    machine.all_ask(waiters[0])
    machine.land_all()
    assert [machine.hear(each) for each in waiters] == [UNKNOWN] * 8
    assert sorted(machine.begun) == sorted(KINDS)


def test_disabled_endpoints_are_asked_when_no_other_satisfies() -> None:
    """K5: at most every 2 s, on the payment that asked the others; the caller does not wait for them."""
    machine = Machine()
    machine.machine.leave(machine.cold()[0])
    machine.land("updated", NOT_ENABLED)
    machine.poll(machine.cold()[0])
    machine.land("replica")
    machine.machine.waiters.clear()
    machine.later(30.0)
    waiter, _ = machine.unknown()
    machine.land("replica")
    assert machine.out() == ["original"]
    machine.land("original")
    assert machine.poll(waiter).verdict == UNKNOWN
    assert machine.begun[-1] == "updated"
    assert machine.limit.current is not None
    assert len(machine.limit.current.urls) == 3


def test_a_pool_whose_endpoints_are_all_disabled_or_gone_is_unconfirmed() -> None:
    """R3: no endpoint has answered, so the result is unknown."""
    machine = Machine(kinds=("updated", "replica"))
    machine.fill()
    machine.later(30.0)
    disable(machine, "updated")
    disable(machine, "replica")
    _, step = machine.unknown()
    assert step.verdict == UNCONFIRMED
    assert machine.begun == []
    machine.later(2.0)
    waiter, step = machine.unknown()
    assert step.verdict is None
    assert machine.begun == ["updated"]
    machine.land("updated")
    assert machine.hear(waiter) == UNKNOWN


def test_a_flood_of_forged_kids_is_not_remembered() -> None:
    """R4: what callers wanted goes with them; a new key is found all the same."""
    machine = Machine()
    machine.fill()
    for number in range(500):
        waiter, step = machine.unknown(f"forged {number}")
        machine.land_all(DOWN)
        machine.machine.leave(waiter)
        assert step.verdict in (None, UNCONFIRMED)
    assert not machine.machine.waiters
    assert len(machine.events) < 20
    machine.later(60.0)
    machine.fake.rotate()
    machine.unknown(machine.kid)
    machine.land_all()
    assert machine.kid in machine.key_set.snapshot.keys


# --- R4: Payments


def test_two_refreshes_then_the_last_answers_do() -> None:
    """R4, R3: beyond the budget 401 at once where all have answered in the last 10 s; one event."""
    machine = fresh()
    for _ in range(2):
        waiter, _ = machine.unknown()
        machine.land_all()
        assert machine.hear(waiter) == UNKNOWN
    asked = len(machine.begun)
    for _ in range(3):
        _, step = machine.unknown()
        assert step.verdict == UNKNOWN
        assert step.retry_in == pytest.approx(5.0)
    assert len(machine.begun) == asked == 6
    assert len(machine.events_of(events.RateLimitReached)) == 1
    machine.later(5.0)
    waiter, step = machine.unknown()
    assert step.verdict is None
    machine.land_all()
    assert machine.hear(waiter) == UNKNOWN
    assert machine.unknown()[1].verdict == UNKNOWN
    assert len(machine.events_of(events.RateLimitReached)) == 2


def spent(machine: Machine) -> None:
    """No payment is left, and nothing is pending."""
    for _ in range(2):
        waiter, _ = machine.unknown()
        machine.land_all()
        machine.machine.leave(waiter)


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        pytest.param(0.0, UNKNOWN, id="now"),
        pytest.param(4.9, UNKNOWN, id="of this budget"),
        pytest.param(10.0, UNKNOWN, id="10 s"),
        pytest.param(10.1, UNCONFIRMED, id="older"),
    ],
)
def test_last_answers_are_of_the_last_10_s(age: float, expected: str) -> None:
    """R3: an older one says nothing about a key of now."""
    machine = fresh()
    spent(machine)
    machine.later(age)
    machine.limit._level, machine.limit._at = 0.0, machine.clock()
    assert machine.unknown()[1].verdict == expected


def test_a_failure_after_the_last_answer_is_no_answer() -> None:
    """R3, R4: beyond the budget one endpoint that failed last makes it 503, with the seconds to a payment."""
    machine = fresh()
    waiter, _ = machine.unknown()
    machine.land_all()
    machine.machine.leave(waiter)
    waiter, _ = machine.unknown()
    machine.all_ask(waiter)
    machine.land("updated")
    machine.land("replica")
    machine.land("original", busy(0.0))
    machine.machine.leave(waiter)
    _, step = machine.unknown(timeout=1.0)
    assert step.verdict == UNCONFIRMED
    assert step.retry_in == pytest.approx(4.6, abs=0.2)


def test_an_attempt_under_way_is_waited_for_beyond_the_budget() -> None:
    """R4, W7: nothing is paid, and its answer may satisfy this caller, for as long as it is not silent."""
    machine = fresh()
    waiter, _ = machine.unknown()
    machine.land_all()
    machine.machine.leave(waiter)
    waiter, _ = machine.unknown(timeout=0.5)
    machine.land("updated")
    machine.land("replica")
    machine.machine.leave(waiter)
    asked = len(machine.begun)
    machine.later(0.3)
    late = [machine.unknown()[0] for _ in range(2)]
    assert [machine.poll(each).verdict for each in late] == [None, None]
    assert machine.out() == ["original"]
    assert len(machine.begun) == asked
    assert machine.events_of(events.RateLimitReached) == []
    machine.later(0.8)
    assert [machine.poll(each).verdict for each in late] == [None, UNCONFIRMED]
    machine.fake.rotate()
    machine.land("original")
    assert machine.kid in machine.key_set.snapshot.keys


def test_unanswered_units_are_given_back_after_a_pause() -> None:
    """R4: through an outage of refused connections a new key costs no wait once it is over."""
    machine = fresh()
    for _ in range(6):
        waiter, step = machine.unknown()
        machine.land_all(DOWN)
        machine.machine.leave(waiter)
        machine.later(1.0)
    machine.later(60.0)
    for _ in range(2):
        waiter, step = machine.unknown()
        assert step.verdict is None
        machine.land_all()
        assert machine.hear(waiter) == UNKNOWN


def test_the_pause_holds_a_caller_for_its_second() -> None:
    """R4, W7: it waits for it, because a payment is there, and asks then."""
    machine = fresh()
    waiter, _ = machine.unknown(timeout=5.0)
    machine.land_all(DOWN)
    asked = len(machine.begun)
    for _ in range(20):
        if len(machine.begun) > asked:
            break
        machine.later(0.1)
        machine.poll(waiter)
    assert machine.monotonic - 80.0 >= 1.0
    assert len(machine.begun) == asked + 1


def test_an_http_answer_is_not_given_back() -> None:
    """R4: 503 and a login page cost the endpoint a request, so they cost the budget too."""
    for answer in (busy(0.0), b"<html>"):
        machine = Machine()
        machine.fill()
        machine.later(30.0)
        for _ in range(2):
            waiter, _ = machine.unknown()
            machine.land("updated", answer)
            machine.land_all(DOWN)
            machine.machine.leave(waiter)
            machine.later(2.0)
        assert machine.limit.empty_for(machine.clock()) > 0.0


def test_a_second_connection_is_not_paid() -> None:
    """R4: it is part of the same request."""
    machine = fresh()
    waiter, _ = machine.unknown(timeout=30.0)
    for _ in range(36):
        machine.later(0.1)
        machine.poll(waiter)
    assert len(machine.begun) > 3
    assert machine.limit.empty_for(machine.clock()) == 0.0
    assert machine.limit.current is not None
    assert machine.limit.current.pending == 3
    assert machine.limit._level == 1.0


def test_one_payment_asks_each_endpoint_once() -> None:
    """R4: an endpoint that answered is asked for a later caller by another payment."""
    machine = fresh()
    waiter, _ = machine.unknown()
    machine.land("updated")
    other, _ = machine.unknown()
    assert machine.out() == ["replica"]
    machine.land_all()
    assert machine.begun == ["updated", "replica", "original"]
    assert machine.hear(waiter) == UNKNOWN
    for kind in ("updated", "replica"):  # the original's request began after this caller came
        assert machine.hear(other) is None
        assert machine.out() == [kind]
        machine.land(kind)
    assert machine.hear(other) == UNKNOWN
    assert machine.limit._level == 0.0


def test_callers_who_leave_early_have_every_endpoint_asked_in_the_end() -> None:
    """R4: where the first in order cannot be paid for again, the others are asked by the same payment."""
    machine = fresh()
    for _ in range(5):
        waiter, _ = machine.unknown()
        machine.machine.leave(waiter)
        if machine.out():
            machine.land(machine.out()[0])
    assert machine.begun == ["updated", "updated", "replica", "original"]


def test_a_cold_start_is_not_paid() -> None:
    """R4: nothing is served meanwhile, so nothing is saved."""
    machine = Machine()
    for _ in range(5):
        waiter, _ = machine.cold()
        machine.land_all(busy(0.0))
        machine.machine.leave(waiter)
        machine.later(60.0)
    assert machine.limit._level == 2.0


# --- R6: Rest


def test_an_unknown_kid_asks_the_endpoint_whose_rest_ends_first() -> None:
    """R6: a back-off of up to a minute may outlast its cause; once for each payment."""
    machine = fresh()
    waiter, _ = machine.unknown()
    for kind, seconds in (("updated", 50.0), ("replica", 40.0), ("original", 30.0)):
        machine.land(kind, busy(seconds))
    assert machine.hear(waiter) == UNCONFIRMED
    machine.later(6.0)
    machine.begun.clear()
    machine.fake.rotate()
    machine.unknown(machine.kid)
    assert machine.begun == ["original"]
    machine.land("original")
    assert machine.kid in machine.key_set.snapshot.keys


def test_a_rest_that_ends_in_time_is_waited_for() -> None:
    """W7, R1: a caller with time has the endpoint asked as soon as it may be."""
    machine = fresh()
    waiter, _ = machine.unknown(timeout=3.0)
    machine.land("updated")
    machine.land("replica")
    machine.land("original", busy(0.0))
    step = machine.poll(waiter)
    assert step.verdict is None
    assert step.next_start == pytest.approx(machine.monotonic + 1.5)
    machine.later(1.51)
    machine.poll(waiter)
    assert machine.out() == ["original"]
    machine.land("original")
    assert machine.hear(waiter) == UNKNOWN


# --- R, W7: Stale sets


@pytest.mark.parametrize("failing", [False, True], ids=["silent", "failing"])
def test_a_stale_set_is_served_after_the_refresh_has_failed(failing: bool) -> None:
    """R: all failed, and no time is lost; or after 1 s of silence. Every waiter gets the result."""
    machine = Machine()
    machine.stale()
    waiter, _ = machine.revalidating()
    other, _ = machine.revalidating()
    machine.all_ask(waiter)
    if failing:
        machine.land("updated", DOWN)
        machine.land("replica", DOWN)
        assert machine.poll(waiter).verdict is None
        machine.land("original", DOWN)
    else:
        machine.later(0.59)
        assert machine.poll(waiter).verdict is None
        machine.later(0.02)
        step = machine.poll(waiter)
        assert step.verdict == SERVE_STALE
        assert step.changed
    assert machine.key_set.stale_if_error
    assert machine.poll(other).verdict is None  # it serves itself


def test_a_stale_set_whose_endpoints_all_rest_is_served_at_once() -> None:
    """R: no endpoint may be asked now, which is a failed refresh."""
    machine = Machine()
    machine.fill()
    machine.later(HOUR - 1)
    for each in machine.machine.attempts:
        machine.key_set.record_failure(each.endpoint, busy(60.0), 0.1, machine.clock(), [])
    machine.later(2.0)
    _, step = machine.revalidating()
    assert step.verdict == SERVE_STALE
    assert machine.begun == []


@pytest.mark.parametrize("age", [901.0, 3601.0])
@pytest.mark.parametrize("failing", [False, True], ids=["silent", "failing"])
def test_a_failed_background_refresh_makes_a_set_stale_if_error(age: float, failing: bool) -> None:
    """R: also while the set is only aged; then no caller waits when it gets stale. A success ends it."""
    machine = Machine()
    machine.fill()
    machine.later(age)
    machine.poll(background=True)
    assert not machine.key_set.stale_if_error
    if failing:
        machine.land_all(DOWN)
    else:
        machine.later(0.99)
        machine.poll(background=True)
        assert not machine.key_set.stale_if_error
        machine.later(0.02)
        machine.poll(background=True)
    assert machine.key_set.stale_if_error
    if failing:
        machine.later(5.0)
        machine.poll(background=True)
    machine.land("updated")
    assert not machine.key_set.stale_if_error


def test_a_fresh_set_is_not_stale_if_error() -> None:
    """R: what failed for an unknown kid is no refresh of a fresh set."""
    machine = Machine()
    machine.fill()
    machine.unknown()
    machine.land_all(DOWN)
    machine.later(2.0)
    machine.poll()
    assert not machine.key_set.stale_if_error


def test_a_stale_set_is_renewed_by_any_answer() -> None:
    """R: a waiter is served by the first one."""
    machine = Machine()
    machine.stale()
    waiter, _ = machine.revalidating()
    machine.all_ask(waiter)
    machine.land("original")
    assert machine.key_set.state == "fresh"
    assert machine.poll(waiter).verdict is None


def test_a_disabled_endpoint_may_renew_a_stale_set() -> None:
    """K5: when no other may be asked, and at most every 2 s."""
    for passed, asked in ((1.0, ["replica", "original"]), (2.0, ["replica", "original", "updated"])):
        machine = Machine()
        machine.stale()
        disable(machine, "updated", passed)
        waiter, _ = machine.revalidating()
        machine.land("replica", DOWN)
        machine.land("original", DOWN)
        assert machine.begun == asked
        assert machine.poll(waiter).verdict is None
        assert machine.key_set.stale_if_error is (passed == 1.0)


# --- Short lifetimes, key files


def test_a_gone_endpoint_of_the_key_file_is_gone_after_a_restart() -> None:
    """R3, P: how long an endpoint has not answered outlives the process."""
    first = Machine()
    first.fill()
    entries = [
        KeyFileEntry(each.url, each.begun - (90_000.0 if "us-east-1" in each.url else 10.0), each.document)
        for each in first.key_set.entries()
    ]
    machine = Machine(entries=entries)
    waiter, _ = machine.unknown()
    machine.all_ask(waiter)
    for kind in ("updated", "original"):
        machine.land(kind, json.dumps(first.fake.jwks()).encode())
    assert machine.hear(waiter) == UNKNOWN


def test_an_optional_endpoint_that_never_answered_is_gone_after_an_hour() -> None:
    """R3: a replica that is configured and does not exist makes unknown kids 503 for an hour, then 401."""
    machine = Machine(lifetimes=CacheLifetimes(900.0, 60.0, 86400.0))
    assert LIFETIMES.revalidate_after == HOUR
    machine.machine.warm(machine.moment)
    machine.poll()
    machine.land("updated")
    machine.land("original")
    machine.land("replica", DOWN)
    for seconds, expected in ((10.0, UNCONFIRMED), (60.0, UNKNOWN)):
        machine.later(seconds)
        waiter, _ = machine.unknown(timeout=0.7)
        machine.all_ask(waiter)
        for kind in machine.out():
            machine.land(kind, DOWN if kind == "replica" else None)
        assert machine.hear(waiter) == expected


def test_revalidate_is_no_need_of_a_set_that_is_renewed() -> None:
    """R: a waiter whose need has passed has nothing asked for it."""
    machine = Machine()
    machine.fill()
    waiter = machine.join(REVALIDATE, machine.kid)
    assert machine.poll(waiter).starts == []
    waiter = machine.join(FETCH_UNKNOWN, machine.kid)
    assert machine.poll(waiter).starts == []
    waiter = machine.join(FETCH, machine.kid)
    assert machine.poll(waiter).starts == []
