"""`JWKSFetcher`: one URL to its document; what is accepted, what is refused, and the deadline."""

from __future__ import annotations

import itertools
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.resolvers import Resolver, full_backlog, reach, sockets
from support.tunnels import pump

from cognito_mr_auth._jwks.model import MAX_DOCUMENT_BYTES, FetchError
from cognito_mr_auth._jwks.schedule import MAX_BACK_OFF
from cognito_mr_auth._remote.cancel_scope import CancelScope
from cognito_mr_auth._remote.fetch import JWKSFetcher, proxy_for, proxy_variable, retry_after
from cognito_mr_auth._remote.transport import reason_of
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


def failure(fetcher: JWKSFetcher, url: str, seconds: float) -> FetchError:
    """What the fetch ends with, once it is seen to carry nothing that it should not."""
    with pytest.raises(FetchError) as caught:
        fetcher(url, CancelScope(seconds))
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
    body = JWKSFetcher()(endpoints.original.url, CancelScope(TIMEOUT))
    assert pool.access_key.kid.encode() in body
    assert endpoints.original.connections == endpoints.original.requests == 1


@pytest.mark.outside
def test_what_a_request_says(listener: socket.socket) -> None:
    """Identity encoding is asked for, and no credential or cookie goes out."""
    running = Running(
        lambda: JWKSFetcher()(f"http://127.0.0.1:{listener.getsockname()[1]}/k", CancelScope(TIMEOUT))
    )
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
    "stall": ("answer-timeout", None),
    "hang": ("answer-timeout", None),
    "slow": ("answer-timeout", None),
    "drip": ("answer-timeout", None),
    "drip_headers": ("answer-timeout", None),
    "reset": ("answer", None),
    "403": ("status", 403),
    "404": ("status", 404),
    "429": ("status", 429),
    "500": ("status", 500),
    "503": ("status", 503),
    "redirect": ("redirect", 302),
    "garbage": ("answer", None),
    "truncated": ("answer", None),
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
        assert isinstance(JWKSFetcher()(endpoints.original.url, CancelScope(0.6)), bytes)
    else:
        error = failure(JWKSFetcher(), endpoints.original.url, 0.6)
        assert (error.reason, error.status) == REASONS[mode]
    assert time.monotonic() - begun < 0.6 + 0.5


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        pytest.param({"mode": "reset", "mid_body": True}, "answer", id="reset-in-the-body"),
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
    assert len(JWKSFetcher()(endpoints.original.url, CancelScope(TIMEOUT))) == MAX_DOCUMENT_BYTES


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
    assert fetcher(secure.original.url, CancelScope(TIMEOUT)).startswith(b"{")


@pytest.mark.parametrize("prepared", [True, False], ids=["prepared", "unprepared"])
@pytest.mark.outside
def test_an_untrusted_certificate(prepared: bool, secure: FakeEndpoints) -> None:
    """By default an unknown authority is not trusted, and the reason says so."""
    fetcher = JWKSFetcher()
    fetcher.prepare([secure.original.url] if prepared else ["http://127.0.0.1/"])
    assert failure(fetcher, secure.original.url, TIMEOUT).reason == "tls-certificate"
    assert secure.original.requests == 0


@pytest.mark.outside
def test_a_certificate_of_another_host(secure: FakeEndpoints) -> None:
    """Host names are checked: the certificate is not for 127.0.0.2."""
    url = secure.original.url.replace("127.0.0.1", "127.0.0.2")
    with socket.create_server(("127.0.0.2", 0)) as server, pump(server, secure.original.port):
        url = url.replace(str(secure.original.port), str(server.getsockname()[1]))
        fetcher = JWKSFetcher(ssl_context=secure.ssl_context)
        assert failure(fetcher, url, TIMEOUT).reason == "tls-certificate"


@pytest.mark.outside
def test_a_handshake_has_the_same_deadline(secure: FakeEndpoints) -> None:
    """A peer that is silent instead of shaking hands costs no more than the deadline."""
    secure.original.fail("stall")
    begun = time.monotonic()
    error = failure(JWKSFetcher(ssl_context=secure.ssl_context), secure.original.url, 0.3)
    assert (error.reason, time.monotonic() - begun < 0.8) == ("tls-timeout", True)


