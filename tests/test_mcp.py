"""mcp.CognitoAuthMiddleware around the SDK's servers: the caller, the session's owner, the allowed tools."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
from mcp.server.auth.middleware.auth_context import get_access_token
from starlette.requests import Request
from starlette.responses import JSONResponse
from support.drivers import Ask
from support.drivers.client import CONNECT, http_scope, serve, websocket_scope
from support.mcp_servers import (
    LEGACY,
    MODERN,
    REVISIONS,
    Client,
    application,
    call,
    message,
    running,
    said,
    server,
)
from support.records import fields, refusals

from cognito_mr_auth import ANY_CLIENT, Principal, UserPool, Verifier, errors, policy
from cognito_mr_auth import mcp as adapter
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.mcp import CognitoAuthMiddleware, principal_of
from cognito_mr_auth.testing import FakeUserPool

revisions = pytest.mark.parametrize("revision", REVISIONS)
ORIGINAL = "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_Fake00001"
RESOURCE = {"resource": "https://api.example.com/mcp", "authorization_servers": [ORIGINAL]}


def about(principal: Principal | None) -> dict[str, Any]:
    """What a tool says of its caller."""
    if principal is None:
        return {}
    kind, scopes = principal.issuer.kind, sorted(principal.scopes)
    return {"subject": principal.subject, "kind": kind, "scopes": scopes}


def an_mcp_server() -> Any:
    """A server that returns the caller, in each of the ways that a tool may."""
    made = server()
    if made.__class__.__name__ == "MCPServer":
        from mcp.server.mcpserver import Context
    else:
        from mcp.server.fastmcp import Context

    async def asynchronous() -> dict[str, Any]:
        return about(principal_of())

    def synchronous() -> dict[str, Any]:
        return about(principal_of())

    async def thread() -> dict[str, Any]:
        return about(await asyncio.to_thread(principal_of))

    async def context(ctx: Any) -> dict[str, Any]:
        return about(principal_of(ctx))

    async def token() -> dict[str, Any]:
        found = get_access_token()
        assert found is not None
        return found.model_dump() | {"shown": f"{found!r} {found}"}

    context.__annotations__["ctx"] = Context
    for tool in (asynchronous, synchronous, thread, context, token):
        made.tool()(tool)

    async def me(request: Request) -> JSONResponse:
        return JSONResponse(about(principal_of(request)) | {"user": request.user.is_authenticated})

    made.custom_route("/me", methods=["GET"])(me)
    return made


def with_client(
    verifier: Verifier | Guard,
    revision: str,
    work: Callable[[Client], Coroutine[Any, Any, None]],
    **options: Any,
) -> None:
    """Run a client's work against a server that is guarded so."""

    async def main() -> None:
        inner = application(an_mcp_server())
        async with (
            asyncio.timeout(20),
            running(inner, CognitoAuthMiddleware(inner, verifier, **options)) as http,
        ):
            client = Client(http, revision)
            await work(client)
            await client.end()

    asyncio.run(main())


# --- Who asks


@revisions
@pytest.mark.parametrize("tool", ["asynchronous", "synchronous", "thread", "context"])
def test_a_tool_knows_who_calls_it(pool: FakeUserPool, verifier: Verifier, revision: str, tool: str) -> None:
    """The principal of this very request: a later token of a session, not the one that it began with."""

    async def work(client: Client) -> None:
        client.token = pool.access_token(subject="me", scopes=["a"])
        await client.begin()
        assert said(await client.post(call(tool))) == {"subject": "me", "kind": "original", "scopes": ["a"]}
        client.token = pool.access_token(subject="me", scopes=["a", "b"], issuer="replica")
        later = {"subject": "me", "kind": "replica", "scopes": ["a", "b"]}
        assert said(await client.post(call(tool))) == later
        answers = await asyncio.gather(*(client.post(call(tool)) for _ in range(5)))
        assert [said(each) for each in answers] == [later] * 5

    with_client(verifier, revision, work)


