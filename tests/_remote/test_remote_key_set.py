"""`RemoteKeySet`: one caller's way through the table of rule R, step by step on the test's own thread."""

from __future__ import annotations

import json
from collections.abc import Collection
from concurrent.futures import Future
from typing import Any

import pytest
from support.rig import DOWN, LIFETIMES, Caller, Rig

from cognito_mr_auth import events
from cognito_mr_auth._jwks.model import FetchError, KeyFileEntry
from cognito_mr_auth._remote.remote_key_set import TELLING_SECONDS
from cognito_mr_auth.errors import KeysUnavailable, KeyUnknown

HOUR = 3600.0
URL = "https://keys.example/jwks.json"


def fail_all(rig: Rig, answer: FetchError = DOWN) -> None:
    """Every pending attempt fails, and so do those that follow it."""
    while rig.out():
        rig.land(rig.out()[0], answer)


def ask_all(rig: Rig, caller: Caller) -> None:
    """The hedging delays pass, until every endpoint that may be asked has been."""
    for _ in range(2):
        rig.later(0.2)
        caller.step()


def stale(rig: Rig) -> None:
    """A set that is just stale."""
    rig.fill()
    rig.later(HOUR + 1)


def conflict(rig: Rig) -> str:
    """Two endpoints contradict each other on one kid."""
    kid = rig.kid
    rig.fake.impostor(kid)
    forged = json.dumps({"keys": [rig.fake.impostor(kid).jwk()]}).encode()
    caller = rig.warm()
    rig.land("updated")
    rig.land("original", forged)
    rig.land("replica", DOWN)
    caller.step()
    rig.threads.asked.clear()
    return kid


# --- The table


@pytest.mark.parametrize(
    ("age", "served", "attempts_begun"),
    [
        (0.0, True, 0),
        (899.0, True, 0),
        (901.0, True, 3),
        (3599.0, True, 3),
        (3601.0, False, 0),
        (86399.0, False, 0),
        (86401.0, False, 0),
    ],
)
def test_a_known_kid_without_waiting(age: float, served: bool, attempts_begun: int) -> None:
    """R, R8: fresh is served, aged is served and asks every endpoint in the background, older must wait."""
    rig = Rig()
    key = rig.fill()
    rig.later(age)
    assert rig.key() is (key if served else None)
    assert len(rig.threads.asked) == attempts_begun
    assert rig.threads.background == [True] * attempts_begun
    rig.key()
    assert len(rig.threads.asked) == attempts_begun  # one refresh at a time


@pytest.mark.parametrize(("wall", "monotonic"), [(901.0, 0.0), (0.0, 901.0), (-100.0, 901.0)])
def test_a_set_ages_by_either_clock(wall: float, monotonic: float) -> None:
    """R7: a frozen monotonic clock and a wall clock that was set back make no set younger."""
    rig = Rig()
    rig.fill()
    rig.clock._move(wall, monotonic)
    assert rig.key() is not None
    assert len(rig.out()) == 3


def test_states_are_reported_once() -> None:
    """H3: each limit that the age of the set crosses is one StateChanged."""
    rig = Rig()
    rig.fill()
    for seconds in (901.0, 2700.0, 82800.0):
        rig.later(seconds)
        rig.key()
        rig.key()
    changes = [(each.before, each.after) for each in rig.events_of(events.StateChanged)]
    assert changes == [("fresh", "aged"), ("aged", "stale"), ("stale", "expired")]


def test_an_aged_set_leaves_endpoints_in_back_off_alone() -> None:
    """R6: a background refresh that failed is not repeated while every endpoint is in back-off."""
    rig = Rig()
    rig.fill()
    rig.later(901)
    rig.key()
    fail_all(rig)
    rig.key()
    assert rig.out() == []
    rig.later(2)
    rig.key()
    assert rig.out() == ["updated", "replica", "original"]


def test_a_cold_start_waits_and_is_served() -> None:
    """R: without a set a caller waits, and is served by the first answer."""
    rig = Rig()
    caller = rig.call(rig.kid)
    assert caller.waiting
    assert rig.out() == ["updated"]
    rig.land("updated")
    assert caller.woken
    assert caller.step().kid == rig.kid
    assert rig.fetch.prepared


@pytest.mark.parametrize("expired", [False, True])
def test_without_a_usable_set_and_an_answer_it_is_503(expired: bool) -> None:
    """R, R1, R6: a caller has the endpoints asked again within its time, and gets each one's result."""
    rig = Rig()
    if expired:
        rig.fill()
        rig.later(86401)
    caller = rig.call(rig.kid)
    while caller.waiting:
        fail_all(rig)
        rig.later(caller.seconds)
        caller.step()
    assert isinstance(caller.outcome, KeysUnavailable)
    assert caller.outcome.reason == "keys_unavailable"
    assert "connect" in caller.outcome.hint
    assert rig.now_monotonic <= 50.0 + 2.1 + (86401 if expired else 0)
    assert len(rig.threads.asked) >= 6


def test_a_cure_within_the_callers_time_serves_it() -> None:
    """R1, R6: the first connection breaks, and the second answers, a quarter to half a second later."""
    rig = Rig()
    caller = rig.call(rig.kid)
    fail_all(rig)
    assert caller.step() is None
    assert caller.seconds == pytest.approx(0.375)
    rig.later(0.376)
    caller.step()
    rig.land("updated")
    assert caller.step().kid == rig.kid


@pytest.mark.parametrize("late", [0.0, 2.0, 13.0])
def test_the_timeout_ends_with_503(late: float) -> None:
    """R1: a caller waits `timeout` at most; the attempt goes on, and its answer counts."""
    rig = Rig()
    caller = rig.call(rig.kid, timeout=1.0)
    rig.later(1.0)
    assert isinstance(caller.step(), KeysUnavailable)
    rig.later(late)
    rig.land("updated")
    assert rig.key() is not None
    assert rig.keys.health(rig.clock())["age"] == pytest.approx(1.0 + late)


