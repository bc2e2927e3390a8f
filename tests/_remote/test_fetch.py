"""`JWKSFetcher`: one URL to its document; what is accepted, what is refused, and the deadline."""

from __future__ import annotations

import itertools
import selectors
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cognito_mr_auth._jwks.model import MAX_DOCUMENT_BYTES, FetchError
from cognito_mr_auth._jwks.schedule import MAX_BACK_OFF
from cognito_mr_auth._remote import transport as _transport
from cognito_mr_auth._remote.fetch import JWKSFetcher, proxy_for, retry_after
from cognito_mr_auth.testing import FAULTS, FakeEndpoints, FakeUserPool

URL = "http://127.0.0.1/jwks.json"
TIMEOUT = 10.0
"""Seconds that no test here takes; a fetch that takes them hangs."""


@pytest.fixture(scope="module")
def pool() -> FakeUserPool:
    """A pool without replicas: two endpoints are enough here."""
    return FakeUserPool(replica_regions=[])


@pytest.fixture
def endpoints(pool: FakeUserPool) -> Iterator[FakeEndpoints]:
    """Its endpoints over plain HTTP."""
    with pool.serve() as serving:
        yield serving


@pytest.fixture
def secure() -> Iterator[FakeEndpoints]:
    """Another pool's endpoints over TLS."""
    with FakeUserPool(replica_regions=[], tls=True).serve() as serving:
        yield serving


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket whose connections only the test answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(TIMEOUT)
        yield server


def failure(call: Callable[..., Any], *values: Any) -> FetchError:
    """What the call ends with, once it is seen to carry nothing that it should not."""
    with pytest.raises(FetchError) as caught:
        call(*values)
    assert caught.value.__context__ is None
    return caught.value


class Running:
    """A fetch on a thread of its own."""

    def __init__(self, fetch: Callable[[], bytes]) -> None:
        self.outcome: bytes | FetchError | None = None
        self._fetch = fetch
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.outcome = self._fetch()
        except FetchError as error:
            self.outcome = error

    def end(self) -> bytes | FetchError | None:
        """The outcome, which must come soon."""
        self._thread.join(2.0)
        assert not self._thread.is_alive()
        return self.outcome


# --- What comes back


@pytest.mark.outside
def test_the_body_comes_as_it_was_served(endpoints: FakeEndpoints, pool: FakeUserPool) -> None:
    """A 200 answer's octets are handed over, and the connection is closed."""
    body = JWKSFetcher()(endpoints.original.url, TIMEOUT)
    assert pool.access_key.kid.encode() in body
    assert endpoints.original.connections == endpoints.original.requests == 1


@pytest.mark.outside
def test_what_a_request_says(listener: socket.socket) -> None:
    """Identity encoding is asked for, and no credential or cookie goes out."""
    running = Running(lambda: JWKSFetcher()(f"http://127.0.0.1:{listener.getsockname()[1]}/k", TIMEOUT))
    connection, _ = listener.accept()
    with connection:
        request = connection.recv(65536).decode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: Identity\r\n\r\n{}")
    assert running.end() == b"{}"
    line, *fields = request.lower().split("\r\n")
    assert line == "get /k http/1.1"
    headers = dict(field.split(": ", 1) for field in fields if field)
    assert headers["accept-encoding"] == "identity"
    assert {"authorization", "cookie", "proxy-authorization"}.isdisjoint(headers)


ACCEPTED = {"html", "empty", "custom", "empty_keys", "old_keys", "private_key", "odd_member", "conflict"}
"""Modes whose answer is a whole 200: what it says is for `_jwks.document` to judge."""

REASONS: dict[str, tuple[str, int | None]] = {
    "refuse": ("connect", None),
    "stall": ("timeout", None),
    "hang": ("timeout", None),
    "slow": ("timeout", None),
    "drip": ("timeout", None),
    "drip_headers": ("timeout", None),
    "reset": ("reset", None),
    "403": ("status", 403),
    "404": ("status", 404),
    "429": ("status", 429),
    "500": ("status", 500),
    "503": ("status", 503),
    "redirect": ("redirect", 302),
    "garbage": ("protocol", None),
    "truncated": ("protocol", None),
    "huge": ("body-too-large", 200),
    "gzip": ("encoding", 200),
}