@revisions
def test_a_guest_has_no_principal(pool: FakeUserPool, verifier: Verifier, revision: str) -> None:
    """Where the guard lets requests pass without a token, there is no principal, and no user of the SDK's."""

    async def work(client: Client) -> None:
        headers = {"authorization": ""}
        if revision == LEGACY:
            return
        assert said(await client.post(call("asynchronous"), headers)) == {}
        route = await client._http.get("/me")
        assert route.json() == {"user": False}

    with_client(verifier, revision, work, optional=True)


def test_a_plain_route_knows_who_asks(pool: FakeUserPool, verifier: Verifier) -> None:
    """`principal_of` takes a Starlette request, and its scope; `request.user` is the SDK's."""

    async def work(client: Client) -> None:
        answer = await client._http.get("/me", headers=pool.headers(subject="me", scopes=["a"]))
        assert answer.json() == {"subject": "me", "kind": "original", "scopes": ["a"], "user": True}

    with_client(verifier, LEGACY, work)


OUTSIDE: dict[str, Any] = {
    "no request": None,
    "another object": object(),
    "a context without a request, as with stdio": SimpleNamespace(
        request_context=SimpleNamespace(request=None)
    ),
    "a scope that no guard has seen": http_scope(Ask()),
}


@pytest.mark.parametrize("row", OUTSIDE)
def test_where_no_guard_has_looked_is_an_error(row: str) -> None:
    """A server without the middleware, or on stdio, must not take everybody for a guest."""
    with pytest.raises(LookupError, match="put CognitoAuthMiddleware around"):
        principal_of(OUTSIDE[row])
    assert principal_of(OUTSIDE[row], None) is None


def test_no_waiter_is_left_behind(pool: FakeUserPool, verifier: Verifier) -> None:
    """After the request, also one that fails, there is no current principal."""

    async def main() -> None:
        async def inner(scope: Any, receive: Any, send: Any) -> None:
            assert principal_of() is not None
            raise ZeroDivisionError

        scope = http_scope(Ask((("Authorization", f"Bearer {pool.access_token()}"),)))
        with pytest.raises(ZeroDivisionError):
            await CognitoAuthMiddleware(inner, verifier)(scope, None, None)  # type: ignore[arg-type]
        assert principal_of(default=None) is None

    asyncio.run(main())


def test_the_request_that_the_sdk_names_comes_first(pool: FakeUserPool) -> None:
    """The SDK 1.x runs a session's tools in its first request's context, and names the one that calls."""
    principal = pool.principal(subject="me")
    request = SimpleNamespace(scope={adapter.PRINCIPAL: principal})
    stale = adapter._current.set({adapter.PRINCIPAL: pool.principal(subject="me", scopes=["old"])})
    named = adapter._called_by.set(SimpleNamespace(request=request))
    try:
        assert principal_of() is principal
    finally:
        adapter._called_by.reset(named)
        adapter._current.reset(stale)


# --- What the SDK finds


@revisions
def test_the_sdks_token_holds_no_token(pool: FakeUserPool, verifier: Verifier, revision: str) -> None:
    """It names the owner of a session, and what is shown of it in a log says nothing."""

    async def work(client: Client) -> None:
        client.token = pool.access_token(
            subject="me",
            scopes=["b", "a"],
            expires_in=60,
            claims={"email": "me@example.com"},
            issuer="replica",
        )
        await client.begin()
        found = said(await client.post(call("token")))
        shown = found.pop("shown")
        assert found.pop("expires_at") == json.loads(_payload(client.token))["exp"]
        assert found == {
            "token": "",
            "client_id": pool.client_id,
            "scopes": ["a", "b"],
            "resource": None,
            "subject": "me",
            "claims": {"iss": ORIGINAL},
        }
        for secret in ("me", pool.client_id, ORIGINAL):
            assert secret not in shown.replace("_AccessToken", "")

    with_client(verifier, revision, work)


