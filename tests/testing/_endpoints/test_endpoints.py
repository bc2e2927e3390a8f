"""The loopback endpoints: every way to fail, seen through plain sockets and http.client."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from cognito_mr_auth.testing import FAULTS, FakeEndpoint, FakeEndpoints, FakeUserPool

# Far beyond what loopback needs: a test that waits so long hangs.
TIMEOUT_S = 10.0
# How long a read waits for bytes that must not come.
SILENCE_S = 0.1


class Answer(NamedTuple):
    """A whole HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def keys(self) -> list[dict[str, Any]]:
        """The members of a JWKS."""
        return list(json.loads(self.body)["keys"])


def ask(
    endpoint: FakeEndpoint,
    path: str | None = None,
    *,
    tls: ssl.SSLContext | None = None,
    timeout: float = TIMEOUT_S,
) -> Answer:
    """GET the endpoint's URL, or another path of it, on a connection of its own."""
    connection: http.client.HTTPConnection = (
        http.client.HTTPSConnection("127.0.0.1", endpoint.port, timeout=timeout, context=tls)
        if tls
        else http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=timeout)
    )
    try:
        connection.request("GET", path or urlsplit(endpoint.url).path)
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


def connected(endpoint: FakeEndpoint, *, send: bool = True) -> socket.socket:
    """A raw connection on which a request was sent, or not."""
    client = socket.create_connection(("127.0.0.1", endpoint.port), TIMEOUT_S)
    if send:
        path = urlsplit(endpoint.url).path
        client.sendall(f"GET {path}?x=1 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return client


def read_all(client: socket.socket) -> bytes:
    """What comes until the server closes."""
    received = b""
    while chunk := client.recv(65536):
        received += chunk
    return received


def is_silent(client: socket.socket) -> bool:
    """Whether nothing comes, not even the end."""
    client.settimeout(SILENCE_S)
    try:
        client.recv(1)
    except TimeoutError:
        client.settimeout(TIMEOUT_S)
        return True
    return False


def kit_threads() -> list[str]:
    """The kit's threads that are alive."""
    return [thread.name for thread in threading.enumerate() if "fake-cognito" in thread.name]


@pytest.fixture
def pool() -> FakeUserPool:
    """A pool of its own for each test."""
    return FakeUserPool(replica_regions=["us-east-1", "eu-west-1"])


@pytest.fixture
def endpoints(pool: FakeUserPool) -> Iterator[FakeEndpoints]:
    """The pool's endpoints, serving; nothing of them is left afterwards."""
    with pool.serve() as endpoints:
        yield endpoints
    assert not kit_threads()


@pytest.fixture
def endpoint(endpoints: FakeEndpoints) -> FakeEndpoint:
    """The original issuer's endpoint."""
    return endpoints.original


# ---- when all is well


@pytest.mark.outside
def test_every_endpoint_serves_the_pools_keys(pool: FakeUserPool, endpoints: FakeEndpoints) -> None:
    """Original, each replica and updated serve one document, each at a URL of its own."""
    assert [(e.kind, e.region, e.issuer) for e in endpoints] == [
        ("original", "us-west-2", pool.issuer()),
        ("replica", "us-east-1", pool.issuer("replica")),
        ("replica", "eu-west-1", pool.issuer("replica", "eu-west-1")),
        ("updated", "us-west-2", pool.issuer("updated")),
    ]
    assert endpoints.replica is endpoints.replicas["us-east-1"]
    assert len({e.port for e in endpoints}) == len(endpoints) == 4
    for each in endpoints:
        assert each.url.startswith(f"http://127.0.0.1:{each.port}/us-west-2_Fake00001/.well-known/")
        answer = ask(each)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
        assert json.loads(answer.body) == pool.jwks()
    assert endpoints.requests == 4
    assert endpoints.jwks_urls == {e.issuer: e.url for e in endpoints}
    assert endpoints.ssl_context is None


@pytest.mark.outside
def test_rotation_is_served_at_once(pool: FakeUserPool, endpoint: FakeEndpoint) -> None:
    """A healthy endpoint serves the keys as they are at the time of the request."""
    pool.rotate()
    assert len(ask(endpoint).keys) == 4
    pool.withdraw()
    assert [jwk["kid"] for jwk in ask(endpoint).keys] == [key.kid for key in pool.keys]


@pytest.mark.outside
def test_another_path_is_not_found(endpoint: FakeEndpoint) -> None:
    """Only the JWKS path serves; every request counts and is remembered."""
    path = urlsplit(endpoint.url).path
    assert ask(endpoint, "/").status == 404
    assert ask(endpoint).status == 200
    assert endpoint.paths == ("/", path)
    assert endpoint.requests == endpoint.connections == 2


@pytest.mark.outside
def test_the_updated_endpoint_is_forbidden_until_enabled(
    pool: FakeUserPool, endpoints: FakeEndpoints
) -> None:
    """A pool that has not switched its issuer answers 403 there, and only there."""
    pool.updated_enabled = False
    assert ask(endpoints.updated).status == 403
    assert ask(endpoints.original).status == 200
    pool.updated_enabled = True
    assert ask(endpoints.updated).status == 200


@pytest.mark.parametrize("words", [b"", b"GET", b"x" * 200_000], ids=["none", "half", "endless"])
@pytest.mark.outside
def test_half_a_request_is_no_request(endpoint: FakeEndpoint, words: bytes) -> None:
    """A client that leaves early, or never ends its headers, is dropped and not counted."""
    with connected(endpoint, send=False) as client:
        try:
            client.sendall(words)
            client.shutdown(socket.SHUT_WR)
            assert read_all(client) == b""
        except OSError:
            assert len(words) > 65536  # The server closed in the middle of it.
    assert ask(endpoint).status == 200
    assert (endpoint.requests, endpoint.connections) == (1, 2)


# ---- answers that are wrong

Check = Callable[[Answer, FakeUserPool], bool]


def same_keys(answer: Answer, pool: FakeUserPool) -> bool:
    """Whether the body is the pool's own document."""
    return bool(json.loads(answer.body) == pool.jwks())


ANSWERS: list[tuple[str, dict[str, Any], int, Check]] = [
    ("403", {}, 403, lambda a, _: b"keys" not in a.body),
    ("404", {}, 404, lambda a, _: b"keys" not in a.body),
    ("429", {}, 429, lambda a, _: a.headers["Retry-After"] == "30"),
    ("429", {"retry_after": 7}, 429, lambda a, _: a.headers["Retry-After"] == "7"),
    ("429", {"retry_after": None}, 429, lambda a, _: "Retry-After" not in a.headers),
    ("500", {}, 500, lambda a, _: "Retry-After" not in a.headers),
    ("503", {"retry_after": "soon"}, 503, lambda a, _: a.headers["Retry-After"] == "soon"),
    ("redirect", {}, 302, lambda a, _: a.headers["Location"].startswith("/moved/us-west-2_")),
    (
        "redirect",
        {"location": "https://elsewhere.example/", "status": 308},
        308,
        lambda a, _: a.headers["Location"] == "https://elsewhere.example/",
    ),
    ("html", {}, 200, lambda a, _: a.headers["Content-Type"] == "text/html" and b"<p>" in a.body),
    ("empty", {}, 200, lambda a, _: a.body == b"" and a.headers["Content-Length"] == "0"),
    ("huge", {}, 200, lambda a, p: len(a.body) > 64 * 1024 and same_keys(a, p)),
    ("huge", {"size": 3_000_000}, 200, lambda a, _: len(a.body) == 3_000_000),
    (
        "gzip",
        {},
        200,
        lambda a, p: a.headers["Content-Encoding"] == "gzip"
        and bool(json.loads(gzip.decompress(a.body)) == p.jwks()),
    ),
    ("empty_keys", {}, 200, lambda a, _: a.keys == []),
    ("old_keys", {}, 200, same_keys),
    (
        "private_key",
        {},
        200,
        lambda a, p: all("d" in jwk for jwk in a.keys)
        and [jwk["n"] for jwk in a.keys] == [key.jwk()["n"] for key in p.keys],
    ),
    ("odd_member", {}, 200, lambda a, p: len(a.keys) == 3 and a.keys[1:] == p.jwks()["keys"]),
    (
        "conflict",
        {},
        200,
        lambda a, p: a.keys == [p.impostor(key.kid).jwk() for key in p.keys]
        and not {jwk["n"] for jwk in a.keys} & {key.jwk()["n"] for key in p.keys},
    ),
    ("slow", {"delay": 0.01}, 200, same_keys),
    ("drip", {"interval": 0.0}, 200, same_keys),
    ("custom", {}, 200, lambda a, _: a.body == b""),
    (
        "custom",
        {"status": 299, "body": b"\xef\xbb\xbf{}", "headers": {"X-A": "b"}},
        299,
        lambda a, _: a.body == b"\xef\xbb\xbf{}" and a.headers["X-A"] == "b",
    ),
]  # fmt: skip


@pytest.mark.parametrize("row", ANSWERS, ids=lambda row: " ".join([row[0], *row[1]]))
@pytest.mark.outside
def test_a_mode_answers_as_its_name_says(
    pool: FakeUserPool, endpoint: FakeEndpoint, row: tuple[str, dict[str, Any], int, Check]
) -> None:
    """A whole HTTP answer comes, wrong in this one way, until heal(); each request counts."""
    mode, options, status, check = row
    endpoint.fail(mode, **options)
    answer = ask(endpoint)
    assert answer.status == status
    assert check(answer, pool)
    assert mode in repr(endpoint)
    assert endpoint.mode == mode
    endpoint.heal()
    assert endpoint.mode is None
    assert ask(endpoint).keys == pool.jwks()["keys"]
    assert endpoint.requests == 2


@pytest.mark.outside
def test_a_redirect_leads_to_good_keys(pool: FakeUserPool, endpoint: FakeEndpoint) -> None:
    """A client that follows the default redirect gets the keys, and `paths` shows it."""
    endpoint.fail("redirect")
    location = ask(endpoint).headers["Location"]
    assert ask(endpoint, location).keys == pool.jwks()["keys"]
    assert endpoint.paths == (urlsplit(endpoint.url).path, location)


@pytest.mark.outside
def test_old_keys_are_frozen_at_the_call(pool: FakeUserPool, endpoint: FakeEndpoint) -> None:
    """A lagging Region goes on serving what was true when it began to lag."""
    before = pool.jwks()["keys"]
    endpoint.fail("old_keys")
    pool.rotate()
    assert ask(endpoint).keys == before


@pytest.mark.outside
def test_a_conflict_can_concern_one_kid(pool: FakeUserPool, endpoint: FakeEndpoint) -> None:
    """kid= leaves the other keys as they are."""
    endpoint.fail("conflict", kid=pool.id_key.kid)
    assert ask(endpoint).keys == [pool.access_key.jwk(), pool.impostor(pool.id_key.kid).jwk()]


# ---- no whole answer


@pytest.mark.outside
def test_refuse_is_refused_and_keeps_the_port(endpoint: FakeEndpoint) -> None:
    """Nothing listens, no other process can take the port, and heal() serves there again."""
    endpoint.fail("refuse")
    endpoint.fail("refuse")
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            ask(endpoint)
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", endpoint.port))
    endpoint.heal()
    endpoint.heal()
    assert ask(endpoint).status == 200
    assert endpoint.requests == 1


@pytest.mark.outside
def test_a_released_client_meets_the_next_fault(endpoint: FakeEndpoint) -> None:
    """Who hangs there and asks again at once is refused: no answer slips in between two faults."""
    answers: list[Answer] = []

    def ask_again(held: socket.socket) -> None:
        with held:
            held.recv(1)
        with contextlib.suppress(ConnectionError):
            answers.append(ask(endpoint))

    endpoint.fail("hang")
    clients = [threading.Thread(target=ask_again, args=(connected(endpoint),)) for _ in range(20)]
    for client in clients:
        client.start()
    assert endpoint.asked(len(clients))
    endpoint.fail("refuse")
    for client in clients:
        client.join()
    assert answers == []


@pytest.mark.outside
def test_garbage_is_not_http(endpoint: FakeEndpoint) -> None:
    """The first bytes are no status line."""
    endpoint.fail("garbage")
    with pytest.raises(http.client.BadStatusLine):
        ask(endpoint)


@pytest.mark.outside
def test_truncated_ends_before_its_length(endpoint: FakeEndpoint) -> None:
    """Half of the announced body comes, then the end."""
    endpoint.fail("truncated")
    with pytest.raises(http.client.IncompleteRead) as caught:
        ask(endpoint)
    assert len(caught.value.partial) == pytest.approx(caught.value.expected or 0, abs=1)


@pytest.mark.parametrize("mid_body", [False, True], ids=["at once", "mid body"])
@pytest.mark.outside
def test_reset_is_a_reset(endpoint: FakeEndpoint, mid_body: bool) -> None:
    """The connection ends with RST, not with FIN."""
    endpoint.fail("reset", mid_body=mid_body)
    with connected(endpoint) as client:
        assert endpoint.asked()
        with pytest.raises(ConnectionResetError):
            read_all(client)
    endpoint.heal()
    assert ask(endpoint).status == 200


def heal(endpoint: FakeEndpoint) -> None:
    """Heal the endpoint."""
    endpoint.heal()


def stop(endpoint: FakeEndpoint) -> None:
    """Stop the endpoint."""
    endpoint.stop()


def replace(endpoint: FakeEndpoint) -> None:
    """Let another fault take the place of the first."""
    endpoint.fail(500)


RELEASES = pytest.mark.parametrize("let_go", [heal, stop, replace])


@RELEASES
@pytest.mark.parametrize("mode", ["hang", "stall"])
@pytest.mark.outside
def test_a_hanging_request_is_let_go_at_once(
    endpoint: FakeEndpoint, mode: str, let_go: Callable[[FakeEndpoint], None]
) -> None:
    """Not a byte comes until the fault ends; then every held connection ends at once."""
    endpoint.fail(mode)
    clients = [connected(endpoint) for _ in range(3)]
    try:
        assert all(is_silent(client) for client in clients)
        begun = time.monotonic()
        let_go(endpoint)
        assert [read_or_reset(client) for client in clients] == [b""] * 3
        assert time.monotonic() - begun < TIMEOUT_S / 2
    finally:
        for client in clients:
            client.close()
    assert endpoint.connections == 3
    assert endpoint.requests == (3 if mode == "hang" else 0)


def read_or_reset(client: socket.socket) -> bytes:
    """What comes until the end: an unread request makes the kernel send RST at close()."""
    try:
        return read_all(client)
    except ConnectionResetError:
        return b""


@RELEASES
@pytest.mark.parametrize(
    ("mode", "begins"),
    [("drip", b"HTTP/1.1 200 OK\r\nContent-Type"), ("drip_headers", b"HTTP/1.1 200 OK\r\nX-Slow")],
)
@pytest.mark.outside
def test_a_dripping_answer_ends_at_once(
    endpoint: FakeEndpoint, mode: str, begins: bytes, let_go: Callable[[FakeEndpoint], None]
) -> None:
    """Bytes come one by one; the end of the fault is the end of the connection."""
    endpoint.fail(mode, interval=60)
    with connected(endpoint) as client:
        received = client.recv(len(begins))
        while len(received) < len(begins):
            received += client.recv(1)
        assert received == begins
        begun = time.monotonic()
        let_go(endpoint)
        assert b"}]}" not in read_all(client)
        assert time.monotonic() - begun < TIMEOUT_S / 2


@pytest.mark.outside
def test_headers_drip_without_end(endpoint: FakeEndpoint) -> None:
    """drip_headers goes on from one header to the next."""
    endpoint.fail("drip_headers", interval=0)
    with connected(endpoint) as client:
        received = b""
        while received.count(b"X-Slow") < 3:
            received += client.recv(65536)
    assert b"\r\n\r\n" not in received


@pytest.mark.outside
def test_a_client_that_leaves_frees_its_handler(endpoint: FakeEndpoint) -> None:
    """A hang costs a thread only as long as its client waits."""
    endpoint.fail("hang")
    with connected(endpoint):
        assert endpoint.asked()
        (handler,) = [t for t in threading.enumerate() if t.name.endswith("handler")]
    handler.join(TIMEOUT_S)
    assert not handler.is_alive()


@pytest.mark.outside
def test_slow_answers_when_it_is_healed(pool: FakeUserPool, endpoint: FakeEndpoint) -> None:
    """Without a delay of its own, slow holds the proper answer back until heal()."""
    endpoint.fail("slow")
    with connected(endpoint) as client:
        assert endpoint.asked()
        assert is_silent(client)
        endpoint.heal()
        assert read_all(client).endswith(json.dumps(pool.jwks(), separators=(",", ":")).encode())


@pytest.mark.outside
def test_stop_ends_a_connection_that_never_asked(endpoint: FakeEndpoint) -> None:
    """A client that only connects cannot keep stop() waiting."""
    with connected(endpoint, send=False) as client:
        assert is_silent(client)
        endpoint.stop()
        assert read_all(client) == b""


# ---- when a fault applies


@pytest.mark.outside
def test_after_and_times_choose_the_requests(endpoint: FakeEndpoint) -> None:
    """Requests are counted from the call of fail(); those before, and after the last, are well."""
    ask(endpoint)
    endpoint.fail(500, after=2, times=2)
    assert [ask(endpoint).status for _ in range(5)] == [200, 500, 500, 200, 200]
    endpoint.fail(404, after=3)
    assert [ask(endpoint).status for _ in range(4)] == [200, 200, 404, 404]
    endpoint.fail("stall", after=2)
    assert ask(endpoint).status == 200


@pytest.mark.outside
def test_a_delay_comes_before_the_failure(endpoint: FakeEndpoint) -> None:
    """delay= holds the failure back, and heal() cuts the delay short."""
    endpoint.fail(500, delay=0.05)
    begun = time.monotonic()
    assert ask(endpoint).status == 500
    assert time.monotonic() - begun >= 0.05
    endpoint.fail(500, delay=600)
    with connected(endpoint) as client:
        assert endpoint.asked(2)
        endpoint.heal()
        assert read_all(client).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")


@pytest.mark.outside
def test_asked_waits_for_the_nth_request(endpoint: FakeEndpoint) -> None:
    """asked() returns when the request comes, or says that it did not."""
    assert not endpoint.asked(1, timeout=0.01)
    ask(endpoint)
    assert endpoint.asked()
    assert not endpoint.asked(2, timeout=0.01)
    later = threading.Thread(target=ask, args=(endpoint,))
    later.start()
    assert endpoint.asked(2)
    later.join()


def test_every_mode_is_tried_here() -> None:
    """A new row of FAULTS needs a test in this file."""
    source = Path(__file__).read_text("utf-8")
    assert [mode for mode in FAULTS if f'"{mode}"' not in source and f"({mode}" not in source] == []


NONSENSE: list[tuple[str, str | int, dict[str, Any], type[Exception], str]] = [
    ("unknown mode", "explode", {}, ValueError, "'explode' is none of refuse, stall, hang"),
    ("unknown status", 418, {}, ValueError, "'418' is none of"),
    ("unknown option", "hang", {"size": 1}, TypeError, "size"),
    ("after zero", "hang", {"after": 0}, ValueError, "counted from 1"),
    ("no times", "hang", {"times": 0}, ValueError, "counted from 1"),
    ("refuse later", "refuse", {"after": 2}, ValueError, "every connection"),
]


@pytest.mark.parametrize(
    ("mode", "options", "error", "words"),
    [row[1:] for row in NONSENSE],
    ids=[row[0] for row in NONSENSE],
)
@pytest.mark.outside
def test_nonsense_is_found_at_the_call(
    endpoint: FakeEndpoint,
    mode: str | int,
    options: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    """fail() refuses what it does not know and leaves the endpoint as it was."""
    with pytest.raises(error, match=words):
        endpoint.fail(mode, **options)
    assert ask(endpoint).status == 200


# ---- starting and stopping


@pytest.mark.outside
def test_stop_leaves_nothing_behind(pool: FakeUserPool) -> None:
    """After stop(), in whatever state, no thread of the kit is alive and no descriptor is open."""
    with pool.serve():
        pass  # Whatever is opened once for good, such as the system's random source, is open now.
    before = open_descriptors()
    with pool.serve() as endpoints:
        endpoints.original.fail("refuse")
        endpoints.replica.fail("hang")
        endpoints.updated.fail("drip", interval=60)
        clients = [connected(endpoints.replica), connected(endpoints.updated)]
        assert endpoints.replica.asked()
        assert endpoints.updated.asked()
        assert len(kit_threads()) == 5
        assert all(thread.daemon for thread in threading.enumerate() if "fake" in thread.name)
        ports = [endpoint.port for endpoint in endpoints]
    for client in clients:
        client.close()
    assert not kit_threads()
    assert open_descriptors() == before
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), TIMEOUT_S)