# --- Names and phases


@pytest.mark.outside
def test_a_name_is_looked_up(endpoints: FakeEndpoints) -> None:
    """By the system, as long as nothing replaces it."""
    url = endpoints.original.url.replace("127.0.0.1", "localhost")
    assert JWKSFetcher()(url, CancelScope(TIMEOUT)).startswith(b"{")


@pytest.mark.outside
def test_a_name_without_address() -> None:
    """A name that does not resolve is a failure of the look-up; this one no resolver is asked for."""
    assert failure(JWKSFetcher(), f"http://{'a' * 64}.invalid/", TIMEOUT).reason == "dns"


PHASES: dict[str, tuple[str, str]] = {
    "dns": ("http", ""),
    "connect": ("http", "full"),
    "tls": ("https", "silent"),
    "answer": ("http", "silent"),
}
"""For each phase a scheme, and what the one address of the host does."""


@pytest.fixture(params=PHASES)
def phase(request: pytest.FixtureRequest) -> str:
    """One of the phases of a fetch."""
    name: str = request.param
    return name


@pytest.fixture
def stuck(phase: str, listener: socket.socket) -> Iterator[tuple[JWKSFetcher, str]]:
    """A fetcher and a URL, with which a fetch goes no further than this phase."""
    scheme, peer = PHASES[phase]
    resolver = Resolver({"keys.example": ["127.0.0.1"]})
    fetcher = JWKSFetcher(None, ssl.create_default_context(), {}, resolver)
    with ExitStack() as stack:
        if not peer:
            resolver.silence("keys.example", "keys.example.")
            stack.callback(resolver.end)
        port = stack.enter_context(full_backlog()) if peer == "full" else listener.getsockname()[1]
        yield fetcher, f"{scheme}://keys.example:{port}/"


@pytest.mark.outside
def test_a_reason_names_the_phase(phase: str, stuck: tuple[JWKSFetcher, str]) -> None:
    """F: at the deadline, which is one for all phases; the scope says so too, and that no byte came."""
    fetcher, url = stuck
    scope, begun = CancelScope(0.4), time.monotonic()
    with pytest.raises(FetchError) as caught:
        fetcher(url, scope)
    assert time.monotonic() - begun < 0.4 + 0.3
    assert (caught.value.reason, scope.phase) == (f"{phase}-timeout", phase)
    assert (scope.first_byte, scope.last_byte) == (None, None)


def ended(
    phase: str, stuck: tuple[JWKSFetcher, str], end: Callable[[CancelScope], None]
) -> tuple[str, float]:
    """The reason of a fetch that is ended in this phase, and how long that takes; no descriptor is left."""
    fetcher, url = stuck
    scope, before = CancelScope(TIMEOUT), sockets()
    running = Running(lambda: fetcher(url, scope))
    reach(lambda: scope.phase == phase and len(scope._interrupts) == 1)
    begun = time.monotonic()
    end(scope)
    outcome = running.end()
    took = time.monotonic() - begun
    assert isinstance(outcome, FetchError)
    assert sockets() == before
    return outcome.reason, took


@pytest.mark.outside
def test_a_fetch_is_ended_in_each_phase(phase: str, stuck: tuple[JWKSFetcher, str]) -> None:
    """F: within 0.1 s, from another thread, whatever it waits for; nothing of its sockets is left."""
    outcomes = [ended(phase, stuck, CancelScope.cancel) for _ in range(3)]
    assert {reason for reason, _ in outcomes} == {"cancelled"}
    assert min(took for _, took in outcomes) < 0.1  # a busy machine may take longer now and then


@pytest.mark.outside
def test_close_ends_a_fetch_in_each_phase(phase: str, stuck: tuple[JWKSFetcher, str]) -> None:
    """F: so does closing the fetcher, for good."""
    reason, took = ended(phase, stuck, lambda _scope: stuck[0].close())
    assert (reason, took < 1.0) == ("closed", True)
    assert failure(*stuck, TIMEOUT).reason == "closed"


