"""Regions that flap, roll back, contradict each other or come back; keys that change (FI-41..49)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from faults.cell import HOUR, PATIENTLY, RESTED, SOON, EventRecorder, Place, at_once, said
from faults.endpoints import act
from support.fetches import landed

from cognito_mr_auth import Verifier, events
from cognito_mr_auth.testing._endpoints.exchange import Exchange
from cognito_mr_auth.testing._endpoints.faults import Action, jwks_body
from cognito_mr_auth.testing._endpoints.release import Release

CYCLE = HOUR / 3
DAYS_LONG = 12 * HOUR


@pytest.fixture
def recorder() -> EventRecorder:
    """The events of the verifier under test."""
    return EventRecorder()


@pytest.fixture
def verifier(place: Place, recorder: EventRecorder) -> Iterator[Verifier]:
    """A warm verifier with all endpoints well; afterwards they are well again."""
    with place.verifier(on_event=recorder) as one:
        one.warm(timeout=SOON)
        recorder.all.clear()
        yield one
    landed()
    place.heal()


def count(recorder: EventRecorder, kind: type[events.Event]) -> int:
    """How many events of that type there were."""
    return sum(isinstance(each, kind) for each in recorder.all)


def alternating(good: bytes) -> Action:
    """503 and 200 in turns."""
    turns = iter(range(10**6))

    def action(exchange: Exchange, _release: Release) -> None:
        if next(turns) % 2:
            exchange.reply(200, good)
        else:
            exchange.reply(503)

    return action


def test_flapping_endpoints_are_a_steady_service(
    place: Place, recorder: EventRecorder, verifier: Verifier
) -> None:
    """Each endpoint answers 503 and 200 in turns: no caller waits, few requests, few events (FI-48, R6)."""
    for endpoint in place.endpoints:
        act(alternating(jwks_body(place.pool.jwks())))(endpoint)
    before, cycles = place.endpoints.requests, 20
    for _ in range(cycles):
        place.clock.advance(CYCLE)
        for _ in range(3):
            for _ in range(5):
                assert at_once(verifier, place.pool.access_token()) == "accepted"
            landed()
            place.clock.advance(RESTED)
    # One failure and one success for each endpoint and cycle.
    assert place.endpoints.requests - before <= 2 * cycles * len(place.endpoints)
    assert count(recorder, events.StateChanged) <= 2 * 2 * cycles  # to aged and back, in both pools
    assert count(recorder, events.KeysChanged) == 0


def test_a_region_that_is_down_is_left_alone_and_taken_back(
    place: Place, recorder: EventRecorder, verifier: Verifier
) -> None:
    """Its keys stay, each refresh asks it once, and one success clears its failures (FI-46, R6)."""
    updated = place.endpoints.updated
    before = updated.connections
    updated.fail("503")
    for _ in range(5):
        place.clock.advance(CYCLE)
        for _ in range(5):
            assert at_once(verifier, place.pool.access_token(issuer="updated")) == "accepted"
            landed()
    assert updated.connections - before == 5
    assert failures(place, verifier) == [5, 0, 0]
    updated.heal()
    place.clock.advance(CYCLE)
    assert at_once(verifier, place.pool.access_token()) == "accepted"
    landed()
    assert failures(place, verifier) == [0, 0, 0]


@pytest.mark.parametrize(
    ("asked_for", "seconds"),
    [pytest.param(30, 30.0, id="half-a-minute"), pytest.param(10**9, 60.0, id="30-years")],
)
def test_retry_after_is_honoured_for_a_minute_at_most(
    asked_for: int, seconds: float, place: Place, recorder: EventRecorder, verifier: Verifier
) -> None:
    """429 with Retry-After: no request until then, for a minute at most; keys are served (FI-15, R6)."""
    place.endpoints.fail("429", retry_after=asked_for)
    asked = place.endpoints.requests
    place.clock.advance(CYCLE)
    for wait, rounds in ((seconds - 1.0, 1), (2.0, 1), (0.0, 2)):
        assert at_once(verifier, place.pool.access_token()) == "accepted"
        landed()
        assert place.endpoints.requests - asked == rounds * len(place.endpoints)
        place.go_by(wait)
    failed = [each for each in recorder.all if isinstance(each, events.FetchFailed)]
    assert {each.retry_in for each in failed} == {seconds}


def failures(place: Place, verifier: Verifier) -> list[int]:
    """Failures in a row, by endpoint: updated, original, replica."""
    pool: dict[str, Any] = verifier._health()["providers"][place.pool.user_pool_id]
    return [each["failures"] for each in pool["endpoints"]]


def test_a_rollback_counts_and_is_reported(place: Place, recorder: EventRecorder, verifier: Verifier) -> None:
    """All endpoints fall back to an older set: what they list now counts; events report it (FI-49, K1)."""
    pool = place.pool
    pool.rotate()
    new = pool.access_key.kid
    verifier.warm(timeout=SOON)
    place.endpoints.fail("custom", body=jwks_body({"keys": pool.jwks()["keys"][:-2]}))
    verifier.warm(timeout=SOON)
    assert said(verifier, pool.access_token(), PATIENTLY) == "401 key_unknown"
    place.endpoints.heal()
    verifier.warm(timeout=SOON)
    assert said(verifier, pool.access_token(), PATIENTLY) == "accepted"
    changes = [each for each in recorder.all if isinstance(each, events.KeysChanged)]
    assert [(new in each.added, new in each.removed) for each in changes] == [
        (True, False),
        (False, True),
        (True, False),
    ]


def rekeyed(place: Place) -> bytes:
    """The document with other material under the same kids."""
    return jwks_body({"keys": [place.pool.impostor(key.kid).jwk() for key in place.pool.keys]})


def test_bad_signatures_cause_no_request(place: Place, verifier: Verifier) -> None:
    """Fifty forged signatures under a known kid cause no request (FI-44, R)."""
    asked = [each.connections for each in place.endpoints]
    for _ in range(50):
        token = place.pool.access_token(signed_by="foreign")
        assert at_once(verifier, token) == "401 signature_invalid"
    assert [each.connections for each in place.endpoints] == asked


def test_a_kid_with_other_material_is_the_new_key_after_a_refresh(place: Place, verifier: Verifier) -> None:
    """All endpoints change a key under its kid: within a refresh the new one counts alone (FI-44, C2)."""
    pool = place.pool
    old = pool.access_token(expires_in=DAYS_LONG)
    new = pool.access_token(signed_by="foreign", expires_in=DAYS_LONG)
    assert [said(verifier, each, PATIENTLY) for each in (old, new)] == ["accepted", "401 signature_invalid"]
    place.endpoints.fail("custom", body=rekeyed(place))
    place.clock.advance(CYCLE)
    assert at_once(verifier, old) == "accepted"  # this call begins the background refresh
    landed()
    assert [said(verifier, each, PATIENTLY) for each in (old, new)] == ["401 signature_invalid", "accepted"]
