"""asgi.CognitoAuthMiddleware: what passes, what the application sees, what a WebSocket client receives."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from support.drivers import Ask
from support.drivers.client import CONNECT, LEFT, http_scope, serve, websocket_scope
from support.records import fields, refusals

from cognito_mr_auth import Verifier, errors, policy
from cognito_mr_auth.asgi import (
    PRINCIPAL,
    CognitoAuthMiddleware,
    adopt,
    auth_request,
    principal_of,
    require,
    response,
)
from cognito_mr_auth.guard import Guard
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
def test_an_outer_middleware_sees_what_was_found(
    pool: FakeUserPool, verifier: Verifier, scope_of: Any
) -> None:
    """The scope is the server's own: what a router notes there (the route, for metrics) is seen outside."""
    seen: list[Any] = []

    async def router(scope: Any, receive: Any, send: Any) -> None:
        scope["route"] = "/orders/{id}"
        await Inner()(scope, receive, send)

    token = pool.access_token(subject="me")
    headers = (("Sec-WebSocket-Protocol", f"bearer, {token}"),)
    headers = headers if scope_of is websocket_scope else bearer(token)
    scope = scope_of(Ask(headers))
    guarded = CognitoAuthMiddleware(router, verifier, subprotocol="bearer")

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        await guarded(scope, receive, send)
        principal = principal_of(scope)
        seen.extend([scope["route"], principal and principal.subject])

    serve(outer, scope, [CONNECT, LEFT])
    assert seen == ["/orders/{id}", "me"]
    assert (token in repr(scope)) is (scope_of is http_scope)


def test_without_a_middleware_there_is_an_error_and_no_guest() -> None:
    """An application that forgot to mount the guard must not take everybody for anonymous."""
    with pytest.raises(LookupError, match="mount CognitoAuthMiddleware"):
        principal_of(http_scope(Ask()))


def test_a_principal_that_stands_there_already_counts_for_nothing(verifier: Verifier) -> None:
    """Another principal in the scope is overwritten; without a token it opens nothing."""
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
    "raw path encoded": ("", "/health", b"/he%61lth", False),  # another route of routers that decode nothing
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
        assert json.loads(sent[1]["body"])["reason"] == "token_malformed"
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
    sent = serve(
        CognitoAuthMiddleware(app, verifier, preflight="pass"), http_scope(Ask(preflight, "OPTIONS"))
    )
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
    sent = serve(
        CognitoAuthMiddleware(app, verifier, preflight="pass"), http_scope(Ask(preflight, "OPTIONS"))
    )
    assert [each["type"] for each in sent[1:]] == ["http.response.body"] * len(left)
    assert [(each["body"], each["more_body"]) for each in sent[1:]] == left


def test_a_preflight_has_no_body_to_read(verifier: Verifier) -> None:
    """What a client sends as one all the same is left out; that it left is not."""
    read: list[Any] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        read.extend([await receive(), await receive()])
        await send({"type": "http.response.start", "status": 204, "headers": []})

    incoming = [{"type": "http.request", "body": b"delete", "more_body": True}] * 2
    incoming.append({"type": "http.disconnect"})

    async def receive() -> Any:
        return incoming.pop(0)

    async def send(message: Any) -> None: ...

    preflight = (("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT"))
    guarded = CognitoAuthMiddleware(app, verifier, preflight="pass")
    asyncio.run(guarded(http_scope(Ask(preflight, "OPTIONS")), receive, send))
    assert read == [
        {"type": "http.request", "body": b"", "more_body": False},
        {"type": "http.disconnect"},
    ]