def _payload(token: str) -> bytes:
    from cognito_mr_auth._base.encoding import b64url_decode

    return b64url_decode(token.split(".")[1].encode())


POOLS: dict[str, tuple[FakeUserPool, str]] = {
    "AWS": (FakeUserPool(replica_regions=["us-east-1", "eu-west-1"]), ORIGINAL),
    "China": (
        FakeUserPool("cn-north-1_Fake00001", replica_regions=["cn-northwest-1"]),
        "https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_Fake00001",
    ),
    "another suffix": (
        FakeUserPool(dns_suffix="us-west-2.example"),
        "https://cognito-idp.us-west-2.us-west-2.example/us-west-2_Fake00001",
    ),
}


@pytest.mark.parametrize("row", POOLS)
def test_a_pool_has_one_issuer_for_sessions(row: str) -> None:
    """The original one, whichever signed, and whichever of them the configuration accepts."""
    fake, expected = POOLS[row]
    kinds: list[dict[str, Any]] = [{"issuer": "original"}, {"issuer": "updated"}]
    kinds += [{"issuer": "replica", "region": region} for region in fake.replica_regions]
    for kind in kinds:
        pool = fake.user_pool(issuer_kinds=[kind["issuer"]])
        principal = fake.offline_verifier(pool=pool).verify(fake.access_token(**kind))
        assert adapter._owner(principal) == expected == fake.issuer()


def test_a_provider_that_is_no_pool_has_its_own_issuer(pool: FakeUserPool) -> None:
    """It has one, so it is stable."""
    of_pool = pool.principal()
    other = Principal(of_pool.claims, issuer=of_pool.issuer, user_pool_id=None, provider="github")
    assert adapter._owner(other) == of_pool.issuer.url


def test_a_token_without_a_client_has_an_owner_all_the_same(pool: FakeUserPool, verifier: Verifier) -> None:
    """The SDK wants a string there, and subject and issuer tell owners apart."""
    principal = pool.principal(claims={"client_id": None})
    scope: dict[str, Any] = {}
    adapter._fill_scope(scope, CognitoAuthMiddleware(serve, verifier)._guard, principal)
    assert scope["user"].access_token.client_id == ""


OTHERS: dict[str, dict[str, Any]] = {
    "another user": {"subject": "you"},
    "another app client": {"subject": "me", "client_id": "2another3456789"},
}


@pytest.mark.parametrize("row", OTHERS)
def test_a_session_is_its_owners(pool: FakeUserPool, row: str) -> None:
    """For anybody else it does not exist."""
    both = pool.user_pool(client_ids=[pool.client_id, "2another3456789"])

    async def work(client: Client) -> None:
        client.token = pool.access_token(subject="me")
        await client.begin()
        client.token = pool.access_token(**OTHERS[row])
        answer = await client.post(call("asynchronous"))
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, "Session not found")
        client.token = pool.access_token(subject="me")

    with_client(pool.offline_verifier(pool=both), LEGACY, work)


# --- Who may call what

READ, WRITE = policy.scopes("orders/read"), policy.scopes("orders/write")
TOOLS = {"asynchronous": None, "synchronous": WRITE, "context": policy.any_group("ops")}
Calls = list[tuple[str, int, str]]

