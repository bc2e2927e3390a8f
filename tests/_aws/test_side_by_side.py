"""Jobs side by side: all results, whatever they are, until one deadline."""

from __future__ import annotations

import threading

import pytest

from cognito_mr_auth._aws.side_by_side import Deadline, side_by_side


def test_each_result_is_its_jobs() -> None:
    """Values and exceptions come back under the job's name, and the end of each job is reported."""
    told: list[str] = []
    error = ValueError("no")

    def fail() -> str:
        raise error

    found = side_by_side({"a": lambda: "one", "b": fail}, Deadline(60), told.append)
    assert found == {"a": "one", "b": error}
    assert list(found) == ["a", "b"]
    assert sorted(told) == ["a", "b"]


def test_they_run_at_the_same_time() -> None:
    """Two jobs that wait for each other both end."""
    barrier = threading.Barrier(2)
    found = side_by_side(dict.fromkeys("ab", lambda: barrier.wait(60) >= 0), Deadline(60))
    assert found == {"a": True, "b": True}


@pytest.mark.parametrize("seconds", [0.0, 0.01])
def test_what_hangs_is_left_behind(seconds: float) -> None:
    """At the deadline the others' results are there, and a daemon thread delays no caller."""
    release = threading.Event()
    try:
        assert side_by_side({"a": release.wait}, Deadline(seconds)) == {"a": None}
        (left,) = (each for each in threading.enumerate() if each.name == "cognito-mr-auth a")
        assert left.daemon
    finally:
        release.set()
        left.join(60)


def test_a_deadline_only_falls() -> None:
    """What is left falls with the clock, and never below 0."""
    now = [100.0]
    deadline = Deadline(5, lambda: now[0])
    assert deadline.remaining == 5
    now[0] = 104
    assert deadline.remaining == 1
    now[0] = 200
    assert deadline.remaining == 0
