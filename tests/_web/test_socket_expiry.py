"""`_web.socket_expiry`: an open WebSocket ends with its token, and nothing else is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cognito_mr_auth._web.socket_expiry import REASON, until_expiry
from cognito_mr_auth._web.state import EXPIRY

SOON_S = 0.02
NEVER_S = 3600.0
# A test that hangs ends; nothing waits for it.
LIMIT_S = 10.0

CONNECT = {"type": "websocket.connect"}
ACCEPT = {"type": "websocket.accept"}
CLOSED_BY_US = {"type": "websocket.close", "code": 1008, "reason": REASON}
GONE = {"type": "websocket.disconnect", "code": 1008, "reason": REASON}


class Socket:
    """A server's side: what the client sends comes from a queue, what it receives is kept."""

    def __init__(self, *incoming: dict[str, Any]) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for message in (CONNECT, *incoming):
            self.incoming.put_nowait(message)
        self.sent: list[Any] = []
        self.closed = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        return await self.incoming.get()

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if message["type"] == "websocket.close":
            self.closed.set()


def text(said: str) -> dict[str, Any]:
    """A message of the client."""
    return {"type": "websocket.receive", "text": said}


App = Callable[[Any, Any, Any], Awaitable[None]]


def serve(app: App, seconds: float, *incoming: dict[str, Any]) -> list[Any]:
    """What the client receives from an application whose token lives that long."""

    async def main() -> list[Any]:
        socket = Socket(*incoming)
        await run(app, socket, seconds)
        return socket.sent

    return asyncio.run(main())


async def run(app: App, socket: Socket, seconds: float) -> None:
    """Serve one socket; no task is left behind."""
    before = asyncio.all_tasks()
    async with asyncio.timeout(LIMIT_S):
        await until_expiry(app, {}, socket.receive, socket.send, seconds)
    assert asyncio.all_tasks() == before


def test_an_application_that_waits_for_the_client_gets_a_disconnect() -> None:
    """Blocked in receive: the client gets close 1008, the application a disconnect, time and again."""
    received: list[Any] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        received.append(await receive())
        await send(ACCEPT)
        received.extend([await receive(), await receive()])

    assert serve(app, SOON_S) == [ACCEPT, CLOSED_BY_US]
    assert received == [CONNECT, GONE, GONE]


@pytest.mark.parametrize("catches", [True, False])
def test_an_application_that_only_sends_finds_no_principal(*, catches: bool) -> None:
    """Sending after expiry is an OSError, as with a client that left; none of it reaches the client."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        try:
            while True:
                await send({"type": "websocket.send", "text": "tick"})
                await asyncio.sleep(0)
        except OSError:
            if not catches:
                raise

    sent = serve(app, SOON_S)
    assert sent[-1] == CLOSED_BY_US
    assert [message["type"] for message in sent].count("websocket.close") == 1
    assert "tick" in sent[1]["text"]


def test_another_error_of_the_application_is_the_applications() -> None:
    """Only our own error after the expiry ends quietly."""

    async def app(_scope: Any, _receive: Any, _send: Any) -> None:
        raise ConnectionResetError("a database, say")

    with pytest.raises(ConnectionResetError, match="database"):
        serve(app, NEVER_S)


def test_a_close_after_expiry_is_no_error() -> None:
    """`finally: await websocket.close()` is common, and finds a socket that is closed already."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        await receive()
        await send({"type": "websocket.close", "code": 1000})

    assert serve(app, SOON_S) == [ACCEPT, CLOSED_BY_US]


def test_the_application_may_close_first() -> None:
    """One close: the application's. The token's end comes too late."""
    own = {"type": "websocket.close", "code": 4000}
    socket_was: list[Socket] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        await send(own)
        await receive()  # until the token ends
        with pytest.raises(OSError, match=REASON):
            await send({"type": "websocket.send", "text": "late"})

    async def main() -> None:
        socket_was.append(Socket())
        await run(app, socket_was[0], SOON_S)

    asyncio.run(main())
    assert socket_was[0].sent == [ACCEPT, own]


def test_the_client_may_leave_first() -> None:
    """The client's own disconnect is handed on, and nothing is sent when the token ends."""
    left = {"type": "websocket.disconnect", "code": 1001}
    received: list[Any] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        received.extend([await receive(), await receive()])  # the second one until the token ends

    assert serve(app, SOON_S, left) == [ACCEPT]
    assert received == [left, GONE]


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        pytest.param([ACCEPT], [CLOSED_BY_US], id="accept"),
        pytest.param(
            [{"type": "websocket.close", "code": 4403}],
            [{"type": "websocket.close", "code": 4403}],
            id="close",
        ),
        pytest.param(
            [{"type": "websocket.http.response.start"}, {"type": "websocket.http.response.body"}],
            [{"type": "websocket.http.response.start"}, {"type": "websocket.http.response.body"}],
            id="denial response",
        ),
    ],
)
def test_a_token_may_end_before_accept(answer: list[Any], sent: list[Any]) -> None:
    """Accepting then is refusing; an application's own refusal is passed on."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        connect = await receive()
        assert await receive() == GONE  # by now the token has ended
        assert connect == CONNECT
        for message in answer:
            await send(message)

    assert serve(app, SOON_S) == sent


@pytest.mark.parametrize("seconds", [0.0, -3.0])
def test_a_token_that_lives_on_leeway_still_connects(seconds: float) -> None:
    """Frameworks insist on websocket.connect as the first message, even when time is up."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert await receive() == CONNECT
        await send(ACCEPT)
        assert await receive() == GONE
        with pytest.raises(OSError, match=REASON):
            await send({"type": "websocket.send", "text": "late"})

    assert serve(app, seconds) == [CLOSED_BY_US]