def test_a_preflight_is_refused_everywhere_unless_the_application_opens_it(verifier: Verifier) -> None:
    """F12: one answer for every URL, so that none tells whether it is there. An excluded path is open."""
    inner = Inner()
    preflight = (("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT"))
    app = CognitoAuthMiddleware(inner, verifier, exclude=["/health"])
    answers = [
        serve(app, http_scope(Ask(preflight, "OPTIONS", path))) for path in ("/", "/orders", "/nothing")
    ]
    assert answers[0][0]["status"] == 401
    assert answers == [answers[0]] * 3
    assert inner.scopes == []
    serve(app, http_scope(Ask(preflight, "OPTIONS", "/health")))
    assert len(inner.scopes) == 1


# --- An AuthError that the application raises

ACCEPT = {"type": "websocket.accept"}
REFUSED = {"type": "websocket.close", "code": 1008, "reason": ""}


def raising(*sent: Any, received: int = 0) -> Any:
    """An application that receives, sends and then refuses."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        for _ in range(received):
            await receive()
        for message in sent:
            await send(message)
        raise errors.PolicyDenied("another tenant")

    return app


def test_an_error_before_the_response_is_the_guards(pool: FakeUserPool, verifier: Verifier) -> None:
    """Status, challenge and body, whether or not the body was read, and for somebody without a token too."""
    for received in (0, 1):
        app = CognitoAuthMiddleware(raising(received=received), verifier, realm="orders", optional=True)
        for headers in ((), bearer(pool.access_token())):
            start, body = serve(app, http_scope(Ask(headers)))
            assert start["status"] == 403
            assert dict(start["headers"])[b"www-authenticate"].startswith(b'Bearer realm="orders"')
            assert json.loads(body["body"])["reason"] == "policy_denied"


def test_an_error_after_a_debug_message_is_answered(pool: FakeUserPool, verifier: Verifier) -> None:
    """Extensions send messages before a response; only its start begins it."""
    debug = {"type": "http.response.debug", "info": {}}
    sent = serve(
        CognitoAuthMiddleware(raising(debug), verifier), http_scope(Ask(bearer(pool.access_token())))
    )
    assert [message.get("status") for message in sent] == [None, 403, None]


@pytest.mark.parametrize("scope_of", [http_scope, websocket_scope])
def test_an_error_in_a_response_breaks_it_off(pool: FakeUserPool, verifier: Verifier, scope_of: Any) -> None:
    """A response that is half sent cannot be replaced, so the error reaches the server."""
    prefix = "http" if scope_of is http_scope else "websocket.http"
    begin = {"type": f"{prefix}.response.start", "status": 200, "headers": []}
    app = CognitoAuthMiddleware(raising(begin), verifier)
    twice = CognitoAuthMiddleware(app, verifier)
    with refusals() as records, pytest.raises(errors.PolicyDenied):
        serve(twice, scope_of(Ask(bearer(pool.access_token()))), [CONNECT])
    assert [fields(each)[0] for each in records] == ["policy_denied"] * (scope_of is http_scope)


SOCKETS: dict[str, tuple[Any, list[Any], list[Any]]] = {
    # application, what comes in, what goes out where the server cannot deny
    "before anything": (raising(), [CONNECT], [REFUSED]),
    "after connect": (raising(received=1), [CONNECT], [REFUSED]),
    "after accept": (raising(ACCEPT, received=1), [CONNECT], [ACCEPT, REFUSED]),
    "after a message": (
        raising(ACCEPT, {"type": "websocket.send", "text": "a"}, received=1),
        [CONNECT],
        [ACCEPT, {"type": "websocket.send", "text": "a"}, REFUSED],
    ),
    "after its own refusal": (
        raising({"type": "websocket.close", "code": 4403}, received=1),
        [CONNECT],
        [{"type": "websocket.close", "code": 4403}],
    ),
    "after its own close": (
        raising(ACCEPT, {"type": "websocket.close", "code": 1000}, received=1),
        [CONNECT],
        [ACCEPT, {"type": "websocket.close", "code": 1000}],
    ),
    "after the client left": (raising(ACCEPT, received=2), [LEFT, LEFT], [ACCEPT]),
    "after the client left early": (raising(received=2), [CONNECT, LEFT], []),
}


@pytest.mark.parametrize("close_at_expiry", [False, True], ids=["", "expires"])
@pytest.mark.parametrize("row", SOCKETS)
def test_an_error_on_a_socket_refuses_or_closes_it(
    pool: FakeUserPool, verifier: Verifier, row: str, *, close_at_expiry: bool
) -> None:
    """Close 1008, unless the client has gone; nothing waits for a client after its connect."""
    app, incoming, expected = SOCKETS[row]
    guarded = CognitoAuthMiddleware(app, verifier, close_at_expiry=close_at_expiry)
    scope = websocket_scope(Ask(bearer(pool.access_token())), denial=False)
    assert serve(guarded, scope, incoming) == expected


@pytest.mark.parametrize("received", [0, 1])
def test_a_socket_that_is_not_open_gets_the_status(
    pool: FakeUserPool, verifier: Verifier, received: int
) -> None:
    """Where the server can say it, whether the application has received the connect or not."""
    scope = websocket_scope(Ask(bearer(pool.access_token())))
    start, body = serve(CognitoAuthMiddleware(raising(received=received), verifier), scope, [CONNECT])
    assert (start["type"], start["status"]) == ("websocket.http.response.start", 403)
    assert json.loads(body["body"])["detail"] == "another tenant"


# --- A guard before a guard


def test_two_guards_hide_a_token_once(pool: FakeUserPool, verifier: Verifier) -> None:
    """The inner one takes no other subprotocol for a token, and one marker goes out."""
    guard = Guard(verifier, subprotocol="bearer")
    inner = Inner()
    app = CognitoAuthMiddleware(CognitoAuthMiddleware(inner, guard), guard)
    offered = f"bearer, {pool.access_token(subject='me')}, chat"
    sent = serve(app, websocket_scope(Ask((("Sec-WebSocket-Protocol", offered),))), [CONNECT, LEFT])
    assert sent == [{"type": "websocket.accept", "subprotocol": "bearer"}]
    assert inner.scopes[0]["subprotocols"] == ["bearer", "chat"]
    principal = principal_of(inner.scopes[0])
    assert principal is not None
    assert principal.subject == "me"


# --- A principal from a socket's first message


class FirstMessage:
    """An application whose clients send their token as the first message, and that says what came after."""

    def __init__(self, verifier: Verifier) -> None:
        self.verifier = verifier
        self.ended: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        assert principal_of(scope) is None
        while (message := await receive())["type"] == "websocket.receive":
            adopt(scope, await self.verifier.averify(message["text"]))
            principal = await require(scope)
            await send({"type": "websocket.send", "text": principal.subject})
        self.ended.append(message["type"])


def test_a_first_message_can_bring_the_principal() -> None:
    """`adopt` makes it the connection's, and with `close_at_expiry` the socket ends with that token."""
    clock = FakeClock()
    pool = FakeUserPool(clock=clock)
    verifier = pool.offline_verifier()
    tokens = [
        pool.access_token(subject="me", expires_in=60),
        pool.access_token(subject="me", expires_in=3600),
    ]
    clock.advance(59.98)
    first, second = ({"type": "websocket.receive", "text": token} for token in tokens)
    for incoming, left in (
        ([first], False),
        ([second], True),
        ([first, second], True),
        ([second, first], False),
    ):
        inner = FirstMessage(verifier)
        app = CognitoAuthMiddleware(inner, verifier, optional=True, close_at_expiry=True)
        sent = serve(app, websocket_scope(Ask()), [CONNECT, *incoming, *([LEFT] if left else [])])
        said = [message.get("text") for message in sent if message["type"] == "websocket.send"]
        assert said == ["me"] * len(incoming)
        assert inner.ended == ["websocket.disconnect"]
        closed = [message["code"] for message in sent if message["type"] == "websocket.close"]
        assert closed == ([] if left else [1008])


