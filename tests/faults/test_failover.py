"""The main job, end to end over real sockets: no valid token refused, no forged one accepted.

Each test is one promise of the library ("what it must show"). Timeouts are real seconds; the ages of keys
come from an injected clock. `test_concurrency.py` has the crowds and the forks.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.crowd import outcome
from support.fetches import landed

from cognito_mr_auth import Principal, Verifier, events
from cognito_mr_auth.errors import AuthError, KeysUnavailable, KeyUnknown, SignatureInvalid, TokenRejected
from cognito_mr_auth.testing import FakeClock, FakeEndpoints, FakeUserPool

KINDS = ("original", "replica", "updated")
HOUR = 3600.0


def run_sync(verifier: Verifier, token: str) -> Principal:
    """As a thread calls it."""
    return verifier.verify(token)


def run_async(verifier: Verifier, token: str) -> Principal:
    """As a task on a loop calls it."""
    return asyncio.run(verifier.averify(token))


both = pytest.mark.parametrize("run", [run_sync, run_async], ids=["sync", "async"])
Run = Callable[[Verifier, str], Principal]


@contextmanager
def serving(**options: object) -> Iterator[tuple[FakeUserPool, FakeEndpoints, FakeClock]]:
    """A pool, its endpoints on loopback, and the clock of both the pool and its verifiers."""
    clock = FakeClock()
    pool = FakeUserPool(clock=clock, **options)  # type: ignore[arg-type]
    with pool.serve() as endpoints:
        yield pool, endpoints, clock


class EventRecorder:
    """An `on_event` hook that can be waited for."""

    def __init__(self) -> None:
        self.all: list[events.Event] = []
        self._changed = threading.Condition()

    def __call__(self, event: events.Event) -> None:
        with self._changed:
            self.all.append(event)
            self._changed.notify_all()

    def count(self, kind: type[events.Event]) -> int:
        return sum(isinstance(event, kind) for event in self.all)

    def wait(self, kind: type[events.Event], count: int = 1, timeout: float = 10.0) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.count(kind) >= count, timeout), self.all


@both
def test_one_cold_fetch_serves_every_issuer_and_both_kinds_of_token(run: Run) -> None:
    """Three issuers, access and ID tokens, one pool: one cold fetch in all (show 1)."""
    with serving() as (pool, endpoints, _), pool.verifier("any") as verifier:
        started = time.monotonic()
        run(verifier, pool.access_token())
        slow_machine = time.monotonic() - started >= 0.2  # then the hedge has asked a second one
        for kind in KINDS:
            assert run(verifier, pool.access_token(issuer=kind)).issuer.kind == kind
            assert run(verifier, pool.id_token(issuer=kind)).token_use == "id"
        assert run(verifier, pool.machine_token()).is_machine
        assert endpoints.requests == 1 or slow_machine
        assert max(each.requests for each in endpoints) == 1


@both
@pytest.mark.parametrize("fault", ["hang", "drip", "drip_headers", "stall"])
def test_a_cold_start_does_not_wait_for_a_hanging_region(run: Run, fault: str) -> None:
    """First token verified in under 600 ms while the preferred endpoint hangs (show 2)."""
    with serving() as (pool, endpoints, _), pool.verifier() as warm:
        warm.warm()  # imports and connections of the test itself are not the promise
        endpoints.updated.fail(fault)
        with pool.verifier() as verifier:
            started = time.monotonic()
            run(verifier, pool.access_token())
            assert time.monotonic() - started < 0.6


@pytest.mark.parametrize("fault", ["refuse", "reset", 403, 404, 429, 500, 503, "redirect", "garbage", "html"])
def test_a_cold_start_goes_on_at_once_after_an_error(fault: str | int) -> None:
    """An endpoint that answers badly costs no hedging delay (R2)."""
    with serving() as (pool, endpoints, _), pool.verifier() as verifier:
        endpoints.updated.fail(fault)
        endpoints.original.fail(fault)
        assert verifier.verify(pool.access_token()).subject
        assert endpoints.replicas["us-east-1"].requests == 1


def test_a_key_file_of_ten_hours_starts_a_process_in_an_outage(tmp_path: Path) -> None:
    """Every endpoint down, key file ten hours old: verified, warm() passes, health says stale (2)."""
    path = tmp_path / "keys.json"
    with serving() as (pool, endpoints, clock):
        with pool.verifier(pool=pool.user_pool(key_file=path)) as first:
            first.warm()
        clock.advance(10 * HOUR)
        endpoints.fail("refuse")
        with pool.verifier(pool=pool.user_pool(key_file=path)) as verifier:
            verifier.warm()
            assert verifier.verify(pool.access_token()).subject
            health = verifier.health()
            assert health["healthy"] is False
            assert health["providers"][pool.user_pool_id]["state"] == "stale"


def test_a_known_kid_costs_no_io_in_an_outage_of_an_hour() -> None:
    """All endpoints down, set 59 minutes old: served at once, without request-path I/O (show 3)."""
    with serving() as (pool, endpoints, clock), pool.verifier(cache_size=0) as verifier:
        verifier.warm()
        endpoints.fail("hang")
        clock.advance(59 * 60)
        started = time.monotonic()
        for _ in range(50):
            verifier.verify(pool.access_token())
        assert time.monotonic() - started < 1.0
        assert verifier.health()["providers"][pool.user_pool_id]["state"] == "aged"


@both
def test_a_set_of_three_hours_makes_the_callers_of_one_refresh_wait_once(run: Run) -> None:
    """Nothing answers, set three hours old: its callers wait for one second of silence, once (W7, show 3)."""
    with serving() as (pool, endpoints, clock), pool.verifier(cache_size=0) as verifier:
        verifier.warm()
        endpoints.fail("hang")
        clock.advance(3 * HOUR)
        started = time.monotonic()
        run(verifier, pool.access_token())
        assert 0.9 < time.monotonic() - started < 1.6
        started = time.monotonic()
        for _ in range(20):
            run(verifier, pool.access_token())
        assert time.monotonic() - started < 1.0


def test_an_expired_set_is_an_outage_and_never_a_bad_token() -> None:
    """Past max_stale with all endpoints down: a caller waits its time, then 503; then recovery (R, W7)."""
    with serving() as (pool, endpoints, clock), pool.verifier() as verifier:
        verifier.warm()
        endpoints.fail("refuse")
        clock.advance(25 * HOUR)
        started = time.monotonic()
        with pytest.raises(KeysUnavailable) as refusal:
            verifier.verify(pool.access_token(), timeout=1.5)
        assert 1.0 < time.monotonic() - started < 2.0  # on through the silence, since nobody else waits
        assert refusal.value.status == 503
        assert refusal.value.retry_after >= 1
        endpoints.heal()
        clock.advance(3)
        assert verifier.verify(pool.access_token()).subject


@both
def test_a_lagging_replica_cannot_hide_a_new_key(run: Run) -> None:
    """The first to answer lacks the new kid: accepted from the primary, in the same call (show 5)."""
    with serving() as (pool, endpoints, _), pool.verifier() as verifier:
        verifier.warm()
        endpoints.updated.fail("old_keys")
        endpoints.replicas["us-east-1"].fail("old_keys")
        pool.rotate()
        assert run(verifier, pool.access_token()).subject
        assert run(verifier, pool.access_token(issuer="replica")).subject


def test_a_lagging_replica_cannot_take_a_key_away() -> None:
    """A lost Region cannot take the old keys, a lagging one not the new ones (K1)."""
    with serving() as (pool, endpoints, clock), pool.verifier() as verifier:
        old = pool.access_token(expires_in=6 * HOUR)
        pool.rotate()
        verifier.warm()
        new = pool.access_token(expires_in=6 * HOUR)
        endpoints.fail("refuse")
        clock.advance(50 * 60)
        assert verifier.verify(new).subject
        assert verifier.verify(old).subject


@both
def test_a_rotation_gets_in_while_a_region_hangs(run: Run) -> None:
    """The primary holds the refresh up; the replica is asked again for the later caller (R3)."""
    with serving() as (pool, endpoints, _), pool.verifier() as verifier:
        verifier.warm()
        endpoints.updated.fail("hang")
        endpoints.original.fail("hang")
        replica = endpoints.replicas["us-east-1"]
        with ThreadPoolExecutor(1) as executor:
            forged = pool.access_token(signed_by="unknown")
            job = executor.submit(lambda: outcome(lambda: verifier.verify(forged)))
            assert replica.asked(2)  # by `warm`, and for the forged kid
            landed_at = time.monotonic()
            pool.rotate()
            assert run(verifier, pool.access_token()).subject
            assert time.monotonic() - landed_at < 1.0
            assert job.result(10) == "key_unconfirmed"  # the primary, which may list it, hangs
        assert replica.requests == 3


def test_a_flood_of_forged_kids_buys_little_and_a_rotation_still_gets_in() -> None:
    """At most 2 + T/5 refreshes in T s; a real rotation is accepted within 6 s (show 6)."""
    recorder = EventRecorder()
    with serving() as (pool, endpoints, clock), pool.verifier(on_event=recorder) as verifier:
        verifier.warm()
        endpoints.updated.fail("refuse")
        endpoints.original.fail("refuse")
        healthy = endpoints.replicas["us-east-1"]
        before = healthy.requests
        known = pool.access_token(expires_in=HOUR)
        seconds, rotated_at, accepted_at, rejected = 60, 30, None, 0
        for second in range(seconds):
            if second == rotated_at:
                pool.rotate()
                fresh = pool.access_token(expires_in=HOUR)
            for _ in range(5):
                with pytest.raises(KeysUnavailable) as refusal:
                    verifier.verify(pool.access_token(signed_by="unknown"))
                assert refusal.value.reason == "key_unconfirmed"  # two that may list it are down (R3)
            if second >= rotated_at and accepted_at is None:
                try:
                    verifier.verify(fresh)
                    accepted_at = second
                except KeysUnavailable:
                    rejected += 1
            verifier.verify(known)
            clock.advance(1.0)
        assert accepted_at is not None
        assert accepted_at - rotated_at == rejected <= 6
        assert healthy.requests - before <= 2 + seconds / 5
        assert recorder.count(events.RateLimitReached) >= 1


def test_tokens_that_could_not_pass_anyway_spend_nothing() -> None:
    """An expired token, another client's, another kind's: KeyUnknown at once, no request (R5)."""
    with serving() as (pool, endpoints, _), pool.verifier() as verifier:
        verifier.warm()
        before = endpoints.requests
        hopeless = [
            pool.access_token(signed_by="unknown", expires_in=-60),
            pool.access_token(signed_by="unknown", client_id="another9client"),
            pool.id_token(signed_by="unknown"),
            pool.access_token(signed_by="unknown", audience="https://elsewhere.example"),
        ]
        for token in hopeless:
            with pytest.raises(KeyUnknown):
                verifier.verify(token)
        assert endpoints.requests == before


def test_hits_alone_refresh_the_keys_and_drop_a_withdrawn_one() -> None:
    """Only cache hits for an hour: the refresh happens, a withdrawn key's token is refused (7)."""
    with serving() as (pool, endpoints, clock), pool.verifier() as verifier:
        verifier.warm()
        token = pool.access_token(expires_in=3 * HOUR)
        first = verifier.verify(token)
        pool.rotate()
        pool.withdraw()
        refused_at = None
        for minute in range(1, 61):
            clock.advance(60.0)
            try:
                assert verifier.verify(token) is first
            except KeyUnknown:
                refused_at = minute
                break
            landed()  # a due hit has begun a background refresh: let it end
        assert refused_at is not None
        assert 13 <= refused_at <= 18
        assert endpoints.requests > 3


