"""HTTP and TLS over one connection under one deadline, for httpx, with one `CancelScope` per request (F).

httpx's own timeouts bound each operation, so a peer that sends a byte now and then could hold a request for
ever. Here each operation gets the rest of the whole time. This module maps exceptions of the network to
reasons. Only a fetch loads it, because it imports httpx. It never decides what an answer means.
"""

from __future__ import annotations

import selectors
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import httpcore
import httpx

from .racing import Selector, connect, interrupt

if TYPE_CHECKING:
    from .cancel_scope import CancelScope
    from .names import Address, Names

__all__ = ["NETWORK_ERRORS", "Transport", "reason_of"]

# One fetch reads no more, because endless interim answers would use a processor until the deadline. After two
# reads of 64 KiB a body is known to be too large. The rest is for heads.
MAX_OCTETS = 160 * 1024
# The largest piece that a read returns. A TLS record has 16 KiB.
READ_OCTETS = 64 * 1024

NETWORK_ERRORS = (
    *(httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError),
    *(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError),
    *(httpcore.ProxyError, httpcore.UnsupportedProtocol),
)
"""What a transport raises if the network has failed."""
_CONNECTING = (httpx.ConnectError, httpx.ConnectTimeout, httpcore.ConnectError, httpcore.ConnectTimeout)


def reason_of(error: BaseException, phase: str) -> tuple[str, int | None]:
    """The reason for one of `NETWORK_ERRORS` in this phase of a `CancelScope`, and a proxy's status."""
    if isinstance(error, httpx.ProxyError | httpcore.ProxyError):
        # The text is the answer to CONNECT, such as "407 Proxy Authentication Required".
        status = str(error).partition(" ")[0]
        return "proxy", int(status) if status.isdecimal() else None
    if _caused_by(error, ssl.SSLCertVerificationError):
        return "tls-certificate", None
    if phase == "answer" and isinstance(error, _CONNECTING):  # from a transport that gives no phase
        phase = "tls" if _caused_by(error, ssl.SSLError) else "connect"
    timed_out = isinstance(error, httpx.TimeoutException | httpcore.TimeoutException)
    return (f"{phase}-timeout" if timed_out else phase), None


def _caused_by(error: BaseException, kind: type[BaseException]) -> bool:
    """Whether an error of this kind is among the causes. The causes may form a circle.

    respx makes such a circle with the error of a `side_effect`: `raise error from error`.
    """
    seen: dict[int, BaseException] = {}  # by identity, because an error may define its own equality
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        if isinstance(found, kind):
            return True
        seen[id(found)] = found
        found = found.__cause__ or found.__context__
    return False


@contextmanager
def _raising(timeout: type[Exception], failure: type[Exception]) -> Iterator[None]:
    """Raise httpcore's exceptions in place of the system's."""
    try:
        yield
    except TimeoutError as error:
        raise timeout(error) from error
    except OSError as error:
        raise failure(error) from error


class _Stream(httpcore.NetworkStream):
    """One connection, which is attached to its scope until it is closed."""

    def __init__(self, connection: socket.socket, scope: CancelScope) -> None:
        self._socket = connection
        self._scope = scope

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _raising(httpcore.ReadTimeout, httpcore.ReadError):
            self._socket.settimeout(self._scope.remaining(TimeoutError))
            data = self._socket.recv(max_bytes)
        if data:
            self._scope.received(len(data))
        if self._scope.octets > MAX_OCTETS:
            raise httpcore.RemoteProtocolError("endless")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _raising(httpcore.WriteTimeout, httpcore.WriteError):
            self._socket.settimeout(self._scope.remaining(TimeoutError))
            self._socket.sendall(buffer)

    def close(self) -> None:
        self._scope.detach(self._socket)
        self._socket.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        self._scope.phase = "tls"
        try:
            with _raising(httpcore.ConnectTimeout, httpcore.ConnectError):
                secured = self._secured(ssl_context, server_hostname)
        except BaseException:
            self.close()  # httpcore would not close it, because it sees no connection yet
            raise
        self._scope.phase = "answer"
        return secured

    def _secured(self, context: ssl.SSLContext, host: str | None) -> httpcore.NetworkStream:
        self._scope.remaining(TimeoutError)
        if isinstance(self._socket, ssl.SSLSocket):
            return _TLSInTLS(self, context, host)
        # The SSLSocket takes over the descriptor, so `cancel` must have the SSLSocket and not the plain one.
        self._scope.detach(self._socket)
        self._socket.setblocking(False)
        secured = context.wrap_socket(self._socket, server_hostname=host, do_handshake_on_connect=False)
        self._socket = secured
        self._scope.attach(secured, interrupt(secured))
        self._shake_hands(secured)
        return self

    def _shake_hands(self, secured: ssl.SSLSocket) -> None:
        # One blocking `do_handshake` would not show whether the peer has sent anything.
        while True:
            try:
                secured.do_handshake()
            except ssl.SSLWantReadError:
                self._wait(selectors.EVENT_READ)
                self._scope.received()
            except ssl.SSLWantWriteError:
                self._wait(selectors.EVENT_WRITE)
            else:
                self._scope.received()
                return

    def _wait(self, event: int) -> None:
        with Selector() as selector:
            selector.register(self._socket, event)
            selector.select(self._scope.remaining(TimeoutError))
        self._scope.remaining(TimeoutError)

    def get_extra_info(self, info: str) -> Any:
        if info == "ssl_object":
            return self._socket if isinstance(self._socket, ssl.SSLSocket) else None
        return self._socket if info == "socket" else None


