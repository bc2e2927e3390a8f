"""The threads that fetch: how many may live, and their names (F).

Owns the counts, abandoned threads included: one that hangs in a DNS resolver cannot be ended, so it
goes on counting until it ends itself. Knows nothing of keys. Foreground work never queues behind
background work, because background work may use half of the slots only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["BUSY", "FULL", "STARTED", "FetchThreads"]

# Enough for five pools that ask three endpoints each; more threads would only wait for the GIL.
MAX_THREADS = 16
MAX_BACKGROUND = 8
# One that hangs and one that tries again.
MAX_PER_ENDPOINT = 2

STARTED, BUSY, FULL = "started", "busy", "full"


class _Slot:
    """One thread's slot: the table that counts it, and whether the thread has begun to run."""

    __slots__ = ("endpoint", "live", "running")

    def __init__(self, endpoint: object, live: dict[object, set[_Slot]]) -> None:
        self.endpoint = endpoint
        self.live = live
        self.running = False


class FetchThreads:
    """Starts daemon threads, none kept when idle."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: dict[object, set[_Slot]] = {}
        self._total = 0

    def start(self, endpoint: object, name: str, work: Callable[[], None], *, background: bool) -> str:
        """Run `work` on a thread of its own: STARTED, BUSY or FULL.

        BUSY: two threads of this endpoint live. FULL: there is no slot, or the system refuses a new thread.
        """
        slot = _Slot(endpoint, self._live)

        def run() -> None:
            with self._lock:
                slot.running = True
                self._occupy(slot)  # again, if the call was interrupted and released it
            try:
                work()
            finally:
                with self._lock:
                    self._release(slot, running=True)

        try:
            with self._lock:
                if len(self._live.get(endpoint, ())) >= MAX_PER_ENDPOINT:
                    return BUSY
                if self._total >= (MAX_BACKGROUND if background else MAX_THREADS):
                    return FULL
                self._occupy(slot)
            threading.Thread(target=run, name=name, daemon=True).start()
        except BaseException as error:
            with self._lock:
                self._release(slot, running=False)
            if isinstance(error, RuntimeError):  # "can't start new thread", or the interpreter is going down
                return FULL
            raise  # raised by a signal's handler, such as a soft time limit; the process may live on
        return STARTED

    # A slot counts in the table that gave it; after a fork that is the parent's, which is not read.

    def _occupy(self, slot: _Slot) -> None:
        slot.live.setdefault(slot.endpoint, set()).add(slot)
        self._total = sum(map(len, self._live.values()))

    def _release(self, slot: _Slot, *, running: bool) -> None:
        slots = slot.live.get(slot.endpoint, set())
        if slot in slots and slot.running is running:  # a thread that runs releases its slot itself
            slots.discard(slot)
            if not slots:
                del slot.live[slot.endpoint]
            self._total = sum(map(len, self._live.values()))

    def reset_after_fork(self) -> None:
        """After a fork: the parent's threads are not here, and its lock may be held by one."""
        self._lock = threading.Lock()
        self._live = {}
        self._total = 0
