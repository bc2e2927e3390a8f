"""When to ask the endpoints, and which: the table of rule R, back-off, order, and who is gone."""

from __future__ import annotations

import pytest
from support.rig import LIFETIMES

from cognito_mr_auth._base.clock import Instant
from cognito_mr_auth._jwks import schedule as rules
from cognito_mr_auth._jwks.model import NO_KEYS, Endpoint, Snapshot
from cognito_mr_auth._jwks.schedule import EndpointState

NOW: Instant = (10_000.0, 500.0)
UPDATED = Endpoint("u", "updated", "us-west-2", loopback=False)
ORIGINAL = Endpoint("o", "original", "us-west-2", loopback=False)
REPLICA = Endpoint("r", "replica", "us-east-1", loopback=False)
ALL = (UPDATED, ORIGINAL, REPLICA)
WELL = EndpointState()


def snapshot(age: float | None, fresh_for: float = 900.0) -> Snapshot:
    """A set of that age at NOW."""
    begun = None if age is None else (NOW[0] - age, NOW[1] - age)
    return Snapshot(NOW, 0.0, begun, fresh_for, NO_KEYS, {}, float("inf"))


@pytest.mark.parametrize(
    ("age", "stale_if_error", "known", "unknown"),
    [
        ("fresh", False, "serve", "fetch-unknown"),
        ("fresh", True, "serve", "fetch-unknown"),
        ("aged", False, "serve-and-refresh", "fetch-unknown"),
        ("aged", True, "serve-and-refresh", "fetch-unknown"),
        ("stale", False, "revalidate", "fetch-unknown"),
        ("stale", True, "serve-and-refresh", "fetch-unknown"),
        ("expired", False, "fetch", "fetch"),
        ("expired", True, "fetch", "fetch"),
        ("empty", False, "fetch", "fetch"),
        ("empty", True, "fetch", "fetch"),
    ],
)
def test_the_table(age: str, stale_if_error: bool, known: str, unknown: str) -> None:
    """R, row by row."""
    assert rules.decide(age, known=True, stale_if_error=stale_if_error) == known
    assert rules.decide(age, known=False, stale_if_error=stale_if_error) == unknown


@pytest.mark.parametrize(
    ("age", "fresh_for", "had_keys", "expected"),
    [
        (None, 900.0, False, "empty"),
        (None, 900.0, True, "expired"),
        (0.0, 900.0, True, "fresh"),
        (899.0, 900.0, True, "fresh"),
        (900.0, 900.0, True, "aged"),
        (3599.0, 900.0, True, "aged"),
        (3600.0, 900.0, True, "stale"),
        (86399.0, 900.0, True, "stale"),
        (86400.0, 900.0, True, "expired"),
        (-100.0, 900.0, True, "fresh"),
    ],
)
def test_state_of(age: float | None, fresh_for: float, had_keys: bool, expected: str) -> None:
    """Each limit belongs to the older phase; the seed of an offline pool never ages."""
    found = snapshot(age, fresh_for)
    assert rules.state_of(found, NOW, LIFETIMES, had_keys=had_keys) == expected
    ageless = found._replace(never_expires=True)
    seeded = "fresh" if age is not None else expected
    assert rules.state_of(ageless, NOW, LIFETIMES, had_keys=had_keys) == seeded


