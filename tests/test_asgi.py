"""asgi.CognitoAuthMiddleware: what passes, what the application sees, what a WebSocket client receives."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from support.drivers import Ask
from support.drivers.client import CONNECT, LEFT, http_scope, serve, websocket_scope

from cognito_mr_auth import Verifier, errors, policy
from cognito_mr_auth.asgi import PRINCIPAL, CognitoAuthMiddleware, principal_of, require, response
from cognito_mr_auth.testing import FakeClock, FakeUserPool


class Inner:
    """An application that remembers its scopes; on a WebSocket it accepts and waits for the end."""

    def __init__(self, **accept: Any) -> None:
        self.scopes: list[Any] = []
        self.received: list[Any] = []
        self._accept = accept

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        if scope["type"] == "websocket":
            self.received.append(await receive())
            await send({"type": "websocket.accept", **self._accept})
            self.received.append(await receive())


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """The header of a token."""
    return (("Authorization", f"Bearer {token}"),)


# --- What passes


def test_lifespan_passes_as_it_is(verifier: Verifier) -> None:
    """Startup and shutdown have no client, and the scope is the server's own."""
    inner = Inner()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    assert serve(CognitoAuthMiddleware(inner, verifier), scope) == []
    assert inner.scopes[0] is scope


@pytest.mark.parametrize("kind", ["", "http2", "HTTP", "lifespan2", "webtransport", None, b"http"], ids=repr)
def test_an_unknown_connection_is_refused(verifier: Verifier, kind: Any) -> None:
    """A connection that the guard cannot check is refused."""
    inner = Inner()
    app = CognitoAuthMiddleware(inner, verifier, optional=True, exclude=["/"])
    with pytest.raises(ValueError, match="only HTTP, WebSocket and lifespan"):
        serve(app, http_scope(Ask()) | {"type": kind})
    assert inner.scopes == []


@pytest.mark.parametrize("scope_of", [http_scope, websocket_scope])
def test_the_servers_scope_is_left_alone(pool: FakeUserPool, verifier: Verifier, scope_of: Any) -> None:
    """The principal stands in a copy: servers and outer middleware see what they made."""
    inner = Inner()
    headers = (("Sec-WebSocket-Protocol", f"bearer, {pool.access_token(subject='me')}"),)
    headers = headers if scope_of is websocket_scope else bearer(pool.access_token(subject="me"))
    scope = scope_of(Ask(headers))
    before = copy.deepcopy(scope)
    serve(CognitoAuthMiddleware(inner, verifier, subprotocol="bearer"), scope, [CONNECT, LEFT])
    assert scope == before
    principal = principal_of(inner.scopes[0])
    assert principal is not None
    assert principal.subject == "me"


def test_without_a_middleware_there_is_an_error_and_not_nobody() -> None:
    """An application that forgot to mount the guard must not take everybody for anonymous."""
    with pytest.raises(LookupError, match="mount CognitoAuthMiddleware"):
        principal_of(http_scope(Ask()))


def test_a_principal_that_stands_there_already_counts_for_nothing(verifier: Verifier) -> None:
    """Somebody else's principal is overwritten; without a token it does not open anything."""
    inner = Inner()
    scope = http_scope(Ask(path="/health")) | {PRINCIPAL: "somebody"}
    assert serve(CognitoAuthMiddleware(inner, verifier), scope)[0]["status"] == 401
    serve(CognitoAuthMiddleware(inner, verifier, exclude=["/health"]), scope)
    assert principal_of(inner.scopes[0]) is None


READ = policy.scopes("orders/read")


