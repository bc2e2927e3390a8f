"""The MCP SDK's own client and server over streamable HTTP, while Regions die and users sign in.

The server runs in a process of its own, in which every warning is an error.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.authorization_server import AuthorizationServer, authorizing
from support.mcp_client import Bearer, connected, signing_in, told
from support.mcp_servers import LEGACY, REVISIONS, call, message
from support.servers import HOST, UVICORN, Said, Server, ask, serving

from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool

revisions = pytest.mark.parametrize("revision", REVISIONS)
DOCUMENT = "/.well-known/oauth-protected-resource"
SECONDS = 30
# By default a caller waits 2 s for keys. A machine that is busy with other tests may take longer.
PATIENCE = 15


class Here(NamedTuple):
    """A server with a pool whose keys are served, and one in the dark."""

    pool: FakeUserPool
    endpoints: FakeEndpoints
    server: Server
    url: str

    def token(self, subject: str = "me", scopes: Sequence[str] = ("orders/read",), **options: Any) -> str:
        """A token for this server."""
        return self.pool.access_token(subject=subject, scopes=scopes, audience=self.url, **options)


@contextmanager
def port() -> Iterator[int]:
    """A port that no other process gets: bound here, never listened on, left for SO_REUSEADDR."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((HOST, 0))
        yield holder.getsockname()[1]


@contextmanager
def serve(directory: Path, servers: Sequence[str], pool: FakeUserPool | None = None) -> Iterator[Here]:
    """The server, which sends its clients to these authorization servers."""
    pool, dark = pool or FakeUserPool(), FakeUserPool("us-west-2_Dark00001")
    with ExitStack() as stack:
        endpoints, nothing = stack.enter_context(pool.serve()), stack.enter_context(dark.serve())
        nothing.fail("refuse")
        number = stack.enter_context(port())
        settings = {
            name: {
                "pool": {
                    "user_pool_id": each.user_pool_id,
                    "replica_regions": list(each.replica_regions),
                    "jwks_urls": at.jwks_urls,
                },
                "resource": f"http://{HOST}:{number}{path}",
                "authorization_servers": list(servers),
                "timeout": timeout,
            }
            for name, each, at, path, timeout in (
                ("main", pool, endpoints, "/mcp", PATIENCE),
                ("dark", dark, nothing, "/dark/mcp", 1),
            )
        }
        made = serving(UVICORN, "mcp_server:app", directory, settings, "--port", str(number))
        server = stack.enter_context(made)
        yield Here(pool, endpoints, server, settings["main"]["resource"])
    # A warning would be an exception there. (1.x shows a traceback of its own when a session ends.)
    assert [word for word in ("Warning: ", "Internal Server Error") if word in server.log] == [], server.log


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    """A server for clients that bring their token."""
    with serve(tmp_path, ["https://cognito-idp.us-west-2.amazonaws.com/us-west-2_Fake00001"]) as made:
        yield made


def post(here: Here, said: Any, token: str | None, target: str = "/mcp", **more: str) -> Said:
    """A message as any HTTP client would send it; in the names of headers "_" stands for "-"."""
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    connection = HTTPConnection(HOST, here.server.port, timeout=SECONDS)
    try:
        connection.request("POST", target, json.dumps(said), headers)
        with connection.getresponse() as answer:
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Said(answer.status, found, answer.read())
    finally:
        connection.close()


@revisions
def test_a_session_outlives_its_region(here: Here, revision: str) -> None:
    """The primary Region dies and keys rotate; a token of the replica goes on where the first one began."""
    auth = Bearer()

    async def main() -> list[Any]:
        auth.token = here.token()
        async with asyncio.timeout(SECONDS), connected(here.url, auth, revision) as client:
            before = told(await client.call_tool("whoami", {}))
            for endpoint in here.endpoints:
                if endpoint.kind != "replica":
                    endpoint.fail("hang")
            here.pool.rotate()
            auth.token = here.token(issuer="replica")
            return [before, *[told(await client.call_tool("whoami", {})) for _ in range(3)]]

    found = asyncio.run(main())
    assert found[0] == {"subject": "me", "kind": "original"}
    assert found[1:] == [{"subject": "me", "kind": "replica"}] * 3