@pytest.mark.parametrize(
    ("rng", "after_outage", "expected"),
    [
        (0.0, False, 810.0),
        (0.5, False, 900.0),
        (1.0, False, 990.0),
        (0.0, True, 450.0),
        (0.5, True, 900.0),
        (1.0, True, 1350.0),
    ],
)
def test_jittered(rng: float, after_outage: bool, expected: float) -> None:
    """R: the refresh age is random within 10 %; within 50 % after an outage, which ends for all at once."""
    assert rules.jittered(LIFETIMES, rng, after_outage=after_outage) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("refresh_after", "rng", "after_outage", "expected"),
    [
        pytest.param(3600.0, 0.0, False, 3240.0, id="lowest"),
        pytest.param(3600.0, 0.5, False, 3420.0, id="middle"),
        pytest.param(3600.0, 1.0, False, 3600.0, id="highest"),
        pytest.param(3500.0, 1.0, False, 3600.0, id="near-it"),
        pytest.param(3000.0, 1.0, False, 3300.0, id="not-near-it"),
        pytest.param(3000.0, 1.0, True, 3600.0, id="after-an-outage"),
    ],
)
def test_jitter_ends_at_revalidate_after(
    refresh_after: float, rng: float, after_outage: bool, expected: float
) -> None:
    """R: no set is fresh beyond `revalidate_after`, and a fleet is spread all the same."""
    lifetimes = LIFETIMES._replace(refresh_after=refresh_after)
    assert rules.jittered(lifetimes, rng, after_outage=after_outage) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("failures", "rng", "asked_for", "with_keys", "without_keys"),
    [
        pytest.param(1, 0.0, None, 1.0, 0.25, id="first-shortest"),
        pytest.param(1, 1.0, None, 2.0, 0.5, id="first-longest"),
        pytest.param(2, 1.0, None, 4.0, 1.0, id="second"),
        pytest.param(3, 0.5, None, 6.0, 1.5, id="third"),
        pytest.param(4, 1.0, None, 16.0, 2.0, id="fourth"),
        pytest.param(6, 1.0, None, 60.0, 2.0, id="the bounds"),
        pytest.param(10_000, 1.0, None, 60.0, 2.0, id="ten thousand"),
        pytest.param(10_000, 0.0, None, 30.0, 1.0, id="ten thousand, shortest"),
        pytest.param(1, 0.5, 30.0, 30.0, 2.0, id="Retry-After"),
        pytest.param(1, 0.5, 1.0, 1.5, 1.0, id="a short Retry-After"),
        pytest.param(6, 1.0, 5.0, 60.0, 2.0, id="a Retry-After below the back-off"),
        pytest.param(1, 0.5, 9999.0, 60.0, 2.0, id="a Retry-After of hours"),
        pytest.param(1, 1.0, 0.0, 2.0, 0.5, id="a Retry-After of nothing"),
    ],
)
def test_back_off(
    failures: int, rng: float, asked_for: float | None, with_keys: float, without_keys: float
) -> None:
    """R6: uniform(1/2, 1) x min(60, 2^n) s; without keys 1/2, 1, 2 s; Retry-After honoured."""
    assert rules.back_off(failures, rng, asked_for) == (with_keys, without_keys)


@pytest.mark.parametrize(
    ("rest", "short", "passed", "urgent", "expected"),
    [
        (0.0, 0.0, 0.0, False, 0.0),
        (30.0, 2.0, 0.0, False, 30.0),
        (30.0, 2.0, 10.0, False, 20.0),
        (30.0, 2.0, 31.0, False, 0.0),
        (30.0, 2.0, 0.0, True, 2.0),
        (30.0, 2.0, 2.0, True, 0.0),
        (1.0, 0.25, 0.0, True, 0.25),
        (1.0, 0.25, -100.0, False, 101.0),
    ],
)
def test_cooldown_left(rest: float, short: float, passed: float, urgent: bool, expected: float) -> None:
    """R6, R7: a rest of its own length while the pool has no usable key."""
    state = EndpointState(1, (NOW[0] - passed, NOW[1] - passed), rest, short)
    assert rules.cooldown_left(state, NOW, urgent=urgent) == expected


@pytest.mark.parametrize(
    ("rests", "expected"),
    [([], 60), ([0.0], 1), ([0.0, 60.0], 1), ([60.0], 60), ([2.0], 2), ([1.5], 2), ([0.25, 2.0], 1)],
)
def test_retry_after(rests: list[float], expected: int) -> None:
    """E: whole seconds, 1 to 60, until the first endpoint may be asked for a pool without keys."""
    states = [EndpointState(1, NOW, 60.0, rest) for rest in rests]
    assert rules.retry_after(states, NOW) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.0, 1), (0.5, 1), (1.0, 1), (1.01, 2), (4.2, 5), (60.0, 60), (9999.0, 60)]
)
def test_whole_seconds(seconds: float, expected: int) -> None:
    """E: a Retry-After never ends before what it waits for, and is 1 to 60."""
    assert rules.whole_seconds(seconds) == expected


