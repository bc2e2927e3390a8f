"""A client for Starlette applications in this process; Starlette's own needs another HTTP library."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

CONNECT = {"type": "websocket.connect"}
LEFT = {"type": "websocket.disconnect", "code": 1001}


class Client:
    """Requests over HTTP, one at a time."""

    def __init__(self, app: Any, *, root_path: str = "") -> None:
        self._transport = httpx.ASGITransport(app, root_path=root_path)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """GET."""
        return self.request("GET", path, headers)

    def request(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """Any method."""

        async def main() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="https://api.test") as client:
                return await client.request(method, path, headers=headers)

        return asyncio.run(main())


def run(app: Any, scope: Any, incoming: Sequence[Any] = (CONNECT, LEFT)) -> list[Any]:
    """Serve one connection as a server would; what was sent. After `incoming` the client stays silent."""
    sent: list[Any] = []
    queue = list(incoming)

    async def receive() -> Any:
        if scope["type"] == "http":
            return {"type": "http.request", "body": b"", "more_body": False}
        if not queue:
            await asyncio.get_running_loop().create_future()
        return queue.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def main() -> None:
        async with asyncio.timeout(10):
            await app(scope, receive, send)

    asyncio.run(main())
    return sent


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}