class _TLSInTLS(httpcore.NetworkStream):
    """TLS to an endpoint inside TLS to a proxy, which an SSLSocket cannot do. The outer one has the time."""

    def __init__(self, outer: _Stream, context: ssl.SSLContext, host: str | None) -> None:
        self._outer = outer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._step(self._tls.do_handshake)

    def _step(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                result, wants_more = step(), False
            except ssl.SSLWantReadError:
                result, wants_more = None, True
            sent = self._outgoing.read()
            if sent:
                self._outer.write(sent)
            if not wants_more:
                return result
            data = self._outer.read(READ_OCTETS)
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _raising(httpcore.ReadTimeout, httpcore.ReadError):
            data: bytes = self._step(lambda: self._tls.read(max_bytes))
            return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _raising(httpcore.WriteTimeout, httpcore.WriteError):
            while buffer:
                buffer = buffer[self._step(lambda: self._tls.write(buffer)) :]  # noqa: B023 - called at once

    def close(self) -> None:
        self._outer.close()

    def get_extra_info(self, info: str) -> Any:
        return self._tls if info == "ssl_object" else self._outer.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Connects, and remembers which address of which host it has reached."""

    def __init__(self, scope: CancelScope, names: Names) -> None:
        self._scope = scope
        self._names = names
        self._reached: tuple[str, Address] | None = None
        self.asked = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        self.asked = True
        scope = self._scope
        scope.phase = "dns"
        with _raising(httpcore.ConnectTimeout, httpcore.ConnectError):
            addresses = self._names.addresses(host, scope)
            scope.phase = "connect"
            connection, address = connect(
                addresses, port, scope, options=socket_options or (), local_address=local_address
            )
        scope.phase = "answer"
        self._reached = (host, address)
        return _Stream(connection, scope)

    def note(self, *, answered: bool) -> None:
        """Note whether an answer has come from the address that was reached, if there is one."""
        if self._reached is not None:
            self._names.note(*self._reached, answered=answered)


class _Pool(httpcore.ConnectionPool):
    """A pool for one request over our sockets. It notes whether an answer has come."""

    backend: _Backend

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        answered = False
        try:
            answer = super().handle_request(request)
            answered = True
        finally:
            self.backend.note(answered=answered)
        return answer


class _ProxyPool(_Pool, httpcore.HTTPProxy):
    """Such a pool through a proxy."""


class Transport(httpx.HTTPTransport):
    """An httpx transport for one request in one `CancelScope`.

    It inherits `handle_request`, because pytest-httpx and vcrpy replace that method of the base class, and
    tests that use them must never reach the network. So its pool has the name that the base class uses. The
    base class's constructor is not called, because it would make another pool and load certificates.
    `on_answer` is called with each answer, whose body is not read yet.
    """

    def __init__(
        self, scope: CancelScope, context: ssl.SSLContext | None, proxy: str | None, names: Names
    ) -> None:
        self._backend = _Backend(scope, names)
        self._pool = self._made_pool(context, proxy, self._backend)
        self._pool.backend = self._backend
        self.on_answer: Callable[[httpx.Response], object] | None = None

    @property
    def asked(self) -> bool:
        """Whether it has begun to connect. False if a test's mock has answered in its place."""
        return self._backend.asked

    @staticmethod
    def _made_pool(context: ssl.SSLContext | None, proxy: str | None, backend: _Backend) -> _Pool:
        if proxy is None:
            return _Pool(ssl_context=context, network_backend=backend)
        parts = urlsplit(proxy)
        if parts.scheme not in ("http", "https"):
            raise ValueError("the proxy is neither http nor https")
        login = None
        if parts.username is not None:
            login = (unquote(parts.username), unquote(parts.password or ""))
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        port = f":{parts.port}" if parts.port else ""
        return _ProxyPool(
            f"{parts.scheme}://{host}{port}",
            proxy_auth=login,
            ssl_context=context,
            # Without it, httpcore would load another context, on this thread, without the user's authorities.
            proxy_ssl_context=context if parts.scheme == "https" else None,
            network_backend=backend,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request by the base class's method, or by its replacement in a test."""
        answer = super().handle_request(request)
        # httpx logs the URL of an answered request at INFO, and a query may hold a secret.
        request.url = request.url.copy_with(query=None)
        if self.on_answer is not None:
            self.on_answer(answer)
        return answer
