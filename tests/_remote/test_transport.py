"""`Transport`: HTTP and TLS over one connection, with every byte seen and one deadline (F)."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx
import pytest
from support.resolvers import Resolver, reach, sockets
from support.tunnels import pump

from cognito_mr_auth._remote import transport as _transport
from cognito_mr_auth._remote.cancel_scope import CancelScope
from cognito_mr_auth._remote.names import Names
from cognito_mr_auth._remote.transport import MAX_OCTETS, Transport, reason_of
from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool

TIMEOUT = 10.0
"""Seconds that no test here takes."""


@pytest.fixture(scope="module")
def secure() -> Iterator[FakeEndpoints]:
    """Endpoints over TLS."""
    with FakeUserPool(replica_regions=[], tls=True).serve() as serving:
        yield serving


@pytest.fixture(autouse=True)
def _well(request: pytest.FixtureRequest) -> Iterator[None]:
    """No fault of one test is the next one's, and each closes what it has opened."""
    if request.node.get_closest_marker("outside") is None:
        yield
        return
    secure: FakeEndpoints = request.getfixturevalue("secure")
    before = sockets()
    yield
    secure.original.heal()
    reach(lambda: sockets() <= before)


def get(
    url: str,
    scope: CancelScope,
    context: ssl.SSLContext | None = None,
    proxy: str | None = None,
    names: Names | None = None,
) -> bytes:
    """The body that one request brings."""
    transport = Transport(scope, context, proxy, names or Names(Resolver({})))
    with httpx.Client(transport=transport, trust_env=False) as client:
        return client.get(url).content


