"""Every way in which TLS can fail, in every state of the keys (FI-04): refused, named, never downgraded."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from faults.cell import HANGS, Fault, Place, State, check_cell, states
from faults.endpoints import How, before_tls, dripping, greet, mode

from cognito_mr_auth._remote.fetch import JWKSFetcher
from cognito_mr_auth.testing._endpoints.exchange import Exchange
from cognito_mr_auth.testing._endpoints.release import Release

pytestmark = pytest.mark.needs("trustme")

HOST, OTHER = "127.0.0.1", "elsewhere.example"
DAY = dt.timedelta(days=1)
NOW = dt.datetime.now(dt.UTC)
# The head of a handshake record of 16 KiB, which no client can read before it is complete.
RECORD = b"\x16\x03\x03\x40\x00"


class Authorities:
    """One authority that the verifiers here trust, and one that they do not know."""

    def __init__(self, place: Place) -> None:
        import trustme

        self.ours, self.unknown = trustme.CA(), trustme.CA()
        trusting = place.endpoints.ssl_context
        assert trusting is not None
        self.ours.configure_trust(trusting)

    def server(self, *names: str, known: bool = True, **certificate: Any) -> ssl.SSLContext:
        """A server's settings with a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority = self.ours if known else self.unknown
        authority.issue_cert(*names, **certificate).configure_cert(context)
        return context

    def old_server(self) -> ssl.SSLContext:
        """A good certificate over TLS 1.1, and over nothing newer."""
        context = self.server(HOST)
        _allow_old(context)
        return context


def _allow_old(context: ssl.SSLContext) -> None:
    with warnings.catch_warnings():  # Python deprecates this
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")


Make = Callable[[Authorities], ssl.SSLContext]
UNTRUSTED = "tls-certificate"


def reset_after_hello(exchange: Exchange, _release: Release) -> None:
    """RST in place of a ServerHello."""
    socket.socket.recv(exchange.connection, 65536)
    exchange.reset()


SERVERS: dict[str, tuple[Make, str]] = {
    "unknown-authority": (lambda make: make.server(HOST, known=False), UNTRUSTED),
    "another-host": (lambda make: make.server("127.0.0.2", OTHER), UNTRUSTED),
    "host-in-the-common-name-alone": (lambda make: make.server(OTHER, common_name=HOST), UNTRUSTED),
    "expired": (lambda make: make.server(HOST, not_before=NOW - 9 * DAY, not_after=NOW - DAY), UNTRUSTED),
    "not-yet-valid": (
        lambda make: make.server(HOST, not_before=NOW + DAY, not_after=NOW + 9 * DAY),
        UNTRUSTED,
    ),
    "tls-1.1": (lambda make: make.old_server(), "tls"),
}
WIRE: dict[str, tuple[How, str]] = {
    "stall-in-the-handshake": (mode("stall"), "tls-timeout"),
    "handshake-drips": (greet(dripping(RECORD, b"\0")), "tls-timeout"),
    "body-drips": (mode("drip"), HANGS),
    "plain-http": (before_tls(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "tls"),
    "fatal-alert": (before_tls(b"\x15\x03\x03\x00\x02\x02\x28"), "tls"),
    "reset-in-the-handshake": (greet(reset_after_hello), "tls"),
}


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Two pools over TLS."""
    with Place(tls=True).serving() as serving:
        yield serving


@pytest.fixture(scope="module")
def authorities(place: Place) -> Authorities:
    """Made once: a certificate takes a while."""
    return Authorities(place)


@pytest.fixture(scope="module")
def servers(authorities: Authorities) -> dict[str, ssl.SSLContext]:
    """One for each row."""
    return {name: make(authorities) for name, (make, _) in SERVERS.items()}


@states
@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_is_not_to_be_trusted(
    name: str, state: State, place: Place, servers: dict[str, ssl.SSLContext]
) -> None:
    """The reason says so, and no request is sent to it, in any protocol."""
    good = [endpoint._tls for endpoint in place.endpoints]
    sent = place.endpoints.requests

    def show(endpoint: Any) -> None:
        endpoint._tls = servers[name]

    try:
        check_cell(place, Fault("FI-04", name, show, SERVERS[name][1]), state)
    finally:
        for endpoint, context in zip(place.endpoints, good, strict=True):
            endpoint._tls = context
    # All requests were sent while all was well.
    assert place.endpoints.requests - sent == (0 if state.name == "cold" else len(place.endpoints))


@states
@pytest.mark.parametrize("name", WIRE)
def test_a_connection_that_goes_wrong(name: str, state: State, place: Place) -> None:
    """A handshake is under the same deadline, and whatever comes in its place is an outage."""
    how, reason = WIRE[name]
    check_cell(place, Fault("FI-04", name, how, reason), state)


def test_the_servers_are_what_they_are_said_to_be(
    authorities: Authorities, servers: dict[str, ssl.SSLContext]
) -> None:
    """A client that allows TLS 1.1 gets through, so what refuses it above is the protocol alone."""
    client = ssl.create_default_context()
    authorities.ours.configure_trust(client)
    _allow_old(client)
    assert _shake_hands(client, servers["tls-1.1"]) == "TLSv1.1"


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext) -> str | None:
    """The protocol that the two agree on, without a socket."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there, server_hostname=HOST)
    answering = server.wrap_bio(there, back, server_side=True)
    for _ in range(5):
        for side in (asking, answering):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return asking.version()


def test_the_default_settings_are_no_weaker() -> None:
    """Without `ssl_context=` the certificate and the host are checked, from TLS 1.2 on."""
    fetcher = JWKSFetcher()
    fetcher.prepare(["https://127.0.0.1/"])
    context = fetcher._ssl_context
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
