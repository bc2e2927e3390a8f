"""A user's transports that break every rule, and a resolver that never answers (FI-02, FI-67)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
from faults.cell import SOON, Fault, Place, State, check_cell, states
from faults.endpoints import PIECE

BROKEN, TOO_LARGE = "broken-transport", "body-too-large"


class Transport(httpx.BaseTransport):
    """The network, unless the test replaces it for one pool."""

    def __init__(self, pool_id: str) -> None:
        self.pool_id = pool_id
        self.network = httpx.HTTPTransport(trust_env=False)
        self.instead: Callable[[], Any] | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if self.instead is not None and self.pool_id in request.url.path:
            found: httpx.Response = self.instead()
            return found
        return self.network.handle_request(request)

    def close(self) -> None:
        self.network.close()


class Pieces(httpx.SyncByteStream):
    """A body that is whatever an iterator gives."""

    def __init__(self, pieces: Callable[[], Iterator[Any]]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces()


class AsyncPieces(httpx.AsyncByteStream):
    """A body for another kind of client."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{}"


def raising(error: BaseException) -> Callable[[], Any]:
    """It raises this error instead of answering."""

    def instead() -> Any:
        raise error

    return instead


def body(pieces: Callable[[], Iterator[Any]]) -> Callable[[], Any]:
    """A 200 with this body."""
    return lambda: httpx.Response(200, stream=Pieces(pieces))


def endless() -> Iterator[bytes]:
    """White space for ever."""
    while True:
        yield PIECE


def breaking() -> Iterator[bytes]:
    """A body that breaks off with an error that is no network error."""
    yield b'{"keys":['
    raise ValueError("a bug")


INSTEAD: dict[str, tuple[Callable[[], Any], str]] = {
    "no-such-name": (raising(httpx.ConnectError("secret")), "connect"),
    "raises-an-error": (raising(ValueError("secret")), BROKEN),
    "raises-memory-error": (raising(MemoryError()), BROKEN),
    "raises-keyboard-interrupt": (raising(KeyboardInterrupt()), BROKEN),
    "raises-cancelled-error": (raising(asyncio.CancelledError()), BROKEN),
    "returns-none": (lambda: None, BROKEN),
    "returns-text": (lambda: '{"keys":[]}', BROKEN),
    "body-for-asyncio": (lambda: httpx.Response(200, stream=AsyncPieces()), BROKEN),
    "body-of-text": (body(lambda: iter(["{}"])), BROKEN),
    "body-breaks": (body(breaking), BROKEN),
    "body-without-end": (body(endless), TOO_LARGE),
}


@pytest.fixture
def transport(place: Place) -> Iterator[Transport]:
    """The transport of a verifier."""
    with Transport(place.pool.user_pool_id) as one:
        yield one


@states
@pytest.mark.parametrize("name", INSTEAD)
def test_a_transport_of_the_users(name: str, state: State, place: Place, transport: Transport) -> None:
    """Whatever it raises or returns is an outage of that endpoint, and is wrapped (FI-67)."""
    instead, reason = INSTEAD[name]

    def how(_endpoint: object) -> None:
        transport.instead = instead

    check_cell(place, Fault("FI-67", name, how, reason), state, transport=transport)


@states
def test_a_resolver_that_never_answers(state: State, place: Place, transport: Transport) -> None:
    """A thread that nothing can end costs callers their timeout, and each endpoint two threads (FI-02, F)."""
    answers = threading.Event()

    def never() -> None:
        answers.wait(SOON)

    def how(_endpoint: object) -> None:
        transport.instead = never

    fault = Fault("FI-02", "resolver-stalls", how, "dns-timeout")
    check_cell(place, fault, state, unblock=answers.set, transport=transport)