@contextmanager
def peer(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a listener whose one connection the test serves, on a thread of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            with server.accept()[0] as connection:
                serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield server.getsockname()[1]
        thread.join(TIMEOUT)


# --- What the engine sees


@pytest.mark.outside
def test_bytes_of_plain_http_are_seen() -> None:
    """R1: the first and the last, and how many; the TCP handshake is none."""
    scope = CancelScope(TIMEOUT)
    asked, go_on = threading.Event(), threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        asked.set()
        assert go_on.wait(TIMEOUT)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        reach(lambda: scope.first_byte is not None)
        time.sleep(0.01)  # the clock's resolution
        connection.sendall(b"{}")

    with peer(serve) as port:
        found: list[bytes] = []
        thread = threading.Thread(target=lambda: found.append(get(f"http://127.0.0.1:{port}/", scope)))
        thread.start()
        assert asked.wait(TIMEOUT)
        assert (scope.phase, scope.first_byte) == ("answer", None)
        go_on.set()
        thread.join(TIMEOUT)
    assert found == [b"{}"]
    assert scope.first_byte is not None
    assert scope.last_byte is not None
    assert scope.first_byte < scope.last_byte
    assert scope.octets == len(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


@pytest.mark.outside
def test_bytes_of_a_tls_handshake_are_seen() -> None:
    """R1: while it goes on, so that a slow link's handshake is no silence."""
    scope = CancelScope(TIMEOUT)
    seen: list[tuple[str, bool]] = []

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        reach(lambda: scope.phase == "tls")
        seen.append((scope.phase, scope.first_byte is None))
        connection.sendall(b"\x16\x03\x03\x3f\xff")
        # Several, because OpenSSL may read the first ones in the very call that has sent the ClientHello.
        reach(lambda: scope.first_byte is not None or not connection.send(b"\0"))
        seen.append((scope.phase, scope.first_byte is None))
        scope.cancel()

    with peer(serve) as port, pytest.raises(httpx.ConnectTimeout):
        get(f"https://127.0.0.1:{port}/", scope, ssl.create_default_context())
    assert seen == [("tls", True), ("tls", False)]


@pytest.mark.outside
def test_a_handshake_that_drips_is_under_the_deadline() -> None:
    """F: one deadline, however often a byte comes."""
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"\x16\x03\x03\x3f\xff")
        while not over.wait(0.02):
            try:
                connection.sendall(b"\0")
            except OSError:
                return

    scope, begun = CancelScope(0.3), time.monotonic()
    with peer(serve) as port:
        with pytest.raises(httpx.ConnectTimeout):
            get(f"https://127.0.0.1:{port}/", scope, ssl.create_default_context())
        assert time.monotonic() - begun < 0.6
        over.set()
    assert scope.last_byte is not None


@pytest.mark.outside
def test_a_large_hello_is_written_whole() -> None:
    """A handshake waits to write as it waits to read."""

    class Reluctant(ssl.SSLSocket):
        hesitations = 3

        def do_handshake(self, block: bool = False) -> None:
            if self.hesitations:
                self.hesitations -= 1
                raise ssl.SSLWantWriteError
            super().do_handshake(block)

    with FakeUserPool(replica_regions=[], tls=True).serve() as serving:
        context = serving.ssl_context
        assert context is not None
        context.sslsocket_class = Reluctant
        assert get(serving.original.url, CancelScope(TIMEOUT), context).startswith(b"{")


# --- Bounds


@pytest.mark.outside
def test_a_fetch_reads_no_more_than_it_may() -> None:
    """FI-08: heads and interim answers count, so none of them goes on for ever."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        try:
            for _ in range(MAX_OCTETS // 25 + 10_000):
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)
        except OSError:
            pass

    scope = CancelScope(TIMEOUT)
    with peer(serve) as port, pytest.raises(httpx.RemoteProtocolError, match="endless"):
        get(f"http://127.0.0.1:{port}/", scope)
    assert MAX_OCTETS < scope.octets < MAX_OCTETS + 65537


def stream(scope: CancelScope) -> tuple[_transport._Stream, socket.socket]:
    """A stream over one end of a pair, and the other end."""
    ours, theirs = socket.socketpair()
    return _transport._Stream(ours, scope), theirs


@pytest.mark.outside
def test_a_connection_whose_time_is_over_before_tls_is_closed() -> None:
    """FI-04: httpcore does not know the connection yet, so nothing else would close it."""
    plain, theirs = stream(CancelScope(0.0))
    with theirs:
        with pytest.raises(httpcore.ConnectTimeout):
            plain.start_tls(ssl.create_default_context())
        assert theirs.recv(1) == b""


@pytest.mark.outside
def test_a_connection_that_cannot_have_tls_is_closed() -> None:
    """FI-04: a host name that is none, and a peer that has gone."""
    plain, theirs = stream(CancelScope(TIMEOUT))
    with theirs, pytest.raises(ValueError, match="server_hostname"):
        plain.start_tls(ssl.create_default_context(), "")
    plain, theirs = stream(CancelScope(TIMEOUT))
    theirs.close()
    with pytest.raises(httpcore.ConnectError):
        plain.start_tls(ssl.create_default_context(), "keys.example")


@pytest.mark.outside
def test_reads_and_writes_are_under_the_deadline() -> None:
    """F: each with httpcore's text."""
    scope = CancelScope(0.2)
    plain, theirs = stream(scope)
    with theirs:
        with pytest.raises(httpcore.WriteTimeout):
            plain.write(b"x" * (64 << 20))
        with pytest.raises(httpcore.ReadTimeout):
            plain.read(1)
        plain.close()
    plain, theirs = stream(CancelScope(TIMEOUT))
    theirs.close()
    with pytest.raises(httpcore.WriteError):
        plain.write(b"x")
    assert plain.get_extra_info("socket") is plain._socket
    assert plain.get_extra_info("ssl_object") is plain.get_extra_info("is_readable") is None
    plain.close()
    with pytest.raises(httpcore.ReadError):
        plain.read(1)


# --- Mocks


def test_a_mock_of_httpx_is_in_its_place() -> None:
    """What pytest-httpx and vcrpy replace is the method of httpx's own class, so ours must call that one."""

    class Mock(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            return httpx.Response(204)

    class Mocked(Transport, Mock):
        """Its base class's method is the mock's."""

    transport = Mocked(CancelScope(TIMEOUT), None, None, Names(Resolver({})))
    assert transport.handle_request(httpx.Request("GET", "https://keys.example/")).status_code == 204
    assert not transport.asked


# --- What answered last


@pytest.mark.outside
def test_the_address_that_answers_is_remembered() -> None:
    """F: by an answer of HTTP, because a connection alone stands where nothing answers, too."""
    names = Names(Resolver({"keys.example": ["127.0.0.9", "127.0.0.1"]}))
    with FakeUserPool(replica_regions=[]).serve() as serving:
        url = serving.original.url.replace("127.0.0.1", "keys.example")
        get(url, CancelScope(TIMEOUT), names=names)
        known = names._known["keys.example"].answered
        assert known is not None
        assert known.host == "127.0.0.1"
        serving.original.fail("stall")
        with pytest.raises(httpx.ReadTimeout):
            get(url, CancelScope(0.2), names=names)
        assert names._known["keys.example"].answered is None


# --- Proxies


@pytest.mark.parametrize("over_tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    ("login", "header"),
    [
        pytest.param("", None, id="plain"),
        pytest.param("user:p%40ss@", b"dXNlcjpwQHNz", id="login"),
        pytest.param("user@", b"dXNlcjo=", id="no-password"),
    ],
)
@pytest.mark.outside
def test_through_a_proxy(login: str, header: bytes | None, over_tls: bool, secure: FakeEndpoints) -> None:
    """A CONNECT proxy carries TLS to the endpoint, also inside TLS; it gets the login that its URL holds."""
    heads: list[bytes] = []
    tls = secure.original._tls if over_tls else None
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pump(server, secure.original.port, heads, tls),
    ):
        scope = CancelScope(TIMEOUT)
        proxy = f"{'https' if over_tls else 'http'}://{login}127.0.0.1:{server.getsockname()[1]}"
        body = get(secure.original.url, scope, secure.ssl_context, proxy)
    assert body.startswith(b"{")
    assert (scope.phase, scope._interrupts) == ("answer", {})
    assert heads[0].startswith(f"CONNECT 127.0.0.1:{secure.original.port} ".encode())
    sent = [part.split(b" ")[-1] for part in heads[0].split(b"\r\n") if b"roxy-" in part]
    assert sent == ([] if header is None else [header])


@pytest.mark.parametrize("mode", ["stall", "hang", "drip"])
@pytest.mark.outside
def test_a_deadline_and_a_proxy(mode: str, secure: FakeEndpoints) -> None:
    """F: TLS inside TLS has the same deadline, in the handshake and in the answer."""
    secure.original.fail(mode)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pump(server, secure.original.port, [], secure.original._tls),
    ):
        scope, begun = CancelScope(0.5), time.monotonic()
        proxy = f"https://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(httpx.TimeoutException):
            get(secure.original.url, scope, secure.ssl_context, proxy)
        assert time.monotonic() - begun < 0.8
        assert scope.phase == ("tls" if mode == "stall" else "answer")
        secure.original.heal()


