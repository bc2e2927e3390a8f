"""The threads that fetch: how many may live for an endpoint and for a host, and their names (F).

This module counts them, including threads of attempts that were given up, and calls waiting functions when
one ends. It knows nothing of keys. Callers' work never queues behind background work, which may use half of a
host's slots. First attempts leave some slots to second connections.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["FetchThreads"]

# All pools ask the same hosts, so a host that hangs must not keep any pool from another host. 12 threads at
# once fetch the keys of 24 pools from a healthy host in two rounds.
MAX_PER_HOST = 16
MAX_BACKGROUND_PER_HOST = 8
# The rest is for second connections. Without it, first attempts that an outage had killed kept every
# new connection from a recovered host for the rest of their 15 s (24 pools: 12 s). An answer frees slots.
MAX_FIRST_PER_HOST = 12
# The first attempt, and the second connection beside it.
MAX_PER_ENDPOINT = 2


class _Slot:
    """One thread's slot: the host that counts it, and whether the thread has begun to run."""

    __slots__ = ("endpoint", "host", "running")

    def __init__(self, host: _Host, endpoint: object) -> None:
        self.host = host
        self.endpoint = endpoint
        self.running = False


class _Host:
    """The slots of one host, and the functions to call when one is free, each once."""

    __slots__ = ("slots", "waiting")

    def __init__(self) -> None:
        self.slots: set[_Slot] = set()
        self.waiting: dict[Callable[[], None], None] = {}


class FetchThreads:
    """Starts daemon threads, and keeps none that is idle."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = {}
        # On a thread that has ended its work and calls waiting functions: what it does next.
        self._ending = threading.local()

    def start(
        self,
        host: str,
        endpoint: object,
        name: str,
        work: Callable[[], None],
        *,
        background: bool,
        on_room: Callable[[], None],
    ) -> bool:
        """Run `work` on a thread of its own. False if the endpoint or its host is full, or no thread starts.

        Then `on_room` is called once, on the thread that frees a slot. Its work runs on that thread.
        """
        slot: _Slot | None = None
        try:
            with self._lock:
                found = self._hosts.setdefault(host, _Host())
                mine = sum(each.endpoint == endpoint for each in found.slots)
                most = MAX_PER_HOST if mine else MAX_FIRST_PER_HOST
                most = MAX_BACKGROUND_PER_HOST if background else most
                if mine >= MAX_PER_ENDPOINT or len(found.slots) >= most:
                    found.waiting[on_room] = None
                    return False
                slot = _Slot(found, endpoint)
                found.slots.add(slot)
            if getattr(self._ending, "next", slot) is None:
                self._ending.next = (slot, work, name)  # reuses this thread, so that no second one is needed
                return True
            threading.Thread(target=self._run, args=(slot, work), name=name, daemon=True).start()
        except BaseException as error:
            if slot is not None:
                self._release(slot, running=False)
            if isinstance(error, RuntimeError):  # "can't start new thread", or the interpreter shuts down
                return False
            raise  # a signal's handler has raised it, such as a soft time limit; the process may live on
        return True

    def _run(self, slot: _Slot, work: Callable[[], None]) -> None:
        while True:
            with self._lock:
                slot.running = True
                slot.host.slots.add(slot)  # again, because an interrupted `start` has released it
            try:
                work()
            except BaseException:
                self._release(slot, running=True)
                self._tell(slot.host)
                raise
            self._release(slot, running=True)
            following = self._next_for_thread(slot.host)
            if following is None:
                return
            slot, work, threading.current_thread().name = following

    def _next_for_thread(self, host: _Host) -> tuple[_Slot, Callable[[], None], str] | None:
        """Call the waiting functions. Returns what one of them has started for this thread to run."""
        self._ending.next = None
        try:
            self._tell(host)
        except BaseException:
            if self._ending.next is not None:
                self._release(self._ending.next[0], running=False)
            raise
        following: tuple[_Slot, Callable[[], None], str] | None = self._ending.next
        del self._ending.next
        return following

    def _release(self, slot: _Slot, *, running: bool) -> None:
        with self._lock:
            if slot.running is running:  # a thread that runs releases its slot itself
                slot.host.slots.discard(slot)

    def _tell(self, host: _Host) -> None:
        """Call the waiting functions one by one, each once, while a slot is free."""
        with self._lock:
            turns = len(host.waiting)
        for _ in range(turns):
            with self._lock:
                if not host.waiting or len(host.slots) >= MAX_PER_HOST:
                    return
                on_room = next(iter(host.waiting))
                del host.waiting[on_room]
            on_room()

    @property
    def live(self) -> int:
        """The number of living threads."""
        with self._lock:
            return sum(len(each.slots) for each in self._hosts.values())

    def reset_after_fork(self) -> None:
        """Start anew after a fork. The parent's threads are not here, and one may have held its lock."""
        self._lock = threading.Lock()
        self._hosts = {}
