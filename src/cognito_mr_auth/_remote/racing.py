"""Makes one TCP connection to a host of several addresses, by attempts that race (RFC 8305, F).

This module has the order of attempts and their sockets. It closes all sockets except the one that it returns.
It knows no names, no TLS and no HTTP.
"""

from __future__ import annotations

import errno
import selectors
import socket
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, cast

from .clocks import monotonic
from .names import Address

if TYPE_CHECKING:
    from .cancel_scope import CancelScope

__all__ = ["Selector", "connect", "interleaved", "interrupt"]

# RFC 8305 section 5 recommends it. A TCP handshake across an ocean takes less, and a person notices more.
STAGGER_SECONDS = 0.25
# Load balancers give 2 to 8 addresses. Each one holds a descriptor until the race is over.
MAX_ADDRESSES = 16

# Unlike epoll it needs no descriptor, and unlike select it takes descriptors above 1,023.
Selector: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.DefaultSelector)

_BEGUN = frozenset({0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EALREADY, errno.EINTR})


def interrupt(connection: socket.socket) -> Callable[[], None]:
    """A function that ends every wait for that socket, from another thread.

    It is not the socket's own `shutdown`, because an SSLSocket's would end TLS while a thread reads.
    """
    return partial(socket.socket.shutdown, connection, socket.SHUT_RDWR)


def interleaved(addresses: Iterable[Address]) -> list[Address]:
    """The addresses with their families in turn. The first address's family begins (RFC 8305 section 4)."""
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address.family, []).append(address)
    turns = chain.from_iterable(zip_longest(*families.values()))
    return [each for each in turns if each is not None]


def connect(
    addresses: Sequence[Address],
    port: int,
    scope: CancelScope,
    *,
    options: Iterable[Any] = (),
    local_address: str | None = None,
    open_socket: Callable[[int], socket.socket] = lambda family: socket.socket(family, socket.SOCK_STREAM),
) -> tuple[socket.socket, Address]:
    """The first connection that is established, and its address. Its socket is attached to the scope.

    Raises:
        TimeoutError: none is established until the scope's deadline, or the scope is cancelled.
        OSError: all attempts have failed. It is the last one's error.
    """
    with Selector() as selector:
        race = _Race(
            selector, port, scope, open_socket, (*options, (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1))
        )
        return race.run(deque(interleaved(addresses)[:MAX_ADDRESSES]), local_address)


class _Race:
    def __init__(
        self,
        selector: selectors.BaseSelector,
        port: int,
        scope: CancelScope,
        open_socket: Callable[[int], socket.socket],
        options: tuple[Any, ...],
    ) -> None:
        self._selector = selector
        self._port = port
        self._scope = scope
        self._open_socket = open_socket
        self._options = options
        self._running: set[socket.socket] = set()
        self._code = errno.EADDRNOTAVAIL  # replaced by the code of the last failure

    def run(self, queue: deque[Address], local_address: str | None) -> tuple[socket.socket, Address]:
        next_start = 0.0
        try:
            while queue or self._running:
                seconds = self._scope.remaining(TimeoutError)
                now = monotonic()
                if queue and (now >= next_start or not self._running):
                    begun = self._begin(queue.popleft(), local_address)
                    next_start = now + STAGGER_SECONDS if begun else now
                    continue
                # No longer wait, because some systems do not wake a selector when another thread shuts down
                # its socket.
                wait = min(seconds, next_start - now if queue else STAGGER_SECONDS)
                for key, _ in self._selector.select(wait):
                    connection = cast("socket.socket", key.fileobj)
                    stands = self._stands(connection)
                    self._scope.remaining(TimeoutError)  # because `cancel` may have ended the wait
                    if stands:
                        self._running.discard(connection)
                        return connection, key.data
                    next_start = now
            raise OSError(self._code, "no connection")
        finally:
            for loser in tuple(self._running):
                self._drop(loser)

    def _begin(self, address: Address, local_address: str | None) -> bool:
        """Begin an attempt. Returns False if it has failed already."""
        connection: socket.socket | None = None
        try:
            connection = self._open_socket(address.family)
            self._running.add(connection)
            connection.setblocking(False)
            for option in self._options:
                connection.setsockopt(*option)
            if local_address is not None:
                connection.bind((local_address, 0))
            self._scope.attach(connection, interrupt(connection))
            self._selector.register(connection, selectors.EVENT_WRITE, address)
            code = connection.connect_ex(address.with_port(self._port))
            if code not in _BEGUN:
                raise OSError(code, "connect")  # noqa: TRY301 - as if `connect` had raised it
        except OSError as error:
            self._code = error.errno or self._code
            if connection is not None:
                self._drop(connection)
            return False
        return True

    def _stands(self, connection: socket.socket) -> bool:
        code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == 0:
            return True
        self._code = code
        self._drop(connection)
        return False

    def _drop(self, connection: socket.socket) -> None:
        self._running.discard(connection)
        self._scope.detach(connection)
        if connection in self._selector.get_map():
            self._selector.unregister(connection)
        connection.close()