@pytest.mark.outside
def test_an_endpoint_behind_a_proxy_is_checked_too(secure: FakeEndpoints) -> None:
    """F: trust in the proxy is no trust in what it carries."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pump(server, secure.original.port, [], secure.original._tls),
    ):
        scope = CancelScope(TIMEOUT)
        proxy = f"https://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(httpx.ConnectError) as caught:
            get("https://another-host.example/", scope, secure.ssl_context, proxy)
    assert reason_of(caught.value, scope.phase) == ("tls-certificate", None)


@pytest.mark.outside
def test_a_tunnel_that_ends(secure: FakeEndpoints) -> None:
    """FI-04: in the handshake it is a failure of TLS, and no endless wait."""

    def serve(plain: socket.socket) -> None:
        with secure.original._tls.wrap_socket(plain, server_side=True) as proxy:
            proxy.recv(65536)
            proxy.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            proxy.recv(65536)

    scope = CancelScope(TIMEOUT)
    with peer(serve) as port, pytest.raises(httpx.ConnectError) as caught:
        get("https://keys.example/", scope, secure.ssl_context, f"https://127.0.0.1:{port}")
    assert reason_of(caught.value, scope.phase) == ("tls", None)


@pytest.mark.parametrize(
    ("proxy", "origin"),
    [
        pytest.param("http://p.test", b"http://p.test", id="no-port"),
        pytest.param("https://p.test:8443", b"https://p.test:8443", id="tls"),
        pytest.param("http://[::1]:3128", b"http://[::1]:3128", id="ipv6"),
        pytest.param("http://u:w@p.test:3128/path", b"http://p.test:3128", id="login-and-path"),
    ],
)
def test_what_a_proxy_url_means(proxy: str, origin: bytes) -> None:
    """Scheme, host and port are taken from the URL; the login is not part of the address."""
    transport = Transport(CancelScope(0.0), ssl.create_default_context(), proxy, Names())
    url = httpx.URL(origin.decode())
    found = transport._pool._proxy_url  # type: ignore[union-attr]
    assert (found.scheme.decode(), found.host.decode(), found.port) == (url.scheme, url.host, url.port)
    transport.close()


# --- Reasons


def caused(error: Exception, cause: Exception) -> Exception:
    """An error that another one has caused."""
    error.__cause__ = cause
    return error


NOT_TRUSTED = ssl.SSLCertVerificationError("secret")


@pytest.mark.parametrize(
    ("error", "phase", "reason"),
    [
        (httpcore.ConnectError(), "dns", ("dns", None)),
        (httpcore.ConnectTimeout(), "dns", ("dns-timeout", None)),
        (httpcore.ConnectError(), "connect", ("connect", None)),
        (httpcore.ConnectTimeout(), "connect", ("connect-timeout", None)),
        (caused(httpcore.ConnectError(), ssl.SSLError("secret")), "tls", ("tls", None)),
        (httpcore.ConnectError(), "tls", ("tls", None)),
        (caused(httpcore.ConnectError(), NOT_TRUSTED), "tls", ("tls-certificate", None)),
        (httpcore.ConnectTimeout(), "tls", ("tls-timeout", None)),
        (httpcore.ReadTimeout(), "tls", ("tls-timeout", None)),
        (httpcore.ReadError(), "answer", ("answer", None)),
        (caused(httpcore.ReadError(), ssl.SSLError("secret")), "answer", ("answer", None)),
        (httpcore.RemoteProtocolError(), "answer", ("answer", None)),
        (httpcore.WriteTimeout(), "answer", ("answer-timeout", None)),
        (httpcore.ProxyError("407 Proxy Authentication Required"), "answer", ("proxy", 407)),
        (httpcore.ProxyError("502 "), "answer", ("proxy", 502)),
        (httpcore.ProxyError("nonsense"), "answer", ("proxy", None)),
        (httpcore.ProxyError(), "answer", ("proxy", None)),
    ],
)
def test_reason_of(error: Exception, phase: str, reason: tuple[str, int | None]) -> None:
    """A reason names the phase, and what is known beyond that."""
    assert reason_of(error, phase) == reason


def test_every_error_of_the_network_has_a_reason() -> None:
    """F: nothing that httpcore or httpx may raise is taken for a broken transport."""
    raised: list[Any] = [*vars(httpcore).values(), *vars(httpx).values()]
    errors = [each for each in raised if isinstance(each, type) and issubclass(each, Exception)]
    known = [each for each in errors if issubclass(each, _transport.NETWORK_ERRORS)]
    others = {each.__name__ for each in errors if each not in known}
    assert len(known) > 30
    assert others <= {"ConnectionNotAvailable", "CookieConflict"}
