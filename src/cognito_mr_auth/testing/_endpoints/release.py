"""Releases every handler that a fault holds, at once.

Owns an event and the connections that wait for it. It must never close a connection, because its handler
does.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["Release", "end_connection"]


class Release:
    """An event that is set once. A healed fault never holds a connection again."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._held: set[socket.socket] = set()

    def wait(self, seconds: float) -> bool:
        """Whether the release came within so many seconds."""
        return self._event.wait(seconds)

    @contextmanager
    def holding(self, connection: socket.socket) -> Iterator[None]:
        """Within the block the release shuts this connection down, which ends a blocked recv()."""
        with self._lock:
            self._held.add(connection)
            if self._event.is_set():
                end_connection(connection)
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(connection)

    def set(self) -> None:
        """Release all connections that are held now or later."""
        with self._lock:
            self._event.set()
            for connection in self._held:
                end_connection(connection)


def end_connection(connection: socket.socket) -> None:
    """End a connection that another thread is reading. Its recv() returns at once."""
    with suppress(OSError):
        # Not SSLSocket.shutdown(), which removes the TLS object while another thread reads from it.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