@pytest.mark.outside
def test_a_cancelled_scope_begins_nothing(endpoints: FakeEndpoints) -> None:
    """Cancelling counts from before the fetch, too, with any transport."""
    scope = CancelScope(TIMEOUT)
    scope.cancel()
    for fetcher in (JWKSFetcher(), JWKSFetcher(answering(200, stream=_Streamed(b"{}")))):
        with pytest.raises(FetchError) as caught:
            fetcher(endpoints.original.url, scope)
        assert caught.value.reason == "cancelled"
    assert endpoints.original.connections == 0


def test_what_comes_after_cancelling_is_no_answer() -> None:
    """A transport that knows no scope gives its answer; the fetch ends as cancelled all the same."""
    scope = CancelScope(TIMEOUT)

    def handler(_request: httpx.Request) -> httpx.Response:
        scope.cancel()
        return httpx.Response(200, stream=_Streamed(b"{}"))

    with pytest.raises(FetchError) as caught:
        JWKSFetcher(httpx.MockTransport(handler))(URL, scope)
    assert caught.value.reason == "cancelled"


@pytest.mark.outside
def test_a_slow_resolver_serves_the_next_fetch(endpoints: FakeEndpoints) -> None:
    """F: an answer after 5 s is too late for the fetch that asked, and serves the one that comes then."""
    resolver = Resolver({"keys.example": ["127.0.0.1"]})
    resolver.silence("keys.example")
    fetcher = JWKSFetcher(environment={}, getaddrinfo=resolver)
    url = endpoints.original.url.replace("127.0.0.1", "keys.example")
    assert failure(fetcher, url, 0.1).reason == "dns-timeout"
    running = Running(lambda: fetcher(url, CancelScope(TIMEOUT)))  # joins the look-up that runs
    resolver.end()
    assert isinstance(running.end(), bytes)
    resolver.silence("keys.example", "keys.example.")
    begun = time.monotonic()
    assert fetcher(url, CancelScope(TIMEOUT)).startswith(b"{")  # from what was found before
    assert time.monotonic() - begun < 1.0
    resolver.end()


@pytest.mark.outside
def test_three_dead_addresses_cost_less_than_a_second(endpoints: FakeEndpoints) -> None:
    """F, RFC 8305: attempts are staggered by 250 ms; the next fetch begins with what has answered."""
    port = endpoints.original.port
    dead = [f"127.0.0.{number}" for number in (11, 12, 13)]
    fetcher = JWKSFetcher(environment={}, getaddrinfo=Resolver({"keys.example": [*dead, "127.0.0.1"]}))
    url = endpoints.original.url.replace("127.0.0.1", "keys.example")
    before = sockets()
    with ExitStack() as stack:
        for address in dead:
            stack.enter_context(full_backlog(address, port))
        for slowest in (1.0, 0.2):
            begun, held = time.monotonic(), sockets()
            assert fetcher(url, CancelScope(TIMEOUT)).startswith(b"{")
            assert time.monotonic() - begun < slowest
            reach(lambda: sockets() <= held)  # noqa: B023 - called at once; the server closes, too
    assert sockets() <= before


@pytest.mark.outside
def test_a_proxys_name_is_looked_up_in_the_same_way() -> None:
    """F: with the phases' reasons; the endpoint's own name is the proxy's to look up."""
    resolver = Resolver({})
    fetcher = JWKSFetcher(environment={"https": "http://proxy.example:3128"}, getaddrinfo=resolver)
    assert failure(fetcher, COGNITO, TIMEOUT).reason == "dns"
    assert resolver.asked == ["proxy.example"]


def test_a_replaced_transport_asks_no_resolver() -> None:
    """F: look-ups begin inside the transport, so one that replaces the network needs none."""
    resolver = Resolver({})
    fetcher = JWKSFetcher(answering(200, stream=_Streamed(b"{}")), getaddrinfo=resolver)
    assert fetcher(COGNITO, CancelScope(TIMEOUT)) == b"{}"
    assert resolver.asked == []