@pytest.mark.parametrize("mode", FAULTS)
@pytest.mark.outside
def test_every_fault_has_its_reason(mode: str, endpoints: FakeEndpoints) -> None:
    """Whatever an endpoint does, the fetch ends with a fixed reason and within its deadline."""
    endpoints.original.fail(mode)
    begun = time.monotonic()
    if mode in ACCEPTED:
        assert isinstance(JWKSFetcher()(endpoints.original.url, 0.6), bytes)
    else:
        error = failure(JWKSFetcher(), endpoints.original.url, 0.6)
        assert (error.reason, error.status) == REASONS[mode]
    assert time.monotonic() - begun < 0.6 + 0.5


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        pytest.param({"mode": "reset", "mid_body": True}, "reset", id="reset-in-the-body"),
        pytest.param({"mode": "redirect", "status": 301}, "redirect", id="permanent-redirect"),
        pytest.param({"mode": "redirect", "status": 307}, "redirect", id="temporary-redirect"),
        pytest.param({"mode": "custom", "status": 204}, "status", id="no-content"),
        pytest.param({"mode": "custom", "status": 206, "body": b"{}"}, "status", id="partial-content"),
        pytest.param(
            {"mode": "huge", "size": MAX_DOCUMENT_BYTES + 1}, "body-too-large", id="one-octet-too-many"
        ),
        pytest.param({"mode": "custom", "headers": {"Content-Encoding": "br"}}, "encoding", id="brotli"),
        pytest.param(
            {"mode": "custom", "headers": {"Content-Encoding": "identity, gzip"}},
            "encoding",
            id="two-encodings",
        ),
    ],
)
@pytest.mark.outside
def test_more_that_is_refused(options: dict[str, Any], reason: str, endpoints: FakeEndpoints) -> None:
    """Nothing but a whole, plain, small 200 is an answer."""
    endpoints.original.fail(**options)
    assert failure(JWKSFetcher(), endpoints.original.url, TIMEOUT).reason == reason


@pytest.mark.outside
def test_a_body_of_the_largest_size(endpoints: FakeEndpoints) -> None:
    """64 KiB are allowed."""
    endpoints.original.fail("huge", size=MAX_DOCUMENT_BYTES)
    assert len(JWKSFetcher()(endpoints.original.url, TIMEOUT)) == MAX_DOCUMENT_BYTES


@pytest.mark.outside
def test_no_redirect_is_followed(endpoints: FakeEndpoints) -> None:
    """The target would serve good keys; it is not asked."""
    endpoints.original.fail("redirect", location=endpoints.updated.url)
    assert failure(JWKSFetcher(), endpoints.original.url, TIMEOUT).reason == "redirect"
    assert (endpoints.original.requests, endpoints.updated.requests) == (1, 0)


@pytest.mark.outside
def test_a_failure_carries_retry_after(endpoints: FakeEndpoints) -> None:
    """Retry-After comes with the failure."""
    endpoints.original.fail(503, retry_after=7)
    assert failure(JWKSFetcher(), endpoints.original.url, TIMEOUT).retry_after == 7
    endpoints.original.fail(503)
    assert failure(JWKSFetcher(), endpoints.original.url, TIMEOUT).retry_after is None


# --- TLS


@pytest.mark.outside
def test_tls(secure: FakeEndpoints) -> None:
    """With a context that trusts the endpoint's authority its answer is read."""
    fetcher = JWKSFetcher(ssl_context=secure.ssl_context)
    fetcher.prepare([secure.original.url])
    assert fetcher(secure.original.url, TIMEOUT).startswith(b"{")


@pytest.mark.parametrize("prepared", [True, False], ids=["prepared", "unprepared"])
@pytest.mark.outside
def test_an_untrusted_certificate(prepared: bool, secure: FakeEndpoints) -> None:
    """By default an unknown authority is not trusted, and the reason says so."""
    fetcher = JWKSFetcher()
    fetcher.prepare([secure.original.url] if prepared else ["http://127.0.0.1/"])
    assert failure(fetcher, secure.original.url, TIMEOUT).reason == "tls"
    assert secure.original.requests == 0


