"""The interval between two moments on two clocks (R7)."""

from __future__ import annotations

import math

import pytest

from cognito_mr_auth._base.clock import Instant, elapsed

# Seconds by which the wall clock and the monotonic clock went on -> the interval that counts.
INTERVALS = [
    ("both alike", 10.0, 10.0, 10.0),
    ("the wall clock was set back", -3600.0, 10.0, 10.0),
    ("the sandbox was frozen", 7200.0, 10.0, 7200.0),
    ("the wall clock is broken", math.nan, 10.0, math.inf),
    ("the monotonic clock is broken", 10.0, math.nan, math.inf),
    ("both are broken", math.nan, math.nan, math.inf),
]


@pytest.mark.parametrize(
    ("wall", "monotonic", "expected"), [row[1:] for row in INTERVALS], ids=[row[0] for row in INTERVALS]
)
def test_the_larger_interval_counts(wall: float, monotonic: float, expected: float) -> None:
    """No clock makes a key look younger than it is, and a broken one makes nothing young."""
    then: Instant = (1_800_000_000.0, 50.0)
    assert elapsed((then[0] + wall, then[1] + monotonic), then) == expected