BAD_DOCUMENTS: dict[str, dict[str, object]] = {
    "no keys": {"mode": "empty_keys"},
    "HTML with status 200": {"mode": "html"},
    "one odd member": {"mode": "odd_member"},
    "an empty body": {"mode": "empty"},
    "a body cut short": {"mode": "truncated"},
    "a body over 64 KiB": {"mode": "huge"},
    "an array": {"mode": "custom", "body": b"[]"},
    "keys that are no list": {"mode": "custom", "body": b'{"keys":{}}'},
    "a member that is no object": {"mode": "custom", "body": b'{"keys":[1,null,"x",[]]}'},
    "UTF-16": {"mode": "custom", "body": '{"keys":[]}'.encode("utf-16")},
    "status 206": {"mode": "custom", "body": b'{"keys":[]}', "status": 206},
}


@pytest.mark.parametrize("options", BAD_DOCUMENTS.values(), ids=BAD_DOCUMENTS)
def test_a_bad_document_leaves_the_good_keys_in_place(options: dict[str, object]) -> None:
    """Failures evict no key (K1, K4, show 8)."""
    with serving() as (pool, endpoints, clock), pool.verifier() as verifier:
        verifier.warm()
        settings = dict(options)
        endpoints.fail(settings.pop("mode"), **settings)  # type: ignore[arg-type]
        clock.advance(20 * 60)
        verifier.warm()
        assert verifier.verify(pool.access_token()).subject
        assert verifier.verify(pool.access_token(issuer="replica")).subject