@pytest.mark.outside
def test_a_certificate_of_another_host(secure: FakeEndpoints) -> None:
    """Host names are checked: the certificate is not for 127.0.0.2."""
    url = secure.original.url.replace("127.0.0.1", "127.0.0.2")
    with socket.create_server(("127.0.0.2", 0)) as server, _pump(server, secure.original.port):
        url = url.replace(str(secure.original.port), str(server.getsockname()[1]))
        assert failure(JWKSFetcher(ssl_context=secure.ssl_context), url, TIMEOUT).reason == "tls"


@pytest.mark.outside
def test_a_handshake_has_the_same_deadline(secure: FakeEndpoints) -> None:
    """A peer that is silent instead of shaking hands costs no more than the deadline."""
    secure.original.fail("stall")
    begun = time.monotonic()
    error = failure(JWKSFetcher(ssl_context=secure.ssl_context), secure.original.url, 0.3)
    assert (error.reason, time.monotonic() - begun < 0.8) == ("timeout", True)


# --- Names and addresses


@pytest.mark.outside
def test_every_address_is_tried(endpoints: FakeEndpoints) -> None:
    """A host with several addresses, of which one may listen, is reached."""
    url = endpoints.original.url.replace("127.0.0.1", "localhost")
    assert JWKSFetcher()(url, TIMEOUT).startswith(b"{")


def test_a_name_without_address() -> None:
    """A name that does not resolve is a failure to connect."""
    assert failure(JWKSFetcher(), f"http://{'a' * 64}.invalid/", TIMEOUT).reason == "connect"


# Nobody listens at the first, which all of 127.0.0.0/8 of Linux's loopback can be.
ADDRESSES = ["127.0.0.2", "127.0.0.1"]


def connected(port: int) -> tuple[str, float]:
    """The address that a connection to a host with these two reaches, and the seconds that it takes."""
    scope = _transport.CancelScope(time.monotonic() + TIMEOUT)
    begun = time.monotonic()
    stream = _transport._Backend(scope, lambda _host, _port: ADDRESSES).connect_tcp("two.example", port)
    seconds = time.monotonic() - begun
    reached: str = stream.get_extra_info("socket").getpeername()[0]
    stream.close()
    scope.close()
    return reached, seconds


@pytest.mark.outside
def test_the_next_address_is_tried(listener: socket.socket) -> None:
    """FI-66: the first address refuses; the second one is reached."""
    assert connected(listener.getsockname()[1])[0] == ADDRESSES[1]


@pytest.mark.outside
def test_an_address_that_drops_packets_leaves_time_for_the_next(listener: socket.socket) -> None:
    """FI-66: 0.75 s for each address but the last, not the whole deadline for the first."""
    port: int = listener.getsockname()[1]
    with socket.socket() as silent, ExitStack() as full:
        silent.bind((ADDRESSES[0], port))
        silent.listen(0)
        for _ in range(3):  # Linux drops what comes when a backlog is full
            each = full.enter_context(socket.socket())
            each.setblocking(False)
            with suppress(BlockingIOError):
                each.connect((ADDRESSES[0], port))
        reached, seconds = connected(port)
    assert reached == ADDRESSES[1]
    assert 0.7 < seconds < 3.0


@pytest.mark.outside
def test_addresses_come_once() -> None:
    """The resolver's order is kept, and no address is tried twice; a name without one has none."""
    found = _transport._addresses("localhost", 80)
    assert len(set(found)) == len(found) >= 1
    assert _transport._addresses("127.0.0.1", 80) == ["127.0.0.1"]
    assert _transport._addresses("a" * 64, 80) == []
    assert _transport._addresses("fe80::1%none", 80) == []  # refused by the resolver, which asks nobody


# --- A transport of the user's


def answering(*values: Any, **named: Any) -> httpx.MockTransport:
    """A transport that gives this response."""
    return httpx.MockTransport(lambda _request: httpx.Response(*values, **named))


def raising(error: Exception) -> httpx.MockTransport:
    """A transport that fails so."""

    def handler(_request: httpx.Request) -> httpx.Response:
        raise error

    return httpx.MockTransport(handler)


