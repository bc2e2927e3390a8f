"""`FetchThreads`: how many may live, what they are called, and that none is kept."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from cognito_mr_auth._remote.threads import (
    MAX_BACKGROUND_PER_HOST,
    MAX_FIRST_PER_HOST,
    MAX_PER_ENDPOINT,
    MAX_PER_HOST,
    FetchThreads,
)

NAME = "cognito-mr-auth test"


class Held:
    """Fetch threads whose work waits until the test releases it; `room` is called when a slot is free."""

    def __init__(self) -> None:
        self.fetch_threads = FetchThreads()
        self.release = threading.Event()
        self.told: list[str] = []

    def start(
        self,
        endpoint: object,
        host: str = "host",
        *,
        background: bool = False,
        work: Callable[[], None] | None = None,
        on_room: Callable[[], None] = lambda: None,
    ) -> bool:
        """Start waiting work for this endpoint."""
        return self.fetch_threads.start(
            host, endpoint, f"{NAME} {endpoint}", work or self._wait, background=background, on_room=on_room
        )

    def tell(self, who: str) -> Callable[[], None]:
        """A callback that records its call."""
        return lambda: self.told.append(who)

    def end(self) -> None:
        """All work ends, and its threads."""
        self.release.set()
        for thread in threads():
            thread.join(10.0)
            assert not thread.is_alive()
        self.release.clear()

    def _wait(self) -> None:
        self.release.wait(10.0)


def threads() -> list[threading.Thread]:
    """The threads that these tests have started and that still live."""
    return [thread for thread in threading.enumerate() if thread.name.startswith(NAME)]


@pytest.fixture
def held() -> Iterator[Held]:
    """Fetch threads that are gone after the test."""
    one = Held()
    try:
        yield one
    finally:
        one.end()


def test_a_thread_is_named_and_a_daemon(held: Held) -> None:
    """Its name says what it is for, and no exit waits for it."""
    assert held.start("here")
    [thread] = threads()
    assert (thread.name, thread.daemon) == (f"{NAME} here", True)


def test_two_at_one_endpoint(held: Held) -> None:
    """F: an endpoint has two threads at most; other endpoints have their own, at the same host too."""
    assert [held.start("here") for _ in range(MAX_PER_ENDPOINT + 1)] == [True, True, False]
    assert not held.start("here", background=True)
    assert held.start("there")
    assert held.fetch_threads.live == 3


@pytest.mark.parametrize(
    ("background", "limit"),
    [
        pytest.param(False, MAX_FIRST_PER_HOST, id="foreground"),
        pytest.param(True, MAX_BACKGROUND_PER_HOST, id="background"),
    ],
)
def test_so_many_at_one_host(background: bool, limit: int, held: Held) -> None:
    """F: all pools together; another host has as many of its own, and there is no limit over all."""
    for host in ("one", "two", "three"):
        outcomes = [held.start((host, each), host, background=background) for each in range(limit + 1)]
        assert outcomes == [True] * limit + [False]
    assert len(threads()) == held.fetch_threads.live == 3 * limit


def test_the_rest_is_for_second_connections(held: Held) -> None:
    """F: what hangs at a host leaves slots for new connections to it that callers wait for."""
    assert all(held.start(each) for each in range(MAX_FIRST_PER_HOST))
    assert not held.start("late")
    assert not held.start(0, background=True)
    seconds = [held.start(each) for each in range(MAX_FIRST_PER_HOST)]
    rest = MAX_PER_HOST - MAX_FIRST_PER_HOST
    assert seconds == [True] * rest + [False] * (MAX_FIRST_PER_HOST - rest)
    assert held.fetch_threads.live == MAX_PER_HOST


def fill(held: Held, *host: str) -> None:
    """Every slot of a host is taken: by first attempts, and by second ones beside them."""
    assert all(held.start(each, *host) for each in range(MAX_FIRST_PER_HOST))
    assert all(held.start(each, *host) for each in range(MAX_PER_HOST - MAX_FIRST_PER_HOST))


def test_foreground_never_queues_behind_background(held: Held) -> None:
    """Background work leaves half of a host's slots free, some of them for foreground work alone."""
    assert all(held.start(each, background=True) for each in range(MAX_BACKGROUND_PER_HOST))
    assert not held.start("late", background=True)
    rest = [held.start(f"front {each}") for each in range(MAX_FIRST_PER_HOST - MAX_BACKGROUND_PER_HOST + 1)]
    assert rest == [True] * (MAX_FIRST_PER_HOST - MAX_BACKGROUND_PER_HOST) + [False]
    assert not held.start("later", background=True)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [None, ValueError], ids=["returns", "raises"])
def test_an_ended_thread_counts_no_longer(error: type[BaseException] | None, held: Held) -> None:
    """However the work ends, its slot is free afterwards, and the waiting callers are notified."""

    def work() -> None:
        held.release.wait(10.0)
        if error is not None:
            raise error

    for turn in range(3):
        assert [held.start("here", work=work) for _ in range(MAX_PER_ENDPOINT)] == [True, True]
        assert not held.start("here", work=work, on_room=held.tell("me"))
        held.end()
        assert (threads(), held.fetch_threads.live) == ([], 0)
        assert held.told == ["me"] * (turn + 1)


def test_each_caller_is_notified_of_a_free_slot_once(held: Held) -> None:
    """F: however often it asked; in the order of asking, one after the other."""
    fill(held)
    first, second = held.tell("first"), held.tell("second")
    for on_room in (first, second, first, first):
        assert not held.start("late", on_room=on_room)
    held.end()
    assert held.told == ["first", "second"]
    assert held.start("late")
    held.end()
    assert held.told == ["first", "second"]