def test_a_key_whose_private_half_was_served_is_compromised_and_the_others_stay() -> None:
    """Private members make their public half unusable for the pool, and cause an event (T5, show 8)."""
    recorder = EventRecorder()
    with serving() as (pool, endpoints, _), pool.verifier("any", on_event=recorder) as verifier:
        compromised, kept = pool.access_key, pool.id_key
        document = {"keys": [compromised.jwk(private=True), kept.jwk()]}
        endpoints.original.fail("custom", body=json.dumps(document).encode())
        verifier.warm()
        assert verifier.verify(pool.id_token()).subject
        with pytest.raises(TokenRejected):
            verifier.verify(pool.access_token())
        recorder.wait(events.KeyExposed)


@pytest.mark.parametrize("later", [0.0, 23 * HOUR], ids=["at-once", "almost-a-day-later"])
@pytest.mark.parametrize("healed", [False, True], ids=["in-an-outage", "healed"])
def test_an_exposed_key_stays_unusable_over_a_restart(later: float, healed: bool, tmp_path: Path) -> None:
    """Whatever the endpoints serve later, and though the key file has good answers of the others (T5)."""
    recorder = EventRecorder()
    with serving() as (pool, endpoints, clock):
        settings, token = pool.user_pool(key_file=tmp_path / "keys.json"), pool.access_token()
        with pool.verifier(pool=settings) as verifier:
            verifier.warm()
            assert verifier.verify(token).subject
            endpoints.original.fail("private_key")
            clock.advance(20 * 60)
            with pytest.raises(KeysUnavailable):
                verifier.warm()
            endpoints.original.heal()
            with pytest.raises(KeysUnavailable):
                verifier.warm()
            with pytest.raises(AuthError):
                verifier.verify(token, timeout=0.0)
            assert verifier.health()["healthy"] is False
        if not healed:
            endpoints.fail("refuse")
        clock.advance(later)
        with pool.verifier(pool=settings, on_event=recorder) as verifier:
            recorder.wait(events.KeyExposed)
            with pytest.raises(AuthError) as refusal:
                verifier.verify(pool.access_token(), timeout=0.5)
            assert refusal.value.status == 503