def open_descriptors() -> int:
    """How many file descriptors this process has open; 0 where the system does not say."""
    folder = Path("/proc/self/fd")
    return len(os.listdir(folder)) if folder.exists() else 0


@pytest.mark.outside
def test_start_and_stop_may_be_repeated(pool: FakeUserPool) -> None:
    """Both are idempotent, and a second start serves on the same ports, healed."""
    endpoints = pool.serve()
    with pytest.raises(RuntimeError, match="not started"):
        _ = endpoints.original.url
    endpoints.stop()
    endpoints.start().start()
    urls = endpoints.jwks_urls
    endpoints.fail("refuse")
    endpoints.stop()
    endpoints.stop()
    assert "stopped" in repr(endpoints.original)
    with endpoints:
        assert endpoints.jwks_urls == urls
        assert {ask(endpoint).status for endpoint in endpoints} == {200}
        assert "well" in repr(endpoints.original)


@pytest.mark.outside
def test_a_fault_may_be_set_before_the_start(pool: FakeUserPool) -> None:
    """An endpoint can be down from the very beginning."""
    endpoints = pool.serve()
    endpoints.original.fail("refuse")
    endpoints.updated.fail(500)
    with endpoints:
        with pytest.raises(ConnectionRefusedError):
            ask(endpoints.original)
        assert ask(endpoints.updated).status == 500
        endpoints.heal()
        assert {ask(endpoint).status for endpoint in endpoints} == {200}