def test_a_bad_first_message_closes_the_socket(pool: FakeUserPool, verifier: Verifier) -> None:
    """A token that is refused there is answered as an error of the application is."""
    app = CognitoAuthMiddleware(FirstMessage(verifier), verifier, optional=True)
    said = {"type": "websocket.receive", "text": pool.access_token(signed_by="foreign")}
    assert serve(app, websocket_scope(Ask()), [CONNECT, said]) == [ACCEPT, REFUSED]


def test_only_a_principal_is_adopted(pool: FakeUserPool, verifier: Verifier) -> None:
    """Not what stands for one, and not where no guard is; without `close_at_expiry` nothing is timed."""
    principal = verifier.verify(pool.access_token())
    inner = Inner()
    serve(CognitoAuthMiddleware(inner, verifier, optional=True), http_scope(Ask()))
    [scope] = inner.scopes
    for wrong in (None, "me", {"sub": "me"}, True, pool.access_token()):
        with pytest.raises(TypeError, match="give the Principal"):
            adopt(scope, wrong)
    assert principal_of(scope) is None
    adopt(scope, principal)
    assert principal_of(scope) is principal
    with pytest.raises(LookupError, match="mount CognitoAuthMiddleware"):
        adopt(http_scope(Ask()), principal)


ADMINS = policy.groups("admin")
ADOPTED: dict[str, tuple[dict[str, Any], str | None, Any, type[errors.AuthError] | None]] = {
    # the guard's settings, the present principal, the adopted one, the error
    "a guest's": ({"optional": True}, None, {"subject": "me"}, None),
    "the same with a newer token": ({}, "me", {"subject": "me"}, None),
    "another's": ({}, "me", {"subject": "you"}, errors.PolicyDenied),
    "of another pool": ({"optional": True}, None, "elsewhere", errors.IssuerUnknown),
    "against the guard's policy": (
        {"optional": True, "require": ADMINS},
        None,
        {"subject": "me"},
        errors.PolicyDenied,
    ),
    "by the guard's policy": (
        {"optional": True, "require": ADMINS},
        None,
        {"subject": "me", "groups": ["admin"]},
        None,
    ),
}


