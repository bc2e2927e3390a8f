"""What the library finds outside: the Regions' HTTPS servers, a name server, and a proxy that refuses.

Owns the servers, which run as threads of one process in the namespace `world`, and the Scene that tells them
how to behave. Packets on their way are netns.bed's.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Literal

from .messages import NXDOMAIN, Reply, answer, read
from .spaces import enter

__all__ = ["GATEWAY", "HOSTS", "PROXY_PORT", "REGIONS", "Mode", "Scene", "World", "serve"]

GATEWAY = "10.77.0.1"
PROXY_PORT = 8407
PRIMARY = "us-west-2"
REGIONS = {
    region: f"10.77.{number}.1"
    for number, region in enumerate(
        (PRIMARY, "us-east-1", "eu-west-1", "eu-north-1", "sa-east-1", "ca-central-1", "ap-southeast-2"), 1
    )
}
# Host name -> Region. The primary Region serves both the original and the updated issuer.
HOSTS = {f"cognito-idp.{region}.amazonaws.com": region for region in REGIONS}
HOSTS[f"issuer-cognito-idp.{PRIMARY}.amazonaws.com"] = PRIMARY

Mode = Literal["tls-stall", "silent", "late"]
# "late": how long the answer takes. Below W7's second, after which callers may be turned away.
LATE_SECONDS = 0.5
# Longer than any row: who is kept waiting hangs up first.
HANG_SECONDS = 60.0
REFUSAL = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=netns\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


@dataclass(frozen=True)
class Scene:
    """How servers behave: the document of each Region, modes by Region, the name server's answers by host."""

    document: bytes = b""
    documents: Mapping[str, bytes] = field(default_factory=dict)
    modes: Mapping[str, Mode] = field(default_factory=dict)
    names: Mapping[str, Reply] = field(default_factory=dict)


class World:
    """The servers of one process, and when they were asked."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.scene = Scene()
        self.asked: list[float] = []

    def listen(self) -> None:
        """Open all sockets, then serve them on threads."""
        for region, address in REGIONS.items():
            listener = socket.create_server((address, 443), backlog=1024)
            self._thread(self._accept, listener, lambda each, region=region: self._region(each, region))
        self._thread(self._accept, socket.create_server((GATEWAY, PROXY_PORT)), self._refuse)
        names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        names.bind((GATEWAY, 53))
        self._thread(self._answer_names, names)

    @staticmethod
    def _thread(work: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self, listener: socket.socket, talk: Callable[[socket.socket], None]) -> None:
        def guarded(connection: socket.socket) -> None:
            with suppress(OSError), connection:
                connection.settimeout(HANG_SECONDS)
                talk(connection)

        while True:
            self._thread(guarded, listener.accept()[0])

    def _region(self, plain: socket.socket, region: str) -> None:
        mode = self.scene.modes.get(region)
        if mode == "tls-stall":
            time.sleep(HANG_SECONDS)
            return
        with self._context.wrap_socket(plain, server_side=True) as connection:
            _read_head(connection)
            self.asked.append(time.monotonic())
            if mode is not None:
                time.sleep(HANG_SECONDS if mode == "silent" else LATE_SECONDS)
            body = self.scene.documents.get(region, self.scene.document)
            head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    @staticmethod
    def _refuse(connection: socket.socket) -> None:
        _read_head(connection)
        connection.sendall(REFUSAL)

    def _answer_names(self, sock: socket.socket) -> None:
        known = {name: Reply(v4=(REGIONS[region],)) for name, region in HOSTS.items()}
        while True:
            query, sender = sock.recvfrom(2048)
            question = read(query)
            reply = known.get(question.name, Reply(code=NXDOMAIN))
            said = answer(question, self.scene.names.get(question.name, reply))
            if said is not None:
                sock.sendto(said, sender)


def _read_head(connection: socket.socket) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        more = connection.recv(4096)
        if not more:
            raise ConnectionResetError("the client has gone")
        head += more


def serve(space: str, context: ssl.SSLContext, orders: Connection) -> None:
    """Serve in a namespace; each order is a Scene, or None for the moments of all requests so far."""
    enter(space)
    world = World(context)
    world.listen()
    orders.send(True)
    while True:
        order = orders.recv()
        if order is None:
            orders.send(list(world.asked))
        else:
            world.scene = order
            orders.send(True)