@pytest.mark.outside
def test_a_failed_start_leaves_nothing_behind(pool: FakeUserPool) -> None:
    """If one port cannot be had any more, the endpoints already started are stopped."""
    endpoints = pool.serve()
    with endpoints:
        port = endpoints.updated.port
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", port))
        thief.listen()
        with pytest.raises(OSError, match="in use"):
            endpoints.start()
    assert not endpoints.running
    assert not kit_threads()


@pytest.mark.outside
def test_one_pool_serves_once_at_a_time(pool: FakeUserPool) -> None:
    """A second serve() while serving is a mistake; after stop() it is fine."""
    with pool.serve(), pytest.raises(RuntimeError, match="already serving"):
        pool.serve()
    with pool.serve() as endpoints:
        assert ask(endpoints.original).status == 200


def test_a_pool_without_replicas_has_two_endpoints() -> None:
    """`replica` says what is missing."""
    endpoints = FakeUserPool(replica_regions=()).serve()
    assert len(endpoints) == 2
    with pytest.raises(LookupError, match="no replica"):
        _ = endpoints.replica


@pytest.mark.outside
def test_many_clients_are_served_at_once(endpoint: FakeEndpoint) -> None:
    """A hundred connections that wait together are all answered."""
    endpoint.fail("slow")
    clients = [connected(endpoint) for _ in range(100)]
    assert endpoint.asked(100)
    endpoint.heal()
    for client in clients:
        with client:
            assert read_all(client).startswith(b"HTTP/1.1 200 OK\r\n")


