"""Faults beyond the modes of FakeEndpoint.fail, as actions on a real connection.

Asserts nothing. Each action ends when its client leaves or the fault is healed, so nothing here outlives a
test.
"""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cognito_mr_auth.testing._endpoints.endpoint import FakeEndpoint
from cognito_mr_auth.testing._endpoints.exchange import Exchange
from cognito_mr_auth.testing._endpoints.faults import Action, Fault
from cognito_mr_auth.testing._endpoints.release import Release

How = Callable[[FakeEndpoint], None]
"""Makes an endpoint misbehave from now on."""

# Slow enough that no answer is complete within a test, fast enough that every read succeeds.
DRIP_SECONDS = 0.02
# The piece in which a bomb is sent; constant, so that the server's own memory does not grow.
PIECE = b" " * 65536
MEGABYTE = bytes(1 << 20)


def mode(name: str | int, **options: Any) -> How:
    """One of the modes of FakeEndpoint.fail."""
    return lambda endpoint: endpoint.fail(name, **options)


def act(action: Action) -> How:
    """This action on each request, once it has been read."""
    return lambda endpoint: _inflict(endpoint, "custom", action)


def greet(action: Action) -> How:
    """This action on each connection, before a request or a TLS handshake is read."""
    return lambda endpoint: _inflict(endpoint, "stall", action)


def _inflict(endpoint: FakeEndpoint, stage: str, action: Action) -> None:
    with endpoint._control:
        endpoint._switch(Fault(stage, action, 0.0, 1, None))


# --- Octets


def raw(*pieces: bytes) -> How:
    """Exactly these octets, then the end of the connection."""

    def action(exchange: Exchange, _release: Release) -> None:
        for piece in pieces:
            exchange.send(piece)

    return act(action)


def raw_then_silence(data: bytes) -> How:
    """These octets, then nothing more, while the connection stays open."""

    def action(exchange: Exchange, release: Release) -> None:
        exchange.send(data)
        exchange.hold(release)

    return act(action)


def endless(start: bytes, piece: bytes, every: float = 0.0) -> How:
    """`start`, then `piece` again and again until the client leaves."""

    def action(exchange: Exchange, release: Release) -> None:
        exchange.send(start)
        while not release.wait(every):
            exchange.send(piece)

    return act(action)


def dripping(start: bytes, octet: bytes) -> Action:
    """An action below TLS: `start`, then an octet now and then."""

    def action(exchange: Exchange, release: Release) -> None:
        socket.socket.sendall(exchange.connection, start)
        while not release.wait(DRIP_SECONDS):
            socket.socket.sendall(exchange.connection, octet)

    return action


def before_tls(data: bytes) -> How:
    """These octets in place of a TLS handshake."""

    def action(exchange: Exchange, release: Release) -> None:
        # Not the SSLSocket's own methods, which would begin the handshake.
        socket.socket.sendall(exchange.connection, data)
        exchange.hold(release)

    return greet(action)


# --- Documents


def document(change: Callable[[dict[str, Any]], object]) -> How:
    """A whole 200 whose JSON is what `change` makes of the good document."""

    def how(endpoint: FakeEndpoint) -> None:
        good: Mapping[str, Any] = endpoint._source.jwks()
        answer(json.dumps(change({"keys": list(good["keys"])})).encode())(endpoint)

    return how


def beside(*members: object, first: bool = True) -> How:
    """The good document with these members before (or behind) the good keys."""
    return document(lambda good: {"keys": [*members, *good["keys"]] if first else [*good["keys"], *members]})


def each_key(**changes: Any) -> How:
    """The good document with these members changed in every key; None takes a member away."""

    def change(good: dict[str, Any]) -> object:
        keys = [{**key, **changes} for key in good["keys"]]
        return {"keys": [{name: each for name, each in key.items() if each is not None} for key in keys]}

    return document(change)


def same_kid_first(member: Mapping[str, object]) -> How:
    """Before each good key this member, under the good key's kid."""
    return document(
        lambda good: {"keys": [each for key in good["keys"] for each in ({**member, "kid": key["kid"]}, key)]}
    )


def answer(body: bytes, **headers: str) -> How:
    """A whole answer with this body; `_` in a header's name stands for `-`."""
    fields = {name.replace("_", "-"): text for name, text in headers.items()}
    return mode("custom", body=body, headers=fields)


def recoded(code: Callable[[bytes], bytes], **headers: str) -> How:
    """The good document in another coding of its octets."""

    def how(endpoint: FakeEndpoint) -> None:
        good = json.dumps(endpoint._source.jwks()).encode()
        answer(code(good), **headers)(endpoint)

    return how


def wire(make: Callable[[bytes], Iterable[bytes]]) -> How:
    """The octets that `make` gives for the good document's."""

    def how(endpoint: FakeEndpoint) -> None:
        raw(*make(json.dumps(endpoint._source.jwks()).encode()))(endpoint)

    return how


# --- Bombs


def gzip_bomb(megabytes: int) -> bytes:
    """So many MB of zeros in a few KB of gzip (RFC 1952), except the checksum at its end."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)
    return gzip.compress(b"")[:10] + block * megabytes + packer.flush(zlib.Z_FINISH)


def chunked(*chunks: bytes) -> bytes:
    """These chunks (RFC 9112 7.1) under a head of their own, without the last one of size 0."""
    start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    return start + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)


def claiming(*lengths: int | str, extra: str = "") -> bytes:
    """The head of a 200 with these Content-Lengths."""
    fields = "".join(f"Content-Length: {length}\r\n" for length in lengths)
    return f"HTTP/1.1 200 OK\r\nConnection: close\r\n{fields}{extra}\r\n".encode()