def test_a_host_names_its_own(held: Held) -> None:
    """F: room at one host is none at another."""
    fill(held, "full")
    assert not held.start("late", "full", on_room=held.tell("late"))
    done = threading.Event()
    assert held.start("quick", "other", work=done.set)
    assert done.wait(10.0)
    [quick] = [thread for thread in threads() if "quick" in thread.name] or [None]
    if quick is not None:
        quick.join(10.0)
    assert held.told == []


def test_one_that_fills_the_room_leaves_none_for_the_next(held: Held) -> None:
    """F: the others are notified when a slot is free again; the ended thread runs what was started."""
    one = threading.Event()
    assert held.start("ending", work=lambda: bool(one.wait(10.0)))
    assert all(held.start(each) for each in range(MAX_FIRST_PER_HOST - 1))
    assert all(held.start(each) for each in range(MAX_PER_HOST - MAX_FIRST_PER_HOST))
    [ending] = [thread for thread in threads() if "ending" in thread.name]

    ran_by: list[threading.Thread] = []
    begun = threading.Event()

    def go_on() -> None:
        ran_by.append(threading.current_thread())
        begun.set()
        held.release.wait(10.0)

    def take() -> None:
        held.told.append("first")
        assert held.start(MAX_FIRST_PER_HOST - 2, work=go_on)

    assert not held.start("a", on_room=take)
    assert not held.start("b", on_room=held.tell("second"))
    one.set()
    assert begun.wait(10.0)
    assert held.told == ["first"]
    assert (ran_by, len(threads())) == ([ending], MAX_PER_HOST)
    assert ending.name == f"{NAME} {MAX_FIRST_PER_HOST - 2}"
    held.end()
    assert held.told == ["first", "second"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("starts", [False, True])
def test_a_failing_callback_keeps_no_slot(starts: bool, held: Held) -> None:
    """F: a callback that raises leaves the slot that it has just got to others."""

    def take() -> None:
        held.told.append("told")
        assert not starts or held.start("taken")
        raise MemoryError

    assert all(held.start("here") for _ in range(MAX_PER_ENDPOINT))
    assert not held.start("here", on_room=take)
    held.end()
    assert held.told == ["told"]
    assert held.fetch_threads.live == 0


def test_an_endpoint_that_is_full_while_its_host_is_not(held: Held) -> None:
    """F: a callback that asks again at once is called once for each thread that ends, not for ever."""
    assert all(held.start("here") for _ in range(MAX_PER_ENDPOINT))
    one = threading.Event()
    assert held.start("ending", work=lambda: bool(one.wait(10.0)))
    [ending] = [thread for thread in threads() if "ending" in thread.name]

    def again() -> None:
        held.told.append("again")
        held.start("here", on_room=again)

    held.start("here", on_room=again)
    one.set()
    ending.join(10.0)
    assert not ending.is_alive()
    assert held.told == ["again"]


def test_a_process_that_may_start_no_more_threads(held: Held) -> None:
    """`start` says so and counts nothing; once threads can start again, they do."""
    before = threading.stack_size(1 << 46)  # no machine has so much, so the start fails
    try:
        assert not held.start("here")
    finally:
        threading.stack_size(before)
    assert held.fetch_threads.live == 0
    assert held.start("here")


def test_a_forked_child_has_no_threads(held: Held) -> None:
    """After `reset_after_fork` every slot is free, even if the lock was held; old threads do not count."""
    assert [held.start("here") for _ in range(2)] == [True, True]
    assert not held.start("here", on_room=held.tell("parent"))
    held.fetch_threads._lock.acquire()  # as another thread of the parent may have done
    held.fetch_threads.reset_after_fork()
    assert [held.start("here") for _ in range(3)] == [True, True, False]
    held.end()
    assert held.fetch_threads.live == 0


class _SoftLimitError(Exception):
    """What a task queue raises from a signal's handler; the process lives on."""


class _Interrupted(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise _SoftLimitError


class _Place:
    """An endpoint whose comparison is interrupted."""

    def __eq__(self, other: object) -> bool:
        raise _SoftLimitError

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        pytest.param(_Place(), NAME, id="before-the-place-is-taken"),
        pytest.param("here", _Interrupted(NAME), id="before-the-thread-runs"),
    ],
)
def test_an_interrupted_start_takes_no_slot(endpoint: object, name: str, held: Held) -> None:
    """F: an exception may come from a signal's handler at any moment."""
    assert held.start(endpoint)
    for _ in range(MAX_PER_ENDPOINT):
        with pytest.raises(_SoftLimitError):
            held.fetch_threads.start("host", endpoint, name, int, background=False, on_room=int)
    assert held.fetch_threads.live == 1
    held.end()
    assert held.fetch_threads.live == 0


def test_a_start_interrupted_after_its_thread_ran_keeps_the_slot_until_the_end(held: Held) -> None:
    """F: the thread releases its slot itself; the call that failed takes nothing from it."""
    begun = threading.Event()

    def work() -> None:
        begun.set()
        held.release.wait(10.0)

    def handler(frame: FrameType, event: str, _argument: object) -> None:
        """As a signal's handler at the moment when `Thread.start` returns."""
        if event == "return" and frame.f_code is threading.Thread.start.__code__:
            assert begun.wait(10.0)
            raise _SoftLimitError

    before = sys.getprofile()
    sys.setprofile(handler)
    try:
        with pytest.raises(_SoftLimitError):
            held.start("here", work=work)
    finally:
        sys.setprofile(before)
    assert held.fetch_threads.live == 1
    held.end()
    assert held.fetch_threads.live == 0