# ---- TLS


@pytest.fixture
def secure() -> Iterator[FakeEndpoints]:
    """Endpoints that serve https."""
    with FakeUserPool(tls=True).serve() as endpoints:
        yield endpoints
    assert not kit_threads()


@pytest.mark.outside
def test_tls_is_trusted_with_the_context_only(secure: FakeEndpoints) -> None:
    """It works for clients that trust the throw-away authority, and for no others."""
    assert secure.original.url.startswith("https://127.0.0.1:")
    assert ask(secure.original, tls=secure.ssl_context).status == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(secure.original, tls=ssl.create_default_context())
    with pytest.raises((http.client.HTTPException, OSError)):
        ask(secure.original)
    assert secure.original.requests == 1


@pytest.mark.parametrize(
    ("host", "trusted"), [("localhost", True), ("127.0.0.1", True), ("example.com", False)]
)
@pytest.mark.outside
def test_the_certificate_is_for_loopback(secure: FakeEndpoints, host: str, trusted: bool) -> None:
    """The certificate names loopback and nothing else, also under strict checking."""
    context = secure.ssl_context
    assert context is not None
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with socket.create_connection(("127.0.0.1", secure.updated.port), TIMEOUT_S) as plain:
        if trusted:
            with context.wrap_socket(plain, server_hostname=host) as client:
                assert client.version() in ("TLSv1.2", "TLSv1.3")
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                context.wrap_socket(plain, server_hostname=host)


