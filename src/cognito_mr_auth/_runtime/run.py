"""Runs the steps of a verification: on a thread that blocks, or in a task that awaits.

This module takes the steps, and knows nothing of what they wait for. It imports asyncio only where its loop
already runs, and never imports trio.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from typing import Any, Protocol, TypeVar

from cognito_mr_auth.errors import AuthError

__all__ = ["gather", "in_trio_task", "run_async", "run_sync"]

T = TypeVar("T")

Steps = Generator[Any, Any, T]
"""Yields (future, seconds) to wait for, an awaitable whose outcome is sent back, or None where others may run
before it goes on."""


def run_sync(steps: Steps[T]) -> T:
    """Take the steps on this thread, and block where they wait.

    Raises:
        TypeError: a hook returned an awaitable, which only `run_async` can take.
    """
    try:
        while True:
            wait = next(steps)
            if isinstance(wait, tuple):
                _block(*wait)
            elif wait is not None:
                _drop(wait)
                raise TypeError("a hook returned an awaitable; call averify()")
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
    close()  # a coroutine that is never awaited would cause a warning when it is collected


async def run_async(steps: Steps[T]) -> T:
    """Take the steps in this task of asyncio or trio, and await where they wait."""
    try:
        sent: object = None
        while True:
            wait = steps.send(sent)
            loop, sent = _loop(), None
            if wait is None:
                await loop.let_others_run()
            elif isinstance(wait, tuple):
                await loop.pause(*wait)
            else:
                sent = await loop.outcome(wait)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        steps.close()


class _Loop(Protocol):
    """How a task waits. The modules `run_asyncio` and `run_trio` implement it."""

    async def let_others_run(self) -> None:
        """Let every other task that can run have its turn."""

    async def pause(self, future: Any, seconds: float) -> None:
        """Wait for a thread's future. A cancellation of this task does not cancel the future."""

    async def outcome(self, awaitable: Any) -> object:
        """The result of a hook's awaitable, or a `Raised` if it raises."""


def _loop() -> _Loop:
    """The kinds of wait of the task that runs now."""
    # A test for asyncio would be wrong, because trio may run as a guest in asyncio's loop.
    if in_trio_task():
        from . import run_trio

        return run_trio
    from . import run_asyncio

    return run_asyncio


def in_trio_task() -> bool:
    """Whether a task of trio runs here."""
    lowlevel = getattr(sys.modules.get("trio"), "lowlevel", None)  # missing while another thread imports trio
    try:
        return lowlevel is not None and lowlevel.current_task() is not None
    except RuntimeError:
        return False


def gather(all_steps: list[Generator[Any, Any, None]]) -> Generator[Any, Any, AuthError | None]:
    """Run all of these together, and return the last error, if any.

    After each wait, which is one of theirs, all take a step. So each soon sees what has happened to it, and
    the wait of one does not use the time of the others.
    """
    failure: AuthError | None = None
    pending = all_steps
    while pending:
        waits: list[Any] = []
        still: list[Generator[Any, Any, None]] = []
        for steps in pending:
            while (wait := _step(steps)) is None:
                yield None  # otherwise the next ones would begin only after this one has ended
            if isinstance(wait, AuthError):
                failure = wait
            elif wait is not _DONE:
                waits.append(wait)
                still.append(steps)
        pending = still
        if waits:
            yield waits[0]
    return failure


_DONE = object()


def _step(steps: Generator[Any, Any, None]) -> Any:
    """What these steps wait for next, their error, or _DONE."""
    try:
        return next(steps)
    except StopIteration:
        return _DONE
    except AuthError as error:
        return error.with_traceback(None)
