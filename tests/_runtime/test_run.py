"""Taking steps: on a thread that blocks, or in a task that awaits, with the same outcome."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from typing import Any

import pytest

from cognito_mr_auth._runtime.raised import Raised
from cognito_mr_auth._runtime.run import gather, run_async, run_sync
from cognito_mr_auth.errors import AuthError, KeysUnavailable, KeyUnknown

LONG = 30.0
"""Seconds that no test here waits."""

Take = Callable[[Generator[Any, Any, Any]], Any]


def ended() -> Future[None]:
    """A future that is over."""
    future: Future[None] = Future()
    future.set_result(None)
    return future


def waiting(*waits: tuple[Future[None], float], result: object = "done") -> Generator[Any, Any, Any]:
    """Steps that wait for each, then give the result."""
    for wait in waits:
        assert (yield wait) is None
    return result


BOTH = pytest.mark.parametrize(
    "take", [run_sync, lambda steps: asyncio.run(run_async(steps))], ids=["run_sync", "run_async"]
)


@BOTH
def test_steps_without_a_wait(take: Take) -> None:
    """Their result is the result."""
    assert take(waiting()) == "done"


@BOTH
def test_a_future_that_is_over(take: Take) -> None:
    """It is not waited for."""
    assert take(waiting((ended(), LONG), (ended(), LONG))) == "done"


@BOTH
def test_a_future_that_ends_meanwhile(take: Take) -> None:
    """Its end, on any thread, ends the wait."""
    future: Future[None] = Future()
    threading.Timer(0.02, future.set_result, [None]).start()
    assert take(waiting((future, LONG))) == "done"


@BOTH
def test_a_future_that_does_not_end(take: Take) -> None:
    """The wait ends when its seconds are over, and the future is left as it was."""
    future: Future[None] = Future()
    assert take(waiting((future, 0.01))) == "done"
    assert not future.done()
    future.set_result(None)  # no caller waits there any more


@BOTH
def test_a_turn_of_others(take: Take) -> None:
    """None is no wait: the steps go on at once, with nothing sent back."""

    def steps() -> Generator[Any, Any, str]:
        assert (yield None) is None
        assert (yield ended(), LONG) is None
        assert (yield None) is None
        return "done"

    assert take(steps()) == "done"


@BOTH
def test_an_error_of_the_steps(take: Take) -> None:
    """It is the caller's, as it was raised."""

    def steps() -> Generator[Any, Any, None]:
        yield ended(), LONG
        raise KeyUnknown

    with pytest.raises(KeyUnknown):
        take(steps())


@BOTH
def test_the_steps_are_closed(take: Take) -> None:
    """Whatever ends the wait, the steps can clean up."""
    cleaned = []

    def steps() -> Generator[Any, Any, None]:
        try:
            yield "neither a wait", "nor an awaitable", "but a tuple of three"
        finally:
            cleaned.append(True)

    with pytest.raises(TypeError):
        take(steps())
    assert cleaned == [True]


# --- Awaitables


def asking(awaitable: Any) -> Generator[Any, Any, object]:
    """Steps whose result is what the awaitable gave."""
    answer: object = yield awaitable
    return answer


async def _answer(value: object) -> object:
    await asyncio.sleep(0)
    return value


async def _raise() -> object:
    raise ValueError("a bug")


async def _lost() -> object:
    shared = asyncio.ensure_future(_answer(True))
    shared.cancel()
    return await shared


class _Awaitable:
    """An awaitable that is no coroutine."""

    def __await__(self) -> Generator[Any, Any, bool]:
        yield from asyncio.sleep(0).__await__()
        return True


@pytest.mark.parametrize(
    ("make", "answer"),
    [
        pytest.param(lambda: _answer(True), True, id="true"),
        pytest.param(lambda: _answer(None), None, id="none"),
        pytest.param(_Awaitable, True, id="no-coroutine"),
        pytest.param(_raise, "ValueError", id="raises"),
        pytest.param(_lost, "asyncio.exceptions.CancelledError", id="waits-for-what-was-cancelled"),
    ],
)
def test_an_awaitable_is_awaited(make: Callable[[], Awaitable[object]], answer: object) -> None:
    """Its outcome is sent back; what it raises is no answer, and reaches no caller."""
    found = asyncio.run(run_async(asking(make())))
    assert (found.error if isinstance(found, Raised) else found) == answer


@pytest.mark.parametrize("make", [lambda: _answer(True), _Awaitable], ids=["coroutine", "other"])
def test_a_thread_awaits_nothing(make: Callable[[], Awaitable[object]]) -> None:
    """`run_sync` refuses, and leaves no coroutine that warns that it was never awaited."""
    with pytest.raises(TypeError, match=r"call averify\(\)"):
        run_sync(asking(make()))


def test_cancellation_passes_through_an_awaitable() -> None:
    """A cancelled caller is cancelled, and no hook's failure."""

    async def main() -> None:
        task = asyncio.create_task(run_async(asking(asyncio.Event().wait())))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


class _Forever:
    """An awaitable that never has an answer."""

    def __await__(self) -> Generator[object, None, object]:
        while True:
            yield None


def test_a_coroutine_that_is_closed_without_a_loop_just_ends() -> None:
    """A collector closes what a loop has left behind, and there is no task to ask then."""
    steps = run_async(asking(_Forever()))
    steps.send(None)
    steps.close()
    assert steps.cr_frame is None


# --- Tasks, loops, cancellation