@pytest.mark.parametrize("let_go", [heal, stop])
@pytest.mark.outside
def test_a_handshake_can_stall(secure: FakeEndpoints, let_go: Callable[[FakeEndpoint], None]) -> None:
    """The mode accepts and does not even shake hands; others are not held up by it."""
    endpoint = secure.original
    endpoint.fail("stall", times=1)
    with pytest.raises(TimeoutError):
        ask(endpoint, tls=secure.ssl_context, timeout=SILENCE_S)
    with connected(endpoint, send=False) as idle:
        assert ask(endpoint, tls=secure.ssl_context).status == 200
        let_go(endpoint)
        endpoint.stop()
        assert read_or_reset(idle) == b""


@pytest.mark.parametrize("mode", ["hang", "drip_headers"])
@pytest.mark.outside
def test_a_held_tls_request_is_let_go_at_once(secure: FakeEndpoints, mode: str) -> None:
    """heal() ends a held request under TLS too."""
    secure.original.fail(mode)

    def client() -> None:
        # Headers that end early are an answer to http.client, and silence is an error.
        with contextlib.suppress(http.client.HTTPException, OSError):
            ask(secure.original, tls=secure.ssl_context)

    thread = threading.Thread(target=client)
    thread.start()
    assert secure.original.asked()
    secure.heal()
    thread.join(TIMEOUT_S / 2)
    assert not thread.is_alive()


@pytest.mark.outside
def test_reset_works_under_tls(secure: FakeEndpoints) -> None:
    """RST comes without a TLS farewell."""
    secure.original.fail("reset")
    with pytest.raises((ConnectionResetError, ssl.SSLError)):
        ask(secure.original, tls=secure.ssl_context)