def test_a_session_is_its_owners(here: Here) -> None:
    """Another subject's token finds no such session; the owner's, of whichever Region, does."""
    about = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    begun = post(here, message("initialize", about), here.token())
    assert begun.status == 200
    session = {"mcp_session_id": begun.headers["mcp-session-id"], "mcp_protocol_version": LEGACY}
    table = {
        "its owner": (here.token(), 200),
        "its owner, signed in at the replica": (here.token(issuer="replica"), 200),
        "its owner, after the pool has switched": (here.token(issuer="updated"), 200),
        "another user": (here.token("you"), 404),
        "another app client": (here.token(client_id="2another3456789"), 404),
        "nobody": (None, 401),
        "for another server": (here.pool.access_token(audience="https://other.example/mcp"), 401),
        "for no server": (here.pool.access_token(subject="me", scopes=["orders/read"]), 401),
    }
    heard = {name: post(here, call("whoami"), token, **session).status for name, (token, _) in table.items()}
    assert heard == {name: status for name, (_, status) in table.items()}


def test_an_outage_is_no_refusal(here: Here) -> None:
    """503 with Retry-After, no challenge; and the document, for a client that sends its token along."""
    dark = FakeUserPool("us-west-2_Dark00001").access_token()
    answer = post(here, call("whoami"), dark, target="/dark/mcp")
    assert (answer.status, "www-authenticate" in answer.headers) == (503, False)
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    document = ask(here.server, f"{DOCUMENT}/dark/mcp", b"Authorization: Bearer " + dark.encode())
    assert (document.status, json.loads(document.body)["scopes_supported"]) == (200, ["orders/read"])


def test_a_browser_may_read_the_document(here: Here) -> None:
    """Clients in browsers send MCP-Protocol-Version with it, and ask first whether they may."""
    lines = (b"Origin: https://app.example.com", b"Access-Control-Request-Method: GET")
    wanted = b"Access-Control-Request-Headers: mcp-protocol-version"
    asked = ask(here.server, f"{DOCUMENT}/mcp", *lines, wanted, method="OPTIONS")
    assert (asked.status, asked.headers["access-control-allow-headers"]) == (204, "*")
    given = ask(here.server, f"{DOCUMENT}/mcp", lines[0], b"MCP-Protocol-Version: " + LEGACY.encode())
    assert (given.status, given.headers["access-control-allow-origin"]) == (200, "*")
    assert ask(here.server, "/mcp", *lines, method="OPTIONS").status == 401


# --- Signing in


def _signed_in(
    directory: Path, revision: str, *, forbidden_first: bool, step_up: bool
) -> tuple[Any, AuthorizationServer]:
    """The responses to a client that signs in by itself, and to the authorization server afterwards."""
    pool = FakeUserPool()
    with authorizing(pool) as good, authorizing(pool, forbids=True) as bad:
        servers = [bad.issuer, good.issuer] if forbidden_first else [good.issuer]
        with serve(directory, servers, pool) as here:

            async def main() -> list[Any]:
                async with (
                    asyncio.timeout(SECONDS),
                    connected(here.url, signing_in(here.url), revision) as client,
                ):
                    tools = ["whoami", "refund"] if step_up else ["whoami"]
                    return [told(await client.call_tool(tool, {})) for tool in tools]

            return asyncio.run(main()), good


@revisions
def test_a_client_signs_in_and_steps_up(tmp_path: Path, revision: str) -> None:
    """It finds its way from the 401, registers, and asks for the tool's scope when the tool is refused."""
    told, server = _signed_in(tmp_path, revision, forbidden_first=False, step_up=True)
    assert told == [{"subject": "me", "kind": "replica"}, {"scopes": ["orders/read", "orders/write"]}]
    assert [set(each.split()) for each in server.scopes] == [{"orders/read"}, {"orders/read", "orders/write"}]
    assert server.registered == 1
    assert all(resource is not None and resource.endswith("/mcp") for resource in server.resources)


@revisions
def test_a_client_tries_no_second_authorization_server(tmp_path: Path, revision: str) -> None:
    """Why the operator sets `authorization_servers`: a first one that answers 403 shuts all clients out."""
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - the SDK's groups of exceptions
        _signed_in(tmp_path, revision, forbidden_first=True, step_up=False)
    assert "Registration failed" in _all_of(raised.value)


def _all_of(error: BaseException) -> str:
    """The texts of an exception, of its causes and of a group's members."""
    inner = [*getattr(error, "exceptions", ()), error.__cause__, error.__context__]
    return " ".join([str(error), *(_all_of(each) for each in inner if each is not None)])
