"""Name look-ups that outlive the fetch that asked, and the addresses that they found (F).

This module has the running look-ups, and for each host the last good addresses and the one that answered
last. A look-up is the system's `getaddrinfo`, which cannot be interrupted. So it has a daemon thread of its
own, and a late result serves the next fetch. It never opens a connection.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from .clocks import monotonic

if TYPE_CHECKING:
    from .cancel_scope import CancelScope

__all__ = ["Address", "Names"]

# A name server answers within 100 ms, even from another continent. If it is silent for longer, the system
# asks it again only after 5 s (resolv.conf's `timeout`).
SILENCE_SECONDS = 0.25
# Three Regions with two hosts each, a proxy, and as many again for other partitions and issuers.
MAX_HOSTS = 64
# The limit for each host. Load balancers have 2 to 8; a connection tries 16 (`racing.MAX_ADDRESSES`).
MAX_KEPT_ADDRESSES = 64
MAX_THREAD_NAME_CHARS = 100


class Address(NamedTuple):
    """One address of a host, without a port."""

    family: int
    host: str
    scope: tuple[int, ...] = ()

    def with_port(self, port: int) -> tuple[Any, ...]:
        """The address in the form that a socket of its family takes."""
        return (self.host, port, *self.scope)


class _Known(NamedTuple):
    """What is kept about a host."""

    addresses: tuple[Address, ...]
    answered: Address | None

    def ordered(self) -> tuple[Address, ...]:
        if self.answered not in self.addresses:
            return self.addresses
        return tuple(sorted(self.addresses, key=lambda each: each != self.answered))


class _LookUp:
    """One look-up: when it began, who waits for it, and what it has found (nothing if it failed)."""

    __slots__ = ("addresses", "began", "done", "waiters")

    def __init__(self) -> None:
        self.began = monotonic()
        self.done = False
        self.addresses: tuple[Address, ...] = ()
        self.waiters: set[SimpleQueue[None]] = set()

    def silent_in(self) -> float:
        """The seconds until it counts as silent; negative after."""
        return self.began + SILENCE_SECONDS - monotonic()


class Names:
    """The name look-ups of one verifier. At most two run for a host: its name, and that with a final dot."""

    def __init__(self, getaddrinfo: Callable[..., Any] = socket.getaddrinfo) -> None:
        self._getaddrinfo = getaddrinfo
        self._lock = threading.Lock()
        self._running: dict[str, _LookUp] = {}
        self._known: dict[str, _Known] = {}  # the first is the one that was found longest ago

    def addresses(self, host: str, scope: CancelScope) -> tuple[Address, ...]:
        """Every address of a host. The one that answered last comes first, then the system's order.

        Raises:
            TimeoutError: nothing is found until the scope's deadline, or the scope is cancelled.
            OSError: the host has no address, and never had one.
        """
        if _is_literal(host):  # the system asks no name server for it
            found = self._resolve(host)
            if not found:
                raise OSError("no such address")
            return found
        woken: SimpleQueue[None] = SimpleQueue()
        wake = partial(woken.put, None)
        scope.attach(woken, wake)
        look_ups: list[_LookUp] = []
        try:
            scope.remaining(TimeoutError)
            look_ups.append(self._join(host, host, woken))
            return self._wait(host, scope, woken, look_ups)
        finally:
            scope.detach(woken)
            with self._lock:  # because a look-up that never ends would otherwise keep every waiter
                for each in look_ups:
                    each.waiters.discard(woken)

    def _wait(
        self, host: str, scope: CancelScope, woken: SimpleQueue[None], look_ups: list[_LookUp]
    ) -> tuple[Address, ...]:
        plain = look_ups[0]
        while True:
            for each in look_ups:
                if each.addresses:
                    return self._ordered(host, each.addresses)
            silent_in = plain.silent_in()
            if silent_in <= 0 and len(look_ups) == 1 and not plain.done and _may_be_dotted(host):
                # With `ndots:5` the system first asks for `host.svc.cluster.local` and others. The dotted
                # name is asked only beside the plain one, because /etc/hosts does not match a final dot.
                look_ups.append(self._join(host, f"{host}.", woken))
                continue
            over = all(each.done for each in look_ups)
            if over or silent_in <= 0:
                kept = self._ordered(host, ())
                if kept:
                    return kept
            if over:
                raise OSError("no address")
            seconds = scope.remaining(TimeoutError)
            with suppress(Empty):
                woken.get(timeout=min(seconds, silent_in) if silent_in > 0 else seconds)

    def _join(self, host: str, name: str, woken: SimpleQueue[None]) -> _LookUp:
        """The look-up of that name: the running one, or a new one."""
        with self._lock:
            running = self._running.get(name)
            if running is not None:
                running.waiters.add(woken)
                return running
            look_up = self._running[name] = _LookUp()
            look_up.waiters.add(woken)
        try:
            threading.Thread(
                target=self._run,
                args=(host, name, look_up),
                name=f"cognito-mr-auth look-up {name}"[:MAX_THREAD_NAME_CHARS],
                daemon=True,
            ).start()
        except BaseException as error:
            self._finish(host, name, look_up, ())
            if not isinstance(error, RuntimeError):  # RuntimeError is "can't start new thread"
                raise
        return look_up

    def _run(self, host: str, name: str, look_up: _LookUp) -> None:
        self._finish(host, name, look_up, self._resolve(name))

    def _resolve(self, name: str) -> tuple[Address, ...]:
        """Every address once, in the system's order; empty if the look-up fails in any way."""
        try:
            found = self._getaddrinfo(name, 0, type=socket.SOCK_STREAM)
            addresses = dict.fromkeys(
                Address(entry[0], str(entry[4][0]), tuple(entry[4][2:]))
                for entry in found
                if entry[0] in (socket.AF_INET, socket.AF_INET6)
            )
        except BaseException:  # noqa: BLE001 - OSError, UnicodeError or another; waiters must be woken
            return ()
        return tuple(addresses)[:MAX_KEPT_ADDRESSES]

    def _finish(self, host: str, name: str, look_up: _LookUp, addresses: tuple[Address, ...]) -> None:
        with self._lock:
            look_up.addresses, look_up.done = addresses, True
            if self._running.get(name) is look_up:  # it is not, if the process has forked meanwhile
                del self._running[name]
            if addresses:
                known = self._known.pop(host, None)
                self._known[host] = _Known(addresses, None if known is None else known.answered)
                if len(self._known) > MAX_HOSTS:
                    del self._known[next(iter(self._known))]
            waiters = tuple(look_up.waiters)
        for woken in waiters:
            woken.put(None)

    def _ordered(self, host: str, addresses: tuple[Address, ...]) -> tuple[Address, ...]:
        """These addresses, or the kept ones if there are none. The one that answered last comes first."""
        with self._lock:
            known = self._known.get(host)
        if known is None:
            return addresses
        return (known._replace(addresses=addresses) if addresses else known).ordered()

    def note(self, host: str, address: Address, *, answered: bool) -> None:
        """Note whether a peer at this address has answered. If so, the next fetch begins with it."""
        with self._lock:
            known = self._known.get(host)
            if known is None:  # the host is an address and no name
                return
            if answered:
                self._known[host] = known._replace(answered=address)
            elif known.answered == address:
                self._known[host] = known._replace(answered=None)

    def reset_after_fork(self) -> None:
        """Start anew after a fork. The parent's look-ups do not run here, and one may have held its lock.

        The known addresses stay.
        """
        self._lock = threading.Lock()
        self._running = {}


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _may_be_dotted(host: str) -> bool:
    return "." in host and not host.endswith(".")
