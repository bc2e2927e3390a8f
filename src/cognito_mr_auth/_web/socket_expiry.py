"""Closes an open WebSocket when its token expires, under asyncio and trio.

This module chooses between their two ways to wait. `socket_ending` decides what passes.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, suppress

from cognito_mr_auth._runtime.run import in_trio_task

from .asgi_types import App, Receive, Scope, Send
from .socket_ending import REASON, Ending, GoneError
from .state import EXPIRY

__all__ = ["REASON", "until_expiry"]


async def until_expiry(app: App, scope: Scope, receive: Receive, send: Send, seconds: float | None) -> None:
    """Run the application. After `seconds`, close its socket and show it that the client is gone.

    None is for a socket without a principal. Its time begins when `scope[EXPIRY]` is called.
    """
    with suppress(GoneError):
        async with _ending(receive, send) as ending:
            scope[EXPIRY] = ending.expire_after
            if seconds is not None:
                ending.expire_after(seconds)
            await app(scope, ending.receive, ending.send)


def _ending(receive: Receive, send: Send) -> AbstractAsyncContextManager[Ending]:
    if in_trio_task():
        from . import socket_expiry_trio

        return socket_expiry_trio.ending(receive, send)
    from . import socket_expiry_asyncio

    return socket_expiry_asyncio.ending(receive, send)
