"""Sockets under one deadline, for httpx: DNS, every address, TLS, reading and writing (F).

httpx's own timeouts bound each operation, so a peer that sends a byte now and then holds a request
for ever. Here each operation gets what is left of the whole. Loaded by a fetch only, since it imports
httpx. Never decides what an answer means.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import httpcore
import httpx

if TYPE_CHECKING:
    import ssl

__all__ = ["CancelScope", "Transport"]

# Cognito's hosts have several addresses; one that drops packets must leave time for the next.
CONNECT_SECONDS = 0.75
# One fetch reads no more, because an endless series of interim answers would keep a processor busy until
# the deadline. A body is known to be too large after two reads of 64 KiB; the rest is for heads.
MAX_OCTETS = 160 * 1024


class CancelScope:
    """One fetch's deadline, and its socket, which `cancel` shuts down from another thread."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.cancelled = False
        self._octets_left = MAX_OCTETS
        self._lock = threading.Lock()  # so that `cancel` never shuts a closed descriptor down
        self._socket: socket.socket | None = None

    def remaining(self, error: type[httpcore.TimeoutException]) -> float:
        """Seconds until the deadline; raises `error` when there are none."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0 or self.cancelled:
            raise error("deadline")
        return seconds

    def count(self, octets: int) -> None:
        """Count octets that were read; raises RemoteProtocolError beyond `MAX_OCTETS`."""
        self._octets_left -= octets
        if self._octets_left < 0:
            raise httpcore.RemoteProtocolError("endless")

    def attach(self, connection: socket.socket) -> None:
        """Attach a socket until `close`. If the scope is already cancelled, shut the socket down."""
        # A duplicate, because TLS takes the descriptor from the plain socket before its handshake, and a
        # stalled handshake could not be ended. SSLSocket.shutdown() would end TLS while a thread reads.
        duplicate = connection.dup()
        with self._lock:
            self._socket = duplicate
        if self.cancelled:
            self.cancel()

    def cancel(self) -> None:
        """End every read and write, from another thread."""
        self.cancelled = True
        with self._lock, suppress(OSError):  # the peer was quicker
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """The fetch is over: release its socket."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, scope: CancelScope) -> None:
        self._inner = inner
        self._scope = scope

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max_bytes, self._scope.remaining(httpcore.ReadTimeout))
        self._scope.count(len(data))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._scope.remaining(httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        try:
            remaining = self._scope.remaining(httpcore.ConnectTimeout)
        except httpcore.ConnectTimeout:
            self.close()  # httpcore would not: to it, this is no connection yet
            raise
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, remaining), self._scope)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, scope: CancelScope, resolve: Callable[[str, int], list[str]]) -> None:
        self._scope = scope
        self._resolve = resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._resolve(host, port)
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for position, address in enumerate(addresses, start=1):
            remaining = self._scope.remaining(httpcore.ConnectTimeout)
            share = remaining if position == len(addresses) else min(remaining, CONNECT_SECONDS)
            try:
                inner = httpcore.SyncBackend().connect_tcp(
                    address, port, share, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return self._attached(inner)
        raise failure or httpcore.ConnectError("no address")

    def _attached(self, inner: httpcore.NetworkStream) -> httpcore.NetworkStream:
        try:
            self._scope.attach(inner.get_extra_info("socket"))
        except OSError:  # no descriptor was left for the duplicate
            inner.close()
            raise
        return _Stream(inner, self._scope)


def _addresses(host: str, port: int) -> list[str]:
    """Every address of a host, as the resolver orders them, each once."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        found = []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._stream.close()


class Transport(httpx.BaseTransport):
    """An httpx transport for one request in one `CancelScope`. Errors are httpcore's own."""

    def __init__(self, scope: CancelScope, context: ssl.SSLContext | None, proxy: str | None) -> None:
        backend = _Backend(scope, _addresses)
        if proxy is None:
            self._pool = httpcore.ConnectionPool(ssl_context=context, network_backend=backend)
            return
        parts = urlsplit(proxy)
        if parts.scheme not in ("http", "https"):
            raise ValueError("the proxy is neither http nor https")
        login = None
        if parts.username is not None:
            login = (unquote(parts.username), unquote(parts.password or ""))
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        port = f":{parts.port}" if parts.port else ""
        self._pool = httpcore.HTTPProxy(
            f"{parts.scheme}://{host}{port}",
            proxy_auth=login,
            ssl_context=context,
            # Otherwise httpcore would load another one, on this thread, without the user's authorities.
            proxy_ssl_context=context if parts.scheme == "https" else None,
            network_backend=backend,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request and give its answer, body unread."""
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Body(answer.stream),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()
