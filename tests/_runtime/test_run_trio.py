"""Taking steps in a task of trio: the same outcome as on a thread and in a task of asyncio."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from typing import Any

import pytest
import trio

from cognito_mr_auth import errors, policy
from cognito_mr_auth._runtime import run
from cognito_mr_auth._runtime.raised import Raised
from cognito_mr_auth._runtime.run import gather, run_async
from cognito_mr_auth.testing import FakeUserPool

LONG = 30.0
"""Seconds that no test here waits."""


def waiting(*waits: Any, result: object = "done") -> Generator[Any, Any, Any]:
    """Steps that wait for each, then give the result."""
    for wait in waits:
        assert (yield wait) is None
    return result


def take(steps: Generator[Any, Any, Any]) -> Any:
    """The steps' result, under trio."""
    return trio.run(run_async, steps)


def ended() -> Future[None]:
    """A future that is over."""
    future: Future[None] = Future()
    future.set_result(None)
    return future


# --- Futures and turns


def test_waits_that_are_over() -> None:
    """No wait, a turn of others, a future that is over."""
    assert take(waiting()) == "done"
    assert take(waiting(None, (ended(), LONG), None)) == "done"


def test_a_future_that_ends_meanwhile() -> None:
    """Its end, on any thread, ends the wait."""
    future: Future[None] = Future()
    threading.Timer(0.02, future.set_result, [None]).start()
    assert take(waiting((future, LONG))) == "done"


@pytest.mark.parametrize("seconds", [0.01, 0.0, -1.0])
def test_a_future_that_does_not_end(seconds: float) -> None:
    """The wait ends when its seconds are over; the future is as it was, and may end after trio has."""
    future: Future[None] = Future()
    assert take(waiting((future, seconds))) == "done"
    assert not future.done()
    future.set_result(None)
    assert future.exception() is None


def test_a_future_that_ends_after_the_wait() -> None:
    """Its late wake-up disturbs nothing, and the next wait for it ends at once."""
    future: Future[None] = Future()

    async def main() -> None:
        await run_async(waiting((future, 0.0)))
        future.set_result(None)
        await trio.lowlevel.checkpoint()
        await run_async(waiting((future, LONG), (future, LONG)))

    trio.run(main)


def test_a_cancelled_waiter_leaves_the_future_alone() -> None:
    """Others go on waiting for it."""
    future: Future[None] = Future()
    results: list[object] = []

    async def keep(result: str) -> None:
        results.append(await run_async(waiting((future, LONG), result=result)))

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep, "second")
            with trio.move_on_after(0.01) as scope:
                await keep("first")
            assert scope.cancelled_caught
            assert not future.done()
            future.set_result(None)

    trio.run(main)
    assert results == ["second"]


def test_other_tasks_have_their_turn() -> None:
    """Between two steps that yield None each other task that can run does so."""
    beats = 0

    def steps() -> Generator[Any, Any, list[int]]:
        seen = []
        for _ in range(3):
            yield None
            seen.append(beats)
        return seen

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await trio.lowlevel.checkpoint()

    async def main() -> Any:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(beat)
            seen = await run_async(steps())
            nursery.cancel_scope.cancel()
        return seen

    first, second, third = trio.run(main)  # trio picks the order of the tasks of one turn at random
    assert first <= second <= third
    assert third > 0


def test_steps_are_closed_and_errors_pass() -> None:
    """An error of the steps is the caller's, and whatever ends the wait, the steps can clean up."""
    cleaned = []

    def steps() -> Generator[Any, Any, None]:
        try:
            yield ended(), LONG
            raise errors.KeyUnknown
        finally:
            cleaned.append(True)

    with pytest.raises(errors.KeyUnknown):
        take(steps())
    assert cleaned == [True]
    assert take(gather([waiting(None, (ended(), LONG), result=None)])) is None


# --- Which library runs


def test_trio_as_a_guest_of_asyncio() -> None:
    """Each task waits in the way of its own library, though both run on one thread."""
    future: Future[None] = Future()

    async def host() -> tuple[object, object]:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Any] = loop.create_future()
        trio.lowlevel.start_guest_run(
            run_async,
            waiting(None, (future, LONG), None, result="guest"),
            run_sync_soon_threadsafe=loop.call_soon_threadsafe,
            done_callback=ended.set_result,
        )
        await run_async(waiting((Future(), 0.01)))
        future.set_result(None)
        result = await run_async(waiting((future, LONG), result="host"))
        return result, (await ended).unwrap()

    assert asyncio.run(host()) == ("host", "guest")


def test_trio_that_is_loaded_and_does_not_run() -> None:
    """Asyncio's tasks and other threads are not taken for trio's."""
    assert not run.in_trio_task()
    assert asyncio.run(run_async(waiting(None, (ended(), LONG)))) == "done"


