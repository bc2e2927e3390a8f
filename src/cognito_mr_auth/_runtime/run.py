"""Runs the steps of a verification: on a thread that blocks, or in a task that awaits.

Owns who takes the steps, and nothing of what is waited for. Imports asyncio only where its loop is already
running, and trio never.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from typing import Any, Protocol, TypeVar

from cognito_mr_auth.errors import AuthError

__all__ = ["gather", "in_trio_task", "run_async", "run_sync"]

T = TypeVar("T")

Steps = Generator[Any, Any, T]
"""Yields (future, seconds) to wait for, an awaitable whose outcome is to be sent back, or None where others
may run before it goes on."""


def run_sync(steps: Steps[T]) -> T:
    """Take the steps on this thread, blocking where they wait.

    Raises:
        TypeError: a hook gave an awaitable, which only `run_async` can take.
    """
    try:
        while True:
            wait = next(steps)
            if isinstance(wait, tuple):
                _block(*wait)
            elif wait is not None:
                _drop(wait)
                raise TypeError("a hook gave an awaitable: call averify()")
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
    """Take the steps in this task of asyncio or trio, awaiting where they wait."""
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
    """How a task waits; the modules `run_asyncio` and `run_trio` are two."""

    async def let_others_run(self) -> None:
        """Give every other task that can run its turn."""

    async def pause(self, future: Any, seconds: float) -> None:
        """Wait for a thread's future; a cancellation of this task leaves the future alone."""

    async def outcome(self, awaitable: Any) -> object:
        """What a hook's awaitable gives; a `Raised` if it raises."""


def _loop() -> _Loop:
    """The ways of the task that runs now."""
    # Not "is asyncio running?": trio may run as a guest in asyncio's loop.
    if in_trio_task():
        from . import run_trio

        return run_trio
    from . import run_asyncio

    return run_asyncio


def in_trio_task() -> bool:
    """Whether a task of trio runs here."""
    lowlevel = getattr(sys.modules.get("trio"), "lowlevel", None)  # absent while another thread imports trio
    try:
        return lowlevel is not None and lowlevel.current_task() is not None
    except RuntimeError:
        return False


def gather(all_steps: list[Generator[Any, Any, None]]) -> Generator[Any, Any, AuthError | None]:
    """Take all of these together, and give the last error, if any.

    All take a step after each wait, which is one of theirs: so each soon sees what has happened to it, and
    what one of them waits for costs the others none of their time.
    """
    failure: AuthError | None = None
    pending = all_steps
    while pending:
        waits: list[Any] = []
        still: list[Generator[Any, Any, None]] = []
        for steps in pending:
            while (wait := _step(steps)) is None:
                yield None  # or these would begin only after those before them have ended
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