@pytest.mark.parametrize("warm", [False, True], ids=["a token", "warm()"])
def test_what_a_first_request_loads_is_no_waiting(warm: bool) -> None:
    """R1: `timeout` runs from the first request; importing the client takes seconds on a small Lambda."""
    rig = Rig()
    rig.fetch.loading = lambda: rig.later(3.0)
    caller = rig.warm(2.0) if warm else rig.call(rig.kid, timeout=2.0)
    rig.fetch.loading = lambda: None
    assert caller.waiting
    rig.later(1.9)
    caller.step()
    assert caller.waiting
    rig.later(0.1)
    assert isinstance(caller.step(), KeysUnavailable)


@pytest.mark.parametrize("warm", [False, True], ids=["a token", "warm()"])
def test_others_run_while_the_client_is_loaded(warm: bool) -> None:
    """F: None for each step of loading, then the wait; its seconds and its request begin after that."""
    rig = Rig()
    rig.fetch.steps = 3
    steps = rig.keys.warming(2.0) if warm else rig.keys.resolve(rig.kid, lambda: True, 2.0)
    for _ in range(3):
        assert next(steps) is None
        assert rig.out() == []
        rig.later(3.0)
    rig.fetch.steps = 0
    wait = next(steps)
    assert wait is not None
    assert 0.0 < wait[1] <= 2.0
    rig.land("updated")
    [entry] = rig.key_set.entries()
    assert entry.begun == rig.clock()[0]


def test_keys_that_came_while_the_client_was_loaded() -> None:
    """F: a caller judges again after its turns, and needs no refresh where others have had one."""
    rig = Rig()
    rig.fetch.steps = 1
    steps = rig.keys.resolve(rig.kid, lambda: True, 2.0)
    assert next(steps) is None
    rig.fetch.steps = 0
    key = rig.fill()
    with pytest.raises(StopIteration) as ended:
        next(steps)
    assert ended.value.value is key
    assert rig.out() == []


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan"), float("-inf")])
@pytest.mark.parametrize("warm", [False, True], ids=["a token", "warm()"])
def test_a_timeout_of_nothing(timeout: float, warm: bool) -> None:
    """R1: a caller that may not wait gets a documented error at once; the refresh goes on."""
    rig = Rig()
    caller = rig.warm(timeout) if warm else rig.call(rig.kid, timeout=timeout)
    assert isinstance(caller.outcome, KeysUnavailable)
    rig.land("updated")
    assert rig.key() is not None


def test_a_host_with_a_deadline_says_what_is_left_when_the_waiting_begins() -> None:
    """R1: where `timeout` is a function, it is asked once, after loading; Lambda ends what takes longer."""
    rig = Rig()
    rig.fetch.loading = lambda: rig.later(1.5)
    attempts_begun = []

    def left() -> float:
        attempts_begun.append(rig.now_monotonic)
        return 52.75 - rig.now_monotonic

    caller = rig.call(rig.kid, timeout=left)
    rig.fetch.loading = lambda: None
    rig.later(1.2)
    caller.step()
    assert caller.waiting
    rig.later(0.06)
    assert isinstance(caller.step(), KeysUnavailable)
    assert attempts_begun == [51.5]


# --- R2: hedging


def test_the_next_endpoint_after_200_ms() -> None:
    """R2: the next endpoint is asked after 200 ms of silence, and no sooner."""
    rig = Rig()
    caller = rig.call(rig.kid)
    assert caller.seconds == pytest.approx(0.2)
    rig.later(0.15)
    caller.step()
    assert rig.out() == ["updated"]
    assert caller.seconds == pytest.approx(0.05)
    rig.later(0.06)
    caller.step()
    assert rig.out() == ["updated", "replica"]
    rig.later(0.2)
    caller.step()
    assert rig.out() == ["updated", "replica", "original"]


def test_the_next_endpoint_at_once_on_an_error() -> None:
    """R2: an error does not wait for the hedge."""
    rig = Rig()
    caller = rig.call(rig.kid)
    rig.land("updated", DOWN)
    assert rig.out() == ["replica"]
    rig.land("replica")
    assert caller.step().kid == rig.kid
    assert rig.out() == []


def test_the_next_endpoint_at_once_on_an_answer_without_the_kid() -> None:
    """R2, R3, K1: a lagging endpoint's answer is published, and the next is asked at once."""
    rig = Rig()
    rig.fill()
    old = rig.jwks()
    rig.fake.rotate()
    caller = rig.call(rig.kid)
    rig.land("updated", old)
    assert rig.out() == ["replica"]
    assert caller.step() is None
    rig.land("replica")
    assert caller.step().kid == rig.kid


def test_a_cold_caller_whose_kid_is_not_among_the_first_keys() -> None:
    """R3: its request goes on as one for an unknown kid, with the endpoints that it has not asked."""
    rig = Rig()
    old = rig.jwks()
    rig.fake.rotate()
    caller = rig.call(rig.kid)
    rig.land("updated", old)
    assert caller.step() is None
    assert rig.out() == ["replica"]
    rig.land("replica")
    assert caller.step().kid == rig.kid


def test_the_own_region_first() -> None:
    """R2: the endpoint in AWS_REGION is asked first."""
    rig = Rig(region="us-east-1")
    rig.call(rig.kid)
    assert rig.out() == ["replica"]


# --- R3: unknown kids


def unknown_kid(rig: Rig) -> Caller:
    """A caller with an unknown kid, on a fresh set."""
    rig.fill()
    rig.later(10)
    return rig.call("unknown")


