"""`_web.socket_expiry` under trio: the same promises as under asyncio, on a clock that jumps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from cognito_mr_auth._web.socket_expiry import REASON, until_expiry
from cognito_mr_auth._web.state import EXPIRY

CONNECT = {"type": "websocket.connect"}
ACCEPT = {"type": "websocket.accept"}
TICK = {"type": "websocket.send", "text": "tick"}
CLOSED_BY_US = {"type": "websocket.close", "code": 1008, "reason": REASON}
GONE = {"type": "websocket.disconnect", "code": 1008, "reason": REASON}

App = Callable[[Any, Any, Any], Awaitable[None]]


def text(said: str) -> dict[str, Any]:
    """A message of the client."""
    return {"type": "websocket.receive", "text": said}


class Socket:
    """A server's side: what the client sends comes when it is due, what it receives is kept."""

    def __init__(self, *incoming: dict[str, Any]) -> None:
        self.put, self.taken = trio.open_memory_channel[dict[str, Any]](9)
        for message in (CONNECT, *incoming):
            self.put.send_nowait(message)
        self.sent: list[Any] = []

    async def receive(self) -> dict[str, Any]:
        return await self.taken.receive()

    async def send(self, message: Any) -> None:
        await trio.lowlevel.checkpoint()
        self.sent.append(message)


def serve(
    app: App,
    seconds: float | None,
    *incoming: dict[str, Any],
    socket: type[Socket] = Socket,
    scope: Any = None,
) -> list[Any]:
    """What the client receives from an application whose token lives that long."""
    made: list[Socket] = []

    async def main() -> None:
        made.append(socket(*incoming))
        await until_expiry(app, {} if scope is None else scope, made[0].receive, made[0].send, seconds)

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    return made[0].sent


def test_an_application_that_waits_for_the_client_gets_a_disconnect() -> None:
    """Blocked in receive: the client gets close 1008, the application a disconnect, time and again."""
    received: list[Any] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        received.append(await receive())
        await send(ACCEPT)
        received.extend([await receive(), await receive(), await receive()])
        assert trio.current_time() >= 60

    assert serve(app, 60, text("hi")) == [ACCEPT, CLOSED_BY_US]
    assert received == [CONNECT, text("hi"), GONE, GONE]


