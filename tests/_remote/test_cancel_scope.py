"""`CancelScope`: one deadline, what the engine reads of a fetch, and cancelling."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from cognito_mr_auth._remote.cancel_scope import CancelScope


def test_the_deadline_runs_from_the_beginning() -> None:
    """F: on the monotonic clock, over everything that the fetch does."""
    before = time.monotonic()
    scope = CancelScope(5.0)
    assert before + 5.0 <= scope.deadline <= time.monotonic() + 5.0
    assert 0.0 < scope.remaining(TimeoutError) <= 5.0


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("-inf")])
def test_no_time_is_left(seconds: float) -> None:
    """What asks for the time gets its own error."""
    with pytest.raises(LookupError):
        CancelScope(seconds).remaining(LookupError)


def test_what_the_engine_reads() -> None:
    """R1: the phase, and when the first and the latest byte came; None before."""
    scope = CancelScope(5.0)
    assert (scope.phase, scope.first_byte, scope.last_byte, scope.octets) == ("dns", None, None, 0)
    before = time.monotonic()
    scope.received()
    first = scope.first_byte
    assert first is not None
    assert before <= first <= time.monotonic()
    assert scope.last_byte == first
    scope.received(7)
    assert (scope.first_byte, scope.octets) == (first, 7)
    assert scope.last_byte is not None
    assert scope.last_byte >= first


def test_cancelling_ends_every_wait() -> None:
    """Each that is attached, and no time is left; twice is once more."""
    scope = CancelScope(5.0)
    ended: list[str] = []
    scope.attach("a", lambda: ended.append("a"))
    scope.attach("b", lambda: ended.append("b"))
    scope.attach("c", lambda: ended.append("c"))
    scope.detach("b")
    scope.detach("b")
    assert not scope.cancelled
    scope.cancel()
    assert (scope.cancelled, ended) == (True, ["a", "c"])
    with pytest.raises(TimeoutError):
        scope.remaining(TimeoutError)
    scope.cancel()
    assert ended == ["a", "c"] * 2


def test_a_wait_that_begins_too_late_is_ended() -> None:
    """A cancellation while a connection is being made ends it as well."""
    scope = CancelScope(5.0)
    scope.cancel()
    ended: list[str] = []
    scope.attach("late", lambda: ended.append("late"))
    assert ended == ["late"]


def test_a_peer_that_left_first() -> None:
    """To end a connection that has ended is no error, and ends the others all the same."""
    scope = CancelScope(5.0)
    ended: list[str] = []

    def gone() -> None:
        raise OSError

    scope.attach("gone", gone)
    scope.attach("other", lambda: ended.append("other"))
    scope.cancel()
    assert ended == ["other"]


def test_cancelling_while_cancelling() -> None:
    """A signal's handler may come while its thread is in `cancel`, and must not wait for itself."""
    scope = CancelScope(5.0)
    inside: list[int] = []

    def again() -> None:
        inside.append(len(inside))
        if len(inside) < 3:
            scope.cancel()

    scope.attach("signal", again)
    thread = threading.Thread(target=scope.cancel, daemon=True)
    thread.start()
    thread.join(5.0)
    assert (thread.is_alive(), inside) == (False, [0, 1, 2])


@pytest.mark.outside
def test_it_loads_nothing_of_the_network() -> None:
    """The engine makes one for each attempt on a caller's thread."""
    script = (
        "import sys, cognito_mr_auth\n"
        "before = set(sys.modules)\n"
        "from cognito_mr_auth._remote.cancel_scope import CancelScope\n"
        "CancelScope(1.0)\n"
        "print({'httpx', 'httpcore', 'ssl', 'socket'} & (set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


def test_hanging_up_ends_what_waits_and_not_what_has_come() -> None:
    """R7: after a freeze the connection is shut down; a fetch that has its answer in hand goes on."""
    scope = CancelScope(5.0)
    calls: list[str] = []
    scope.attach("wait", lambda: calls.append("interrupted"))
    scope.hang_up()
    assert calls == ["interrupted"]
    assert (scope.hung_up, scope.cancelled) == (True, False)
    assert 0.0 < scope.remaining(TimeoutError) <= 5.0
