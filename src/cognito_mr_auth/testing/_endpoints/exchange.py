"""One HTTP exchange on a loopback connection, and the means to break it.

Owns reading one request and writing bytes back. It must never decide what to send, because the fault or the
endpoint does.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from .release import Release

__all__ = ["Exchange", "head"]

# Twice what http.client allows for one header line; requests for a JWKS have some 200 bytes.
MAX_REQUEST_BYTES: Final = 128 * 1024
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)
_KNOWN_STATUSES: Final = frozenset(HTTPStatus)


class Exchange:
    """An accepted connection. `path` is known once the request was read."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.path = ""

    def read_request(self) -> bool:
        """Whether a whole request head came. A client may disconnect before."""
        received = b""
        while b"\r\n\r\n" not in received:
            chunk = self.connection.recv(4096)
            received += chunk
            if not chunk or len(received) > MAX_REQUEST_BYTES:
                return False
        request_line = received.split(b"\r\n", 1)[0].decode("latin-1")
        self.path = request_line.partition(" ")[2].partition(" ")[0].partition("?")[0]
        return True

    def send(self, data: bytes) -> None:
        """Write raw bytes."""
        self.connection.sendall(data)

    def reply(
        self,
        status: int,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        claimed_length: int | None = None,
    ) -> None:
        """Send a whole HTTP response; `claimed_length` is the Content-Length to send."""
        self.send(head(status, len(body) if claimed_length is None else claimed_length, headers))
        self.send(body)

    def reset(self) -> None:
        """Close with RST instead of FIN: unsent data is dropped, and the client sees ECONNRESET."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.connection.close()

    def hold(self, release: Release) -> None:
        """Send nothing until the client disconnects or the release is set."""
        with release.holding(self.connection):
            # Not SSLSocket.recv(), because it would complete a handshake that has to hang.
            while socket.socket.recv(self.connection, 4096):
                pass


def head(status: int, length: int, headers: Mapping[str, str] | None = None) -> bytes:
    """Return status line and headers. Each response closes its connection, so clients must reconnect."""
    phrase = HTTPStatus(status).phrase if status in _KNOWN_STATUSES else "Unknown"
    fields = {
        "Content-Type": "application/json",
        "Content-Length": str(length),
        "Connection": "close",
        **(headers or {}),
    }
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {text}" for name, text in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
