"""Runs jobs side by side, each on a daemon thread, with one deadline for all.

This module has the waiting. A job that hangs delays nobody beyond the deadline, and does not delay the
process's end. The threads are daemons because a name look-up cannot be interrupted. It knows nothing of AWS.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

__all__ = ["Deadline", "side_by_side"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Deadline:
    """A moment, `seconds` from now, on a clock that only rises."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + seconds

    @property
    def remaining(self) -> float:
        """The seconds that are left, at least 0."""
        return max(0.0, self._end - self._monotonic())


def side_by_side(
    jobs: Mapping[K, Callable[[], V]],
    deadline: Deadline,
    done: Callable[[K], object] = lambda _: None,
) -> dict[K, V | Exception | None]:
    """What each job returned or raised; None for a job that had not ended at the deadline.

    `done` is called on the caller's thread for each job that has ended.
    """
    ended: queue.SimpleQueue[tuple[K, V | Exception]] = queue.SimpleQueue()

    def run(name: K, job: Callable[[], V]) -> None:
        result: V | Exception
        try:
            result = job()
        except Exception as error:  # noqa: BLE001 - the caller judges it; raised, it would end in a thread
            result = error
        ended.put((name, result))

    for name, job in jobs.items():
        threading.Thread(target=run, args=(name, job), name=f"cognito-mr-auth {name}", daemon=True).start()
    found: dict[K, V | Exception | None] = dict.fromkeys(jobs)
    for _ in jobs:
        try:
            name, result = ended.get(timeout=deadline.remaining)
        except queue.Empty:
            break
        found[name] = result
        done(name)
    return found
