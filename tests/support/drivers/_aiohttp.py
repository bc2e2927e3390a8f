"""aiohttp applications for tests, and a client in this process that passes on what its parser would refuse.

Owns the server's side: the message that a parser makes of a request, and the octets of the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.http_writer import HttpVersion11, StreamWriter
from aiohttp.streams import EMPTY_PAYLOAD
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from cognito_mr_auth.aiohttp import CognitoAuth, principal_of

from . import Ask, Asker, Reply
from .client import Reached

HANDSHAKE = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)


class Wire:
    """The transport of a client that only listens."""

    def __init__(self) -> None:
        self.octets = b""

    def write(self, octets: bytes) -> None:
        self.octets += bytes(octets)

    def writelines(self, chunks: Iterable[bytes]) -> None:
        self.write(b"".join(chunks))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


def message_of(ask: Ask, *, websocket: bool) -> RawRequestMessage:
    """What aiohttp's parser would make of it: headers decoded as UTF-8, other octets kept."""
    raw = ask.raw_path if ask.raw_path is not None else ask.path
    sent = (*ask.headers, *(HANDSHAKE if websocket else ()))
    octets = tuple((name.encode(), value.encode("latin-1")) for name, value in sent)
    headers = CIMultiDict((name.decode(), value.decode("utf-8", "surrogateescape")) for name, value in octets)
    method = "GET" if websocket else ask.method
    url = URL.build(path=raw, encoded=True)
    proxy = CIMultiDictProxy(headers)
    return RawRequestMessage(method, raw, HttpVersion11, proxy, octets, False, None, websocket, False, url)


async def exchange(app: web.Application, message: RawRequestMessage) -> bytes:
    """Start the application, put one request to it; what goes over the wire."""
    loop = asyncio.get_running_loop()
    server = app._make_handler(loop=loop)
    await app.startup()
    try:
        protocol = server()
        wire: Any = Wire()
        protocol.transport = wire
        writer = StreamWriter(protocol, loop)
        request = app._make_request(message, EMPTY_PAYLOAD, protocol, writer, asyncio.current_task())  # type: ignore[arg-type]
        response: web.StreamResponse
        try:
            response = await app._handle(request)
        except web.HTTPException as error:
            response = error
        await response.prepare(request)
        if response.status != 101:
            await response.write_eof()
        octets: bytes = wire.octets
        return octets
    finally:
        await app.cleanup()


def reply_of(octets: bytes) -> Reply:
    """The answer; of a socket that opens, what was said first."""
    head, _, body = octets.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
    for name in ("date", "server"):  # the server's own
        headers.pop(name, None)
    status = int(line.split()[1])
    if status == 101:  # one short text frame of a server (RFC 6455 5.2)
        return Reply(200, headers, body[2 : 2 + body[1]], False)
    return Reply(status, headers, body, False)


def subject(request: web.Request) -> str | None:
    """Who asks."""
    principal = principal_of(request)
    return None if principal is None else principal.subject


def who(reached: Reached) -> Any:
    """A handler that returns the caller."""

    async def handler(request: web.Request) -> web.Response:
        reached.mark()
        return web.json_response(subject(request))

    return handler


def put(app: web.Application, ask: Ask, *, websocket: bool = False) -> Reply:
    """Put one request to an application that was not started yet."""
    octets = asyncio.run(exchange(app, message_of(ask, websocket=websocket)))
    return reply_of(octets)


def asker(
    auth: CognitoAuth,
    routes: Callable[[], Iterable[web.RouteDef]],
    reached: Reached,
    *,
    websocket: bool = False,
) -> Asker:
    """An asker of an application that is made anew for each request, because it belongs to an event loop."""

    def ask(request: Ask) -> Reply:
        app = web.Application()
        auth.init_app(app)
        app.add_routes(routes())
        reply = put(app, request, websocket=websocket)
        return reply._replace(reached=reached.look())

    return ask