def test_other_tasks_have_their_turn() -> None:
    """Between two steps that yield None each other task that can run does so."""
    log: list[str] = []

    def steps() -> Generator[Any, Any, None]:
        for place in range(3):
            log.append(f"step {place}")
            yield None

    async def beat() -> None:
        for place in range(3):
            log.append(f"beat {place}")
            await asyncio.sleep(0)

    async def main() -> None:
        beating = asyncio.create_task(beat())
        await run_async(steps())
        await beating

    asyncio.run(main())
    assert log == ["step 0", "beat 0", "step 1", "beat 1", "step 2", "beat 2"]


def test_a_cancelled_waiter_leaves_the_future_alone() -> None:
    """Others go on waiting for it, and its later end disturbs nothing."""
    future: Future[None] = Future()

    async def main() -> object:
        first = asyncio.create_task(run_async(waiting((future, LONG))))
        second = asyncio.create_task(run_async(waiting((future, LONG), result="second")))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert not future.done()
        future.set_result(None)
        return await second

    assert asyncio.run(main()) == "second"


def test_a_future_that_ends_after_the_wait() -> None:
    """Its late wake-up disturbs nothing, and the next wait for it ends at once."""
    future: Future[None] = Future()

    async def main() -> None:
        await run_async(waiting((future, 0.0)))
        future.set_result(None)
        await asyncio.sleep(0)  # the late call comes here
        await run_async(waiting((future, LONG), (future, LONG)))

    asyncio.run(main())


def test_a_loop_that_was_closed_meanwhile(caplog: pytest.LogCaptureFixture) -> None:
    """The end of a refresh wakes no caller and logs nothing; a future logs a callback's exception (FI-59)."""
    future: Future[None] = Future()
    asyncio.run(run_async(waiting((future, 0.01))))
    future.set_result(None)
    assert future.exception() is None
    assert caplog.records == []


def test_the_late_wake_up_of_a_cancelled_waiter() -> None:
    """A waiter that was cancelled between the end and its wake-up is not woken."""
    future: Future[None] = Future()

    async def main() -> None:
        task = asyncio.create_task(run_async(waiting((future, LONG))))
        await asyncio.sleep(0)
        future.add_done_callback(lambda _future: task.cancel())
        future.set_result(None)
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)

    asyncio.run(main())


def test_several_loops_wait_for_one_future() -> None:
    """Tasks of different loops, and a thread, share a refresh."""
    future: Future[None] = Future()
    ready = threading.Barrier(4)
    results: list[object] = []

    def steps() -> Generator[Any, Any, object]:
        ready.wait(10.0)
        return (yield from waiting((future, LONG)))

    takers: list[Take] = [run_sync, *[lambda steps: asyncio.run(run_async(steps))] * 2]
    threads = [threading.Thread(target=lambda take=take: results.append(take(steps()))) for take in takers]
    for thread in threads:
        thread.start()
    ready.wait(10.0)
    future.set_result(None)
    for thread in threads:
        thread.join(10.0)
    assert results == ["done"] * 3


# --- Several at once


def member(
    log: list[str], name: str, waits: int, error: AuthError | None = None
) -> Generator[Any, Any, None]:
    """Steps that log when they begin and end."""
    log.append(f"{name} begins")
    for _ in range(waits):
        yield ended(), LONG
    log.append(f"{name} ends")
    if error is not None:
        raise error


@BOTH
def test_gather(take: Take) -> None:
    """All begin before the first wait, and all end."""
    log: list[str] = []
    assert take(gather([member(log, "a", 2), member(log, "b", 0), member(log, "c", 1)])) is None
    assert log == ["a begins", "b begins", "b ends", "c begins", "c ends", "a ends"]


def test_gather_waits_for_all_together() -> None:
    """Two dozen that wait twice each are two waits, because each looks again after a wait of any."""
    log: list[str] = []
    waits = list(gather([member(log, f"{n}", 2) for n in range(24)]))
    assert len(waits) == 2
    assert sorted(log[:24]) == sorted(f"{n} begins" for n in range(24))
    assert sorted(log[24:]) == sorted(f"{n} ends" for n in range(24))


@BOTH
def test_gather_of_steps_that_give_others_a_turn(take: Take) -> None:
    """A turn of others is no first wait: the rest begins before the first has ended."""
    log: list[str] = []

    def loading() -> Generator[Any, Any, None]:
        yield None
        yield from member(log, "a", 2)
        yield None

    assert take(gather([loading(), member(log, "b", 1)])) is None
    assert log == ["a begins", "b begins", "b ends", "a ends"]


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        pytest.param(None, KeyUnknown(), KeyUnknown, id="last"),
        pytest.param(KeyUnknown(), None, KeyUnknown, id="first"),
        pytest.param(KeyUnknown(), KeysUnavailable(), KeysUnavailable, id="both"),
    ],
)
@pytest.mark.parametrize("waits", [0, 2])
def test_an_error_keeps_no_thread_from_ending(
    first: AuthError | None, second: AuthError | None, kind: type[AuthError], waits: int
) -> None:
    """The last error is given when all are done."""
    log: list[str] = []
    found = run_sync(gather([member(log, "a", waits, first), member(log, "b", waits, second)]))
    assert (type(found), {"a ends", "b ends"} <= set(log)) == (kind, True)


def test_gather_of_nothing() -> None:
    """Nothing to wait for ends at once."""
    assert run_sync(gather([])) is None
