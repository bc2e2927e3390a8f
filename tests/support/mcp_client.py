"""The SDK's own client, 1.x or 2.x, over streamable HTTP: with a token that changes, or signing in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from .mcp_servers import LEGACY, SDK

if SDK >= (2, 0):
    import httpx2 as http
    from mcp.client.auth import AuthorizationCodeResult
    from mcp.client.client import Client
else:
    import httpx as http  # type: ignore[no-redef]
    from mcp.client.session import ClientSession

REDIRECT = "http://127.0.0.1:9/callback"  # nothing listens there, because the test reads the redirect itself


class Bearer(http.Auth):
    """Whatever token is set now."""

    token = ""

    def auth_flow(self, request: Any) -> Iterator[Any]:
        """One request, with the token."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        yield request


@asynccontextmanager
async def connected(url: str, auth: Any, revision: str) -> AsyncIterator[Any]:
    """The SDK's client of one revision; its `call_tool` gives the SDK's result."""
    async with http.AsyncClient(auth=auth, timeout=20) as carrier:
        transport = streamable_http_client(url, http_client=carrier)
        if SDK >= (2, 0):
            async with Client(transport, mode="legacy" if revision == LEGACY else revision) as client:
                yield client
        else:
            async with transport as (read, write, _), ClientSession(read, write) as session:
                await session.initialize()
                yield session


def told(result: Any) -> Any:
    """What a tool returned, as JSON."""
    failed = result.is_error if SDK >= (2, 0) else result.isError
    assert not failed, result
    return json.loads(result.content[0].text)


class Storage:
    """What a client remembers, in memory."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


def signing_in(url: str) -> OAuthClientProvider:
    """The SDK's sign-in, with a user who agrees at once."""
    found: dict[str, str] = {}

    async def redirect(authorization_url: str) -> None:
        async with http.AsyncClient() as browser:
            answer = await browser.get(authorization_url)
        query = parse_qs(urlsplit(answer.headers["location"]).query)
        found.update({name: values[0] for name, values in query.items()})

    async def callback() -> Any:
        if SDK >= (2, 0):
            return AuthorizationCodeResult(code=found["code"], state=found["state"])
        return found["code"], found["state"]

    asked = OAuthClientMetadata(redirect_uris=[REDIRECT], client_name="test")  # type: ignore[list-item]
    return OAuthClientProvider(url, asked, Storage(), redirect, callback)