@pytest.mark.parametrize("row", ADOPTED)
def test_a_principal_is_adopted_where_the_guard_would_have_found_it(
    pool: FakeUserPool, verifier: Verifier, row: str
) -> None:
    """Of one of its pools, by its policy, and no other's than the connection's own."""
    options, before, adopted, error = ADOPTED[row]
    inner = Inner()
    headers = () if before is None else bearer(pool.access_token(subject=before))
    serve(CognitoAuthMiddleware(inner, verifier, **options), http_scope(Ask(headers)))
    [scope] = inner.scopes
    if adopted == "elsewhere":
        other = FakeUserPool("eu-west-1_Other0001")
        principal = other.offline_verifier().verify(other.access_token())
    else:
        principal = verifier.verify(pool.access_token(**adopted))
    if error is None:
        adopt(scope, principal)
        assert principal_of(scope) is principal
        return
    found = principal_of(scope)
    with pytest.raises(error):
        adopt(scope, principal)
    assert principal_of(scope) is found


# --- A verifier that comes later

LIFESPAN = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
STARTUP, SHUTDOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}


def starting(bind: Any = lambda: None) -> Any:
    """An application whose start-up does that."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        bind()
        try:
            await send({"type": "lifespan.startup.complete"})
        except errors.ConfigurationError:
            await send({"type": "lifespan.startup.failed", "message": "a traceback"})  # as frameworks do
            raise
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    return app


def test_without_a_verifier_nothing_starts(verifier: Verifier) -> None:
    """The server gets the error once; the application's own resources are released."""
    sent: list[Any] = []

    async def receive() -> Any:
        return STARTUP

    async def send(message: Any) -> None:
        sent.append(message)

    app = CognitoAuthMiddleware(starting(), Guard())
    with pytest.raises(errors.ConfigurationError, match="call bind"):
        asyncio.run(app(dict(LIFESPAN), receive, send))
    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]
    assert "call bind" in sent[0]["message"]


