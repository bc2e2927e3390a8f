"""The control's server: on loopback, behind a secret, and gone with its block."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from cognito_mr_auth.testing._control import Answer
from cognito_mr_auth.testing._control_server import SECRET_BYTES, serving

pytestmark = pytest.mark.outside


class Asked:
    """A control that does nothing but remember."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []

    def answer(self, method: str, path: str) -> Answer:
        self.requests.append((method, path))
        return Answer(405, "the text\n", "POST") if path == "wrong" else Answer(200, "the text\n")


class Served:
    """A served control and how to ask it."""

    def __init__(self, url: str, asked: Asked) -> None:
        parts = urlsplit(url)
        self.asked = asked
        self.host, self.port = parts.hostname, parts.port or 0
        self.secret = parts.path.removeprefix("/")

    def ask(self, method: str, path: str) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read().decode(), dict(response.getheaders())
        finally:
            connection.close()


@pytest.fixture
def served() -> Iterator[Served]:
    """One that serves."""
    asked = Asked()
    with serving(asked) as url:
        yield Served(url, asked)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("path", "rest"),
    [("/{}", ""), ("/{}/", ""), ("/{}/primary/hang", "primary/hang"), ("/{}/token?x=/y", "token")],
)
def test_what_follows_the_secret_is_asked(served: Served, method: str, path: str, rest: str) -> None:
    """Method and path reach the control; nobody keeps the answer."""
    status, text, headers = served.ask(method, path.format(served.secret))
    assert (status, text) == (200, "the text\n")
    assert served.asked.requests == [(method, rest)]
    assert headers["Cache-Control"] == "no-store"
    assert "Allow" not in headers


def test_a_wrong_method_gets_the_right_one(served: Served) -> None:
    """A 405 has an Allow header (RFC 9110 section 15.5.6)."""
    status, _, headers = served.ask("GET", f"/{served.secret}/wrong")
    assert (status, headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "path",
    ["/", "/rotate", "/{0}x", "/{0}x/rotate", "/x{0}", "/x/{0}/rotate", "/%2f{0}", "/\xe9", "*"],
    ids=range(9),
)
def test_without_the_secret_there_is_nothing(served: Served, path: str) -> None:
    """A client without the secret learns nothing and changes nothing."""
    request = path.format(served.secret).encode("latin-1")
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as connection:
        connection.sendall(b"POST " + request + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split()[1] == b"404"
    assert body == b"not found\n"
    assert served.secret.encode() not in answer
    assert served.asked.requests == []


def test_what_is_neither_a_question_nor_a_change_is_refused(served: Served) -> None:
    """An unknown method reaches nothing."""
    status, text, _ = served.ask("PUT", f"/{served.secret}/rotate")
    assert status == 501
    assert served.secret not in text
    assert served.asked.requests == []


def test_a_secret_is_long_and_new_each_time() -> None:
    """Nobody guesses it, and that of yesterday is worth nothing."""
    with serving(Asked()) as one, serving(Asked()) as other:
        secrets = {urlsplit(url).path for url in (one, other)}
        assert {urlsplit(url).hostname for url in (one, other)} == {"127.0.0.1"}
    assert len(secrets) == 2
    assert all(len(secret) > SECRET_BYTES for secret in secrets)


def test_it_ends_with_its_block(capfd: pytest.CaptureFixture[str]) -> None:
    """No thread and no listening socket is left, after a fault in the block too, and nothing was written."""
    before = threading.active_count()
    ports = []

    def break_off() -> None:
        with serving(Asked()) as url:
            served = Served(url, Asked())
            ports.append(served.port)
            served.ask("GET", "/")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", ports[0]), timeout=10)
    assert capfd.readouterr() == ("", "")
