"""FastMCP behind the middleware: who calls its tools, whose session it is, and its own checks of scopes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from fastmcp import Context, FastMCP
from fastmcp.server.auth import require_scopes
from fastmcp.server.dependencies import get_access_token
from support.mcp_servers import LEGACY, REVISIONS, Client, call, message, running, said

from cognito_mr_auth import Principal, Verifier, policy
from cognito_mr_auth.mcp import CognitoAuthMiddleware, principal_of
from cognito_mr_auth.testing import FakeUserPool

revisions = pytest.mark.parametrize("revision", REVISIONS)
ORIGINAL = "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_Fake00001"


def about(principal: Principal | None) -> dict[str, Any]:
    """What a tool says of its caller."""
    assert principal is not None
    return {"subject": principal.subject, "kind": principal.issuer.kind, "scopes": sorted(principal.scopes)}


def a_fastmcp_server() -> FastMCP:
    """A server that returns the caller, in each of the ways that a tool may."""
    made = FastMCP("orders")

    @made.tool
    async def asynchronous() -> dict[str, Any]:
        return about(principal_of())

    @made.tool
    def synchronous() -> dict[str, Any]:
        return about(principal_of())

    @made.tool
    async def context(ctx: Context) -> dict[str, Any]:
        return about(principal_of(ctx))

    @made.tool
    async def token() -> dict[str, Any]:
        found = get_access_token()
        assert found is not None
        return {
            "token": found.token,
            "subject": found.subject,
            "scopes": found.scopes,
            "claims": found.claims,
        }

    @made.tool(auth=require_scopes("orders/write"))
    async def its_own() -> dict[str, Any]:
        return about(principal_of())

    return made


def with_client(
    verifier: Verifier, revision: str, work: Callable[[Client], Coroutine[Any, Any, None]], **options: Any
) -> None:
    """Run a client's work against a server that is guarded so."""

    async def main() -> None:
        inner = a_fastmcp_server().http_app(path="/mcp", json_response=True)
        async with (
            asyncio.timeout(20),
            running(inner, CognitoAuthMiddleware(inner, verifier, **options)) as http,
        ):
            client = Client(http, revision)
            await work(client)
            await client.end()

    asyncio.run(main())


@revisions
@pytest.mark.parametrize("tool", ["asynchronous", "synchronous", "context"])
def test_a_tool_knows_who_calls_it(pool: FakeUserPool, verifier: Verifier, revision: str, tool: str) -> None:
    """The principal of this very request, in a session that goes on with the replica's token."""

    async def work(client: Client) -> None:
        client.token = pool.access_token(subject="me", scopes=["a"])
        await client.begin()
        assert said(await client.post(call(tool))) == {"subject": "me", "kind": "original", "scopes": ["a"]}
        client.token = pool.access_token(subject="me", scopes=["a", "b"], issuer="replica")
        later = {"subject": "me", "kind": "replica", "scopes": ["a", "b"]}
        assert said(await client.post(call(tool))) == later

    with_client(verifier, revision, work)


@revisions
def test_fastmcp_finds_its_access_token(pool: FakeUserPool, verifier: Verifier, revision: str) -> None:
    """Without the token in it; FastMCP's own checks of scopes go by it."""

    async def work(client: Client) -> None:
        client.token = pool.access_token(subject="me", scopes=["orders/read"], issuer="replica")
        await client.begin()
        assert said(await client.post(call("token"))) == {
            "token": "", "subject": "me", "scopes": ["orders/read"], "claims": {"iss": ORIGINAL},
        }  # fmt: skip
        assert "its_own" not in (await client.post(message("tools/list"))).text
        client.token = pool.access_token(subject="me", scopes=["orders/write"])
        assert said(await client.post(call("its_own")))["scopes"] == ["orders/write"]

    with_client(verifier, revision, work)


def test_a_session_is_its_owners(pool: FakeUserPool, verifier: Verifier) -> None:
    """For anybody else it does not exist."""

    async def work(client: Client) -> None:
        client.token = pool.access_token(subject="me")
        await client.begin()
        client.token = pool.access_token(subject="you")
        assert (await client.post(call("asynchronous"))).status_code == 404
        client.token = pool.access_token(subject="me")

    with_client(verifier, LEGACY, work)


@revisions
def test_a_tool_is_called_by_those_who_may(pool: FakeUserPool, verifier: Verifier, revision: str) -> None:
    """403 with all scopes that the call needs, before FastMCP answers."""

    async def work(client: Client) -> None:
        client.token = pool.access_token(scopes=["orders/read"])
        await client.begin()
        assert (await client.post(call("asynchronous"))).status_code == 200
        refused = await client.post(call("synchronous"))
        assert refused.status_code == 403
        assert 'scope="orders/read orders/write"' in refused.headers["www-authenticate"]

    tools = {"*": None, "synchronous": policy.scopes("orders/write")}
    with_client(verifier, revision, work, require=policy.scopes("orders/read"), tools=tools)


@revisions
def test_an_outage_is_no_refusal(pool: FakeUserPool, revision: str) -> None:
    """503, where FastMCP's own verifier would say 401."""

    async def work(client: Client) -> None:
        client.token = pool.access_token()
        answer = await client.begin()
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)

    with_client(pool.offline_verifier(revoked=lambda _principal: None), revision, work)