def test_an_unknown_kid_is_401_when_everybody_has_answered() -> None:
    """R3: 401 only after every endpoint has answered a request begun after the caller came."""
    rig = Rig()
    caller = unknown_kid(rig)
    for kind in ("updated", "replica"):
        rig.land(kind)
        assert caller.step() is None
    rig.land("original")
    assert isinstance(caller.step(), KeyUnknown)
    assert not rig.coordinator.machine.waiters


@pytest.mark.parametrize("down", ["updated", "replica", "original"])
def test_an_unknown_kid_is_503_while_an_endpoint_is_down(down: str) -> None:
    """R3: it may be the only one that lists the kid; the reason, the hint and the time say so."""
    rig = Rig()
    rig.fill()
    rig.later(10)
    caller = rig.call("unknown")
    while rig.out():
        kind = rig.out()[0]
        rig.land(kind, FetchError("status", status=503, retry_after=30) if kind == down else None)
    assert isinstance(caller.step(), KeysUnavailable)
    assert caller.outcome.reason == "key_unconfirmed"
    assert f"{down} issuer" in caller.outcome.hint
    assert "status 503" in caller.outcome.hint


def test_an_unknown_kid_is_503_when_no_endpoint_has_answered() -> None:
    """R3: no endpoint answered, so the kid may exist: 503."""
    rig = Rig()
    caller = unknown_kid(rig)
    while caller.waiting:
        fail_all(rig, FetchError("status", status=500))
        rig.later(caller.seconds)
        caller.step()
    assert isinstance(caller.outcome, KeysUnavailable)


def test_a_rotation_is_found() -> None:
    """R3: a key rotated in is found by one refresh."""
    rig = Rig()
    rig.fill()
    rig.fake.rotate()
    caller = rig.call(rig.kid)
    rig.land("updated")
    assert caller.step().kid == rig.kid


def test_an_older_request_is_no_proof() -> None:
    """R3: for a caller that joined attempts under way, each endpoint is asked once more."""
    rig = Rig()
    first = unknown_kid(rig)
    ask_all(rig, first)
    assert rig.out() == ["updated", "replica", "original"]
    second = rig.call("unknown")
    for kind in rig.out():
        rig.land(kind)
    assert isinstance(first.step(), KeyUnknown)
    assert second.step() is None
    assert rig.out() == ["updated"]
    for _ in range(3):
        rig.land(rig.out()[0])
    assert isinstance(second.step(), KeyUnknown)
    assert rig.threads.out == []


def test_callers_of_the_same_moment_share_their_attempts() -> None:
    """R1: each endpoint is asked once for all of them."""
    rig = Rig()
    callers = [rig.call(rig.kid) for _ in range(8)]
    ask_all(rig, callers[0])
    assert len(rig.threads.asked) == 3
    rig.land("original")
    assert all(caller.woken for caller in callers)
    assert {caller.step().kid for caller in callers} == {rig.kid}


def test_requests_after_the_caller_came_are_proof() -> None:
    """R3: of the attempts that it joins only those begun after it came count for it."""
    rig = Rig()
    first = unknown_kid(rig)
    second = rig.call("unknown")
    for _ in range(3):
        rig.land(rig.out()[0])
    assert isinstance(first.step(), KeyUnknown)
    assert second.step() is None
    assert rig.out() == ["updated"]
    rig.land("updated")
    assert isinstance(second.step(), KeyUnknown)


# --- R4, R5: what is refused at once


def test_the_rate_limit() -> None:
    """R4: two refreshes, then 401 at once with one event; 5 s later one more."""
    rig = Rig()
    rig.fill()
    for _ in range(2):
        caller = rig.call("unknown")
        for _ in range(3):
            rig.land(rig.out()[0])
        assert isinstance(caller.step(), KeyUnknown)
    for _ in range(3):
        refused = rig.call("unknown").outcome
        assert isinstance(refused, KeyUnknown)
    assert len(rig.threads.asked) == 6
    assert len(rig.events_of(events.RateLimitReached)) == 1
    rig.later(5)
    caller = rig.call("unknown")
    assert caller.waiting
    fail_all(rig, FetchError("status", status=503, retry_after=60))
    assert isinstance(caller.step(), KeysUnavailable)
    assert len(rig.events_of(events.RateLimitReached)) == 1


def test_beyond_the_budget_a_failing_endpoint_makes_it_503() -> None:
    """R3, R4: with the seconds to the next payment as Retry-After."""
    rig = Rig()
    rig.fill()
    for answer in (None, FetchError("status", status=503)):
        caller = rig.call("unknown", timeout=1.0)
        for kind in ("updated", "replica", "original"):
            rig.land(kind, answer if kind == "original" else None)
        caller.steps.close()
    refused = rig.call("unknown", timeout=1.0).outcome
    assert isinstance(refused, KeysUnavailable)
    assert (refused.reason, refused.retry_after) == ("key_unconfirmed", 5)


@pytest.mark.parametrize("count", [8, 100])
@pytest.mark.parametrize("kid", ["unknown", "cold"])
def test_a_crowd_of_callers(kid: str, count: int) -> None:
    """W7: all wait for 1 s; then one alone, and a later one takes its place when it has gone."""
    rig = Rig()
    if kid == "unknown":
        rig.fill()
        rig.later(30.0)
    kid = "unknown" if kid == "unknown" else rig.kid
    crowd = [rig.call(kid) for _ in range(count)]
    ask_all(rig, crowd[0])
    rig.later(0.55)
    assert all(caller.step() is None for caller in crowd)
    assert max(caller.seconds for caller in crowd) <= 0.051
    rig.later(0.06)
    heard = [caller.step() for caller in crowd]
    assert [isinstance(error, KeysUnavailable) for error in heard] == [False, *[True] * (count - 1)]
    assert isinstance(rig.call(kid).outcome, KeysUnavailable)
    while crowd[0].waiting:
        rig.later(0.2)
        crowd[0].step()
    assert isinstance(crowd[0].outcome, KeysUnavailable)
    following = rig.call(kid)
    assert following.waiting
    assert isinstance(rig.call(kid).outcome, KeysUnavailable)


