"""`RemoteKeySet`: one caller's way through the table of rule R, step by step on the test's own thread."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.rig import DOWN, LIFETIMES, Caller, Rig

from cognito_mr_auth import events
from cognito_mr_auth._jwks.model import FetchError, KeyFileEntry
from cognito_mr_auth._jwks.schedule import MAX_UNKNOWN_KID_WAITERS
from cognito_mr_auth.errors import KeysUnavailable, KeyUnknown

HOUR = 3600.0
URL = "https://keys.example/jwks.json"


def fail_all(rig: Rig) -> None:
    """Every pending attempt fails, and so do those that follow it."""
    while rig.out():
        rig.land(rig.out()[0], DOWN)


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
    assert rig.out() == ["updated", "original", "replica"]


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
    """R: empty or expired, and no endpoint answers: KeysUnavailable, at once while all are in back-off."""
    rig = Rig()
    if expired:
        rig.fill()
        rig.later(86401)
    caller = rig.call(rig.kid)
    fail_all(rig)
    assert isinstance(caller.step(), KeysUnavailable)
    assert "connect" in caller.outcome.hint
    assert isinstance(rig.call(rig.kid).outcome, KeysUnavailable)
    assert rig.out() == []


def test_the_timeout_ends_with_503() -> None:
    """R1: a caller waits `timeout` at most; the refresh outlives it and its answer counts."""
    rig = Rig()
    caller = rig.call(rig.kid, timeout=1.0)
    rig.later(1.0)
    assert isinstance(caller.step(), KeysUnavailable)
    rig.land("updated")
    assert rig.key() is not None


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
    assert rig.out() == ["updated", "original"]
    rig.later(0.2)
    caller.step()
    assert rig.out() == ["updated", "original", "replica"]
    assert caller.seconds == pytest.approx(1.59)  # no endpoint is left to ask: until the timeout ends


def test_the_next_endpoint_at_once_on_an_error() -> None:
    """R2: an error does not wait for the hedge."""
    rig = Rig()
    caller = rig.call(rig.kid)
    rig.land("updated", DOWN)
    assert rig.out() == ["original"]
    rig.land("original")
    assert caller.step().kid == rig.kid
    assert rig.out() == []


def test_the_next_endpoint_at_once_on_an_answer_without_the_kid() -> None:
    """R2, K1: a lagging endpoint's answer is published, and the next is asked at once."""
    rig = Rig()
    old = rig.jwks()
    rig.fake.rotate()
    caller = rig.call(rig.kid)
    rig.land("updated", old)
    assert rig.out() == ["original"]
    assert caller.step() is None
    rig.land("original")
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
    """R3: 401 only after every endpoint asked has answered or failed."""
    rig = Rig()
    caller = unknown_kid(rig)
    rig.land("updated")
    assert caller.step() is None
    rig.land("original", DOWN)
    assert caller.step() is None
    rig.land("replica")
    assert isinstance(caller.step(), KeyUnknown)
    assert not rig.keys._unknown_kid_waiters


def test_an_unknown_kid_is_503_when_nobody_has_answered() -> None:
    """R3: no endpoint answered, so the kid may exist: 503."""
    rig = Rig()
    caller = unknown_kid(rig)
    fail_all(rig)
    assert isinstance(caller.step(), KeysUnavailable)


def test_a_rotation_is_found() -> None:
    """R3: a key rotated in is found by one refresh."""
    rig = Rig()
    rig.fill()
    rig.fake.rotate()
    caller = rig.call(rig.kid)
    rig.land("updated")
    assert caller.step().kid == rig.kid


def test_an_older_refresh_is_no_proof() -> None:
    """R3: a caller that joined an older refresh begins one more, whose answer decides."""
    rig = Rig()
    first = unknown_kid(rig)
    for _ in range(2):
        rig.later(0.2)
        first.step()
    assert rig.out() == ["updated", "original", "replica"]
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


def test_one_more_refresh_only() -> None:
    """R3: the second refresh failed as well: 503, and no third one begins."""
    rig = Rig()
    caller = rig.call(rig.kid)
    joined = rig.call(rig.kid)
    rig.land("updated", DOWN)
    rig.land("original", DOWN)
    rig.land("replica", DOWN)
    assert isinstance(caller.step(), KeysUnavailable)
    rig.later(1.9)
    assert joined.step() is None
    fail_all(rig)
    assert isinstance(joined.step(), KeysUnavailable)


