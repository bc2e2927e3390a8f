"""`clocks`: the time of day that a test shows, and intervals that no test stops."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from unittest import mock

import pytest

from cognito_mr_auth._remote import clocks


def test_both_clocks_are_the_systems() -> None:
    """Where no test has replaced them."""
    before = time.time(), time.perf_counter()
    wall, monotonic = clocks.system_clock()
    assert before[0] <= wall <= clocks.wall_clock() <= time.time()
    assert before[1] <= monotonic <= clocks.monotonic() <= time.perf_counter()


def python_clock() -> float:
    """What a test puts in place of a clock."""
    return 5.0


@pytest.mark.parametrize(
    ("function", "clock", "found"),
    [
        pytest.param(time.perf_counter, None, time.perf_counter, id="not-replaced"),
        pytest.param(time.perf_counter, 1, time.perf_counter, id="not-replaced-and-another-way"),
        pytest.param(python_clock, None, python_clock, id="no-other-way"),
    ],
)
def test_a_function_of_the_system(
    function: Callable[[], float], clock: int | None, found: Callable[[], float]
) -> None:
    """What was replaced before the module was loaded is had in another way, where the system has one."""
    assert clocks.system_function(function, clock) is found


def test_a_replaced_function_is_had_in_another_way() -> None:
    """It runs on, though the test's stands still."""
    found = clocks.system_function(python_clock, time.CLOCK_MONOTONIC)
    before = time.monotonic()
    assert before <= found() <= time.monotonic()


def frames() -> float:
    """How many frames of the module stand between this function and its caller."""
    frame, count = sys._getframe(1), 0
    while frame.f_code is clocks.from_depth.__code__:
        assert frame.f_back is not None
        frame, count = frame.f_back, count + 1
    return count


def test_a_replaced_clock_is_read_from_depth() -> None:
    """Tools such as freezegun look at the five nearest frames, and show some modules real time."""
    assert clocks.from_depth(frames) > clocks.FRAMES


def test_the_time_of_day_is_a_tests() -> None:
    """A replaced `time.time` counts from that moment on and no longer; an interval is real meanwhile."""
    with mock.patch("time.time", return_value=1000.0), mock.patch("time.monotonic", return_value=7.0):
        before = time.perf_counter()
        wall, monotonic = clocks.system_clock()
        assert (wall, clocks.wall_clock()) == (1000.0, 1000.0)
        assert before <= monotonic <= time.perf_counter()
    assert clocks.wall_clock() > 1000.0


EARLY = """
import time
real = time.perf_counter
time.time, time.monotonic, time.perf_counter = (lambda: 1000.0), (lambda: 7.0), (lambda: 8.0)
from cognito_mr_auth._remote import clocks
before = clocks.monotonic()
assert clocks.wall_clock() == 1000.0
time.sleep(0.01)
assert clocks.monotonic() - before >= 0.009
time.time = lambda: 2000.0
assert clocks.system_clock()[0] == 2000.0
"""


@pytest.mark.outside
def test_it_may_be_loaded_while_a_test_has_replaced_the_clocks() -> None:
    """A library is often imported by the first test that needs it."""
    done = subprocess.run([sys.executable, "-c", EARLY], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
