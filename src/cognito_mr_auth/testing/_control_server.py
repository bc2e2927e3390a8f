"""Serves a `Control` on loopback, at a URL that holds a secret.

Owns the socket and the secret. It must never listen beyond loopback, nor answer a path without the secret.
Any web page and any user of this machine can send requests here.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, Final, Protocol

from ._control import Answer
from ._endpoints.endpoint import HOST

__all__ = ["serving"]

# 128 bits; OWASP's minimum for a session identifier is 64.
SECRET_BYTES: Final = 16
# How long a client may take for its request, so that a silent client does not hold a thread for ever.
REQUEST_S: Final = 5.0
# How long the end of `serving` may take.
POLL_S: Final = 0.05


class _Answering(Protocol):
    def answer(self, method: str, path: str) -> Answer: ...


class _Handler(BaseHTTPRequestHandler):
    """Passes the path after the secret to the control. A path without the secret gets only a 404."""

    timeout = REQUEST_S
    server_version = "cognito-mr-auth-testing"
    sys_version = ""

    def __init__(self, control: _Answering, secret: str, *args: Any) -> None:
        self._control = control
        self._secret = secret
        super().__init__(*args)

    def do_GET(self) -> None:
        """Answer a query."""
        self._answer()

    def do_POST(self) -> None:
        """Answer a change."""
        self._answer()

    def _answer(self) -> None:
        first, _, rest = self.path.partition("?")[0].removeprefix("/").partition("/")
        if secrets.compare_digest(first.encode(), self._secret.encode()):
            answer = self._control.answer(self.command, rest)
        else:
            answer = Answer(404, "not found\n")
        body = answer.text.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if answer.allow:
            self.send_header("Allow", answer.allow)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name for it
        """Write nothing, because the terminal belongs to the command and a path holds the secret."""


class _Server(ThreadingTCPServer):
    """Not http.server's own class, because that one looks up the name of its address in DNS."""

    daemon_threads = True


@contextmanager
def serving(control: _Answering) -> Iterator[str]:
    """Answer requests until the block ends. Yields the URL, whose last segment is the secret."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    with _Server((HOST, 0), partial(_Handler, control, secret)) as server:
        thread = threading.Thread(
            target=server.serve_forever, args=(POLL_S,), name="fake-cognito control", daemon=True
        )
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_address[1]}/{secret}"
        finally:
            server.shutdown()
            thread.join()