def test_requests_after_the_caller_came_are_proof() -> None:
    """R3: in a joined refresh, one answer to a request begun after the caller came is enough."""
    rig = Rig()
    first = unknown_kid(rig)
    second = rig.call("unknown")
    for _ in range(3):
        rig.land(rig.out()[0])
    assert isinstance(second.step(), KeyUnknown)
    assert isinstance(first.step(), KeyUnknown)


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
        assert isinstance(rig.call("unknown").outcome, KeyUnknown)
    assert len(rig.threads.asked) == 6
    assert len(rig.events_of(events.RateLimitReached)) == 1
    rig.later(5)
    assert rig.call("unknown").waiting
    fail_all(rig)
    assert isinstance(rig.call("unknown").outcome, KeysUnavailable)  # the last refresh got no answer
    assert len(rig.events_of(events.RateLimitReached)) == 2


def test_32_waiters() -> None:
    """R4: the 33rd caller that waits for an unknown kid is answered at once; leaving makes room."""
    rig = Rig()
    rig.fill()
    waiting = [rig.call(f"unknown {number}") for number in range(MAX_UNKNOWN_KID_WAITERS)]
    assert all(caller.waiting for caller in waiting)
    assert isinstance(rig.call("one more").outcome, KeyUnknown)
    assert len(rig.events_of(events.RateLimitReached)) == 1
    waiting[0].steps.close()
    assert rig.call("one more").waiting


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
    rig.land("original", FetchError("status", status=503, retry_after=30))
    rig.land("replica", FetchError("status", status=503, retry_after=40))
    assert isinstance(caller.step(), KeysUnavailable)
    rig.later(10)
    caller = rig.call("unknown")
    assert rig.out() == ["original"]
    rig.land("original")
    assert isinstance(caller.step(), KeyUnknown)


@pytest.mark.parametrize("silent", [False, True], ids=["the awake one fails", "the awake one is silent"])
def test_a_back_off_that_outlasts_its_cause_keeps_no_new_key_out(silent: bool) -> None:
    """R6: while no other answers, an unknown kid also asks the endpoint whose back-off ends first."""
    rig = Rig()
    rig.fill()
    rig.call("unknown")
    rig.land("updated")
    rig.land("original", FetchError("status", status=503, retry_after=50))
    rig.land("replica", FetchError("status", status=503, retry_after=40))
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


def test_an_endpoint_in_back_off_is_left_alone_where_another_has_answered() -> None:
    """R6, R3: a forged kid is 401 at the first answer, and asks no endpoint in back-off."""
    rig = Rig()
    rig.fill()
    rig.call("unknown")
    rig.land("updated")
    rig.land("original", DOWN)
    rig.land("replica", DOWN)
    rig.later(0.5)
    caller = rig.call("forged")
    rig.land("updated")
    assert isinstance(caller.step(), KeyUnknown)
    assert rig.out() == []


# --- Stale


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
    assert rig.out() == ["updated", "original", "replica"]
    rig.land("updated")
    rig.later(HOUR + 1)
    assert rig.key() is None  # a success has ended stale-if-error


def test_stale_is_served_after_two_seconds_of_silence() -> None:
    """R: silence as long as a caller waits is a failure for later callers."""
    rig = Rig()
    stale(rig)
    waiting = rig.call(rig.kid, timeout=4.0)
    early = rig.call(rig.kid, timeout=4.0)
    rig.later(2.0)
    assert waiting.step() is None
    assert waiting.seconds == 0.001
    assert waiting.woken
    assert early.woken
    assert waiting.step().kid == rig.kid
    assert early.step().kid == rig.kid


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


def test_an_answer_after_the_deadline_is_thrown_away() -> None:
    """R7: what comes after 5 s is not stored."""
    rig = Rig()
    rig.call(rig.kid)
    rig.later(5.5)
    rig.land("updated")
    assert rig.key() is None
    assert rig.out() == []  # the refresh is over: it asks no other endpoint