class _Streamed(httpx.SyncByteStream):
    """A body in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces


def test_a_transport_replaces_the_network() -> None:
    """What it answers is the answer, and it stays open for the next fetch."""
    fetcher = JWKSFetcher(answering(200, stream=_Streamed(b"{", b"}")))
    assert [fetcher(COGNITO, TIMEOUT) for _ in range(2)] == [b"{}"] * 2


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(httpx.ReadTimeout("secret"), "timeout", id="timeout"),
        pytest.param(httpx.PoolTimeout("secret"), "timeout", id="pool-timeout"),
        pytest.param(httpx.ConnectError("secret"), "connect", id="connect"),
        pytest.param(httpx.ReadError("secret"), "protocol", id="read-error"),
        pytest.param(httpx.InvalidURL("secret"), "protocol", id="invalid-url"),
        pytest.param(httpx.StreamClosed(), "protocol", id="stream"),
        pytest.param(httpcore.ReadTimeout("secret"), "timeout", id="core-timeout"),
        pytest.param(httpcore.ConnectError("secret"), "connect", id="core-connect"),
        pytest.param(httpcore.ReadError("secret"), "reset", id="core-read"),
        pytest.param(httpcore.RemoteProtocolError("secret"), "protocol", id="core-protocol"),
        pytest.param(httpcore.ProxyError("secret"), "protocol", id="core-proxy"),
        pytest.param(httpcore.UnsupportedProtocol("secret"), "protocol", id="core-scheme"),
        pytest.param(OSError("secret"), "reset", id="os-error"),
        pytest.param(ConnectionResetError("secret"), "reset", id="connection-reset"),
    ],
)
def test_what_a_transport_may_raise(error: Exception, reason: str) -> None:
    """Each kind of failure has its reason, and the error says no more than that."""
    found = failure(JWKSFetcher(raising(error)), URL, TIMEOUT)
    assert (found.reason, str(found), found.status) == (reason, reason, None)


def test_tls_is_recognised_behind_other_errors() -> None:
    """Transports wrap an SSLError in their own; the reason is still "tls"."""
    error = httpx.ConnectError("wrapped")
    error.__cause__ = httpcore.ConnectError("wrapped")
    error.__cause__.__context__ = ssl.SSLCertVerificationError("secret")
    assert failure(JWKSFetcher(raising(error)), URL, TIMEOUT).reason == "tls"


def test_a_broken_transport_is_the_callers_to_see() -> None:
    """An error that no network knows is left to the caller, which takes it for "broken-transport"."""
    with pytest.raises(ValueError, match="a bug"):
        JWKSFetcher(raising(ValueError("a bug")))(URL, TIMEOUT)


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        pytest.param([b" "] * 1024, None, id="as-many-as-may-be"),
        pytest.param([b" "] * 1025, "protocol", id="one-more"),
        pytest.param([b" " * 64] * 1024, None, id="64-KiB-in-1024"),
        pytest.param([b" " * 64] * 1024 + [b" "], "protocol", id="and-one-octet"),
    ],
)
def test_a_body_has_a_bound_of_pieces(pieces: list[bytes], reason: str | None) -> None:
    """FI-21: 1,024 reads give any body that is allowed; what comes in more of them keeps a processor busy."""
    fetcher = JWKSFetcher(answering(200, stream=_Streamed(*pieces)))
    if reason is None:
        assert fetcher(COGNITO, TIMEOUT) == b"".join(pieces)
    else:
        error = failure(fetcher, COGNITO, TIMEOUT)
        assert (error.reason, error.status) == (reason, 200)


def test_empty_pieces_count() -> None:
    """FI-21, FI-67: a user's transport that gives nothing for ever is no way to keep a thread."""

    class Endless(httpx.SyncByteStream):
        """Pieces of no octets, without an end."""

        def __iter__(self) -> Iterator[bytes]:
            for number in itertools.count():
                assert number < 2000, "nobody counts them"
                yield b""

    assert failure(JWKSFetcher(answering(200, stream=Endless())), COGNITO, TIMEOUT).reason == "protocol"


def test_a_transport_that_knows_no_deadline() -> None:
    """What a transport delivers after the deadline is thrown away."""
    fetcher = JWKSFetcher(answering(200, stream=_Streamed(b"{}")))
    assert failure(fetcher, URL, -1.0).reason == "timeout"


# --- Cancelling


@pytest.mark.outside
def test_closed_means_closed(endpoints: FakeEndpoints) -> None:
    """After close() nothing is asked."""
    fetcher = JWKSFetcher()
    fetcher.close()
    assert failure(fetcher, endpoints.original.url, TIMEOUT).reason == "closed"
    assert endpoints.original.connections == 0