@pytest.mark.outside
def test_a_forked_child_looks_up_anew(endpoints: FakeEndpoints) -> None:
    """F: the parent's look-ups do not run in the child, which would wait for them in vain."""
    resolver = Resolver({"keys.example": ["127.0.0.1"]})
    resolver.silence("keys.example")
    fetcher = JWKSFetcher(environment={}, getaddrinfo=resolver)
    fetcher.reset_after_fork()  # before its first fetch
    url = endpoints.original.url.replace("127.0.0.1", "keys.example")
    assert failure(fetcher, url, 0.1).reason == "dns-timeout"
    silent = resolver.silent.pop("keys.example")
    fetcher.reset_after_fork()
    assert fetcher(url, CancelScope(TIMEOUT)).startswith(b"{")
    assert resolver.asked == ["keys.example"] * 2
    silent.set()


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
    assert [fetcher(COGNITO, CancelScope(TIMEOUT)) for _ in range(2)] == [b"{}"] * 2


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(httpx.ReadTimeout("secret"), "answer-timeout", id="timeout"),
        pytest.param(httpx.ConnectTimeout("secret"), "connect-timeout", id="connect-timeout"),
        pytest.param(httpx.PoolTimeout("secret"), "answer-timeout", id="pool-timeout"),
        pytest.param(httpx.ConnectError("secret"), "connect", id="connect"),
        pytest.param(httpx.ReadError("secret"), "answer", id="read-error"),
        pytest.param(httpx.InvalidURL("secret"), "answer", id="invalid-url"),
        pytest.param(httpx.StreamClosed(), "answer", id="stream"),
        pytest.param(httpcore.ReadTimeout("secret"), "answer-timeout", id="core-timeout"),
        pytest.param(httpcore.ConnectError("secret"), "connect", id="core-connect"),
        pytest.param(httpcore.ReadError("secret"), "answer", id="core-read"),
        pytest.param(httpcore.RemoteProtocolError("secret"), "answer", id="core-protocol"),
        pytest.param(httpcore.ProxyError("secret"), "proxy", id="core-proxy"),
        pytest.param(httpcore.UnsupportedProtocol("secret"), "answer", id="core-scheme"),
        pytest.param(OSError("secret"), "answer", id="os-error"),
        pytest.param(ConnectionResetError("secret"), "answer", id="connection-reset"),
    ],
)
def test_what_a_transport_may_raise(error: Exception, reason: str) -> None:
    """Each kind of failure has its reason, and the error says no more than that."""
    found = failure(JWKSFetcher(raising(error)), URL, TIMEOUT)
    assert (found.reason, str(found), found.status) == (reason, reason, None)


@pytest.mark.parametrize(
    ("cause", "reason"),
    [(ssl.SSLCertVerificationError("secret"), "tls-certificate"), (ssl.SSLError("secret"), "tls")],
)
def test_tls_is_recognised_behind_other_errors(cause: ssl.SSLError, reason: str) -> None:
    """Transports wrap an SSLError in their own; the reason is still that of TLS."""
    error = httpx.ConnectError("wrapped")
    error.__cause__ = httpcore.ConnectError("wrapped")
    error.__cause__.__context__ = cause
    assert failure(JWKSFetcher(raising(error)), URL, TIMEOUT).reason == reason


def _own_cause(error: BaseException) -> None:
    error.__cause__ = error


def _own_context(error: BaseException) -> None:
    error.__context__ = error


def _a_longer_circle(error: BaseException) -> None:
    error.__cause__ = OSError("one")
    error.__cause__.__context__ = ValueError("two")
    error.__cause__.__context__.__cause__ = error.__cause__


@pytest.mark.parametrize("close", [_own_cause, _own_context, _a_longer_circle])
def test_causes_that_form_a_circle_end(close: Callable[[BaseException], None]) -> None:
    """Respx raises a `side_effect`'s error from itself; the fetch's thread must end, and say why."""
    error = httpx.ReadTimeout("secret")
    close(error)
    found: list[tuple[str, int | None]] = []
    # A daemon, so that a search without end fails this test alone.
    thread = threading.Thread(target=lambda: found.append(reason_of(error, "answer")), daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    assert found == [("answer-timeout", None)]


def test_a_broken_transport_is_the_callers_to_see() -> None:
    """An error that no network knows is left to the caller, which takes it for "broken-transport"."""
    with pytest.raises(ValueError, match="a bug"):
        JWKSFetcher(raising(ValueError("a bug")))(URL, CancelScope(TIMEOUT))


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        pytest.param([b" "] * 1024, None, id="as-many-as-may-be"),
        pytest.param([b" "] * 1025, "answer", id="one-more"),
        pytest.param([b" " * 64] * 1024, None, id="64-KiB-in-1024"),
        pytest.param([b" " * 64] * 1024 + [b" "], "answer", id="and-one-octet"),
    ],
)
def test_a_body_has_a_bound_of_pieces(pieces: list[bytes], reason: str | None) -> None:
    """FI-21: 1,024 reads give any body that is allowed; what comes in more of them keeps a processor busy."""
    fetcher = JWKSFetcher(answering(200, stream=_Streamed(*pieces)))
    if reason is None:
        assert fetcher(COGNITO, CancelScope(TIMEOUT)) == b"".join(pieces)
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

    assert failure(JWKSFetcher(answering(200, stream=Endless())), COGNITO, TIMEOUT).reason == "answer"