@pytest.mark.parametrize(
    ("region", "expected"),
    [(None, "uro"), ("us-west-2", "oru"), ("us-east-1", "ruo"), ("eu-west-1", "uro")],
)
def test_order(region: str | None, expected: str) -> None:
    """R2: this Region's, then one of each other Region, then the rest; updated, original, replica."""
    for endpoints in ((REPLICA, ORIGINAL, UPDATED), (ORIGINAL, REPLICA, UPDATED)):
        assert "".join(each.url for each in rules.order(endpoints, region)) == expected


def test_order_of_several_replicas_and_unknown_regions() -> None:
    """R2: each Region once before any is asked twice; an endpoint of no known Region is one of its own."""
    more = [
        Endpoint(url, "replica", region, loopback=False) for url, region in (("s", "eu-west-1"), ("t", None))
    ]
    chosen = rules.order((*ALL, *more), "eu-west-1")
    assert "".join(each.url for each in chosen) == "surto"


# --- Gone

HOUR, DAY = 3600.0, 86400.0


def ago(seconds: float | None) -> Instant | None:
    """So long before NOW."""
    return None if seconds is None else (NOW[0] - seconds, NOW[1] - seconds)


@pytest.mark.parametrize(
    ("endpoint", "answered", "failing", "expected"),
    [
        pytest.param(REPLICA, None, None, False, id="never asked"),
        pytest.param(REPLICA, None, HOUR - 1, False, id="a replica that is not ready yet"),
        pytest.param(REPLICA, None, HOUR, True, id="a replica that never was"),
        pytest.param(UPDATED, None, HOUR, True, id="an updated issuer that never was"),
        pytest.param(ORIGINAL, None, HOUR, False, id="the original"),
        pytest.param(ORIGINAL, None, DAY - 1, False, id="the original, almost a day"),
        pytest.param(ORIGINAL, None, DAY, True, id="the original, a day"),
        pytest.param(REPLICA, 10.0, None, False, id="it has answered"),
        pytest.param(REPLICA, DAY - 1, DAY - 1, False, id="it answered almost a day ago"),
        pytest.param(REPLICA, DAY, DAY, True, id="it answered a day ago, and fails since then"),
        pytest.param(ORIGINAL, 3 * DAY, None, False, id="nobody has asked for three days"),
        pytest.param(ORIGINAL, 3 * DAY, HOUR - 1, False, id="nor for long since then"),
        pytest.param(ORIGINAL, 3 * DAY, HOUR, True, id="it fails for an hour since then"),
    ],
)
def test_gone(endpoint: Endpoint, answered: float | None, failing: float | None, expected: bool) -> None:
    """R3: it fails, and has not answered for `max_stale`; as a replica or updated issuer never."""
    state = EndpointState(answered=ago(answered), failing_since=ago(failing))
    assert rules.gone(endpoint, state, NOW, LIFETIMES) is expected


def backing_off(seconds: float, passed: float = 0.0, *, disabled: bool = False) -> EndpointState:
    """An endpoint in a back-off of `seconds`, of which `passed` have gone."""
    since = (NOW[0] - passed, NOW[1] - passed)
    return EndpointState(1, since, seconds, min(seconds, 2.0), disabled)


DISABLED = backing_off(3600, 1, disabled=True)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param((WELL, WELL, WELL), None, id="nobody rests"),
        pytest.param((WELL, backing_off(30), backing_off(9)), "r", id="the first to wake"),
        pytest.param((backing_off(30), backing_off(20), backing_off(29, 15)), "r", id="by what is left"),
        pytest.param((backing_off(9), backing_off(9), backing_off(9)), "u", id="by preference"),
        pytest.param((DISABLED, WELL, backing_off(9)), "r", id="K5: disabled has no keys"),
        pytest.param((DISABLED, WELL, WELL), None, id="only a disabled one rests"),
        pytest.param((backing_off(9, 9), WELL, WELL), None, id="its rest is over"),
    ],
)
def test_last_resort(states: tuple[EndpointState, ...], expected: str | None) -> None:
    """R6: the resting endpoint that an unknown kid may have asked all the same."""
    found = rules.last_resort(ALL, dict(zip("uor", states, strict=True)), NOW)
    assert (found.url if found else None) == expected
