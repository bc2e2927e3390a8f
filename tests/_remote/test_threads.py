"""`FetchThreads`: how many may live, what they are called, and that none is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cognito_mr_auth._remote.threads import (
    BUSY,
    FULL,
    MAX_BACKGROUND,
    MAX_PER_ENDPOINT,
    MAX_THREADS,
    STARTED,
    FetchThreads,
)

NAME = "cognito-mr-auth test"


class Held:
    """Fetch threads whose work waits until the test releases it."""

    def __init__(self) -> None:
        self.fetch_threads = FetchThreads()
        self.release = threading.Event()

    def start(
        self, place: object, *, background: bool = False, work: Callable[[], None] | None = None
    ) -> str:
        """Start waiting work at this place."""
        return self.fetch_threads.start(place, f"{NAME} {place}", work or self._wait, background=background)

    def _wait(self) -> None:
        self.release.wait(10.0)


def threads() -> list[threading.Thread]:
    """The threads that these tests have started and that still live."""
    return [thread for thread in threading.enumerate() if thread.name.startswith(NAME)]


@contextmanager
def ending(held: Held) -> Iterator[Held]:
    """Release all threads at the end, and wait for them."""
    try:
        yield held
    finally:
        held.release.set()
        for thread in threads():
            thread.join(10.0)
            assert not thread.is_alive()


@pytest.fixture
def held() -> Iterator[Held]:
    """Fetch threads that are gone after the test."""
    with ending(Held()) as one:
        yield one


def test_a_thread_is_named_and_a_daemon(held: Held) -> None:
    """Its name says what it is for, and no exit waits for it."""
    assert held.start("here") == STARTED
    [thread] = threads()
    assert (thread.name, thread.daemon) == (f"{NAME} here", True)


def test_two_at_one_place(held: Held) -> None:
    """A place has two threads at most; other places have their own."""
    assert [held.start("here") for _ in range(MAX_PER_ENDPOINT)] == [STARTED] * MAX_PER_ENDPOINT
    assert [held.start("here"), held.start("here", background=True)] == [BUSY, BUSY]
    assert held.start("there") == STARTED


@pytest.mark.parametrize(
    ("background", "limit"),
    [pytest.param(False, MAX_THREADS, id="foreground"), pytest.param(True, MAX_BACKGROUND, id="background")],
)
def test_so_many_in_all(background: bool, limit: int, held: Held) -> None:
    """All places together have room for so many."""
    outcomes = [held.start(place, background=background) for place in range(limit + 1)]
    assert outcomes == [STARTED] * limit + [FULL]
    assert len(threads()) == limit


def test_foreground_never_queues_behind_background(held: Held) -> None:
    """Background work leaves half of the slots free; foreground work may use both halves."""
    assert {held.start(place, background=True) for place in range(MAX_BACKGROUND)} == {STARTED}
    assert held.start("late", background=True) == FULL
    rest = [held.start(f"front {place}") for place in range(MAX_THREADS - MAX_BACKGROUND + 1)]
    assert rest == [STARTED] * (MAX_THREADS - MAX_BACKGROUND) + [FULL]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [None, ValueError], ids=["returns", "raises"])
def test_an_ended_thread_counts_no_longer(error: type[BaseException] | None) -> None:
    """However the work ends, its slot is free afterwards, and nothing is kept."""
    held = Held()

    def work() -> None:
        if error is not None:
            raise error

    for _ in range(3):
        with ending(held):
            assert [held.start("here", work=work) for _ in range(MAX_PER_ENDPOINT)] == [STARTED] * 2
    assert (threads(), held.fetch_threads._total, held.fetch_threads._live) == ([], 0, {})


def test_a_process_that_may_start_no_more_threads() -> None:
    """`start` returns FULL and counts nothing; once threads can start again, they do."""
    with ending(Held()) as held:
        before = threading.stack_size(1 << 46)  # no machine has so much, so the start fails
        try:
            assert held.start("here") == FULL
        finally:
            threading.stack_size(before)
        assert (held.fetch_threads._total, held.fetch_threads._live) == (0, {})
        assert held.start("here") == STARTED


def test_a_forked_child_has_no_threads(held: Held) -> None:
    """After `reset_after_fork` every slot is free, even if the lock was held; old threads do not count."""
    assert [held.start("here") for _ in range(2)] == [STARTED] * 2
    old = threads()
    held.fetch_threads._lock.acquire()  # as another thread of the parent may have done
    held.fetch_threads.reset_after_fork()
    assert [held.start("here") for _ in range(3)] == [STARTED, STARTED, BUSY]
    young = [thread for thread in threads() if thread not in old]
    held.release.set()
    for thread in old:
        thread.join(10.0)
    for thread in young:
        thread.join(10.0)
    assert (held.fetch_threads._total, held.fetch_threads._live) == (0, {})


class _SoftLimitError(Exception):
    """What a task queue raises from a signal's handler; the process lives on."""


class _Interrupted(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise _SoftLimitError


class _Place:
    """A place that is interrupted when it is looked up for the first time."""

    looks = 0

    def __hash__(self) -> int:
        self.looks += 1
        if self.looks == 1:
            raise _SoftLimitError
        return 1


@pytest.mark.parametrize(
    ("place", "name"),
    [
        pytest.param(_Place, NAME, id="before-the-place-is-taken"),
        pytest.param(lambda: "here", _Interrupted(NAME), id="before-the-thread-runs"),
    ],
)
def test_an_interrupted_start_takes_no_slot(place: Callable[[], object], name: str) -> None:
    """F: an exception may come from a signal's handler at any moment."""
    fetch_threads = FetchThreads()
    for _ in range(MAX_PER_ENDPOINT):
        with pytest.raises(_SoftLimitError):
            fetch_threads.start(place(), name, int, background=False)
    assert (fetch_threads._total, fetch_threads._live) == (0, {})
