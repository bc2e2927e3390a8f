"""An MCP server of whichever SDK is installed, 1.x or 2.x, and a client that writes its requests by hand.

Owns what differs between the two. The SDK's own client is in tests/e2e; here a test sees every header.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

SDK = tuple(int(part) for part in importlib.metadata.version("mcp").split(".")[:2])
URL = "http://127.0.0.1:8000"
# Before this revision a client begins a session; from it on, every request stands alone.
LEGACY, MODERN = "2025-11-25", "2026-07-28"
_ids = itertools.count(1)
REVISIONS = (LEGACY, MODERN) if SDK >= (2, 0) else (LEGACY,)


def server(name: str = "orders") -> Any:
    """A server with no tools yet."""
    if SDK >= (2, 0):
        from mcp.server.mcpserver import MCPServer

        return MCPServer(name)
    from mcp.server.fastmcp import FastMCP

    return FastMCP(name)


def application(made: Any, *, json_response: bool = True, path: str = "/mcp") -> Any:
    """The server as an ASGI application; with `json_response` no answer is a stream of events."""
    if SDK >= (2, 0):
        return made.streamable_http_app(json_response=json_response, streamable_http_path=path)
    made.settings.json_response = json_response
    made.settings.streamable_http_path = path
    return made.streamable_http_app()


def call(tool: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The message that calls a tool."""
    return message("tools/call", {"name": tool, "arguments": dict(arguments or {})})


def message(method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A JSON-RPC request."""
    return {"jsonrpc": "2.0", "id": next(_ids), "method": method, "params": dict(params or {})}


class Client:
    """Posts messages as one revision of the protocol has them; the token may change at any time."""

    def __init__(self, http: httpx.AsyncClient, revision: str, path: str = "/mcp") -> None:
        self.token = ""
        self.session: str | None = None
        self._http = http
        self._revision = revision
        self._path = path

    async def begin(self) -> httpx.Response:
        """What a client says first: the handshake of a session, or a question that stands alone."""
        if self._revision == MODERN:
            return await self.post(message("tools/list"))
        about = {"protocolVersion": LEGACY, "capabilities": {}}
        about["clientInfo"] = {"name": "test", "version": "1"}
        answer = await self.post(message("initialize", about))
        self.session = answer.headers.get("mcp-session-id")
        if answer.status_code == 200:
            await self.post({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer

    async def end(self) -> None:
        """End the session, or the SDK's streams of it are closed by nobody."""
        if self.session is not None:
            sent = {"authorization": f"Bearer {self.token}", "mcp-session-id": self.session}
            await self._http.delete(self._path, headers=sent)

    async def post(self, said: dict[str, Any], headers: Mapping[str, str] | None = None) -> httpx.Response:
        """One message; `headers` replace those that the revision demands."""
        sent = {
            "authorization": f"Bearer {self.token}",
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": self._revision,
        }
        if self.session is not None:
            sent["mcp-session-id"] = self.session
        if self._revision == MODERN:
            meta = {"protocolVersion": MODERN, "clientCapabilities": {}}
            prefixed = {f"io.modelcontextprotocol/{name}": value for name, value in meta.items()}
            said = {**said, "params": {**said.get("params", {}), "_meta": prefixed}}
            sent["mcp-method"] = said["method"]
            if "name" in said["params"]:
                sent["mcp-name"] = said["params"]["name"]
        return await self._http.post(self._path, json=said, headers={**sent, **(headers or {})})


def said(answer: httpx.Response) -> Any:
    """What the tool of a call returned, as JSON."""
    assert answer.status_code == 200, (answer.status_code, answer.text)
    result = answer.json()["result"]
    assert not result.get("isError"), result
    return json.loads(result["content"][0]["text"])


@asynccontextmanager
async def running(inner: Any, guarded: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a guarded application in this process, during the lifespan of the one that it guards."""
    async with inner.router.lifespan_context(inner):
        transport = httpx.ASGITransport(guarded)
        async with httpx.AsyncClient(transport=transport, base_url=URL) as http:
            yield http