def test_a_token_may_end_while_the_socket_opens() -> None:
    """A server may take its time to accept; the close follows the accept, never precedes it."""

    class Slow(Socket):
        async def send(self, message: Any) -> None:
            if message["type"] == "websocket.accept":
                await asyncio.sleep(2 * SOON_S)
            await super().send(message)

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        assert await receive() == GONE

    async def main() -> list[Any]:
        socket = Slow()
        await run(app, socket, SOON_S)
        return socket.sent

    assert asyncio.run(main()) == [ACCEPT, CLOSED_BY_US]


def test_messages_pass_while_the_token_lives() -> None:
    """Neither side notices anything, and in order."""
    received: list[Any] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        received.append(await receive())
        await send(ACCEPT)
        received.extend([await receive(), await receive()])
        await send({"type": "websocket.send", "text": "both"})

    sent = serve(app, NEVER_S, text("one"), text("two"))
    assert received == [CONNECT, text("one"), text("two")]
    assert sent == [ACCEPT, {"type": "websocket.send", "text": "both"}]


def test_a_cancelled_receive_loses_no_message() -> None:
    """`asyncio.timeout` around receive is common; what comes later is for the next call."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await receive()
        socket.incoming.put_nowait(text("late"))
        assert await receive() == text("late")

    async def main() -> None:
        nonlocal socket
        socket = Socket()
        await run(app, socket, NEVER_S)

    socket: Any = None
    asyncio.run(main())


def test_what_arrived_before_the_end_is_delivered_after_it() -> None:
    """A message that was read while the token lived is the application's; then the client is gone."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await receive()
        socket.incoming.put_nowait(text("in time"))
        await socket.closed.wait()
        assert await receive() == text("in time")
        assert await receive() == GONE

    async def main() -> None:
        nonlocal socket
        socket = Socket()
        await run(app, socket, SOON_S)

    socket: Any = None
    asyncio.run(main())


def test_what_arrives_after_the_end_is_discarded() -> None:
    """Nothing that the client sends after its token's end is handed to the application."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await receive()  # still being read when the token ends
        await socket.closed.wait()
        socket.incoming.put_nowait(text("too late"))
        assert await receive() == GONE

    async def main() -> None:
        nonlocal socket
        socket = Socket()
        await run(app, socket, SOON_S)

    socket: Any = None
    asyncio.run(main())


def test_an_error_of_the_server_reaches_the_application() -> None:
    """What the server's receive raises comes out of ours."""

    class Broken(Socket):
        async def receive(self) -> dict[str, Any]:
            if self.incoming.empty():
                raise ConnectionResetError("wire cut")
            return await super().receive()

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        await receive()
        await receive()

    async def main() -> None:
        await run(app, Broken(), NEVER_S)

    with pytest.raises(ConnectionResetError, match="wire cut"):
        asyncio.run(main())


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

    async def main() -> None:
        await run(app, Gone(), SOON_S)

    asyncio.run(main())


def test_a_cancelled_connection_leaves_nothing_behind() -> None:
    """A server that shuts down cancels the application: no task survives, no close is sent."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        opened.set()
        await receive()

    async def main() -> list[Any]:
        nonlocal opened
        opened = asyncio.Event()
        socket = Socket()
        before = asyncio.all_tasks()
        task = asyncio.create_task(until_expiry(app, {}, socket.receive, socket.send, NEVER_S))
        await opened.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.all_tasks() == before
        return socket.sent

    opened: Any = None
    assert asyncio.run(main()) == [ACCEPT]


def test_two_tasks_may_receive_at_a_time() -> None:
    """As with the server's own receive: each gets a message of its own, and after expiry a disconnect."""
    received: list[Any] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        received.extend(await asyncio.gather(receive(), receive()))
        received.extend(await asyncio.gather(receive(), receive()))

    assert serve(app, SOON_S, text("one"), text("two")) == [ACCEPT, CLOSED_BY_US]
    assert received == [text("one"), text("two"), GONE, GONE]


@pytest.mark.parametrize("moments", [(SOON_S,), (NEVER_S, SOON_S)], ids=["later", "anew"])
def test_the_end_can_be_set_later_and_anew(moments: tuple[float, ...]) -> None:
    """A socket without a principal has none; of those that are adopted the last one counts."""
    scope: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        for seconds in moments:
            scope[EXPIRY](seconds)
        assert await receive() == GONE
        scope[EXPIRY](0)  # one that comes too late closes nothing twice
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def main() -> list[Any]:
        socket = Socket()
        async with asyncio.timeout(LIMIT_S):
            await until_expiry(app, scope, socket.receive, socket.send, None)
        return socket.sent

    assert asyncio.run(main()) == [ACCEPT, CLOSED_BY_US]