def test_a_verifier_may_come_while_the_application_starts(verifier: Verifier) -> None:
    """Settings that are read at start-up are early enough."""
    guard = Guard()
    app = CognitoAuthMiddleware(starting(lambda: guard.bind(verifier)), guard)
    sent = serve(app, dict(LIFESPAN), [STARTUP, SHUTDOWN])
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]


def test_a_request_before_the_verifier_is_a_fault_of_the_server(
    pool: FakeUserPool, verifier: Verifier
) -> None:
    """No 401, which would make the client sign in again; and no request passes."""
    inner, guard = Inner(), Guard(exclude=["/health"])
    app = CognitoAuthMiddleware(inner, guard)
    for path in ("/", "/health"):
        with pytest.raises(errors.ConfigurationError, match="call bind"):
            serve(app, http_scope(Ask(bearer(pool.access_token()), path=path)))
    assert inner.scopes == []
    guard.bind(verifier)
    serve(app, http_scope(Ask(bearer(pool.access_token()))))
    assert len(inner.scopes) == 1


# --- trio


@pytest.mark.needs("trio")
def test_it_runs_under_trio(pool: FakeUserPool) -> None:
    """Requests, refusals, errors of the application and sockets, and keys that nobody has fetched yet."""
    import trio

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send(ACCEPT)
            await receive()
            return
        await require(scope, READ)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def ask(app: Any, scope: Any, *incoming: Any) -> Any:
        sent: list[Any] = []
        waiting = list(incoming)

        async def receive() -> Any:
            if not waiting:
                await trio.sleep_forever()
            return waiting.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        with trio.fail_after(10):
            await app(scope, receive, send)
        return sent

    clock = FakeClock()
    timed = FakeUserPool(clock=clock)
    with timed.offline_verifier() as verifier:
        guarded = CognitoAuthMiddleware(app, verifier, close_at_expiry=True)
        for scopes, status in ((None, 401), ([], 403), (["orders/read"], 200)):
            headers = () if scopes is None else bearer(timed.access_token(scopes=scopes))
            assert trio.run(ask, guarded, http_scope(Ask(headers)))[0]["status"] == status
        token = timed.access_token(expires_in=60)
        clock.advance(59.98)
        sent = trio.run(ask, guarded, websocket_scope(Ask(bearer(token))), CONNECT)
        assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]


# --- nginx's auth_request

ORIGINAL = (("X-Original-Method", "GET"), ("X-Original-URI", "/orders"))


def test_an_endpoint_for_nginx_runs_on_its_own(pool: FakeUserPool, verifier: Verifier) -> None:
    """204 or a refusal over HTTP, a lifespan of its own, and no WebSocket; see test_auth_request.py."""
    app = auth_request(verifier)
    start, body = serve(app, http_scope(Ask((*ORIGINAL, *bearer(pool.access_token())))))
    assert (start["status"], start["headers"], body["body"]) == (204, [(b"cache-control", b"no-store")], b"")
    assert serve(app, http_scope(Ask(ORIGINAL)))[0]["status"] == 401
    sent = serve(app, dict(LIFESPAN), [STARTUP, SHUTDOWN])
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    with pytest.raises(ValueError, match="answers HTTP requests"):
        serve(app, websocket_scope(Ask(bearer(pool.access_token()))), [CONNECT])
    with pytest.raises(errors.ConfigurationError, match="call bind"):
        serve(auth_request(Guard()), dict(LIFESPAN), [STARTUP])
    with pytest.raises(TypeError, match="auth_request has no option subprotocol="):
        auth_request(verifier, subprotocol="bearer")
