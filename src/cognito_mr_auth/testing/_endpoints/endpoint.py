"""One JWKS endpoint: a real, threaded server on 127.0.0.1 that fails on request.

Owns its sockets and threads, which are all closed after stop(). It must never listen beyond loopback.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
from contextlib import suppress
from typing import Protocol, Unpack
from urllib.parse import urlsplit

from cognito_mr_auth.principal import IssuerKind

from .exchange import Exchange
from .faults import Fault, FaultMode, FaultName, FaultOptions, KeySource, jwks_body, new_fault
from .release import end_connection

__all__ = ["EndpointSource", "FakeEndpoint"]

HOST = "127.0.0.1"
# Enough for hundreds of clients that connect at once, such as 500 asyncio tasks and 50 threads.
BACKLOG = 512


class EndpointSource(KeySource, Protocol):
    """The attributes of a pool that an endpoint uses."""

    @property
    def updated_enabled(self) -> bool:
        """Whether the pool has switched to the updated issuer."""


class FakeEndpoint:
    """The endpoint of one issuer. `kind`, `region` and `issuer` name that issuer."""

    def __init__(
        self,
        source: EndpointSource,
        *,
        kind: IssuerKind,
        region: str,
        issuer: str,
        tls: ssl.SSLContext | None,
    ) -> None:
        self.kind: IssuerKind = kind
        self.region: str = region
        self.issuer: str = issuer
        self.port: int = 0
        self._source = source
        self._tls = tls
        self._path = urlsplit(issuer).path + "/.well-known/jwks.json"
        self._name = f"fake-cognito {kind} {region}"
        self._asked = threading.Condition()
        self._paths: list[str] = []
        self._connections = 0
        self._fault: Fault | None = None
        self._control = threading.RLock()  # start, stop, fail, heal: one at a time
        self._socket: socket.socket | None = None
        self._wake: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._open_lock = threading.Lock()
        self._open: set[socket.socket] = set()
        # Kept separately, because a handler that has closed its own connection may still run.
        self._handlers: list[threading.Thread] = []

    # ---- what a test reads

    @property
    def url(self) -> str:
        """The URL of the JWKS: ``http(s)://127.0.0.1:{port}/{pool ID}/.well-known/jwks.json``."""
        if not self.port:
            raise RuntimeError("not started")
        return f"{'https' if self._tls else 'http'}://{HOST}:{self.port}{self._path}"

    @property
    def requests(self) -> int:
        """The number of complete requests, failed ones included, since the first start."""
        return len(self._paths)

    @property
    def connections(self) -> int:
        """The number of accepted connections, with or without a request."""
        return self._connections

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths of the requests, in order."""
        with self._asked:
            return tuple(self._paths)

    @property
    def mode(self) -> FaultName | None:
        """The mode of `fail()` that is in force; None for an endpoint that works."""
        fault = self._fault
        return None if fault is None else fault.mode

    def asked(self, count: int = 1, timeout: float = 5.0) -> bool:
        """Wait up to `timeout` seconds until `count` requests in total have come. Return whether they did."""
        with self._asked:
            return self._asked.wait_for(lambda: len(self._paths) >= count, timeout)

    # ---- what a test does

    def fail(
        self,
        mode: FaultMode,
        *,
        delay: float | None = None,
        after: int = 1,
        times: int | None = None,
        **options: Unpack[FaultOptions],
    ) -> None:
        """Fail in this mode from now on. It replaces any earlier mode.

        `delay` is the number of seconds before the failure (or until heal()). Only `times` requests fail,
        counted from the `after`-th from now. `options` are the mode's own. A ValueError lists the modes.
        """
        fault = new_fault(self._source, mode, delay=delay, after=after, times=times, options=options)
        with self._control:
            self._switch(fault)

    def heal(self) -> None:
        """Work again, and release at once every connection that the fault holds."""
        with self._control:
            self._switch(None)

    def start(self) -> None:
        """Listen on a free port, or on the earlier port if it was started before."""
        with self._control:
            if self._socket is None:
                self._socket = _bound(self.port)
                self.port = self._socket.getsockname()[1]
                self._listen()

    def stop(self) -> None:
        """Close every socket and join every thread. A fault is healed."""
        with self._control:
            self._switch(None)
            self._pause()
            if self._socket is not None:
                self._socket.close()
                self._socket = None
            with self._open_lock:
                for connection in self._open:
                    end_connection(connection)
            for handler in self._handlers:
                handler.join()
            self._handlers = []

    # ---- listening

    def _switch(self, fault: Fault | None) -> None:
        before, self._fault = self._fault, fault
        self._listen()
        # Last, because a released client retries at once, and must meet the new fault ("refuse").
        if before is not None:
            before.release.set()

    def _listen(self) -> None:
        """Listen, unless the fault in force is to refuse connections."""
        if self._fault is not None and self._fault.stage == "listen":
            self._refuse()
        else:
            self._resume()

    def _refuse(self) -> None:
        """Keep the port without listening, so the kernel refuses and no other process can bind the port."""
        if self._acceptor is not None and self._socket is not None:
            self._pause()
            self._socket.close()
            self._socket = _bound(self.port)

    def _resume(self) -> None:
        if self._acceptor is None and self._socket is not None:
            self._socket.listen(BACKLOG)
            self._socket.setblocking(False)
            sleeper, self._wake = socket.socketpair()
            self._acceptor = threading.Thread(
                target=self._accept, args=(self._socket, sleeper), name=self._name, daemon=True
            )
            self._acceptor.start()

    def _pause(self) -> None:
        """End the accepting thread."""
        if self._acceptor is not None and self._wake is not None:
            self._wake.close()
            self._acceptor.join()
            self._acceptor = self._wake = None

    def _accept(self, listener: socket.socket, sleeper: socket.socket) -> None:
        with sleeper, selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            selector.register(sleeper, selectors.EVENT_READ)
            while all(key.fileobj is not sleeper for key, _ in selector.select()):
                with suppress(OSError):  # The client may have disconnected since select() returned.
                    self._admit(listener.accept()[0])

    def _admit(self, connection: socket.socket) -> None:
        connection.setblocking(True)
        if self._tls:
            # The handler does the handshake, because a client that stalls in it must not block the others.
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._connections += 1
        handler = threading.Thread(
            target=self._handle, args=(connection,), name=f"{self._name} handler", daemon=True
        )
        with self._open_lock:
            self._open.add(connection)
        handler.start()
        self._handlers = [each for each in self._handlers if each.is_alive()] + [handler]

    # ---- answering

    def _handle(self, connection: socket.socket) -> None:
        try:
            with suppress(OSError):  # Clients disconnect; resets and failed handshakes are normal.
                self._answer(connection)
        finally:
            with self._open_lock:
                self._open.discard(connection)
            connection.close()

    def _answer(self, connection: socket.socket) -> None:
        exchange = Exchange(connection)
        fault = self._hit("connect")
        if fault is None:
            if isinstance(connection, ssl.SSLSocket):
                connection.do_handshake()
            if not exchange.read_request():
                return
            # Before asked() returns, because the test's next step must not change the fault of this request.
            fault = self._hit("request")
            with self._asked:
                self._paths.append(exchange.path)
                self._asked.notify_all()
        if fault is None:
            self._healthy(exchange)
        else:
            fault.act(exchange)

    def _hit(self, stage: str) -> Fault | None:
        """Return the fault in force, if it hits an exchange at this stage."""
        fault = self._fault
        return fault if fault is not None and fault.stage == stage and fault.hits() else None

    def _healthy(self, exchange: Exchange) -> None:
        if self.kind == "updated" and not self._source.updated_enabled:
            exchange.reply(403, b'{"message":"Forbidden"}')
        elif exchange.path != self._path:
            exchange.reply(404, b'{"message":"Not found"}')
        else:
            exchange.reply(200, jwks_body(self._source.jwks()))

    def __repr__(self) -> str:
        state = "stopped" if self._socket is None else self.mode or "well"
        return f"FakeEndpoint({self.kind}, {self.region}, port={self.port}, {state})"


def _bound(port: int) -> socket.socket:
    """Return a socket that is bound to loopback and does not listen."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # So that the port can be bound again while connections are in TIME_WAIT.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    return bound
