"""A client for Starlette applications in this process; Starlette's own needs another HTTP library."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from .client import CONNECT, LEFT, serve


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
    """One connection, by default of a client that comes and goes; what was sent."""
    return serve(app, scope, incoming)


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}
