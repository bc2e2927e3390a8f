"""What the process's environment changes about key requests, and what it cannot (ATK-12 to ATK-15, F)."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth.errors import KeysUnavailable
from cognito_mr_auth.testing import FakeUserPool

CANARY = "c4n4ry7Wren"
ANSWER = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=%s; Path=/\r\nContent-Length: 2\r\n\r\n{}" % CANARY.encode()


class Listener:
    """A server on loopback that keeps what it was sent, and sets a cookie."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                request = connection.recv(65536)
                if not request:
                    return
                self.received.append(request)
                connection.sendall(ANSWER)

    def stop(self) -> None:
        """A connection without a request is the end."""
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join(10)
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    """One that is gone after the test."""
    made = Listener()
    yield made
    made.stop()


def test_no_credential_of_the_machine_goes_out(
    listener: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ATK-14: what .netrc holds for the host is not sent (CVE-2024-47081), nor a cookie that it has set."""
    netrc = tmp_path / ".netrc"
    netrc.write_text(
        f"machine 127.0.0.1 login user password {CANARY}\ndefault login user password {CANARY}\n"
    )
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://user:{CANARY}@127.0.0.1:{listener.port}")
    url = f"http://127.0.0.1:{listener.port}/jwks.json"
    pool = UserPool("us-west-2_EXAMPLE", client_ids=["a"], jwks_urls=url)
    for _ in range(2):
        with Verifier(pool, token_use="access") as verifier, pytest.raises(KeysUnavailable):
            verifier.warm(timeout=30.0)
    secret = base64.b64encode(f"user:{CANARY}".encode())
    assert len(listener.received) == 2
    for request in listener.received:
        assert request.startswith(b"GET /jwks.json HTTP/1.1\r\n")  # to the host itself, past the proxy
        assert CANARY.encode() not in request
        assert secret not in request
        assert not {b"authorization", b"cookie", b"proxy-authorization", b"referer"} & {
            line.partition(b":")[0].lower() for line in request.split(b"\r\n")
        }


def test_the_machines_own_authorities_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ATK-14, ATK-15: SSL_CERT_FILE names the trusted authorities, as for httpx; else this one is unknown."""
    pool = FakeUserPool(tls=True, replica_regions=[])
    with pool.serve() as endpoints:
        assert endpoints.ssl_context is not None
        authorities = endpoints.ssl_context.get_ca_certs(binary_form=True)
        bundle = tmp_path / "authorities.pem"
        bundle.write_text("".join(map(ssl.DER_cert_to_PEM_cert, authorities)))
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        monkeypatch.delenv("SSL_CERT_DIR", raising=False)
        with Verifier(pool.user_pool(), token_use="access") as verifier:
            with pytest.raises(KeysUnavailable) as caught:
                verifier.warm(timeout=30.0)
            assert "tls" in str(caught.value.hint)
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        with Verifier(pool.user_pool(), token_use="access") as verifier:
            verifier.warm(timeout=30.0)
            assert verifier.health()["healthy"] is True