@pytest.mark.parametrize(
    ("scopes", "status"), [(None, 401), ([], 403), (["orders/read"], 200)], ids=["nobody", "without", "with"]
)
def test_a_route_may_ask_for_more(
    pool: FakeUserPool, verifier: Verifier, scopes: list[str] | None, status: int
) -> None:
    """`require` checks a route's policy, `response` gives the answer that the middleware would have given."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            seen.append(await require(scope, READ))
        except errors.AuthError as error:
            seen.append(response(scope, error))

    headers = () if scopes is None else bearer(pool.access_token(scopes=scopes))
    serve(CognitoAuthMiddleware(app, verifier, optional=True, realm="orders"), http_scope(Ask(headers)))
    if status == 200:
        assert seen == [verifier.verify(headers[0][1].removeprefix("Bearer "))]
    else:
        assert seen[0].status == status
        assert seen[0].header("www-authenticate").startswith('Bearer realm="orders"')


PATHS: dict[str, tuple[str, str, bytes | None, bool]] = {
    # root_path, path, raw_path, whether "/health" is meant
    "no root": ("", "/health", b"/health", True),
    "root within the path": ("/api", "/api/health", b"/api/health", True),
    "root not in the path": ("/api", "/health", b"/health", True),
    "root begins alike": ("/heal", "/health", b"/health", True),
    "below another root": ("/api", "/apis/health", b"/apis/health", False),
    "root alone": ("/health", "/health", b"/health", False),
    "no raw path": ("", "/health", None, True),
    "raw path encoded": ("", "/health", b"/he%61lth", True),
    "raw slash encoded": ("/api", "/api/health", b"/api%2fhealth", False),
    "raw path with a query": ("", "/health", b"/health?next=//x", True),
}


@pytest.mark.parametrize("row", PATHS)
def test_an_exclusion_begins_at_the_applications_root(verifier: Verifier, row: str) -> None:
    """`root_path` is where a server or a mount put the application; exclusions do not name it."""
    root, path, raw, excluded = PATHS[row]
    scope = http_scope(Ask(path=path)) | {"root_path": root, "raw_path": raw}
    inner = Inner()
    serve(CognitoAuthMiddleware(inner, verifier, exclude=["/health"]), scope)
    assert bool(inner.scopes) is excluded


def test_the_document_begins_at_the_applications_root(verifier: Verifier) -> None:
    """RFC 9728 3: below a mount too, without a token, and not over a WebSocket."""
    inner = Inner()
    app = CognitoAuthMiddleware(inner, verifier, resource="https://api.example.com/orders")
    path = "/api/.well-known/oauth-protected-resource/orders"
    start, body = serve(app, http_scope(Ask(path=path)) | {"root_path": "/api"})
    assert (start["status"], body["body"][:12]) == (200, b'{"resource":')
    refused = serve(app, websocket_scope(Ask(path=path)) | {"root_path": "/api"}, [CONNECT])
    assert refused[0]["status"] == 401
    assert inner.scopes == []


# --- A refused WebSocket


@pytest.mark.parametrize(
    "extensions",
    [{"websocket.http.response": {}}, {}, None, {"tls": {}}],
    ids=["denial", "none", "null", "other"],
)
def test_a_socket_is_refused_before_it_opens(verifier: Verifier, extensions: Any) -> None:
    """The status where the server can say it, else close 1008, after websocket.connect was read."""
    inner = Inner()
    scope = websocket_scope(Ask(bearer("garbage"))) | {"extensions": extensions}
    left = [CONNECT]

    async def receive() -> Any:
        return left.pop()

    async def send(message: Any) -> None:
        assert not left
        sent.append(message)

    sent: list[Any] = []
    asyncio.run(CognitoAuthMiddleware(inner, verifier)(scope, receive, send))
    assert inner.scopes == []
    if extensions and "websocket.http.response" in extensions:
        assert [message["type"] for message in sent] == [
            "websocket.http.response.start",
            "websocket.http.response.body",
        ]
        assert sent[0]["status"] == 401
        assert sent[1]["body"] == b'{"detail":"the token is malformed"}'
    else:
        assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


# --- The token in Sec-WebSocket-Protocol

OFFERED: dict[str, tuple[str, list[str]]] = {
    # what is offered (TOKEN for a good token), what the application sees
    "pair": ("bearer, TOKEN", ["bearer"]),
    "pair and others": ("chat, bearer, TOKEN, superchat", ["chat", "bearer", "superchat"]),
    "no spaces": ("chat,bearer,TOKEN", ["chat", "bearer"]),
}


@pytest.mark.parametrize("listed", [True, False], ids=["in the scope", "in the header alone"])
@pytest.mark.parametrize("row", OFFERED)
def test_the_token_is_out_of_the_applications_sight(
    pool: FakeUserPool, verifier: Verifier, row: str, *, listed: bool
) -> None:
    """It is gone from the offered subprotocols and from the header; the other headers stay."""
    offered, visible = OFFERED[row]
    token = pool.access_token()
    inner = Inner()
    sent_headers = (("Sec-WebSocket-Protocol", offered.replace("TOKEN", token)), ("X-Other", "1"))
    scope = websocket_scope(Ask(sent_headers))
    if not listed:
        del scope["subprotocols"]
    sent = serve(CognitoAuthMiddleware(inner, verifier, subprotocol="bearer"), scope, [CONNECT, LEFT])
    assert sent == [{"type": "websocket.accept", "subprotocol": "bearer"}]
    [seen] = inner.scopes
    assert seen["subprotocols"] == visible
    assert sorted(seen["headers"]) == [
        (b"sec-websocket-protocol", ", ".join(visible).encode()),
        (b"x-other", b"1"),
    ]
    assert token not in repr(seen)


@pytest.mark.parametrize(
    ("chosen", "answered"),
    [("chat", "chat"), ("bearer", "bearer"), (None, "bearer"), ("", "bearer")],
    ids=repr,
)
def test_the_applications_choice_wins(
    pool: FakeUserPool, verifier: Verifier, chosen: str | None, answered: str
) -> None:
    """The marker is answered where the application picks none (RFC 6455 4.1)."""
    scope = websocket_scope(Ask((("Sec-WebSocket-Protocol", f"chat, bearer, {pool.access_token()}"),)))
    app = CognitoAuthMiddleware(Inner(subprotocol=chosen), verifier, subprotocol="bearer")
    assert serve(app, scope, [CONNECT, LEFT])[0]["subprotocol"] == answered


def test_a_header_token_leaves_the_subprotocols_alone(pool: FakeUserPool, verifier: Verifier) -> None:
    """Without the pair nothing is taken out and no marker is answered."""
    inner = Inner()
    headers = (*bearer(pool.access_token()), ("Sec-WebSocket-Protocol", "chat, superchat"))
    app = CognitoAuthMiddleware(inner, verifier, subprotocol="bearer")
    assert serve(app, websocket_scope(Ask(headers)), [CONNECT, LEFT]) == [{"type": "websocket.accept"}]
    assert inner.scopes[0]["subprotocols"] == ["chat", "superchat"]


@pytest.mark.parametrize(
    ("offered", "visible"),
    [
        ("bearer, TOKEN", ["bearer"]),
        ("bearer, TOKEN, bearer, TOKEN", ["bearer"]),
        ("chat, bearer", ["chat", "bearer"]),
        ("bearer, no(token), TOKEN", ["bearer"]),
    ],
)
def test_a_token_on_an_excluded_path_is_out_of_sight_too(
    pool: FakeUserPool, verifier: Verifier, offered: str, visible: list[str]
) -> None:
    """Where no token is looked at, one may be malformed: the application sees none of it either."""
    inner = Inner()
    token = pool.access_token()
    scope = websocket_scope(
        Ask((("Sec-WebSocket-Protocol", offered.replace("TOKEN", token)),), path="/health")
    )
    app = CognitoAuthMiddleware(inner, verifier, subprotocol="bearer", exclude=["/health"])
    assert serve(app, scope, [CONNECT, LEFT])[0]["subprotocol"] == "bearer"
    assert principal_of(inner.scopes[0]) is None
    assert inner.scopes[0]["subprotocols"] == visible
    assert token not in repr(inner.scopes[0])


# --- The token's end


def test_an_open_socket_closes_with_its_token() -> None:
    """`close_at_expiry`: the seconds are the verifier's, and the client gets 1008."""
    clock = FakeClock()
    pool = FakeUserPool(clock=clock)
    token = pool.access_token(expires_in=60)
    clock.advance(59.98)
    inner = Inner()
    app = CognitoAuthMiddleware(inner, pool.offline_verifier(), close_at_expiry=True)
    sent = serve(app, websocket_scope(Ask(bearer(token))), [CONNECT])
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    assert sent[1]["code"] == 1008
    assert inner.received[1]["type"] == "websocket.disconnect"


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"close_at_expiry": True, "exclude": ["/health"]},
        {"close_at_expiry": True, "optional": True},
    ],
    ids=["not chosen", "excluded", "optional"],
)
def test_a_socket_without_an_end_is_the_applications(
    pool: FakeUserPool, verifier: Verifier, options: Any
) -> None:
    """Not chosen, or no token at all: nothing stands between the server and the application."""
    inner = Inner()
    headers = () if options else bearer(pool.access_token())
    app = CognitoAuthMiddleware(inner, verifier, **options)
    assert serve(app, websocket_scope(Ask(headers, path="/health")), [CONNECT, LEFT]) == [
        {"type": "websocket.accept"}
    ]
    assert inner.received == [CONNECT, LEFT]


