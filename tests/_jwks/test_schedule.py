"""When to ask the endpoints, and which: the table of rule R, back-off and the rate limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.rig import LIFETIMES

from cognito_mr_auth._base.clock import Instant
from cognito_mr_auth._jwks import schedule as rules
from cognito_mr_auth._jwks.model import NO_KEYS, Endpoint, Snapshot
from cognito_mr_auth._jwks.schedule import EndpointState, RateLimit

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


@pytest.mark.parametrize(("rng", "expected"), [(0.0, 810.0), (0.5, 900.0), (1.0, 990.0)])
def test_jittered(rng: float, expected: float) -> None:
    """R: the refresh age is random within 10 %."""
    assert rules.jittered(900.0, rng) == pytest.approx(expected)


@given(steps=st.lists(st.floats(0, 30), max_size=80), width=st.integers(1, 80))
def test_the_rate_limit_in_any_window(steps: list[float], width: int) -> None:
    """R4: at most 2 + T/5 refreshes for unknown kids in any T seconds."""
    limit, now, taken = RateLimit(2.0, (0.0, 0.0)), 0.0, []
    for step in steps:
        now += step
        left = limit.take((now, now))
        if left is not None:
            limit = left
            taken.append(now)
    for first, last in zip(taken, taken[width:], strict=False):
        assert width + 1 <= 2 + (last - first) / 5 + 1e-6


def test_the_rate_limit_refills() -> None:
    """R4, R7: two at once, one more after 5 s by whichever clock saw them pass."""
    limit = RateLimit(2.0, NOW).take(NOW)
    assert limit is not None
    limit = limit.take(NOW)
    assert limit is not None
    assert limit.take((NOW[0] + 4.9, NOW[1] + 4.9)) is None
    assert limit.take((NOW[0] + 5, NOW[1])) is not None
    assert limit.take((NOW[0] - 100, NOW[1] + 5)) is not None


@pytest.mark.parametrize(
    ("failures", "rng", "asked_for", "expected"),
    [
        (1, 0.0, None, 1.0),
        (1, 1.0, None, 2.0),
        (3, 0.5, None, 6.0),
        (6, 1.0, None, 60.0),
        (10_000, 1.0, None, 60.0),
        (1, 0.5, 30.0, 30.0),
        (6, 1.0, 5.0, 60.0),
        (1, 0.5, 9999.0, 60.0),
        (1, 1.0, 0.0, 2.0),
    ],
)
def test_back_off(failures: int, rng: float, asked_for: float | None, expected: float) -> None:
    """R6: uniform(1/2, 1) x min(60, 2^n) s; Retry-After honoured up to 60 s."""
    assert rules.back_off(failures, rng, asked_for) == expected


@pytest.mark.parametrize(
    ("rest", "passed", "urgent", "expected"),
    [
        (0.0, 0.0, False, 0.0),
        (30.0, 0.0, False, 30.0),
        (30.0, 10.0, False, 20.0),
        (30.0, 31.0, False, 0.0),
        (30.0, 0.0, True, 2.0),
        (30.0, 2.0, True, 0.0),
        (1.0, 0.0, True, 1.0),
    ],
)
def test_cooldown_left(rest: float, passed: float, urgent: bool, expected: float) -> None:
    """R6: capped at 2 s while the pool has no usable key."""
    state = EndpointState(1, (NOW[0] - passed, NOW[1] - passed), rest)
    assert rules.cooldown_left(state, NOW, urgent=urgent) == expected


@pytest.mark.parametrize(
    ("rests", "expected"), [([], 60), ([0.0], 1), ([0.0, 60.0], 1), ([60.0], 2), ([1.5], 2)]
)
def test_retry_after(rests: list[float], expected: int) -> None:
    """Whole seconds, 1 to 60, until the first endpoint may be asked for a pool without keys."""
    states = [EndpointState(1, NOW, rest) for rest in rests]
    assert rules.retry_after(states, NOW) == expected


@pytest.mark.parametrize(
    ("region", "expected"),
    [(None, "uor"), ("us-west-2", "our"), ("us-east-1", "ruo"), ("eu-west-1", "uor")],
)
def test_order(region: str | None, expected: str) -> None:
    """R2: the one in this Region, then updated, original, replica."""
    assert "".join(each.url for each in rules.order((REPLICA, ORIGINAL, UPDATED), region)) == expected


def backing_off(seconds: float, passed: float = 0.0, *, disabled: bool = False) -> EndpointState:
    """An endpoint in a back-off of `seconds`, of which `passed` have gone."""
    return EndpointState(1, (NOW[0] - passed, NOW[1] - passed), seconds, disabled)


JUST_DISABLED, DISABLED = backing_off(3600, 1, disabled=True), backing_off(3600, 3, disabled=True)


@pytest.mark.parametrize(
    ("states", "urgent", "unknown_kid", "ask_all", "expected"),
    [
        pytest.param((WELL, WELL, WELL), False, False, False, "uor", id="all well"),
        pytest.param((WELL, backing_off(30), WELL), False, False, False, "ur", id="one rests"),
        pytest.param(
            (backing_off(30), backing_off(20), backing_off(9)), False, False, False, "", id="all rest"
        ),
        pytest.param(
            (backing_off(30), backing_off(20), backing_off(9)),
            False,
            True,
            False,
            "r",
            id="R6: the first to wake",
        ),
        pytest.param(
            (backing_off(30, 3), backing_off(20), backing_off(9)), True, False, False, "u", id="urgent: 2 s"
        ),
        pytest.param((DISABLED, WELL, WELL), False, False, False, "oru", id="K5: disabled comes last"),
        pytest.param((JUST_DISABLED, WELL, WELL), False, False, False, "or", id="just disabled"),
        pytest.param(
            (backing_off(3600, 3600, disabled=True), WELL, WELL), False, False, False, "uor", id="an hour"
        ),
        pytest.param((DISABLED, WELL, WELL), False, False, True, "or", id="everywhere but disabled"),
        pytest.param(
            (DISABLED, backing_off(9), backing_off(9)), False, False, True, "u", id="nobody but disabled"
        ),
        pytest.param(
            (DISABLED, backing_off(9), backing_off(8)),
            False,
            True,
            False,
            "ru",
            id="R6: disabled is no substitute",
        ),
        pytest.param(
            (DISABLED, backing_off(9), backing_off(9)), False, True, True, "or", id="warm: nobody rests"
        ),
        pytest.param((JUST_DISABLED,) * 3, True, True, True, "u", id="all just disabled"),
        pytest.param((JUST_DISABLED,) * 3, True, False, False, "", id="all just disabled, nobody seeks"),
    ],
)
def test_candidates(
    states: tuple[EndpointState, ...], urgent: bool, unknown_kid: bool, ask_all: bool, expected: str
) -> None:
    """R2, R6, K5: which endpoints a refresh may ask, in order."""
    by_url = dict(zip("uor", states, strict=True))
    chosen = rules.candidates(ALL, by_url, NOW, urgent=urgent, unknown_kid=unknown_kid, ask_all=ask_all)
    assert "".join(each.url for each in chosen) == expected


@pytest.mark.parametrize(
    ("states", "chosen", "expected"),
    [
        pytest.param((WELL, WELL, WELL), "uor", "", id="nobody rests"),
        pytest.param((WELL, backing_off(30), backing_off(9)), "u", "r", id="the first to wake"),
        pytest.param(
            (backing_off(30), backing_off(20), backing_off(9)), "r", "o", id="all rest: the second to wake"
        ),
        pytest.param((JUST_DISABLED, WELL, backing_off(9)), "o", "r", id="K5: disabled has no answer"),
        pytest.param((JUST_DISABLED, WELL, WELL), "or", "", id="only disabled ones are left"),
    ],
)
def test_last_resort(states: tuple[EndpointState, ...], chosen: str, expected: str) -> None:
    """R6: the one endpoint that a refresh for an unknown kid asks as well, while no other answers."""
    by_url = dict(zip("uor", states, strict=True))
    last_resort = rules.last_resort(ALL, by_url, NOW, [each for each in ALL if each.url in chosen])
    assert "".join(each.url for each in last_resort) == expected
