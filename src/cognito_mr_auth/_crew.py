"""The threads that fetch: how many may live, and what they are called (DESIGN F).

Owns the counts, abandoned threads included: one that hangs in a DNS resolver cannot be ended, so it
goes on counting until it ends itself. Knows nothing of keys. Foreground work never queues behind
background work, since the latter may use half of the places only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["BUSY", "FULL", "STARTED", "Crew"]

# Enough for five pools that ask three endpoints each; more threads would only wait for the GIL.
MAX_THREADS = 16
MAX_BACKGROUND = 8
# One that hangs and one that tries again.
MAX_PER_ENDPOINT = 2

STARTED, BUSY, FULL = "started", "busy", "full"


class Crew:
    """Starts daemon threads, none kept when idle."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: dict[object, int] = {}
        self._total = 0

    def start(self, place: object, name: str, work: Callable[[], None], *, background: bool) -> str:
        """Run `work` on a thread of its own: STARTED, BUSY (this place has two) or FULL (no room).

        A process that may start no more threads is full as well.
        """
        with self._lock:
            if self._live.get(place, 0) >= MAX_PER_ENDPOINT:
                return BUSY
            if self._total >= (MAX_BACKGROUND if background else MAX_THREADS):
                return FULL
            self._count(place, 1)
            live = self._live

        def run() -> None:
            try:
                work()
            finally:
                with self._lock:
                    if self._live is live:  # else: counted by the parent of a fork
                        self._count(place, -1)

        try:
            threading.Thread(target=run, name=name, daemon=True).start()
        except RuntimeError:  # "can't start new thread", or the interpreter is going down
            with self._lock:
                self._count(place, -1)
            return FULL
        return STARTED

    def _count(self, place: object, change: int) -> None:
        self._total += change
        left = self._live.get(place, 0) + change
        if left:
            self._live[place] = left
        else:
            del self._live[place]

    def forget(self) -> None:
        """After a fork: the parent's threads are not here, and its lock may be held by one."""
        self._lock = threading.Lock()
        self._live = {}
        self._total = 0