def test_a_preflights_answer_has_no_body(verifier: Verifier) -> None:
    """An application that ignores the method shows nothing to a preflight; its headers go out."""
    cors = [(b"Access-Control-Allow-Origin", b"*"), (b"Content-Length", b"13")]

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": cors, "trailers": True})
        await send({"type": "http.response.body", "body": b"all ", "more_body": True})
        await send({"type": "http.response.body", "body": b"customers"})
        await send({"type": "http.response.trailers", "headers": []})

    preflight = (("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT"))
    sent = serve(CognitoAuthMiddleware(app, verifier), http_scope(Ask(preflight, "OPTIONS")))
    assert sent[0]["headers"] == cors[:1]
    assert [message.get("body") for message in sent[1:]] == [b"", b"", None]
    assert [message.get("more_body") for message in sent[1:]] == [True, None, None]


@pytest.mark.parametrize(
    ("message", "left"),
    [
        pytest.param({"type": "http.response.pathsend", "path": "/etc/passwd"}, [(b"", False)], id="path"),
        pytest.param(
            {"type": "http.response.zerocopysend", "file": 3, "count": 9, "more_body": True},
            [(b"", True)],
            id="descriptor",
        ),
        pytest.param({"type": "http.response.debug", "info": {"template": "customers"}}, [], id="debug"),
        pytest.param({"type": "http.response.push", "path": "/customers", "headers": []}, [], id="push"),
    ],
)
def test_a_preflights_answer_has_no_body_in_another_form(
    verifier: Verifier, message: dict[str, Any], left: list[tuple[bytes, bool]]
) -> None:
    """Extensions of ASGI have other messages for a body; none of them shows anything to a preflight."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send(message)

    preflight = (("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT"))
    sent = serve(CognitoAuthMiddleware(app, verifier), http_scope(Ask(preflight, "OPTIONS")))
    assert [each["type"] for each in sent[1:]] == ["http.response.body"] * len(left)
    assert [(each["body"], each["more_body"]) for each in sent[1:]] == left