def test_a_transport_that_knows_no_deadline() -> None:
    """What a transport delivers after the deadline is thrown away."""
    fetcher = JWKSFetcher(answering(200, stream=_Streamed(b"{}")))
    assert failure(fetcher, URL, -1.0).reason == "answer-timeout"


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
    running = Running(lambda: fetcher(endpoints.original.url, CancelScope(TIMEOUT)))
    assert endpoints.original.asked()
    fetcher.close()
    assert isinstance(running.end(), FetchError)


@pytest.mark.outside
def test_close_cancels_a_fetch_over_tls(secure: FakeEndpoints) -> None:
    """So does one over TLS."""
    secure.original.fail("hang")
    fetcher = JWKSFetcher(ssl_context=secure.ssl_context)
    running = Running(lambda: fetcher(secure.original.url, CancelScope(TIMEOUT)))
    assert secure.original.asked()
    fetcher.close()
    assert isinstance(running.end(), FetchError)


@pytest.mark.outside
def test_close_ends_a_stalled_handshake(listener: socket.socket) -> None:
    """TLS takes the socket over before it shakes hands; the socket is shut down all the same."""
    fetcher = JWKSFetcher(ssl_context=ssl.create_default_context())
    running = Running(
        lambda: fetcher(f"https://127.0.0.1:{listener.getsockname()[1]}/", CancelScope(TIMEOUT))
    )
    connection, _ = listener.accept()
    with connection:
        assert connection.recv(1) == b"\x16"  # its ClientHello: the handshake has begun
        fetcher.close()
        assert isinstance(running.end(), FetchError)


@pytest.mark.outside
def test_nothing_is_left_after_a_fetch(endpoints: FakeEndpoints) -> None:
    """The fetch closes its connection, so `close` has nothing to cancel afterwards."""
    fetcher = JWKSFetcher()
    fetcher(endpoints.original.url, CancelScope(TIMEOUT))
    assert fetcher._scopes == set()
    fetcher.close()
    fetcher.close()


@pytest.mark.outside
def test_a_forked_child_cancels_no_fetch_of_its_parent(endpoints: FakeEndpoints) -> None:
    """After a fork the parent's connections are not the child's to end."""
    endpoints.original.fail("slow")
    fetcher = JWKSFetcher()
    running = Running(lambda: fetcher(endpoints.original.url, CancelScope(TIMEOUT)))
    assert endpoints.original.asked()
    fetcher.reset_after_fork()
    fetcher.close()
    endpoints.original.heal()
    assert isinstance(running.end(), bytes)


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
    """The proxy of the URL's scheme, except with NO_PROXY and for loopback, which is never proxied."""
    assert proxy_for(url, environment) == proxy