@pytest.mark.parametrize("catches", [True, False])
def test_an_application_that_only_sends_finds_no_principal(*, catches: bool) -> None:
    """Sending after expiry is an OSError, as with a client that left; none of it reaches the client."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        try:
            while True:
                await send(TICK)
                await trio.sleep(1)
        except OSError:
            if not catches:
                raise

    sent = serve(app, 2.5)
    assert sent == [ACCEPT, TICK, TICK, TICK, CLOSED_BY_US]


@pytest.mark.parametrize("error", [ConnectionResetError("a database, say"), ValueError("a fault")], ids=repr)
def test_what_the_application_raises_is_the_applications(error: Exception) -> None:
    """As it is, in no group; only our own error after the expiry ends quietly."""

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise error

    with pytest.raises(type(error), match=str(error)):
        serve(app, 60)


def test_the_application_may_end_first() -> None:
    """Nothing is closed then, and no task waits for the token's end."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        await trio.sleep(1)

    began = []

    async def timed(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        began.append(trio.current_time())

    assert serve(timed, 3600) == [ACCEPT]
    assert began == [1]


def test_the_client_may_leave_first() -> None:
    """The client's own disconnect is handed on, and nothing is sent when the token ends."""
    left = {"type": "websocket.disconnect", "code": 1001}
    received: list[Any] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        received.extend([await receive(), await receive()])

    assert serve(app, 60, left) == [ACCEPT]
    assert received == [left, GONE]


@pytest.mark.parametrize("seconds", [0.0, -3.0])
def test_a_token_that_lives_on_leeway_still_connects(seconds: float) -> None:
    """Frameworks insist on websocket.connect as the first message; accepting then is refusing."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await trio.sleep(1)
        assert await receive() == CONNECT
        await send(ACCEPT)
        assert await receive() == GONE
        with pytest.raises(OSError, match=REASON):
            await send(TICK)

    assert serve(app, seconds) == [CLOSED_BY_US]


def test_a_token_may_end_while_the_socket_opens() -> None:
    """The close follows the accept, never precedes it."""

    class Slow(Socket):
        async def send(self, message: Any) -> None:
            if message["type"] == "websocket.accept":
                await trio.sleep(60)
            await super().send(message)

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        assert await receive() == GONE

    assert serve(app, 30, socket=Slow) == [ACCEPT, CLOSED_BY_US]


def test_a_cancelled_receive_loses_no_message() -> None:
    """A timeout around receive is common; what comes later is for the next call."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        with trio.move_on_after(1):
            await receive()
        socket[0].put.send_nowait(text("late"))
        assert await receive() == text("late")

    class Kept(Socket):
        def __init__(self, *incoming: Any) -> None:
            super().__init__(*incoming)
            socket.append(self)

    socket: list[Any] = []
    assert serve(app, 60, socket=Kept) == [ACCEPT]


def test_an_error_of_the_server_reaches_the_application() -> None:
    """What the server's receive raises comes out of ours."""

    class Broken(Socket):
        async def receive(self) -> dict[str, Any]:
            message = await super().receive()
            if message is not CONNECT:
                raise ConnectionResetError("wire cut")
            return message

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        await receive()
        await receive()

    with pytest.raises(ConnectionResetError, match="wire cut"):
        serve(app, 60, text("x"), socket=Broken)


def test_a_client_that_is_gone_cannot_spoil_the_close() -> None:
    """The server may raise when the close finds nobody; the application ends as ever."""

    class Gone(Socket):
        async def send(self, message: Any) -> None:
            await super().send(message)
            if message["type"] == "websocket.close":
                raise OSError("client is gone")

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        assert await receive() == GONE

    assert serve(app, 60, socket=Gone) == [ACCEPT, CLOSED_BY_US]


def test_a_close_that_is_under_way_is_sent_whole() -> None:
    """The application ends at once when it learns of the end; the client learns of it too."""

    class Slow(Socket):
        async def send(self, message: Any) -> None:
            if message["type"] == "websocket.close":
                await trio.sleep(1)
            await super().send(message)

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        assert await receive() == GONE

    assert serve(app, 60, socket=Slow) == [ACCEPT, CLOSED_BY_US]


def test_a_cancelled_connection_leaves_nothing_behind() -> None:
    """A server that shuts down cancels the application: no close is sent, and it sees its cancellation."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        await receive()

    async def main() -> list[Any]:
        socket = Socket()
        with trio.move_on_after(1) as stopped:
            await until_expiry(app, {}, socket.receive, socket.send, 60)
        assert stopped.cancelled_caught
        return socket.sent

    assert trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0)) == [ACCEPT]


def test_two_tasks_may_receive_at_a_time() -> None:
    """As with the server's own receive: each gets a message of its own, and after expiry a disconnect."""
    received: list[Any] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)

        async def take() -> None:
            received.append(await receive())

        for _ in range(2):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(take)
                nursery.start_soon(take)

    assert serve(app, 60, text("one"), text("two")) == [ACCEPT, CLOSED_BY_US]
    assert sorted(received[:2], key=str) == sorted([text("one"), text("two")], key=str)
    assert received[2:] == [GONE, GONE]


@pytest.mark.parametrize(("moments", "end"), [((30,), 40), ((30, 90), 100), ((90, 30), 40), ((), None)])
def test_the_end_can_be_set_later_and_anew(moments: tuple[int, ...], end: int | None) -> None:
    """A socket without a principal has none; each that is adopted counts from then, the last one alone."""
    scope: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        await trio.sleep(10)
        for seconds in moments:
            scope[EXPIRY](seconds)
        with trio.move_on_after(1000):
            await receive()
            ended.append(trio.current_time())

    ended: list[float] = []
    assert serve(app, None, scope=scope) == [ACCEPT, *([CLOSED_BY_US] if end else [])]
    assert ended == ([end] if end else [])


def test_a_token_that_ends_after_the_end_changes_nothing() -> None:
    """A principal that is adopted on a socket that has ended closes nothing twice."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        assert await receive() == GONE
        scope[EXPIRY](5)
        await trio.sleep(10)

    assert serve(app, 60) == [ACCEPT, CLOSED_BY_US]
