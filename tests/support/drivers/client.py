"""In-process clients that pass on exactly what a row says: duplicates, tabs, octets beyond ASCII.

Owns the ASGI and WSGI protocols from a server's side. A real server would refuse some of the rows
before any application saw them; tests/e2e has the real servers.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, ClassVar
from urllib.parse import unquote

from . import Ask, Reply

# A server's messages about a client that comes, and about one that goes.
CONNECT = {"type": "websocket.connect"}
LEFT = {"type": "websocket.disconnect", "code": 1001}

Messages = list[MutableMapping[str, Any]]


def http_scope(ask: Ask) -> dict[str, Any]:
    """The scope that a server would make of a request."""
    raw = ask.raw_path if ask.raw_path is not None else ask.path
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.5"},
        "http_version": "1.1",
        "method": ask.method,
        "scheme": "https",
        "path": unquote(raw) if ask.raw_path is not None else ask.path,
        "raw_path": raw.encode("latin-1"),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in ask.headers],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 443),
        "extensions": {},
        "state": {},
    }


def websocket_scope(ask: Ask, *, denial: bool = True) -> dict[str, Any]:
    """The scope of a handshake; `denial`: the server can answer it with a response."""
    scope = http_scope(ask) | {"type": "websocket", "scheme": "wss"}
    del scope["method"]
    offered = [value for name, value in ask.headers if name.lower() == "sec-websocket-protocol"]
    scope["subprotocols"] = [each.strip() for line in offered for each in line.split(",")]
    scope["extensions"] = {"websocket.http.response": {}} if denial else {}
    return scope


async def _run(app: Any, scope: dict[str, Any], incoming: Iterable[MutableMapping[str, Any]]) -> Messages:
    sent: Messages = []
    queue = list(incoming)

    async def receive() -> MutableMapping[str, Any]:
        if queue:
            return queue.pop(0)
        return {
            "type": "http.disconnect" if scope["type"] == "http" else "websocket.disconnect",
            "code": 1005,
        }

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent


def serve(app: Any, scope: Any, incoming: Iterable[Any] = ()) -> list[Any]:
    """Serve one connection; what was sent. A client with nothing left to say stays, and waits."""
    sent: list[Any] = []
    queue = list(incoming)

    async def receive() -> Any:
        if scope["type"] == "http":
            return {"type": "http.request", "body": b"", "more_body": False}
        if not queue:
            await asyncio.get_running_loop().create_future()
        return queue.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def main() -> None:
        async with asyncio.timeout(10):
            await app(scope, receive, send)

    asyncio.run(main())
    return sent


def ask_http(app: Any, ask: Ask, was_reached: Callable[[], bool]) -> Reply:
    """Put an HTTP request to an ASGI application."""
    sent = asyncio.run(
        _run(app, http_scope(ask), [{"type": "http.request", "body": b"", "more_body": False}])
    )
    assert [m["type"] for m in sent[:1]] == ["http.response.start"]
    return _reply(sent[0], sent[1:], was_reached())


def ask_websocket(app: Any, ask: Ask, was_reached: Callable[[], bool]) -> Reply:
    """Put a handshake to an ASGI application whose server can deny with a response."""
    sent = asyncio.run(_run(app, websocket_scope(ask), [CONNECT]))
    if sent[0]["type"] == "websocket.http.response.start":
        return _reply(sent[0], sent[1:], was_reached())
    if sent[0]["type"] == "websocket.close":  # before accept: servers answer 403
        return Reply(sent[0]["code"], {}, b"", was_reached())
    assert sent[0]["type"] == "websocket.accept", sent[0]
    said = next((m.get("text") or m.get("bytes") for m in sent if m["type"] == "websocket.send"), "")
    headers = {"sec-websocket-protocol": sent[0]["subprotocol"]} if sent[0].get("subprotocol") else {}
    return Reply(200, headers, said if isinstance(said, bytes) else said.encode(), was_reached())


def _reply(start: MutableMapping[str, Any], rest: Messages, reached: bool) -> Reply:
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
    return Reply(start["status"], headers, b"".join(m.get("body", b"") for m in rest), reached)


def environ_of(ask: Ask) -> dict[str, Any]:
    """The environ that a server would make of a request: headers of one name joined with a comma."""
    raw = ask.raw_path if ask.raw_path is not None else ask.path
    environ: dict[str, Any] = {
        "REQUEST_METHOD": ask.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(raw, "latin-1") if ask.raw_path is not None else ask.path,
        "RAW_URI": raw,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in ask.headers:
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}"
        joint = "; " if key == "HTTP_COOKIE" else ","  # RFC 9113 8.2.3
        environ[key] = f"{environ[key]}{joint}{value}" if key in environ else value
    return environ


def ask_wsgi(app: Any, ask: Ask, was_reached: Callable[[], bool]) -> Reply:
    """Put a request to a WSGI application."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        started.append((status, headers))

    chunks = app(environ_of(ask), start_response)
    body = b"".join(chunks)
    getattr(chunks, "close", lambda: None)()
    [(status, headers)] = started
    lowered = {name.lower(): value for name, value in headers}
    return Reply(int(status.split()[0]), lowered, body, was_reached())


@contextmanager
def handler(work: Callable[[], object]) -> Iterator[None]:
    """Let the applications of all drivers do this, in the place of a handler's own line."""
    before, Reached.handler = Reached.handler, staticmethod(work)
    try:
        yield
    finally:
        Reached.handler = before


class Reached:
    """Whether the application ran since the last look."""

    handler: ClassVar[Callable[[], object]] = staticmethod(lambda: None)
    """What the application does when it runs, beside its answer; see `handler`."""

    def __init__(self) -> None:
        self._ran = False

    def mark(self) -> None:
        """The application runs."""
        self._ran = True
        Reached.handler()

    def look(self) -> bool:
        """Whether it ran; resets it."""
        ran, self._ran = self._ran, False
        return ran
