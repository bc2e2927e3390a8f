"""The threads that fetch: how many may live for an endpoint and for a host, and their names (F).

Owns the counts, threads of attempts that were given up included, and whom to tell when one ends. Knows
nothing of keys. Foreground work never queues behind background work, which may use half of a host's slots;
first attempts leave some to second connections.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["FetchThreads"]

# All pools ask the same hosts: what hangs at one must not keep any pool from another, and 12 at once fetch
# the keys of 24 pools from a healthy one in two rounds.
MAX_PER_HOST = 16
MAX_BACKGROUND_PER_HOST = 8
# The rest is for second connections: first attempts that an outage had killed kept every new connection from
# a host that was well again until their 15 s were over (24 pools: 12 s). Who is served makes room for others.
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
    """The slots of one host, and who waits for one, each once."""

    __slots__ = ("slots", "waiting")

    def __init__(self) -> None:
        self.slots: set[_Slot] = set()
        self.waiting: dict[Callable[[], None], None] = {}


class FetchThreads:
    """Starts daemon threads, none kept when idle."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = {}
        # Of a thread that has ended its work and tells others of the room: what it shall do next.
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
        """Run `work` on a thread of its own; False if the endpoint or its host is full, or no thread begins.

        Then `on_room` is called once, on the thread whose end makes room; what it starts, that thread runs.
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
                self._ending.next = (slot, work, name)  # or two threads would live for a moment
                return True
            threading.Thread(target=self._run, args=(slot, work), name=name, daemon=True).start()
        except BaseException as error:
            if slot is not None:
                self._release(slot, running=False)
            if isinstance(error, RuntimeError):  # "can't start new thread", or the interpreter is going down
                return False
            raise  # raised by a signal's handler, such as a soft time limit; the process may live on
        return True

    def _run(self, slot: _Slot, work: Callable[[], None]) -> None:
        while True:
            with self._lock:
                slot.running = True
                slot.host.slots.add(slot)  # again, if the call was interrupted and released it
            try:
                work()
            except BaseException:
                self._release(slot, running=True)
                self._tell(slot.host)
                raise
            self._release(slot, running=True)
            following = self._told(slot.host)
            if following is None:
                return
            slot, work, threading.current_thread().name = following

    def _told(self, host: _Host) -> tuple[_Slot, Callable[[], None], str] | None:
        """Tell who waits, and give what one of them has started for this thread to go on with."""
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
        """Tell one after the other of those that wait, each once, as long as there is room."""
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
        """How many threads live."""
        with self._lock:
            return sum(len(each.slots) for each in self._hosts.values())

    def reset_after_fork(self) -> None:
        """After a fork: the parent's threads are not here, and its lock may be held by one."""
        self._lock = threading.Lock()
        self._hosts = {}