# --- Awaitables


def asking(awaitable: Any) -> Generator[Any, Any, object]:
    """Steps whose result is what the awaitable gave."""
    answer: object = yield awaitable
    return answer


async def _answer(value: object) -> object:
    await trio.lowlevel.checkpoint()
    return value


async def _raise() -> object:
    raise ValueError("a bug")


async def _raise_in_a_nursery() -> object:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_raise)
    return True


async def _own_timeout() -> object:
    with trio.move_on_after(0):
        await trio.sleep_forever()
    return False


async def _of_asyncio() -> object:
    await asyncio.sleep(0)
    return True


@pytest.mark.parametrize(
    ("make", "answer"),
    [
        pytest.param(lambda: _answer(True), True, id="true"),
        pytest.param(lambda: _answer(None), None, id="none"),
        pytest.param(_own_timeout, False, id="its-own-cancellation"),
        pytest.param(_raise, "ValueError", id="raises"),
        pytest.param(_raise_in_a_nursery, "ExceptionGroup", id="raises-a-group"),
        pytest.param(_of_asyncio, "TypeError", id="of-another-library"),
    ],
)
def test_an_awaitable_is_awaited(make: Callable[[], Awaitable[object]], answer: object) -> None:
    """Its outcome is sent back; what it raises is no answer, and reaches no caller."""
    found = take(asking(make()))
    assert (found.error if isinstance(found, Raised) else found) == answer


def test_cancellation_passes_through_an_awaitable() -> None:
    """A cancelled caller is cancelled, and no hook's failure."""
    seen: list[object] = []

    async def main() -> None:
        with trio.move_on_after(0.01):
            seen.append(await run_async(asking(trio.sleep_forever())))  # noqa: ASYNC105

    trio.run(main)
    assert seen == []


def test_a_hooks_own_error_beside_a_cancellation() -> None:
    """Only the cancellation goes on; the error could hold a token."""

    async def fail_when_cancelled() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("a token")

    async def hook() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail_when_cancelled)
            nursery.start_soon(trio.sleep_forever)

    async def main() -> bool:
        with trio.move_on_after(0.01) as scope:
            await run_async(asking(hook()))
        return scope.cancelled_caught

    assert trio.run(main)


class _Forever:
    """An awaitable that never has an answer."""

    def __await__(self) -> Generator[object, None, object]:
        while True:
            yield None


def test_a_coroutine_that_is_closed_without_a_loop_just_ends() -> None:
    """A collector closes what a run has left behind."""
    from cognito_mr_auth._runtime import run_trio

    outcome = run_trio.outcome(_Forever())
    outcome.send(None)
    outcome.close()
    gc.collect()
    assert outcome.cr_frame is None


# --- A verifier


@pytest.fixture
def pool() -> FakeUserPool:
    """A pool with one endpoint of each kind."""
    return FakeUserPool()


async def _yes(_principal: object) -> bool:
    await trio.lowlevel.checkpoint()
    return True


@pytest.mark.outside
def test_a_verifier_without_keys(pool: FakeUserPool) -> None:
    """Keys are fetched, coroutine checks are awaited, and an outage is 503."""

    async def main() -> str:
        await verifier.awarm()
        principal = await verifier.averify(pool.access_token(), require=policy.check(_yes))
        return (await verifier.arequire(principal, policy.check(_yes))).username

    with pool.serve() as endpoints:
        with pool.verifier() as verifier:
            assert trio.run(main) == "alice"
        with pool.verifier() as verifier:
            assert trio.run(verifier.averify, pool.access_token()).username == "alice"
        endpoints.fail("refuse")
        with pool.verifier() as verifier, pytest.raises(errors.KeysUnavailable):
            trio.run(verifier.averify, pool.access_token())


@pytest.mark.outside
def test_a_caller_that_gives_up(pool: FakeUserPool) -> None:
    """A cancelled caller leaves at once, and the fetch goes on for the next."""

    async def main() -> str:
        with trio.move_on_after(0.05) as scope:
            await verifier.averify(pool.access_token())
        assert scope.cancelled_caught
        endpoints.heal()
        return (await verifier.averify(pool.access_token())).username

    with pool.serve() as endpoints, pool.verifier() as verifier:
        endpoints.fail("hang")
        assert trio.run(main) == "alice"


def test_a_cache_hit_never_yields(pool: FakeUserPool) -> None:
    """R8: a key that is there needs no loop at all, so neither trio nor asyncio runs another task."""
    verifier = pool.offline_verifier()
    token = pool.access_token()
    for _ in range(2):
        with pytest.raises(StopIteration) as done:
            verifier.averify(token).send(None)
        assert done.value.value.username == "alice"