CALLS: dict[str, tuple[list[str], dict[str, Any], Calls]] = {
    # the token's scopes, the middleware's options, and for each tool: status, scope= of the challenge
    "each tool has its policy": (
        ["orders/read"],
        {"tools": TOOLS},
        [("asynchronous", 200, ""), ("synchronous", 403, "orders/write"), ("context", 403, "")],
    ),
    "with the scope": (["orders/write"], {"tools": TOOLS}, [("synchronous", 200, "")]),
    "what is not named is shut": (
        ["orders/write"],
        {"tools": TOOLS},
        [("thread", 403, ""), ("none", 403, "")],
    ),
    "unless the rest is": (
        ["orders/write"],
        {"tools": TOOLS | {"*": None}},
        [("thread", 200, ""), ("context", 403, "")],
    ),
    "the rest may have a policy": (
        ["orders/read"],
        {"tools": {"asynchronous": None, "*": WRITE}},
        [("asynchronous", 200, ""), ("thread", 403, "orders/write")],
    ),
    "a challenge names all that is needed": (
        ["orders/read", "other"],
        {"tools": TOOLS, "require": READ},
        [("synchronous", 403, "orders/read orders/write"), ("context", 403, "")],
    ),
    "and nothing that is not": (
        ["orders/read", "other"],
        {"tools": TOOLS, "require": policy.any_scope("orders/admin", "orders/read")},
        [("synchronous", 403, "orders/read orders/write")],
    ),
    "each scope once": (
        ["orders/read"],
        {"tools": {"thread": READ & WRITE}, "require": READ},
        [("thread", 403, "orders/read orders/write")],
    ),
}


@revisions
@pytest.mark.parametrize("row", CALLS)
def test_a_tool_is_called_by_those_who_may(
    pool: FakeUserPool, verifier: Verifier, revision: str, row: str
) -> None:
    """A 403 with all scopes that the call needs, before the SDK would answer 200 (RFC 6750 3.1)."""
    scopes, options, calls = CALLS[row]

    async def work(client: Client) -> None:
        client.token = pool.access_token(scopes=scopes)
        assert (await client.begin()).status_code == 200
        assert (await client.post(message("tools/list"))).status_code == 200
        for tool, status, scope in calls:
            answer = await client.post(call(tool))
            assert answer.status_code == status, (tool, answer.text)
            if status == 403:
                challenge = answer.headers["www-authenticate"]
                assert 'error="insufficient_scope"' in challenge
                assert ('scope="' in challenge) is bool(scope)
                assert not scope or f'scope="{scope}"' in challenge

    with_client(verifier, revision, work, **options)


def test_a_refused_call_is_recorded_once(pool: FakeUserPool, verifier: Verifier) -> None:
    """W6: as any other refusal, whether a policy refused it or no policy names the tool."""

    async def work(client: Client) -> None:
        client.token = pool.access_token()
        for tool in ("synchronous", "none"):
            with refusals() as records:
                await client.post(call(tool))
            assert [fields(each)[0] for each in records] == ["policy_denied"]

    with_client(verifier, LEGACY, work, tools=TOOLS)


@revisions
def test_guests_call_what_asks_for_nothing(pool: FakeUserPool, verifier: Verifier, revision: str) -> None:
    """A tool with a policy needs a principal, also where the guard lets requests pass without a token."""

    async def work(client: Client) -> None:
        nobody = {"authorization": ""}
        assert (await client.post(call("synchronous"), nobody)).status_code == 401
        if revision == MODERN:
            assert said(await client.post(call("asynchronous"), nobody)) == {}

    with_client(verifier, revision, work, optional=True, tools=TOOLS)


HEADERS: dict[str, dict[str, str]] = {
    "another tool": {"mcp-method": "tools/call", "mcp-name": "asynchronous"},
    "another method": {"mcp-method": "tools/list"},
    "an older revision": {"mcp-protocol-version": "2025-03-26"},
    "another revision": {
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "asynchronous",
    },
    "no revision that there is": {"mcp-protocol-version": "x"},
    "a method that overrides": {"x-http-method-override": "GET"},
}


@revisions
@pytest.mark.parametrize("row", HEADERS)
def test_no_header_says_what_is_called(
    pool: FakeUserPool, verifier: Verifier, revision: str, row: str
) -> None:
    """W3: the body alone does, whatever a client writes into the headers that repeat it."""

    async def work(client: Client) -> None:
        client.token = pool.access_token()
        await client.begin()
        answer = await client.post(call("synchronous"), HEADERS[row])
        assert (answer.status_code, answer.json()["reason"]) == (403, "policy_denied")

    with_client(verifier, revision, work, tools=TOOLS)


