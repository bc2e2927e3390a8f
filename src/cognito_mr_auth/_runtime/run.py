"""Runs the steps of a verification: on a thread that blocks, or in a task that awaits.

Owns the two ways to wait, and nothing of what is waited for. Imports asyncio only where a loop is
already running.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from cognito_mr_auth.errors import AuthError

from .hooks import HOOK_FAILED

__all__ = ["gather", "run_async", "run_sync"]

T = TypeVar("T")

Steps = Generator[Any, Any, T]
"""Yields (future, seconds) to wait for, or an awaitable whose outcome is to be sent back."""


def run_sync(steps: Steps[T]) -> T:
    """Take the steps on this thread, blocking where they wait.

    Raises:
        TypeError: a hook gave an awaitable, which only `run_async` can take.
    """
    try:
        while True:
            wait = next(steps)
            if not isinstance(wait, tuple):
                _drop(wait)
                raise TypeError("a hook gave an awaitable: call averify()")
            _block(*wait)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        steps.close()


def _block(future: Any, seconds: float) -> None:
    from concurrent.futures import wait

    wait((future,), seconds)


def _drop(awaitable: Any) -> None:
    close: Callable[[], None] = getattr(awaitable, "close", lambda: None)
    close()  # a coroutine that is never awaited would warn at its end


async def run_async(steps: Steps[T]) -> T:
    """Take the steps in this task, awaiting where they wait."""
    try:
        sent: object = None
        while True:
            wait = steps.send(sent)
            sent = await (_pause(*wait) if isinstance(wait, tuple) else _outcome(wait))
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        steps.close()


async def _pause(future: Any, seconds: float) -> None:
    """Wait for a thread's future; a cancellation of this task leaves the future alone."""
    import asyncio

    loop = asyncio.get_running_loop()
    woken = loop.create_future()

    def call(_future: object) -> None:  # runs once, and nothing else ends or cancels `woken`
        try:
            loop.call_soon_threadsafe(woken.set_result, None)
        except RuntimeError:  # the loop has been closed meanwhile, so no task waits there
            return

    future.add_done_callback(call)
    await asyncio.wait((woken,), timeout=seconds)


async def _outcome(awaitable: Any) -> object:
    try:
        return await awaitable
    except Exception:  # noqa: BLE001 - a user's hook may raise anything, and none of it is a yes
        return HOOK_FAILED
    except BaseException as error:
        if not _only_the_hooks(error):
            raise
        return HOOK_FAILED


def _only_the_hooks(error: BaseException) -> bool:
    """Whether something that the hook waited for was cancelled, and not this task."""
    import asyncio

    if not isinstance(error, asyncio.CancelledError):  # a coroutine that is closed has no loop to ask
        return False
    task = asyncio.current_task()
    return task is not None and not task.cancelling()


def gather(all_steps: list[Generator[Any, Any, None]]) -> Generator[Any, Any, AuthError | None]:
    """Begin all of these before the first wait, finish each, and give the last error, if any."""
    failure: AuthError | None = None
    first = [_step(steps) for steps in all_steps]
    for steps, begun in zip(all_steps, first, strict=True):
        wait = begun
        while wait is not None and not isinstance(wait, AuthError):
            yield wait
            wait = _step(steps)
        failure = wait or failure
    return failure


def _step(steps: Generator[Any, Any, None]) -> Any:
    """What these steps wait for next, their error, or None when they are done."""
    try:
        return next(steps)
    except StopIteration:
        return None
    except AuthError as error:
        return error.with_traceback(None)