@pytest.mark.parametrize("mode", ["hang", "drip", "drip_headers"])
@pytest.mark.outside
def test_close_cancels_a_fetch(mode: str, endpoints: FakeEndpoints) -> None:
    """A running fetch ends at once, whatever it was waiting for."""
    endpoints.original.fail(mode)
    fetcher = JWKSFetcher()
    running = Running(lambda: fetcher(endpoints.original.url, TIMEOUT))
    assert endpoints.original.asked()
    fetcher.close()
    assert isinstance(running.end(), FetchError)


@pytest.mark.outside
def test_close_cancels_a_fetch_over_tls(secure: FakeEndpoints) -> None:
    """So does one over TLS."""
    secure.original.fail("hang")
    fetcher = JWKSFetcher(ssl_context=secure.ssl_context)
    running = Running(lambda: fetcher(secure.original.url, TIMEOUT))
    assert secure.original.asked()
    fetcher.close()
    assert isinstance(running.end(), FetchError)


@pytest.mark.outside
def test_close_ends_a_stalled_handshake(listener: socket.socket) -> None:
    """TLS takes the socket over before it shakes hands; the socket is shut down all the same."""
    fetcher = JWKSFetcher(ssl_context=ssl.create_default_context())
    running = Running(lambda: fetcher(f"https://127.0.0.1:{listener.getsockname()[1]}/", TIMEOUT))
    connection, _ = listener.accept()
    with connection:
        assert connection.recv(1) == b"\x16"  # its ClientHello: the handshake has begun
        fetcher.close()
        assert isinstance(running.end(), FetchError)


@pytest.mark.outside
def test_nothing_is_left_after_a_fetch(endpoints: FakeEndpoints) -> None:
    """The fetch closes its connection, so `close` has nothing to cancel afterwards."""
    fetcher = JWKSFetcher()
    fetcher(endpoints.original.url, TIMEOUT)
    assert fetcher._scopes == set()
    fetcher.close()
    fetcher.close()


@pytest.mark.outside
def test_a_forked_child_cancels_no_fetch_of_its_parent(endpoints: FakeEndpoints) -> None:
    """After a fork the parent's connections are not the child's to end."""
    endpoints.original.fail("slow")
    fetcher = JWKSFetcher()
    running = Running(lambda: fetcher(endpoints.original.url, TIMEOUT))
    assert endpoints.original.asked()
    fetcher.reset_after_fork()
    fetcher.close()
    endpoints.original.heal()
    assert isinstance(running.end(), bytes)


def test_a_connection_made_too_late_is_shut_down() -> None:
    """If the scope is cancelled while the connection is being made, `attach` shuts it down."""
    scope = _transport.CancelScope(time.monotonic() + TIMEOUT)
    scope.cancel()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        scope.attach(ours)
        assert theirs.recv(1) == b""
        with pytest.raises(httpcore.ReadTimeout):
            scope.remaining(httpcore.ReadTimeout)
        scope.close()
        scope.close()
        scope.cancel()


def test_a_peer_that_left_first() -> None:
    """To cancel a connection that has ended is no error."""
    scope = _transport.CancelScope(time.monotonic() + TIMEOUT)
    with socket.socket() as unconnected:
        scope.attach(unconnected)
        scope.cancel()
        scope.close()