def test_a_failure_after_the_deadline_is_a_failure() -> None:
    """R6: slow is not frozen, so the endpoint gets a back-off."""
    rig = Rig()
    rig.call(rig.kid)
    rig.later(5.5)
    rig.land("updated", DOWN)
    assert rig.key_set.states[rig.updated.url].failures == 1


def test_a_refresh_past_its_deadline_is_a_timeout() -> None:
    """R1: the next caller ends it, and pending attempts count as failed; their answers are discarded."""
    rig = Rig()
    rig.call(rig.kid)
    rig.later(5.0)
    caller = rig.call(rig.kid)
    assert [each.reason for each in rig.events_of(events.FetchFailed)] == ["timeout"]
    assert rig.out() == ["updated", "original"]
    rig.land("updated")
    assert rig.key() is None
    rig.land("original")
    assert caller.step().kid == rig.kid


@pytest.mark.parametrize("landed_first", [False, True])
def test_a_freeze_is_no_failure(landed_first: bool) -> None:
    """R6, R7: a freeze of an hour during a refresh is no failure; the caller starts again, three times."""
    rig = Rig()
    caller = rig.call(rig.kid)
    for _ in range(3):
        rig.clock.freeze(HOUR)
        if landed_first:
            rig.land(rig.out()[0], DOWN)
        assert caller.step() is None
        assert rig.key_set.states[rig.updated.url].failures == 0
        assert caller.waiting
    rig.clock.freeze(HOUR)
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
    assert caller.outcome.kid == rig.kid


# --- K3: contradictions


def test_a_quarantined_kid_is_503_and_asked_about_once_a_minute() -> None:
    """K3: 503, nothing is taken from the rate limit, and endpoints are asked at most once a minute."""
    rig = Rig()
    kid = conflict(rig)
    assert [each.kid for each in rig.events_of(events.KeyQuarantined)] == [kid]
    rate_limit = rig.keys._rate_limit
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
    assert rig.keys._rate_limit == rate_limit
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


def test_offline_asks_nobody() -> None:
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
    assert rig.key() is not None
    assert rig.coordinator.current is None
    rig.threads.full_for_background = False
    rig.key()
    assert len(rig.out()) == 3


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


@pytest.mark.parametrize("kid", ["unknown", "known"])
def test_hanging_endpoints_are_an_outage(kid: str) -> None:
    """R3, E: two requests hang at every endpoint: an unknown kid is 503, a stale one is served."""
    rig = Rig()
    stale(rig)
    rig.threads.refuse = dict.fromkeys((each.url for each in rig.pool._key_set_config.endpoints), "busy")
    if kid == "unknown":
        assert isinstance(rig.call("unknown").outcome, KeysUnavailable)
    else:
        assert rig.call(rig.kid).outcome.kid == rig.kid


def test_a_refresh_that_ends_while_it_is_joined() -> None:
    """R1: the last endpoints turn out to hang: the joining caller's wait has ended already."""
    rig = Rig()
    rig.threads.full = True
    rig.call(rig.kid)
    rig.threads.full = False
    rig.threads.refuse = dict.fromkeys((each.url for each in rig.pool._key_set_config.endpoints), "busy")
    caller = rig.call(rig.kid)
    assert caller.seconds == 0.001
    assert caller.woken
    assert isinstance(caller.step(), KeysUnavailable)


def test_a_foreground_caller_lifts_a_background_refresh() -> None:
    """F: a waiter does not queue behind background work."""
    rig = Rig()
    rig.fill()
    rig.later(901)
    rig.key()
    rig.call("unknown")
    assert rig.coordinator.current is not None
    assert not rig.coordinator.current.background


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
    assert rig.out() == ["updated", "original", "replica"]
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


def test_warming_past_the_deadline_of_the_refresh() -> None:
    """R1: the refresh has 5 s; a longer wait ends with it."""
    rig = Rig()
    caller = rig.warm(10.0)
    rig.later(5.0)
    assert isinstance(caller.step(), KeysUnavailable)
    assert len(rig.events_of(events.FetchFailed)) == 3


def test_warming_a_refresh_that_another_caller_ended() -> None:
    """R1: another caller ended the refresh, and a new one is under way: this wait is over."""
    rig = Rig()
    caller = rig.warm(10.0)
    rig.later(5.0)
    rig.later(60.0)
    rig.call(rig.kid)
    assert isinstance(caller.step(), KeysUnavailable)


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