def test_the_processs_own_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a mapping the environment variables count."""
    for name in ("https_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://p.test:3128")
    assert proxy_for(COGNITO) == "http://p.test:3128"
    monkeypatch.setenv("NO_PROXY", "amazonaws.com")
    assert proxy_for(COGNITO) is None


@pytest.mark.parametrize(
    ("proxies", "variables", "name"),
    [
        pytest.param({"https": "p"}, {"HTTPS_PROXY": "p"}, "HTTPS_PROXY", id="upper"),
        pytest.param({"https": "p"}, {"HTTPS_PROXY": "q", "https_proxy": "p"}, "https_proxy", id="lower"),
        pytest.param({"https": "p"}, {"HTTPS_PROXY": "p", "https_proxy": "p"}, "https_proxy", id="both"),
        pytest.param({"https": "p"}, {"Https_Proxy": "p", "http_proxy": "p"}, "Https_Proxy", id="mixed"),
        pytest.param({"all": "p"}, {"all_proxy": "p", "HTTP_PROXY": "p"}, "all_proxy", id="all"),
        pytest.param({"all": "p", "http": "q"}, {"ALL_PROXY": "p"}, "ALL_PROXY", id="all-upper"),
        pytest.param(
            {"https": "p", "all": "q"}, {"https_proxy": "p", "all_proxy": "q"}, "https_proxy", id="2"
        ),
        pytest.param({"https": "p"}, {}, "HTTPS_PROXY", id="no-variable"),
    ],
)
def test_the_proxys_variable(proxies: dict[str, str], variables: dict[str, str], name: str) -> None:
    """Hints name it as it is spelled, so that it is found."""
    assert proxy_variable(COGNITO, proxies, variables) == name


@pytest.mark.parametrize("proxy", ["socks5://user:s3cret@127.0.0.1:9", "http://user:s3cret@[127.0.0.1:9"])
def test_a_proxy_that_is_no_url_is_named_by_its_variable(proxy: str) -> None:
    """Before anything is connected, and without its login."""
    scope = CancelScope(TIMEOUT)
    with pytest.raises(FetchError) as caught:
        JWKSFetcher(environment={"https": proxy})(COGNITO, scope)
    assert (caught.value.reason, scope.proxy) == ("proxy", "HTTPS_PROXY")
    assert "s3cret" not in repr(caught.value)


@pytest.mark.outside
def test_loopback_goes_past_a_proxy(endpoints: FakeEndpoints) -> None:
    """A proxy that does not even exist is not asked for a loopback URL."""
    fetcher = JWKSFetcher(environment={"http": "http://127.0.0.1:1", "all": "http://127.0.0.1:1"})
    scope = CancelScope(TIMEOUT)
    assert fetcher(endpoints.original.url, scope).startswith(b"{")
    assert scope.proxy is None


@pytest.mark.outside
def test_a_fetch_asks_the_proxy(listener: socket.socket) -> None:
    """A URL beyond loopback goes to the proxy that the environment names."""
    proxy = f"127.0.0.1:{listener.getsockname()[1]}"
    running = Running(lambda: JWKSFetcher(environment={"https": proxy})(COGNITO, CancelScope(TIMEOUT)))
    connection, _ = listener.accept()
    with connection:
        assert connection.recv(65536).startswith(b"CONNECT cognito-idp.us-west-2.amazonaws.com:443 ")
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        outcome = running.end()
    assert isinstance(outcome, FetchError)
    assert (outcome.reason, outcome.status) == ("proxy", 407)


@pytest.mark.parametrize(
    "proxy", ["socks5://proxy.example:1080", "http://proxy.example:port", "ftp://proxy.example"]
)
def test_an_unsupported_proxy_has_its_own_reason(proxy: str) -> None:
    """A mistake in a proxy variable has a reason of its own, unlike an outage, and nothing is sent (F)."""
    with pytest.raises(FetchError) as failure:
        JWKSFetcher(environment={"https": proxy})("https://keys.example/jwks.json", CancelScope(2.0))
    assert failure.value.reason == "proxy"


@pytest.mark.outside
def test_a_fetch_imports_nothing() -> None:
    """F: `prepare` has done so: a fork during an import on another thread leaves the child without it."""
    script = (
        "import sys, threading\n"
        "from cognito_mr_auth._remote.cancel_scope import CancelScope\n"
        "from cognito_mr_auth._remote.fetch import JWKSFetcher\n"
        "from cognito_mr_auth._jwks.model import FetchError\n"
        "fetcher, url = JWKSFetcher(environment={}), 'http://localhost:1/'\n"
        "fetcher.prepare([url])\n"
        "before = set(sys.modules)\n"
        "def fetch():\n"
        "    try:\n"
        "        fetcher(url, CancelScope(5.0))\n"
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
    error = failure(fetcher, "https://cognito-idp.invalid/jwks.json", 5.0)
    assert (error.reason, error.status) == ("proxy", 404)
