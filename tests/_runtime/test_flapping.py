"""One pair of down and up in five minutes for each endpoint; what is down now is never left out (B1)."""

from __future__ import annotations

import pytest

from cognito_mr_auth._runtime.flapping import PAIR_SECONDS, Change, Flapping
from cognito_mr_auth.events import (
    EndpointDisabled,
    EndpointDown,
    EndpointUp,
    Event,
    FetchFailed,
    StateChanged,
)

D = EndpointDown("p", "u", "connect", 0.0)
U = EndpointUp("p", "u", 1.0)
F = FetchFailed("p", "u", "connect", 0.1, None, 2.0)
OFF = EndpointDisabled("p", "u", 403, "updated")
OTHER = EndpointDown("p", "v", "connect", 0.0)
LATER = PAIR_SECONDS


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        pytest.param([(0, D), (1, U)], [(D, 0), (U, 0)], id="pair"),
        pytest.param([(0, D), (1, F), (400, F)], [(D, 0)], id="down-is-told-once"),
        pytest.param([(0, D), (1, U), (2, D), (3, U)], [(D, 0), (U, 0)], id="the-second-pair"),
        pytest.param(
            [(0, D), (1, U), (2, D), (3, U), (4, D), (5, U), (LATER, D), (LATER + 1, U)],
            [(D, 0), (U, 0), (D, 2), (U, 0)],
            id="told-with-the-next",
        ),
        pytest.param(
            [(0, D), (1, U), (2, D), (LATER - 1, F), (LATER, F), (LATER + 1, U)],
            [(D, 0), (U, 0), (D, 0), (U, 0)],
            id="stays-down",
        ),
        pytest.param([(0, D), (1, OFF), (2, OFF)], [(D, 0), (OFF, 0)], id="disabled-ends-it"),
        pytest.param(
            [(0, D), (1, U), (2, D), (3, OFF), (LATER, F)], [(D, 0), (U, 0)], id="disabled-unwritten"
        ),
        pytest.param([(0, D), (1, OTHER), (2, U)], [(D, 0), (OTHER, 0), (U, 0)], id="each-by-itself"),
        pytest.param([(0, U), (1, F), (2, OFF), (3, StateChanged("p", "a", "b"))], [], id="nothing-was-down"),
    ],
)
def test_what_is_written(steps: list[tuple[float, Event]], told: list[tuple[Event, int]]) -> None:
    """By the time of each event: the event, and how many pairs were left out before it."""
    flapping = Flapping()
    found = [flapping.to_log(event, (at, at)) for at, event in steps]
    assert [each for each in found if each is not None] == [Change(*each) for each in told]  # type: ignore[arg-type]


def test_either_clock_ends_the_five_minutes() -> None:
    """R7: a frozen sandbox's monotonic clock stands still."""
    flapping = Flapping()
    flapping.to_log(D, (0.0, 0.0))
    flapping.to_log(U, (1.0, 0.0))
    assert flapping.to_log(D, (LATER, 0.0)) == Change(D, 0)