# --- Retry-After


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param(None, None, id="absent"),
        pytest.param("", None, id="empty"),
        pytest.param("0", 0, id="zero"),
        pytest.param("7", 7, id="seconds"),
        pytest.param("60", 60, id="a-minute"),
        pytest.param("61", 60, id="more-than-a-minute"),
        pytest.param("1000000000", 60, id="thirty-years"),
        pytest.param("9" * 5000, 60, id="more-digits-than-python-reads"),
        pytest.param("-5", None, id="negative"),
        pytest.param("1e9", None, id="exponent"),
        pytest.param("1000000000.0", None, id="fraction"),
        pytest.param("soon", None, id="word"),
        pytest.param("٣", None, id="arabic-digit"),
        pytest.param("²", None, id="superscript"),
        pytest.param("inf", None, id="infinity"),
        pytest.param("Tue, 14 Nov 2023 22:13:50 GMT", 30, id="date"),
        pytest.param("Tue, 14 Nov 2023 22:13:20 GMT", 0, id="date-now"),
        pytest.param("Tue, 14 Nov 2023 22:00:00 GMT", 0, id="date-past"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", 60, id="date-far-away"),
        pytest.param("Tue, 99 Nov 2023 22:13:50 GMT", None, id="no-such-day"),
        pytest.param("Mon, 01 Jan 0001 00:00:00 +2359", 0, id="before-all-time"),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    """Seconds and dates are understood (RFC 9110 10.2.3), up to a minute; nonsense is ignored."""
    assert retry_after(value, 1_700_000_000.0) == seconds


@given(st.text(st.characters(codec="latin-1")) | st.text('0123456789 :,-+GMTonueJanFebc()"\\;.'))
def test_no_header_breaks_retry_after(value: str) -> None:
    """Whatever a server sends is a wait of 0 to 60 seconds or nothing."""
    found = retry_after(value, 1_700_000_000.0)
    assert found is None or 0 <= found <= MAX_BACK_OFF


# --- Proxies

COGNITO = "https://cognito-idp.us-west-2.amazonaws.com/x"


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        pytest.param(COGNITO, {}, None, id="none"),
        pytest.param(COGNITO, {"https": "http://p:3128"}, "http://p:3128", id="https-proxy"),
        pytest.param(COGNITO, {"https": "p:3128"}, "http://p:3128", id="no-scheme"),
        pytest.param(COGNITO, {"https": "https://u:w@p"}, "https://u:w@p", id="tls-and-login"),
        pytest.param(COGNITO, {"http": "http://p:3128"}, None, id="another-schemes"),
        pytest.param(COGNITO, {"all": "http://p:3128"}, "http://p:3128", id="all-proxy"),
        pytest.param(COGNITO, {"all": "http://a", "https": "http://s"}, "http://s", id="own-before-all"),
        pytest.param(COGNITO, {"https": ""}, None, id="empty"),
        pytest.param(COGNITO, {"https": "http://p", "no": "*"}, None, id="no-proxy-at-all"),
        pytest.param(COGNITO, {"https": "http://p", "no": "amazonaws.com"}, None, id="no-suffix"),
        pytest.param(COGNITO, {"https": "http://p", "no": "a.b, .amazonaws.com"}, None, id="no-list"),
        pytest.param(COGNITO, {"https": "http://p", "no": "aws.com"}, "http://p", id="no-substring"),
        pytest.param("http://vpce.test/x", {"http": "http://p"}, "http://p", id="plain-http"),
        pytest.param("https://localhost/x", {"https": "http://p"}, None, id="localhost"),
        pytest.param("https://127.0.0.1:8443/x", {"https": "http://p"}, None, id="127.0.0.1"),
        pytest.param("https://127.9.9.9/x", {"https": "http://p"}, None, id="all-of-127"),
        pytest.param("https://[::1]:8443/x", {"https": "http://p"}, None, id="ipv6-loopback"),
        pytest.param("https:///x", {"https": "http://p"}, "http://p", id="no-host"),
    ],
)
def test_proxy_for(url: str, environment: dict[str, str], proxy: str | None) -> None:
    """The proxy of the URL's scheme, but for NO_PROXY and for loopback, which is never proxied."""
    assert proxy_for(url, environment) == proxy


