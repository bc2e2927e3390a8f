"""A peer in the middle that carries octets on, as a CONNECT proxy does.

Owns no promise.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SECONDS = 10.0
"""What takes longer hangs."""


def _carry(one: socket.socket, other: socket.socket) -> None:
    """Octets both ways, until either side ends."""
    with selectors.DefaultSelector() as selector, suppress(OSError):
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select():
                data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                if not data:
                    return
                key.data.sendall(data)


@contextmanager
def pump(
    server: socket.socket,
    port: int,
    heads: list[bytes] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[None]:
    """Carry one connection on to a port of ours; as a CONNECT proxy if its request is to be kept.

    With `tls` the proxy itself speaks TLS.
    """

    def serve() -> None:
        with server.accept()[0] as plain, socket.create_connection(("127.0.0.1", port)) as target:
            client = plain if tls is None else tls.wrap_socket(plain, server_side=True)
            with client:
                if heads is not None:
                    heads.append(client.recv(65536))
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _carry(client, target)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        thread.join(SECONDS)