def test_a_known_kid_never_stands_behind_silence() -> None:
    """W7, R8: it is served while others wait or are refused."""
    rig = Rig()
    key = rig.fill()
    rig.later(30.0)
    caller = rig.call("unknown")
    ask_all(rig, caller)
    rig.later(1.0)
    caller.step()
    assert isinstance(rig.call("unknown").outcome, KeysUnavailable)
    assert rig.call(rig.kid).outcome is key


def test_an_implausible_token_spends_nothing() -> None:
    """R5: a token that could not pass anyway is KeyUnknown, and no endpoint is asked."""
    rig = Rig()
    rig.fill()
    assert isinstance(rig.call("unknown", plausible=False).outcome, KeyUnknown)
    assert rig.threads.asked == []


def test_the_endpoint_whose_back_off_ends_first() -> None:
    """R6: while all are in back-off, a refresh for an unknown kid asks the one whose back-off ends first."""
    rig = Rig()
    rig.fill()
    caller = rig.call("unknown")
    rig.land("updated", FetchError("status", status=503, retry_after=50))
    rig.land("replica", FetchError("status", status=503, retry_after=40))
    rig.land("original", FetchError("status", status=503, retry_after=30))
    assert isinstance(caller.step(), KeysUnavailable)
    rig.later(10)
    rig.fake.rotate()
    caller = rig.call(rig.kid)
    assert rig.out() == ["original"]
    rig.land("original")
    assert caller.step().kid == rig.kid


@pytest.mark.parametrize("silent", [False, True], ids=["the awake one fails", "the awake one is silent"])
def test_a_back_off_that_outlasts_its_cause_keeps_no_new_key_out(silent: bool) -> None:
    """R6: an unknown kid also asks the endpoint whose back-off ends first."""
    rig = Rig()
    rig.fill()
    caller = rig.call("unknown")
    rig.land("updated")
    rig.land("replica", FetchError("status", status=503, retry_after=40))
    rig.land("original", FetchError("status", status=503, retry_after=50))
    caller.steps.close()
    rig.later(10)
    rig.fake.rotate()
    caller = rig.call(rig.kid)
    assert rig.out() == ["updated"]
    if silent:
        rig.later(0.2)
        caller.step()
    else:
        rig.land("updated", DOWN)
    assert rig.out()[-1:] == ["replica"]
    rig.land("replica")
    assert caller.step() is rig.key()


def test_forged_kids_ask_a_resting_endpoint_once_for_each_payment() -> None:
    """R6, R4: however many callers come."""
    rig = Rig()
    rig.fill()
    caller = rig.call("forged")
    rig.land("updated")
    rig.land("replica", FetchError("status", status=503, retry_after=40))
    rig.land("original", FetchError("status", status=503, retry_after=50))
    caller.steps.close()
    rig.later(20)
    rig.threads.asked.clear()
    for _ in range(5):
        caller = rig.call("forged")
        while rig.out():
            kind = rig.out()[0]
            rig.land(kind, None if kind == "updated" else FetchError("status", status=503, retry_after=60))
        assert isinstance(caller.outcome or caller.step(), KeysUnavailable)
    assert max(rig.threads.asked.count(url) for url in rig.threads.asked) == 2


# --- Stale


@pytest.mark.parametrize("age", [3599.0, 3600.0, 3700.0])
def test_a_set_is_never_fresh_beyond_revalidate_after(age: float) -> None:
    """R: whatever was drawn for a `refresh_after` that is as long."""
    rig = Rig(lifetimes=LIFETIMES._replace(refresh_after=3600.0))
    rig.key_set._rng = lambda: 0.999_999
    rig.fill()
    rig.later(age)
    assert (rig.key() is None) == (age >= 3600.0)


def test_stale_waits_once_then_serves() -> None:
    """R: one shared refresh; once it has failed, all are served at once, with a retry in the background."""
    rig = Rig()
    stale(rig)
    first, second = rig.call(rig.kid), rig.call(rig.kid)
    assert first.waiting
    assert second.waiting
    fail_all(rig)
    assert first.step().kid == rig.kid
    assert second.step().kid == rig.kid
    rig.later(3)
    assert rig.key() is not None
    assert rig.out() == ["updated", "replica", "original"]
    rig.land("updated")
    rig.later(HOUR + 1)
    assert rig.key() is None  # a success has ended stale-if-error


def test_stale_is_served_after_a_second_of_silence() -> None:
    """R, W7: one failed refresh for all, those that wait and those that come later."""
    rig = Rig()
    stale(rig)
    waiting = rig.call(rig.kid, timeout=4.0)
    early = rig.call(rig.kid, timeout=4.0)
    for seconds in (0.2, 0.2, 0.59):
        rig.later(seconds)
        assert waiting.step() is None
    assert early.step() is None
    rig.later(0.02)
    assert waiting.step().kid == rig.kid
    assert early.woken
    assert early.step().kid == rig.kid
    assert rig.call(rig.kid).outcome.kid == rig.kid


def test_stale_is_served_when_the_timeout_ends() -> None:
    """R: a caller with a shorter timeout gets the stale key, because no endpoint contradicts it."""
    rig = Rig()
    stale(rig)
    caller = rig.call(rig.kid, timeout=0.5)
    rig.later(0.6)
    assert caller.step().kid == rig.kid


def test_stale_with_every_endpoint_in_back_off() -> None:
    """R: no endpoint may be asked now, which counts as a failed refresh."""
    rig = Rig()
    rig.fill()
    rig.later(HOUR - 1)
    rig.key()
    for kind in rig.out():
        rig.land(kind, FetchError("status", status=503, retry_after=60))
    rig.later(2)
    assert rig.call(rig.kid).outcome.kid == rig.kid