def test_a_healthy_process_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A start, a refresh, a rotation, an updated issuer that is not enabled: DEBUG records alone (B1, K5)."""
    caplog.set_level(logging.DEBUG, "cognito_mr_auth")
    recorder = EventRecorder()
    with (
        serving(updated_enabled=False) as (pool, _, clock),
        pool.verifier(on_event=recorder) as verifier,
    ):
        verifier.warm()
        recorder.wait(events.EndpointDisabled)
        pool.rotate()
        assert verifier.verify(pool.access_token()).subject
        clock.advance(20 * 60)
        assert verifier.verify(pool.access_token()).subject
        recorder.wait(events.FetchSucceeded, 5)
        verifier.health()
    ours = [record for record in caplog.records if record.name.startswith("cognito_mr_auth")]
    assert {record.levelname for record in ours} == {"DEBUG"}


def test_two_regions_that_contradict_each_other_quarantine_that_kid_alone() -> None:
    """Same kid, other material in two Regions: 503 for that kid, the others work (K3, show 8)."""
    recorder = EventRecorder()
    with serving() as (pool, endpoints, _), pool.verifier("any", on_event=recorder) as verifier:
        endpoints.replicas["us-east-1"].fail("conflict", kid=pool.access_key.kid)
        verifier.warm()
        for token in (pool.access_token(), pool.access_token(signed_by="foreign")):
            with pytest.raises(KeysUnavailable) as refusal:
                verifier.verify(token)
            assert refusal.value.status == 503
        assert verifier.verify(pool.id_token()).subject
        recorder.wait(events.KeyQuarantined)


def test_no_forged_token_passes_in_any_state_of_the_keys() -> None:
    """A foreign signature under a known kid is invalid while fresh, aged, stale and in an outage."""
    with serving() as (pool, endpoints, clock), pool.verifier() as verifier:
        verifier.warm()
        for step in (0.0, 20 * 60, HOUR, 10 * HOUR):
            clock.advance(step)
            if step:
                endpoints.fail("refuse")
            with pytest.raises(SignatureInvalid):
                verifier.verify(pool.access_token(signed_by="foreign"))
            assert verifier.verify(pool.access_token()).subject


def test_an_updated_issuer_that_is_not_enabled_is_disabled_and_no_outage() -> None:
    """403 from the updated endpoint: neither answer nor failure; it is disabled for an hour (K5)."""
    recorder = EventRecorder()
    with (
        serving(updated_enabled=False) as (pool, endpoints, clock),
        pool.verifier(on_event=recorder) as verifier,
    ):
        verifier.warm()
        recorder.wait(events.EndpointDisabled)
        assert verifier.health()["healthy"] is True
        clock.advance(20 * 60)
        verifier.verify(pool.access_token())
        recorder.wait(events.FetchSucceeded, 4)
        assert endpoints.updated.requests == 1


def test_an_outage_differs_from_a_bad_token_by_type_and_status() -> None:
    """Nothing was ever fetched and no endpoint answers: 503 for good and forged tokens alike (E)."""
    with serving() as (pool, endpoints, _), pool.verifier() as verifier:
        endpoints.fail(500)
        for token in (pool.access_token(), pool.access_token(signed_by="foreign")):
            with pytest.raises(AuthError) as refusal:
                verifier.verify(token, timeout=0.1)
            assert isinstance(refusal.value, KeysUnavailable)
            assert "500" in (refusal.value.hint or "")
