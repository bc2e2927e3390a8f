"""`FakeClock`: time moves only when the test moves it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cognito_mr_auth.testing import FakeClock

MOVES: list[tuple[str, Callable[[FakeClock], None], tuple[float, float]]] = [
    ("stands still", lambda clock: None, (100.0, 10.0)),
    ("advance moves both", lambda clock: clock.advance(5), (105.0, 15.0)),
    ("jump forward moves the wall", lambda clock: clock.jump_wall(3600), (3700.0, 10.0)),
    ("jump back moves the wall", lambda clock: clock.jump_wall(-60), (40.0, 10.0)),
    ("freeze moves the wall", lambda clock: clock.freeze(60), (160.0, 10.0)),
]


@pytest.mark.parametrize(("move", "now"), [row[1:] for row in MOVES], ids=[row[0] for row in MOVES])
def test_each_move_changes_what_it_names(move: Callable[[FakeClock], None], now: tuple[float, float]) -> None:
    """A move changes exactly the clocks that it names, and a call returns the pair."""
    clock = FakeClock(wall=100, monotonic=10)
    move(clock)
    assert clock() == (clock.wall, clock.monotonic) == now


@pytest.mark.parametrize("seconds", [-1, float("nan")])
@pytest.mark.parametrize("method", ["advance", "freeze"])
def test_time_passes_forward(method: str, seconds: float) -> None:
    """Only jump_wall() may go back."""
    clock = FakeClock()
    with pytest.raises(ValueError, match="jump_wall"):
        getattr(clock, method)(seconds)
    assert clock() == FakeClock()()


def test_the_repr_shows_both_times() -> None:
    """A failing test prints the moment."""
    assert repr(FakeClock(wall=2, monotonic=1)) == "FakeClock(wall=2.0, monotonic=1.0)"