def test_the_processs_own_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a mapping the environment variables count."""
    for name in ("https_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://p.test:3128")
    assert proxy_for(COGNITO) == "http://p.test:3128"
    monkeypatch.setenv("NO_PROXY", "amazonaws.com")
    assert proxy_for(COGNITO) is None


@pytest.mark.outside
def test_loopback_goes_past_a_proxy(endpoints: FakeEndpoints) -> None:
    """A proxy that does not even exist is not asked for a loopback URL."""
    fetcher = JWKSFetcher(environment={"http": "http://127.0.0.1:1", "all": "http://127.0.0.1:1"})
    assert fetcher(endpoints.original.url, TIMEOUT).startswith(b"{")


@pytest.mark.outside
def test_a_fetch_asks_the_proxy(listener: socket.socket) -> None:
    """A URL beyond loopback goes to the proxy that the environment names."""
    proxy = f"127.0.0.1:{listener.getsockname()[1]}"
    running = Running(lambda: JWKSFetcher(environment={"https": proxy})(COGNITO, TIMEOUT))
    connection, _ = listener.accept()
    with connection:
        assert connection.recv(65536).startswith(b"CONNECT cognito-idp.us-west-2.amazonaws.com:443 ")
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        outcome = running.end()
    assert isinstance(outcome, FetchError)
    assert outcome.reason == "protocol"


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
def _pump(server: socket.socket, port: int, heads: list[bytes] | None = None) -> Iterator[None]:
    """Carry one connection on to a port of ours; as a CONNECT proxy if its request is to be kept."""

    def serve() -> None:
        with server.accept()[0] as client, socket.create_connection(("127.0.0.1", port)) as target:
            if heads is not None:
                heads.append(client.recv(65536))
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _carry(client, target)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        thread.join(TIMEOUT)


@pytest.mark.parametrize(
    ("family", "address", "login", "header"),
    [
        pytest.param(socket.AF_INET, "127.0.0.1", "", None, id="plain"),
        pytest.param(socket.AF_INET, "127.0.0.1", "user:p%40ss@", b"dXNlcjpwQHNz", id="login"),
        pytest.param(socket.AF_INET, "127.0.0.1", "user@", b"dXNlcjo=", id="no-password"),
    ],
)
@pytest.mark.outside
def test_through_a_proxy(
    family: socket.AddressFamily, address: str, login: str, header: bytes | None, secure: FakeEndpoints
) -> None:
    """A CONNECT proxy carries TLS to the endpoint, and gets the login that its URL holds."""
    heads: list[bytes] = []
    with (
        socket.create_server((address, 0), family=family) as server,
        _pump(server, secure.original.port, heads),
    ):
        scope = _transport.CancelScope(time.monotonic() + TIMEOUT)
        proxy = f"http://{login}{address}:{server.getsockname()[1]}"
        transport = _transport.Transport(scope, secure.ssl_context, proxy)
        with httpx.Client(transport=transport, trust_env=False) as client:
            assert client.get(secure.original.url).status_code == 200
        scope.close()
    assert heads[0].startswith(f"CONNECT 127.0.0.1:{secure.original.port} ".encode())
    sent = [part.split(b" ")[-1] for part in heads[0].split(b"\r\n") if b"roxy-" in part]
    assert sent == ([] if header is None else [header])


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
    transport = _transport.Transport(_transport.CancelScope(0.0), ssl.create_default_context(), proxy)
    url = httpx.URL(origin.decode())
    found = transport._pool._proxy_url  # type: ignore[union-attr]
    assert (found.scheme.decode(), found.host.decode(), found.port) == (url.scheme, url.host, url.port)
    transport.close()


@pytest.mark.parametrize(
    "proxy", ["socks5://proxy.example:1080", "http://proxy.example:port", "ftp://proxy.example"]
)
def test_an_unsupported_proxy_has_its_own_reason(proxy: str) -> None:
    """A slip in a proxy variable has a reason of its own, unlike an outage, and nothing is sent (F)."""
    with pytest.raises(FetchError) as failure:
        JWKSFetcher(environment={"https": proxy})("https://keys.example/jwks.json", 2.0)
    assert failure.value.reason == "proxy"


@pytest.mark.outside
def test_a_fetch_imports_nothing() -> None:
    """F: `prepare` has done so: a fork during an import on another thread leaves the child without it."""
    script = (
        "import sys, threading\n"
        "from cognito_mr_auth._remote.fetch import JWKSFetcher\n"
        "from cognito_mr_auth._jwks.model import FetchError\n"
        "fetcher, url = JWKSFetcher(), 'http://127.0.0.1:1/'\n"
        "fetcher.prepare([url])\n"
        "before = set(sys.modules)\n"
        "def fetch():\n"
        "    try:\n"
        "        fetcher(url, 5.0)\n"
        "    except FetchError as error:\n"
        "        print(error.reason, sorted(set(sys.modules) - before))\n"
        "thread = threading.Thread(target=fetch)\n"
        "thread.start()\n"
        "thread.join()\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout == "connect []\n"


@pytest.mark.outside
def test_a_proxy_over_tls_is_trusted_as_endpoints_are(secure: FakeEndpoints) -> None:
    """F: one `ssl_context` for both; this proxy is trusted, and then refuses to tunnel."""
    proxy = secure.original.url.removesuffix("/.well-known/jwks.json")
    fetcher = JWKSFetcher(None, secure.ssl_context, {"https": proxy})
    assert failure(fetcher, "https://cognito-idp.invalid/jwks.json", 5.0).reason == "protocol"