def _asked(app: Any, ask: Ask, body: bytes = b"{}") -> list[Any]:
    """A request with a body, put to an application."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(http_scope(ask), receive, send))
    return sent


class Inner:
    """An application that counts how often it runs."""

    runs = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.runs += 1


def _bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("Authorization", f"Bearer {token}"),)


REFUSE = json.dumps(call("synchronous")).encode()
METHODS = {"POST": 0, "post": 0, "PUT": 0, "BREW": 0, "GET": 1, "HEAD": 1, "DELETE": 1, "OPTIONS": 1}


@pytest.mark.parametrize("method", METHODS)
def test_any_method_with_a_body_may_call(pool: FakeUserPool, verifier: Verifier, method: str) -> None:
    """Whatever could reach a tool is judged; the four that never bring a body pass."""
    inner = Inner()
    app = CognitoAuthMiddleware(inner, verifier, tools=TOOLS)
    _asked(app, Ask(_bearer(pool.access_token()), method), REFUSE)
    assert inner.runs == METHODS[method]


def test_without_tools_no_body_is_read(pool: FakeUserPool, verifier: Verifier) -> None:
    """It may be as long as the server takes, and of any kind."""
    seen: list[Any] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        seen.append((await receive())["body"])

    _asked(CognitoAuthMiddleware(inner, verifier), Ask(_bearer(pool.access_token()), "POST"), b"\xff")
    assert seen == [b"\xff"]


def test_a_refused_client_sends_no_body(pool: FakeUserPool, verifier: Verifier) -> None:
    """The token comes first: for who has none, nothing is read or kept."""

    async def receive() -> Any:
        raise AssertionError("the body was asked for")

    async def main() -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        app = CognitoAuthMiddleware(Inner(), verifier, tools=TOOLS)
        await app(http_scope(Ask(method="POST")), receive, send)
        return sent

    assert asyncio.run(main())[0]["status"] == 401


def test_a_client_that_leaves_calls_nothing(pool: FakeUserPool, verifier: Verifier) -> None:
    """Half a body is not a call, and the client has gone."""
    inner = Inner()
    app = CognitoAuthMiddleware(inner, verifier, tools=TOOLS)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    asyncio.run(app(http_scope(Ask(_bearer(pool.access_token()), "POST")), receive, send))
    assert inner.runs == 0


def test_an_unreadable_body_is_refused(pool: FakeUserPool, verifier: Verifier) -> None:
    """400, and not the SDK's answer, which would come after its parser had decided."""
    app = CognitoAuthMiddleware(Inner(), verifier, tools=TOOLS)
    sent = _asked(app, Ask(_bearer(pool.access_token()), "POST"), b'{"method": 1, "method": 2}')
    assert sent[0]["status"] == 400
    assert b"request_malformed" in sent[1]["body"]


@pytest.mark.parametrize(
    ("options", "opens"), [({}, True), ({"tools": TOOLS}, False)], ids=["plain", "tools"]
)
def test_no_socket_goes_round_the_tools(
    pool: FakeUserPool, verifier: Verifier, options: dict[str, Any], *, opens: bool
) -> None:
    """What calls over a WebSocket would ask for is not seen, so with `tools` there is none."""
    inner = Inner()
    app = CognitoAuthMiddleware(inner, verifier, **options)
    sent = serve(app, websocket_scope(Ask(_bearer(pool.access_token()))), [CONNECT])
    assert (inner.runs == 1) is opens
    assert opens or sent[0]["status"] == 400


# --- Its life, and what cannot be right


def test_the_lifespan_reaches_the_server(verifier: Verifier) -> None:
    """The SDK's sessions live in it, with tools and without."""
    for tools in (None, TOOLS):
        inner = Inner()
        serve(CognitoAuthMiddleware(inner, verifier, tools=tools), {"type": "lifespan", "state": {}})
        assert inner.runs == 1


