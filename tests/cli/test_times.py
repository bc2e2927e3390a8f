"""Moments and spans as a person reads them."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone, tzinfo
from typing import Any

import pytest

from cognito_mr_auth._base.clock import MAX_TIME
from cognito_mr_auth.cli._times import ago, local_time, plausible, remaining, span

SPANS = [
    (0, "0 s"),
    (59.9, "59 s"),
    (60, "1 min"),
    (3599, "59 min"),
    (3600, "1 h"),
    (4800, "1 h 20 min"),
    (86399, "23 h 59 min"),
    (86400, "1 day"),
    (172800, "2 days"),
    (-180, "3 min"),
    (MAX_TIME, "2,932,896 days"),
]


@pytest.mark.parametrize(("seconds", "expected"), SPANS)
def test_a_span(seconds: float, expected: str) -> None:
    """Two units at most, rounded down."""
    assert span(seconds) == expected


def test_distances() -> None:
    """The very second of `exp` is too late (RFC 7519 4.1.4)."""
    assert remaining(1000, 820) == "for 3 min more"
    assert remaining(1000, 1000) == "expired 0 s ago"
    assert remaining(1000, 1180) == "expired 3 min ago"
    assert ago(1000, 1720) == "12 min ago"
    assert ago(1000, 940) == "in 1 min"


EAST = timezone(timedelta(hours=9))
LOCAL = [
    pytest.param(0, UTC, "1970-01-01 00:00:00 +00:00", id="utc"),
    pytest.param(0.9, timezone(timedelta(hours=-8)), "1969-12-31 16:00:00 -08:00", id="west"),
    pytest.param(MAX_TIME, EAST, "9999-12-31 23:59:59 +00:00", id="no-local-time"),
]


@pytest.mark.parametrize(("moment", "zone", "expected"), LOCAL)
def test_local_time(moment: float, zone: tzinfo, expected: str) -> None:
    """With its distance from UTC, and never an exception."""
    assert local_time(moment, zone) == expected


def test_the_machines_own_zone() -> None:
    """Without a zone it is the machine's."""
    assert len(local_time(1_000_000_000, None)) == len("2001-09-09 01:46:40 +00:00")


CLAIMS = [(0, True), (1.5, True), (MAX_TIME, True), (MAX_TIME + 1, False), (-1, False)]
CLAIMS += [(10**400, False), (float("nan"), False), (float("inf"), False)]


@pytest.mark.parametrize(("value", "expected"), CLAIMS, ids=[f"row-{place}" for place in range(len(CLAIMS))])
def test_a_number_that_may_be_a_time(value: float, expected: bool) -> None:
    """Only what a calendar knows is shown as one."""
    assert plausible(value) is expected


@pytest.mark.parametrize("value", [None, True, "1000", [1], {}])
def test_no_time(value: Any) -> None:
    """Nothing but numbers are times, and true is none."""
    assert not plausible(value)
