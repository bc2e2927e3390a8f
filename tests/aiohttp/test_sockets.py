"""`aiohttp._sockets`: a token in the subprotocols is hidden, and a socket ends with its token."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError, web
from aiohttp.test_utils import TestServer

from cognito_mr_auth import Verifier, errors
from cognito_mr_auth.aiohttp import CognitoAuth
from cognito_mr_auth.testing import FakeClock, FakeUserPool

T0 = 1_790_000_000.0
ANSWER_SECONDS = 10.0


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[tuple[ClientSession, str]]:
    """The application on loopback, and a client."""
    async with TestServer(app) as server, ClientSession() as session:
        yield session, str(server.make_url("/socket"))


# --- The token in the subprotocols


class Seen:
    """What a handler has seen."""

    def __init__(self, *picks: str) -> None:
        self.picks = picks
        self.offered: list[str] = []
        self.headers: list[str] = []

    async def __call__(self, request: web.Request) -> web.WebSocketResponse:
        self.offered = request.headers.getall("Sec-WebSocket-Protocol", [])
        self.headers = list(request.headers.values())
        socket = web.WebSocketResponse(protocols=self.picks)
        await socket.prepare(request)
        return socket


async def handler(request: web.Request) -> web.StreamResponse:
    """In place of an object, because aiohttp wants coroutine functions."""
    seen: Seen = request.config_dict[SEEN]
    return await seen(request)


SEEN: web.AppKey[Seen] = web.AppKey("seen", Seen)
# offered, what the handler picks, what it sees, what the browser gets
OFFERS = {
    "the pair": (["bearer", "TOKEN"], (), "bearer", "bearer"),
    "the pair and another": (["bearer", "TOKEN", "chat"], (), "bearer, chat", "bearer"),
    "another that is picked": (["chat", "bearer", "TOKEN"], ("chat",), "chat, bearer", "chat"),
    "the marker is picked": (["bearer", "TOKEN"], ("bearer",), "bearer", "bearer"),
}


@pytest.mark.outside
@pytest.mark.parametrize("row", OFFERS)
@pytest.mark.parametrize("word", ["private", "public", "required"])
def test_no_handler_and_no_log_sees_the_token(
    pool: FakeUserPool, verifier: Verifier, caplog: pytest.LogCaptureFixture, row: str, word: str
) -> None:
    """The application may pick another subprotocol; the browser gets one that it offered."""
    offered, picks, shown, heard = OFFERS[row]
    token = pool.access_token()
    seen = Seen(*picks)

    async def main() -> str | None:
        app = web.Application()
        app[SEEN] = seen
        auth = CognitoAuth(verifier, app=app, protect_all=word != "required", subprotocol="bearer")
        marks = {"public": auth.public, "required": auth.require(), "private": lambda each: each}
        app.router.add_get("/socket", marks[word](_copy()))
        async with served(app) as (session, url):
            sent = [token if each == "TOKEN" else each for each in offered]
            async with session.ws_connect(url, protocols=sent) as socket:
                return socket.protocol

    with caplog.at_level(logging.DEBUG):
        # A required handler's own guard runs after the middleware, which has hidden the token already.
        said = asyncio.run(main())
    assert (seen.offered, said) == ([shown], heard)
    assert token not in repr(seen.headers)
    assert token.rpartition(".")[2] not in caplog.text


def _copy() -> Any:
    async def copied(request: web.Request) -> web.StreamResponse:
        return await handler(request)

    return copied


@pytest.mark.outside
def test_what_follows_the_marker_is_hidden_on_unguarded_handlers(verifier: Verifier) -> None:
    """A public route takes whatever is offered, and shows none of what may be a token."""
    seen = Seen()

    async def main() -> None:
        app = web.Application()
        app[SEEN] = seen
        auth = CognitoAuth(verifier, app=app, protect_all=True, subprotocol="bearer")
        app.router.add_get("/socket", auth.public(_copy()))
        async with served(app) as (session, url):
            # Octets that are no UTF-8, which a clone of the request could not hold.
            odd = {"X-Odd": b"\xe9".decode("utf-8", "surrogateescape")}
            protocols = ["chat", "bearer", "a.b.c", "bearer", "d.e.f"]
            async with session.ws_connect(url, protocols=protocols, headers=odd):
                pass

    asyncio.run(main())
    assert seen.offered == ["chat, bearer"]


@pytest.mark.outside
@pytest.mark.parametrize("second", ["bearer", "second"])
def test_two_guards_find_one_token(pool: FakeUserPool, second: str) -> None:
    """An application's and a sub-application's, each with its verifier and marker: neither token is shown."""
    seen = Seen()
    token = pool.access_token()

    async def main() -> None:
        app, sub = web.Application(), web.Application()
        app[SEEN] = seen
        CognitoAuth(pool.offline_verifier(), app=app, protect_all=True, subprotocol="bearer")
        CognitoAuth(pool.offline_verifier(), app=sub, protect_all=True, subprotocol=second)
        sub.router.add_get("", _copy())
        app.add_subapp("/socket", sub)
        offered = [
            "bearer",
            token,
            "chat",
            *([second, pool.access_token(subject="b")] if second != "bearer" else []),
        ]
        async with served(app) as (session, url), session.ws_connect(url, protocols=offered) as socket:
            assert socket.protocol == "bearer"

    asyncio.run(main())
    assert seen.offered == [", ".join(["bearer", "chat", "second"][: 2 + (second != "bearer")])]


# --- The end of a socket


class World:
    """A pool whose clock the test sets, and an application whose sockets end with their token."""

    def __init__(self, *, late: float = 0.0) -> None:
        self.clock = FakeClock(wall=T0)
        pool = FakeUserPool(clock=FakeClock(wall=T0))
        self.verifier = pool.offline_verifier(clock=self.clock)
        self.token = pool.access_token(expires_in=1)
        self.heard: list[WSMsgType] = []
        self.ended = asyncio.Event()
        self.app = web.Application()
        auth = CognitoAuth(self.verifier, app=self.app, protect_all=True, close_at_expiry=True)
        self.app.router.add_get("/socket", self.echo)
        self.app.router.add_get("/denied", self.denied)
        self.app.router.add_get("/open", auth.public(_echo))
        if late:
            self.app.on_response_prepare.append(self.linger)
        self.late = late
        self.fails = False

    async def linger(self, _request: web.Request, response: web.StreamResponse) -> None:
        """Another listener of the signal, which takes its time."""
        if response.status == 101:
            await asyncio.sleep(self.late)
            if self.fails:
                raise web.HTTPConflict

    async def echo(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        while True:
            message = await socket.receive()
            self.heard.append(message.type)
            if message.type is not WSMsgType.TEXT:
                break
            await socket.send_str(message.data)
        with pytest.raises((ConnectionError, RuntimeError)):
            await socket.send_str("more")
        self.ended.set()
        return socket

    async def denied(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        raise errors.PolicyDenied("not any more")


async def _echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_str("open")
    async for _ in socket:
        pass
    return socket


async def _closed(socket: Any) -> tuple[WSMsgType, Any, Any]:
    async with asyncio.timeout(ANSWER_SECONDS):
        message = await socket.receive()
    return message.type, message.data, message.extra


@pytest.mark.outside
@pytest.mark.parametrize("late", [0.0, 0.3], ids=["at once", "a handshake that takes longer than the token"])
def test_a_socket_ends_with_its_token(late: float) -> None:
    """The client gets 1008, the handler that the client is gone, and nothing passes any more."""

    async def main() -> None:
        world = World(late=late)
        world.clock.advance(0.8)
        async with served(world.app) as (session, url):
            async with session.ws_connect(url, headers=bearer(world.token)) as socket:
                assert await _closed(socket) == (WSMsgType.CLOSE, 1008, "the token has expired")
            async with asyncio.timeout(ANSWER_SECONDS):
                await world.ended.wait()
        assert world.heard[-1] in (WSMsgType.CLOSING, WSMsgType.CLOSED)

    asyncio.run(main())


@pytest.mark.outside
def test_a_socket_that_ends_before_is_left_alone() -> None:
    """Its timer ends with it."""

    async def main() -> None:
        world = World()
        async with served(world.app) as (session, url):
            async with session.ws_connect(url, headers=bearer(world.token)) as socket:
                await socket.send_str("hello")
                assert await _closed(socket) == (WSMsgType.TEXT, "hello", "")
            async with asyncio.timeout(ANSWER_SECONDS):
                await world.ended.wait()
        assert world.heard == [WSMsgType.TEXT, WSMsgType.CLOSE]

    asyncio.run(main())


@pytest.mark.outside
def test_a_token_that_expires_before_the_handshake_opens_nothing() -> None:
    """Within the leeway its request passes, and a socket would be open without end."""

    async def main() -> None:
        world = World()
        world.clock.advance(2)
        async with served(world.app) as (session, url):
            with pytest.raises(WSServerHandshakeError) as refused:
                await session.ws_connect(url, headers=bearer(world.token))
            assert refused.value.status == 401
            assert refused.value.headers is not None
            assert 'error="invalid_token"' in refused.value.headers["WWW-Authenticate"]
            async with session.get(url.replace("socket", "nowhere"), headers=bearer(world.token)) as other:
                assert other.status == 404

    asyncio.run(main())


@pytest.mark.outside
def test_a_handshake_that_fails_leaves_nothing_behind() -> None:
    """A listener raises after the token has expired: there is no socket to close."""

    async def main() -> None:
        world = World(late=0.4)
        world.fails = True
        world.clock.advance(0.8)
        async with served(world.app) as (session, url):
            with pytest.raises(WSServerHandshakeError):
                await session.ws_connect(url, headers=bearer(world.token))
            others = asyncio.all_tasks() - {asyncio.current_task()}
            assert [each for each in others if "_close" in repr(each.get_coro())] == []

    asyncio.run(main())


@pytest.mark.outside
def test_an_open_route_has_no_end() -> None:
    """There is no principal, so no token expires there."""

    async def main() -> None:
        world = World()
        async with (
            served(world.app) as (session, url),
            session.ws_connect(url.replace("socket", "open")) as socket,
        ):
            assert await _closed(socket) == (WSMsgType.TEXT, "open", "")

    asyncio.run(main())


@pytest.mark.outside
def test_an_error_on_an_open_socket_closes_it() -> None:
    """With 1008, because there is nothing else to be said."""

    async def main() -> None:
        world = World()
        async with (
            served(world.app) as (session, url),
            session.ws_connect(url.replace("socket", "denied"), headers=bearer(world.token)) as socket,
        ):
            assert (await _closed(socket))[:2] == (WSMsgType.CLOSE, 1008)

    asyncio.run(main())