# --- R7: clocks and freezes


def test_an_attempt_that_is_silent_for_5_s_counts_as_failed_while_it_goes_on() -> None:
    """R1: for events and health, with what it was doing; a late answer clears that."""
    rig = Rig()
    rig.call(rig.kid)
    rig.attempts("updated")[0].connection.phase = "tls"
    rig.later(5.0)
    health = rig.keys.health(rig.clock())["endpoints"][0]
    assert (health["failures"], health["last_error"]) == (1, "tls-timeout")
    assert [each.reason for each in rig.events_of(events.FetchFailed)] == ["tls-timeout"]
    rig.land("updated")
    assert rig.key() is not None
    health = rig.keys.health(rig.clock())["endpoints"][0]
    assert (health["failures"], health["last_error"]) == (0, None)


def test_a_failure_after_5_s_is_a_failure() -> None:
    """R6: slow is not frozen, so the endpoint gets a back-off; once."""
    rig = Rig()
    rig.call(rig.kid)
    rig.later(5.5)
    rig.land("updated", DOWN)
    assert rig.key_set.states[rig.updated.url].failures == 1


def test_health_hangs_up_what_has_had_its_15_s() -> None:
    """R1: also where no caller comes."""
    rig = Rig()
    rig.call(rig.kid)
    rig.later(15.0)
    assert rig.hung_up() == []
    rig.keys.health(rig.clock())
    assert rig.hung_up() == ["updated"]


def test_a_second_connection_for_a_caller_that_waits() -> None:
    """R1: every 1.5 s; the answer of one hangs up the other, and a byte makes it needless."""
    rig = Rig(jwks_urls=URL)
    kind = rig.out_kind()
    caller = rig.call(rig.kid, timeout=10.0)
    assert caller.seconds <= 1.5
    rig.later(1.5)
    caller.step()
    assert rig.out() == [kind, kind]
    rig.later(1.5)
    caller.step()
    assert rig.hung_up() == [kind]
    rig.land(kind)
    assert caller.step().kid == rig.kid
    assert len(rig.out()) == len(rig.hung_up()) == 2


@pytest.mark.parametrize("landed_first", [False, True])
def test_a_freeze_is_no_failure(landed_first: bool) -> None:
    """R6, R7: a freeze of an hour is no failure; the caller starts again, as often as it takes."""
    rig = Rig(jwks_urls=URL)
    caller = rig.call(rig.kid)
    for _ in range(5):
        rig.clock.freeze(HOUR)
        if landed_first:
            rig.land(rig.out_kind(), DOWN)
        assert caller.step() is None
        assert rig.key_set.states[URL].failures == 0
        assert len(rig.out()) - len(rig.hung_up()) == 1
    rig.later(2.0)
    assert isinstance(caller.step(), KeysUnavailable)
    assert rig.events_of(events.FetchFailed) == []


def test_freezes_do_not_take_a_stale_key_away() -> None:
    """R: a caller on a stale set whose attempts were all dropped is served, not refused."""
    rig = Rig()
    stale(rig)
    caller = rig.call(rig.kid)
    for _ in range(4):
        assert caller.waiting
        rig.clock.freeze(20)
        caller.step()
    for seconds in (0.2, 0.2, 0.61):
        rig.later(seconds)
        caller.step()
    assert caller.outcome.kid == rig.kid


# --- K3: contradictions


def test_a_quarantined_kid_is_503_and_asked_about_once_a_minute() -> None:
    """K3: 503, nothing is taken from the rate limit, and endpoints are asked at most once a minute."""
    rig = Rig()
    kid = conflict(rig)
    assert [each.kid for each in rig.events_of(events.KeyQuarantined)] == [kid]
    paid = rig.coordinator._rate_limit._level
    assert isinstance(rig.call(kid).outcome, KeysUnavailable)
    assert rig.out() == ["updated", "original"]  # the replica is in back-off
    rig.later(0.1)
    assert isinstance(rig.call(kid).outcome, KeysUnavailable)
    fail_all(rig)
    rig.later(59)
    assert isinstance(rig.call(kid).outcome, KeysUnavailable)
    assert rig.out() == []
    rig.later(1)
    rig.call(kid)
    assert len(rig.out()) == 3
    assert rig.coordinator._rate_limit._level == paid
    rig.fake.withdraw()
    for _ in range(3):
        rig.land(rig.out()[0])
    assert rig.key(kid) is not None