@revisions
def test_an_outage_is_no_refusal(revision: str) -> None:
    """503 with Retry-After, and the document is served all the same: a client keeps its token."""
    pool = FakeUserPool()

    async def work(client: Client) -> None:
        client.token = pool.access_token()
        answer = await client.begin()
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        headers = {"authorization": f"Bearer {client.token}"}
        document = await client._http.get("/.well-known/oauth-protected-resource/mcp", headers=headers)
        assert (document.status_code, document.json()["authorization_servers"]) == (200, [ORIGINAL])

    with_client(pool.offline_verifier(revoked=lambda _principal: None), revision, work, **RESOURCE)


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "a resource and no word on where to sign in": (
        {"resource": "https://api.example.com/mcp"},
        errors.ConfigurationError,
        "needs authorization_servers=",
    ),
    "no tools": ({"tools": {}}, errors.ConfigurationError, "tools="),
    "tools in a list": ({"tools": ["refund"]}, errors.ConfigurationError, "tools="),
    "a tool without a name": ({"tools": {"": None}}, errors.ConfigurationError, "no tool's name"),
    "a tool that is a function": (
        {"tools": {an_mcp_server: None}},
        errors.ConfigurationError,
        "no tool's name",
    ),
    "a scope as a policy": ({"tools": {"refund": "orders/write"}}, TypeError, "takes a policy"),
    "an option of sockets": ({"subprotocol": "bearer"}, TypeError, "no option subprotocol="),
}


@pytest.mark.parametrize("row", WRONG)
def test_what_cannot_be_right_fails_at_once(verifier: Verifier, row: str) -> None:
    """When the application is made, and not at the first call."""
    options, kind, words = WRONG[row]
    with pytest.raises(kind, match=words):
        CognitoAuthMiddleware(Inner(), verifier, **options)


def test_a_guard_says_where_to_sign_in(verifier: Verifier) -> None:
    """The same holds for the resource of a Guard."""
    with pytest.raises(errors.ConfigurationError, match="needs authorization_servers="):
        CognitoAuthMiddleware(Inner(), Guard(verifier, resource=RESOURCE["resource"]))
    CognitoAuthMiddleware(Inner(), Guard(verifier, **RESOURCE))


CLIENTS: dict[str, tuple[dict[str, Any], str, bool]] = {
    "any, for one audience": (
        {"client_ids": ANY_CLIENT, "audience": "https://api.example.com/mcp"},
        "access",
        True,
    ),
    "any, for any audience": ({"client_ids": ANY_CLIENT}, "access", False),
    "some, for any audience": ({"client_ids": ["1example23456789"]}, "access", True),
    "any, with ID tokens": (
        {"client_ids": ANY_CLIENT, "audience": "https://api.example.com/mcp"},
        "any",
        False,
    ),
    "some, with ID tokens": ({"client_ids": ["1example23456789"]}, "any", True),
}


@pytest.mark.parametrize("bound", ["at once", "later"])
@pytest.mark.parametrize("row", CLIENTS)
def test_a_token_is_for_this_server(pool: FakeUserPool, row: str, bound: str) -> None:
    """MCP, "Token Audience Binding": one that was issued for something else must not pass.

    A verifier that comes later is looked at before the first request.
    """
    settings, use, fits = CLIENTS[row]
    verifier = Verifier(
        UserPool(pool.user_pool_id, jwks=pool.jwks(), offline=True, **settings), token_use=use
    )
    guard = Guard()
    given = verifier if bound == "at once" else guard

    def ask() -> list[Any]:
        app = CognitoAuthMiddleware(Inner(), given)
        if bound == "later":
            guard.bind(verifier)
        return [_asked(app, Ask())[0]["status"] for _ in range(2)]

    if fits:
        assert ask() == [401, 401]
    else:
        with pytest.raises(errors.ConfigurationError, match="needs audience="):
            ask()


def test_without_a_verifier_nothing_is_served() -> None:
    """A Guard that is never bound is an error with each request."""
    app = CognitoAuthMiddleware(Inner(), Guard())
    for _ in range(2):
        with pytest.raises(errors.ConfigurationError, match="no verifier yet"):
            _asked(app, Ask())