class _Watched:
    """A lock that notes, each time it is taken and released, when the quarantine was last rechecked."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._lock = rig.coordinator.lock
        self.seen: list[Any] = []

    def __enter__(self) -> None:
        self._lock.acquire()
        self.seen.append(self._rig.keys._quarantine_rechecked)

    def __exit__(self, *_error: object) -> None:
        self.seen.append(self._rig.keys._quarantine_rechecked)
        self._lock.release()

    def acquire(self, **options: Any) -> bool:
        return self._lock.acquire(**options)

    def release(self) -> None:
        self._lock.release()


def test_the_recheck_of_a_quarantined_kid_is_noted_under_the_lock() -> None:
    """K3: of callers at the same moment one alone has the endpoints asked."""
    rig = Rig()
    kid = conflict(rig)
    lock: Any = _Watched(rig)
    rig.coordinator.lock = lock
    rig.call(kid)
    assert lock.seen[:2] == [None, rig.clock()]


def test_an_old_contradiction_ends_by_itself() -> None:
    """K3: once the older response is older than `revalidate_after`, the newer one decides the kid."""
    rig = Rig()
    kid = rig.kid
    rig.warm()
    rig.land("original", json.dumps({"keys": [rig.fake.impostor(kid).jwk()]}).encode())
    rig.land("replica", DOWN)
    rig.land("updated", DOWN)
    rig.later(1800)
    rig.warm()
    rig.land("updated")
    rig.land("original", DOWN)
    rig.land("replica", DOWN)
    assert rig.key(kid) is None
    rig.later(1801)
    assert rig.key(kid) is not None
    assert rig.keys.health(rig.clock())["quarantined"] == 0


# --- K5, offline, threads


def test_all_disabled_names_the_setting() -> None:
    """K5: a pool that only has the updated endpoint, which answers 403: the hint says what to do."""
    rig = Rig(jwks_urls={"https://issuer-cognito-idp.us-west-2.amazonaws.com/us-west-2_Fake00001": URL})
    caller = rig.call(rig.kid)
    rig.land("updated", FetchError("status", status=403))
    assert "IssuerConfiguration" in caller.step().hint


def test_offline_asks_no_endpoint() -> None:
    """P: an offline pool serves its seed for ever, and refuses an unknown kid."""
    fake = Rig().fake
    rig = Rig(fake=fake, jwks=fake.jwks(), offline=True)
    rig.later(10 * 86400)
    assert rig.key() is not None
    assert isinstance(rig.call("unknown").outcome, KeyUnknown)
    assert rig.warm().outcome is None


def test_the_background_waits_for_room() -> None:
    """F: with no room for background work nothing is begun, and the key is served."""
    rig = Rig()
    rig.fill()
    rig.later(901)
    rig.threads.full_for_background = True
    for _ in range(3):
        assert rig.key() is not None
    assert rig.out() == []
    assert len(rig.threads.waiting) == 3  # each asked once, not for each hit
    rig.threads.make_room()
    rig.later(1.0)
    rig.key()
    assert len(rig.out()) == 3
    assert rig.threads.background == [True] * 3


def test_full_fetch_threads_are_asked_again_in_200_ms() -> None:
    """F: a refresh for callers that gets no thread tries again after the hedge, and does not spin."""
    rig = Rig()
    rig.threads.full = True
    caller = rig.call(rig.kid)
    assert caller.seconds == pytest.approx(0.2)
    rig.later(0.2)
    caller.step()
    assert caller.seconds == pytest.approx(0.2)
    rig.threads.full = False
    rig.later(0.2)
    caller.step()
    assert rig.out() == ["updated"]


def test_room_is_used_at_once() -> None:
    """F: the thread that ends frees its slot, and notifies the waiting callers."""
    rig = Rig()
    rig.threads.full = True
    caller = rig.call(rig.kid)
    assert caller.waiting
    rig.threads.make_room()
    assert rig.out() == ["updated"]
    assert caller.woken
    rig.land("updated")
    assert caller.step().kid == rig.kid


def test_a_full_host_is_passed_over() -> None:
    """F: the next Region is asked at once."""
    rig = Rig()
    rig.threads.refuse = {rig.updated.url}
    caller = rig.call(rig.kid)
    assert rig.out() == ["replica"]
    rig.land("replica")
    assert caller.step().kid == rig.kid


@pytest.mark.parametrize("kid", ["unknown", "known"])
def test_endpoints_whose_hosts_are_full_are_an_outage(kid: str) -> None:
    """F, R3, W7, E: a full host counts as silent: an unknown kid is 503, a stale one is served."""
    rig = Rig()
    stale(rig)
    rig.threads.full = True
    first = rig.call("unknown" if kid == "unknown" else rig.kid)
    second = rig.call("unknown" if kid == "unknown" else rig.kid)
    for _ in range(11):
        rig.later(0.1)
        first.step()
    if kid == "unknown":
        assert first.waiting
        assert isinstance(second.step(), KeysUnavailable)
    else:
        assert first.outcome.kid == rig.kid
        assert second.step().kid == rig.kid
    assert rig.coordinator._rate_limit._level == 2.0 or kid == "unknown"


def test_no_thread_costs_no_payment() -> None:
    """R4: forged kids while every host is full delay no new key once there is room."""
    rig = Rig()
    rig.fill()
    rig.later(60.0)
    rig.threads.full = True
    for _ in range(3):
        rig.call("forged").steps.close()
        rig.later(0.3)
    rig.threads.make_room()
    for _ in range(2):
        rig.later(0.3)
        rig.fake.rotate()
        caller = rig.call(rig.kid)
        rig.land("updated")
        assert caller.step().kid == rig.kid


def test_a_caller_shares_what_the_background_has_begun() -> None:
    """R1, R3: it asks no endpoint beside it, and those again whose request began before it came."""
    rig = Rig()
    rig.fill()
    rig.later(901)
    rig.key()
    caller = rig.call("unknown")
    assert len(rig.out()) == 3
    for kind in rig.out():
        rig.land(kind)
    assert caller.step() is None
    assert rig.out() == ["updated", "replica", "original"]
    assert rig.threads.background == [True] * 3 + [False] * 3
    for _ in range(3):
        rig.land(rig.out()[0])
    assert isinstance(caller.step(), KeyUnknown)


def test_a_snapshot_that_changed_meanwhile_is_judged_again() -> None:
    """R3: a set published between the judgement and the lock sends the caller back to judge."""
    rig = Rig()
    rig.fill()
    old_snapshot = rig.key_set.snapshot

    def plausible() -> bool:
        with rig.coordinator.lock:
            rig.key_set.rebuild(rig.clock(), [])
        return True

    caller = Caller(rig.keys.resolve("unknown", plausible, 2.0))
    assert rig.key_set.snapshot is not old_snapshot
    assert caller.waiting


# --- Warm


def test_warming_asks_everybody_and_waits_for_all() -> None:
    """R2: `warm` asks every endpoint at once, and ends when all have answered or failed."""
    rig = Rig()
    caller = rig.warm()
    assert rig.out() == ["updated", "replica", "original"]
    assert caller.seconds == pytest.approx(0.2)
    rig.land("original")
    caller.step()
    assert caller.waiting
    fail_all(rig)
    assert caller.step() is None
    assert not caller.waiting


@pytest.mark.parametrize("answered", [False, True])
def test_warming_has_a_timeout(answered: bool) -> None:
    """It waits `timeout` at most, and fails only for a pool left with no usable key."""
    rig = Rig()
    caller = rig.warm(1.0)
    if answered:
        rig.land("original")
    rig.later(1.0)
    caller.step()
    assert not caller.waiting
    assert isinstance(caller.outcome, KeysUnavailable) is not answered


def test_warming_ignores_back_off_and_widens_the_refresh_under_way() -> None:
    """R2: the user asks, so back-off is ignored; a refresh under way is widened to every endpoint."""
    rig = Rig()
    rig.warm()
    fail_all(rig)
    rig.later(0.5)
    rig.warm()
    assert len(rig.out()) == 3
    fail_all(rig)
    rig.later(HOUR)
    rig.call(rig.kid)
    assert len(rig.out()) == 1
    rig.warm()
    assert len(rig.out()) == 3


def test_warming_a_pool_whose_endpoints_are_silent() -> None:
    """R1: they count as failed after 5 s, and `warm` goes on until its timeout."""
    rig = Rig()
    caller = rig.warm(10.0)
    while caller.waiting:
        rig.later(0.25)
        caller.step()
    assert isinstance(caller.outcome, KeysUnavailable)
    assert len(rig.events_of(events.FetchFailed)) == 3
    assert 60.0 <= rig.now_monotonic <= 60.25


@pytest.mark.parametrize("answered", [1, 2])
def test_warming_waits_a_second_for_what_is_silent(answered: int) -> None:
    """F: with keys `warm` is done when the rest has been silent for 1 s."""
    rig = Rig()
    caller = rig.warm(30.0)
    for kind in ("original", "replica")[:answered]:
        rig.land(kind)
    rig.later(0.99)
    caller.step()
    assert caller.waiting
    rig.later(0.02)
    caller.step()
    assert not caller.waiting
    assert caller.outcome is None


# --- The end, forks, files


def test_close_releases_waiters_and_stores_nothing() -> None:
    """K4: after close() waiters are woken and refused, and an answer is not stored."""
    rig = Rig()
    caller, joined = rig.call(rig.kid), rig.call(rig.kid)
    rig.keys.close()
    assert caller.woken
    assert isinstance(caller.step(), KeysUnavailable)
    assert isinstance(joined.step(), KeysUnavailable)
    rig.land("updated")
    assert rig.key() is None
    assert rig.saved == []
    assert isinstance(rig.call(rig.kid).outcome, KeysUnavailable)


def test_close_serves_a_caller_of_a_stale_set() -> None:
    """K4, R: its refresh has failed, and its key is usable."""
    rig = Rig()
    stale(rig)
    caller = rig.call(rig.kid)
    rig.keys.close()
    assert caller.woken
    assert caller.step().kid == rig.kid
    assert rig.call(rig.kid).outcome.kid == rig.kid


def test_close_without_a_refresh_keeps_the_keys() -> None:
    """K4: nothing more is asked; a known key still verifies, and an unknown one is KeysUnavailable."""
    rig = Rig()
    key = rig.fill()
    rig.keys.close()
    assert rig.key() is key
    assert isinstance(rig.call("unknown").outcome, KeysUnavailable)
    rig.later(901)
    assert rig.key() is key
    assert rig.threads.asked == []


def test_a_forked_child_drops_the_refresh() -> None:
    """F, K4: the child has a lock of its own and no refresh, and stores nothing from before the fork."""
    rig = Rig()
    lock = rig.coordinator.lock
    lock.acquire()
    rig.keys.reset_after_fork()
    assert rig.coordinator.lock is not lock
    rig.call(rig.kid)
    rig.keys.reset_after_fork()
    rig.land("updated")
    assert rig.key() is None
    caller = rig.call(rig.kid)
    rig.land("updated")
    assert caller.step().kid == rig.kid


def test_a_key_file_starts_a_process() -> None:
    """P: an entry of ten hours gives a stale set; one of a day gives none."""
    fake = Rig().fake
    raw = json.dumps(fake.jwks()).encode()
    wall = Rig().clock.wall
    url = Rig().original.url
    rig = Rig(fake=fake, entries=[KeyFileEntry(url, wall - 10 * HOUR, raw)])
    assert rig.keys.health(rig.clock())["state"] == "stale"
    caller = rig.call(rig.kid)
    fail_all(rig)
    assert caller.step().kid == rig.kid
    assert LIFETIMES.max_stale == 24 * HOUR


def test_the_first_hit_of_an_aged_key_file_loads_the_client_in_steps() -> None:
    """F, P: `key_now` leaves that to `resolve`, so that others run; then hits refresh by themselves."""
    fake = Rig().fake
    entry = KeyFileEntry(Rig().updated.url, Rig().clock.wall - 1000.0, json.dumps(fake.jwks()).encode())
    rig = Rig(fake=fake, entries=[entry])
    rig.fetch.steps = 2
    assert rig.key() is None
    assert rig.out() == []
    assert rig.call(rig.kid).outcome.kid == rig.kid
    assert rig.out() == ["updated", "replica", "original"]
    assert rig.key() is not None


def test_warm_waits_for_the_callback_of_its_end() -> None:
    """Or a process that ends because of an outage would end before its log says why (B1)."""
    waits: list[object] = []

    class Telling(Rig):
        def _emit(self, emitted: Collection[events.Event]) -> None:
            super()._emit(emitted)
            if any(isinstance(event, events.KeysUnusable) for event in emitted):
                caller.step()
                waits.append(caller.waiting and caller.seconds <= TELLING_SECONDS)

    rig = Telling()
    caller = rig.warm()
    for kind in rig.out():
        rig.land(kind, DOWN)
    assert waits == [True]
    assert isinstance(caller.step(), KeysUnavailable)


def test_warm_waits_for_no_hook_beyond_its_time() -> None:
    """A hook that blocks costs it a quarter of a second, and never more than it has."""
    rig = Rig()
    caller = rig.warm(timeout=2.0)
    for kind in rig.out():
        rig.land(kind, DOWN)
    rig.coordinator.hooks_done = Future()
    caller.step()
    assert caller.seconds == TELLING_SECONDS
    assert isinstance(caller.step(), KeysUnavailable)
    late = rig.warm(timeout=0.0)
    assert isinstance(late.outcome, KeysUnavailable)


# --- Whether a pool is ready


def test_a_process_without_callers_gets_ready() -> None:
    """Not ready before the first keys; each look begins what a caller would, and one at a time."""
    rig = Rig()
    assert [rig.keys.ready(rig.clock()) for _ in range(5)] == [False] * 5
    assert rig.out() == ["updated", "replica", "original"]
    assert rig.threads.background == [True] * 3
    rig.land("replica")
    assert rig.keys.ready(rig.clock()) is True
    assert len(rig.threads.asked) == 3


@pytest.mark.parametrize(
    ("age", "ready", "asked"),
    [
        pytest.param(0, True, 0, id="fresh"),
        pytest.param(1800, True, 3, id="aged"),
        pytest.param(7200, True, 3, id="stale"),
        pytest.param(86399, True, 3, id="the last second"),
        pytest.param(86400, False, 3, id="expired"),
    ],
)
def test_readiness_by_the_age_of_the_set(age: float, ready: bool, asked: int) -> None:
    """B3: stale keys count, expired ones do not; a refresh is begun where a hit would, and nobody waits."""
    rig = Rig()
    rig.fill()
    rig.later(age)
    assert rig.keys.ready(rig.clock()) is ready
    assert len(rig.out()) == asked


def test_readiness_in_an_outage() -> None:
    """Ready until `max_stale`, not after; then asked again within 2 s of a failure (R6)."""
    rig = Rig()
    rig.fill()
    for age, ready in ((3600, True), (43200, True), (86399 - 46800, True), (1, False), (60, False)):
        rig.later(age)
        assert rig.keys.ready(rig.clock()) is ready, rig.clock()
        for kind in rig.out():
            rig.land(kind, DOWN)
    rig.later(2.0)
    assert rig.keys.ready(rig.clock()) is False
    assert rig.out() == ["updated", "replica", "original"]
    rig.land("replica")
    assert rig.keys.ready(rig.clock()) is True


def test_a_look_of_a_probe_fails_the_refresh_of_a_stale_set() -> None:
    """R: what a probe has found failing, callers do not wait for once more."""
    rig = Rig()
    key = rig.fill()
    rig.later(7200)
    assert rig.keys.ready(rig.clock()) is True
    for kind in rig.out():
        rig.land(kind, DOWN)
    assert rig.call(rig.kid).outcome is key


def test_a_set_in_quarantine_is_not_ready_and_asked_about_once_a_minute() -> None:
    """K3: no caller comes, so the probe asks; it is ready when the endpoints agree again."""
    rig = Rig()
    rig.fill()
    twins = {"keys": [rig.fake.impostor(key.kid).jwk() for key in rig.fake.keys]}
    rig.warm()
    rig.land("updated", json.dumps(twins).encode())
    rig.land("original")
    rig.land("replica")
    for _ in range(3):
        assert rig.keys.ready(rig.clock()) is False
    assert rig.out() == ["updated", "replica", "original"]
    rig.land("updated")
    assert rig.keys.ready(rig.clock()) is True
    rig.later(61)
    assert rig.keys.ready(rig.clock()) is True


@pytest.mark.parametrize("way", ["close", "fork"])
def test_readiness_after_the_end_and_in_a_child(way: str) -> None:
    """Stored keys count there, too. What is closed asks nobody any more; a child asks for itself."""
    rig = Rig()
    rig.fill()
    getattr(rig, way)()
    rig.later(7200)
    assert rig.keys.ready(rig.clock()) is True
    assert len(rig.out()) == (0 if way == "close" else 3)
    rig.later(86400)
    assert rig.keys.ready(rig.clock()) is False


def test_an_offline_pool_is_ready_by_its_keys_alone() -> None:
    """It requests nothing, and never raises."""
    seeded = Rig(jwks=Rig().fake.jwks(), offline=True)
    empty = Rig(key_file="keys.json", offline=True)
    for rig, ready in ((seeded, True), (empty, False)):
        rig.later(1e7)
        assert rig.keys.ready(rig.clock()) is ready
        assert rig.out() == []


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), ImportError("no httpx")])
def test_readiness_where_nothing_can_be_loaded(error: Exception) -> None:
    """FI-64: not ready, and no error; ready once a descriptor is free again."""
    rig = Rig()
    rig.fetch.unready = error
    assert [rig.keys.ready(rig.clock()) for _ in range(3)] == [False] * 3
    rig.fetch.unready = None
    rig.later(1.0)
    assert rig.keys.ready(rig.clock()) is False
    rig.land("original")
    assert rig.keys.ready(rig.clock()) is True


def test_a_clock_that_jumps_back_leaves_it_ready() -> None:
    """R7: a wall clock that was a day ahead for a moment has expired nothing."""
    rig = Rig()
    rig.fill()
    rig.clock.jump_wall(2 * 86400)
    assert rig.keys.ready(rig.clock()) is False
    rig.clock.jump_wall(-2 * 86400)
    assert rig.keys.ready(rig.clock()) is True
