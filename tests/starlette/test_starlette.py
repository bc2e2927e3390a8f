"""starlette: the middleware, Starlette's own authentication on top of it, and the backend."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.authentication import AuthenticationError, UnauthenticatedUser
from starlette.authentication import requires as starlette_requires
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket
from support.drivers import Ask
from support.drivers._starlette import Client, bearer, run
from support.drivers.client import CONNECT, http_scope, websocket_scope

from cognito_mr_auth import Verifier, errors, policy
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.starlette import (
    CognitoAuthBackend,
    CognitoAuthenticationError,
    CognitoAuthMiddleware,
    CognitoUser,
    principal_of,
    public,
    require,
)
from cognito_mr_auth.testing import FakeClock, FakeUserPool


async def whoami(request: Request) -> JSONResponse:
    """What Starlette's users look at."""
    user = request.user
    return JSONResponse(
        {
            "authenticated": user.is_authenticated,
            "name": user.display_name,
            "scopes": request.auth.scopes,
            "subject": user.principal.subject if isinstance(user, CognitoUser) else None,
            "identity": user.identity if user.is_authenticated else None,
        }
    )


async def greet(websocket: WebSocket) -> None:
    """Says the user's name on a socket, and waits for the client to leave."""
    await websocket.accept()
    await websocket.send_json(
        {"name": websocket.user.display_name, "offered": websocket.scope["subprotocols"]}
    )
    await websocket.receive()


def middleware(verifier: Verifier, **options: Any) -> list[Middleware]:
    """Our middleware, as an application lists it."""
    return [Middleware(CognitoAuthMiddleware, verifier=verifier, **options)]


def backend_middleware(backend: CognitoAuthBackend) -> list[Middleware]:
    """Starlette's middleware with our backend."""
    return [Middleware(AuthenticationMiddleware, backend=backend, on_error=backend.on_error)]


NOBODY = {"authenticated": False, "name": "", "scopes": [], "subject": None, "identity": None}


# --- request.user and request.auth


@pytest.mark.parametrize("mounted", ["middleware", "backend"])
def test_request_user_and_auth_are_starlettes(pool: FakeUserPool, verifier: Verifier, mounted: str) -> None:
    """A user, a machine and a guest, in the form that every Starlette application reads."""
    stack = (
        middleware(verifier, optional=True)
        if mounted == "middleware"
        else backend_middleware(CognitoAuthBackend(verifier))
    )
    client = Client(Starlette(routes=[Route("/", whoami)], middleware=stack))
    token = pool.access_token(username="alice", subject="a-1", scopes=["b", "a"])
    assert client.get("/", headers=bearer(token)).json() == {
        "authenticated": True,
        "name": "alice",
        "scopes": ["authenticated", "a", "b"],
        "subject": "a-1",
        "identity": f"{pool.user_pool_id}:a-1",
    }
    machine = client.get("/", headers=bearer(pool.machine_token(scopes=["m"]))).json()
    assert machine["name"] == machine["subject"]
    assert machine["identity"] == f"{pool.user_pool_id}:{machine['subject']}"
    assert machine["scopes"] == ["authenticated", "m"]
    assert client.get("/").json() == NOBODY


@pytest.mark.parametrize("mounted", ["middleware", "backend"])
def test_starlettes_own_requires_works(pool: FakeUserPool, verifier: Verifier, mounted: str) -> None:
    """Its scopes are the token's, and "authenticated"."""

    @starlette_requires(["authenticated", "orders/read"])
    async def orders(request: Request) -> JSONResponse:
        return JSONResponse([])

    stack = (
        middleware(verifier) if mounted == "middleware" else backend_middleware(CognitoAuthBackend(verifier))
    )
    client = Client(Starlette(routes=[Route("/", orders)], middleware=stack))
    assert client.get("/", headers=bearer(pool.access_token(scopes=["orders/read"]))).status_code == 200
    assert client.get("/", headers=bearer(pool.access_token(scopes=["orders/reader"]))).status_code == 403


def test_a_user_shows_no_claim(pool: FakeUserPool, verifier: Verifier) -> None:
    """A user in a log line or a traceback is a class and an address."""
    user = CognitoUser(verifier.verify(pool.access_token(username="alice", subject="a-1")))
    assert "alice" not in repr(user)
    assert "a-1" not in repr(user)


def test_without_either_there_is_an_error_and_no_guest() -> None:
    """An application that forgot to mount the guard must not take everybody for anonymous."""
    with pytest.raises(LookupError, match="CognitoAuthMiddleware or CognitoAuthBackend"):
        principal_of(HTTPConnection(http_scope(Ask())))


# --- The middleware


def test_lifespan_passes(verifier: Verifier) -> None:
    """Startup and shutdown run."""
    ran = []

    class Lifespan:
        def __init__(self, app: Any) -> None: ...

        async def __aenter__(self) -> None:
            ran.append("up")

        async def __aexit__(self, *_: object) -> None:
            ran.append("down")

    app = Starlette(lifespan=Lifespan, middleware=middleware(verifier))
    messages = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = run(app, {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, messages)
    assert [message["type"] for message in sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert ran == ["up", "down"]


@pytest.mark.parametrize("kind", ["", "http2", "webtransport", None], ids=repr)
def test_an_unknown_connection_is_refused(verifier: Verifier, kind: Any) -> None:
    """A connection that the guard cannot check is refused."""
    reached = []

    async def inner(*_: Any) -> None:
        reached.append(1)

    with pytest.raises(ValueError, match="only HTTP, WebSocket and lifespan"):
        run(CognitoAuthMiddleware(inner, verifier, optional=True), http_scope(Ask()) | {"type": kind})
    assert reached == []


@pytest.mark.parametrize("scope_of", [http_scope, websocket_scope])
def test_an_outer_middleware_sees_the_route(pool: FakeUserPool, verifier: Verifier, scope_of: Any) -> None:
    """F14: route, endpoint, user and principal, as metrics and tracing read them after the request."""
    seen: list[Any] = []

    class Metrics:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)
            route = scope.get("route")  # Starlette 0.41 has none
            seen.extend([scope["endpoint"], route.path if route else "/{page}", scope["user"].display_name])

    app = Starlette(
        routes=[Route("/{page}", whoami), WebSocketRoute("/{page}", greet)],
        middleware=[Middleware(Metrics), *middleware(verifier, subprotocol="bearer")],
    )
    token = pool.access_token(username="alice")
    pair = ("Sec-WebSocket-Protocol", f"bearer, {token}")
    header = pair if scope_of is websocket_scope else ("Authorization", f"Bearer {token}")
    scope = scope_of(Ask((header,), path="/x"))
    run(app, scope)
    assert seen == [whoami if scope_of is http_scope else greet, "/{page}", "alice"]
    assert (token in repr(scope)) is (scope_of is http_scope)


def test_the_paths_of_a_mounted_application_are_its_own(pool: FakeUserPool, verifier: Verifier) -> None:
    """Exclusions and the metadata document begin at the mounted application's root."""
    inner = Starlette(
        routes=[Route("/health", whoami), Route("/orders", whoami)],
        middleware=middleware(verifier, exclude=["/health"], resource="https://api.example.com"),
    )
    client = Client(Starlette(routes=[Mount("/api", inner), Route("/health", whoami)]))
    assert client.get("/api/health").json() == NOBODY
    assert client.get("/api/orders").status_code == 401
    assert client.get("/api/api/health").status_code == 401
    assert client.get("/api/orders", headers=bearer(pool.access_token())).status_code == 200
    document = client.get("/api/.well-known/oauth-protected-resource")
    assert document.json()["resource"] == "https://api.example.com"
    below = Client(Starlette(routes=[Mount("/api", inner)]), root_path="/v1")
    assert below.get("/v1/api/health").status_code == 200
    assert below.get("/v1/api/orders").status_code == 401


def test_a_server_error_names_no_token(pool: FakeUserPool, verifier: Verifier) -> None:
    """An application that fails behind the guard raises what it raised."""

    async def broken(request: Request) -> JSONResponse:
        raise RuntimeError("the application's own")

    client = Client(Starlette(routes=[Route("/", broken)], middleware=middleware(verifier)))
    with pytest.raises(RuntimeError, match="the application's own"):
        client.get("/", headers=bearer(pool.access_token()))


# --- WebSockets


def offering(*subprotocols: str) -> dict[str, Any]:
    """The scope of a handshake that offers these."""
    return websocket_scope(Ask((("Sec-WebSocket-Protocol", ", ".join(subprotocols)),)))


def test_a_socket_opens_with_the_token_as_subprotocol(pool: FakeUserPool, verifier: Verifier) -> None:
    """The marker is answered, the token is out of the application's sight."""
    app = Starlette(
        routes=[WebSocketRoute("/", greet)], middleware=middleware(verifier, subprotocol="bearer")
    )
    accept, said = run(app, offering("chat", "bearer", pool.access_token(username="alice")))
    assert accept["subprotocol"] == "bearer"
    assert json.loads(said["text"]) == {"name": "alice", "offered": ["chat", "bearer"]}


def test_the_applications_choice_of_subprotocol_wins(pool: FakeUserPool, verifier: Verifier) -> None:
    """An application that accepts with one of the offered keeps it."""

    async def chat(websocket: WebSocket) -> None:
        await websocket.accept("chat")

    app = Starlette(routes=[WebSocketRoute("/", chat)], middleware=middleware(verifier, subprotocol="bearer"))
    [accept] = run(app, offering("chat", "bearer", pool.access_token()))
    assert accept["subprotocol"] == "chat"


@pytest.mark.parametrize("denial", [True, False], ids=["denial", "close"])
def test_a_socket_is_refused_before_it_opens(verifier: Verifier, *, denial: bool) -> None:
    """The status where the server can say it, else close 1008."""
    app = Starlette(routes=[WebSocketRoute("/", greet)], middleware=middleware(verifier))
    sent = run(app, websocket_scope(Ask(), denial=denial))
    if denial:
        assert (sent[0]["status"], json.loads(sent[1]["body"])["reason"]) == (401, "credentials_missing")
    else:
        assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


@pytest.mark.parametrize("left_s", [0.02, -1.0], ids=["alive", "on leeway"])
def test_an_open_socket_closes_with_its_token(left_s: float) -> None:
    """`close_at_expiry`: the endpoint gets a disconnect, the client 1008; never a server error."""
    clock = FakeClock()
    pool = FakeUserPool(clock=clock)
    token = pool.access_token(expires_in=60)
    clock.advance(60 - left_s)
    received: list[Any] = []

    async def listen(websocket: WebSocket) -> None:
        await websocket.accept()
        received.append(await websocket.receive())

    app = Starlette(
        routes=[WebSocketRoute("/", listen)],
        middleware=middleware(pool.offline_verifier(), close_at_expiry=True),
    )
    sent = run(app, websocket_scope(Ask(tuple(bearer(token).items()))), [CONNECT])
    assert sent[-1] == {"type": "websocket.close", "code": 1008, "reason": "the token has expired"}
    assert [message["type"] for message in sent[:-1]] == ["websocket.accept"]
    assert received == [{"type": "websocket.disconnect", "code": 1008, "reason": "the token has expired"}]


# --- The backend


def test_the_backend_gives_starlettes_pair_or_none(pool: FakeUserPool, verifier: Verifier) -> None:
    """None is anonymous; whatever is wrong with a credential that was sent is an error."""
    client = Client(
        Starlette(
            routes=[Route("/", whoami), Route("/health", whoami)],
            middleware=backend_middleware(CognitoAuthBackend(verifier, exclude=["/health"])),
        )
    )
    assert client.get("/").json() == NOBODY
    assert client.get("/", headers={"Authorization": "Basic dTpw"}).json() == NOBODY
    assert client.get("/health", headers=bearer("garbage")).json() == NOBODY
    assert client.get("/", headers=bearer(pool.access_token())).json()["authenticated"] is True
    for credential, status in [("Bearer garbage", 401), ("Bearer", 400), ("Bearer a b", 400)]:
        reply = client.get("/", headers={"Authorization": credential})
        assert reply.status_code == status
        assert reply.headers["www-authenticate"].startswith('Bearer realm="api", error="')


def test_the_backend_serves_the_metadata_document(verifier: Verifier) -> None:
    """RFC 9728: as a route to add, open whatever the request carries."""
    backend = CognitoAuthBackend(verifier, resource="https://api.example.com")
    client = Client(Starlette(routes=backend.routes, middleware=backend_middleware(backend)))
    for headers in ({}, bearer("garbage")):
        reply = client.get("/.well-known/oauth-protected-resource", headers=headers)
        assert reply.json()["resource"] == "https://api.example.com"
    assert CognitoAuthBackend(verifier).routes == []


def test_the_backends_error_is_safe_to_show(pool: FakeUserPool, verifier: Verifier) -> None:
    """It carries ours, and neither it nor what it came from holds a token."""
    token = pool.access_token(signed_by="foreign", username="alice")
    backend = CognitoAuthBackend(verifier)
    conn = HTTPConnection(http_scope(Ask((("Authorization", f"Bearer {token}"),))))
    with pytest.raises(CognitoAuthenticationError) as raised:
        asyncio.run(backend.authenticate(conn))
    assert isinstance(raised.value.error, errors.SignatureInvalid)
    assert str(raised.value) == "the token's signature is invalid"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
    assert backend.on_error(conn, raised.value).status_code == 401


def test_another_backends_error_is_starlettes(verifier: Verifier) -> None:
    """What is not ours gets the answer that Starlette would give."""
    reply = CognitoAuthBackend(verifier).on_error(
        HTTPConnection(http_scope(Ask())), AuthenticationError("Invalid basic auth credentials")
    )
    assert (reply.status_code, reply.body) == (400, b"Invalid basic auth credentials")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize("denial", [True, False], ids=["denial", "close"])
@pytest.mark.parametrize("by_hand", [True, False], ids=["by hand", "its middleware"])
def test_a_socket_that_the_backend_refuses(
    pool: FakeUserPool, verifier: Verifier, *, by_hand: bool, denial: bool
) -> None:
    """Our middleware says the status, or 1008; Starlette's closes it with 1000. A good one opens."""
    backend = CognitoAuthBackend(verifier)
    stack = backend_middleware(backend) if by_hand else [backend.middleware]
    app = Starlette(routes=[WebSocketRoute("/", greet)], middleware=stack)
    sent = run(app, websocket_scope(Ask((("Authorization", "Bearer garbage"),)), denial=denial))
    if by_hand:
        assert sent == [{"type": "websocket.close", "code": 1000}]
    elif denial:
        assert (sent[0]["status"], json.loads(sent[1]["body"])["reason"]) == (401, "token_malformed")
    else:
        assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]
    good = tuple(bearer(pool.access_token(username="alice")).items())
    assert json.loads(run(app, websocket_scope(Ask(good)))[1]["text"])["name"] == "alice"


def test_another_backends_error_passes_through_our_middleware(verifier: Verifier) -> None:
    """A backend derived from ours may refuse with its own text."""

    class Strict(CognitoAuthBackend):
        async def authenticate(self, conn: HTTPConnection) -> Any:
            raise AuthenticationError("not on Sundays")

    app = Starlette(routes=[Route("/", whoami)], middleware=[Strict(verifier).middleware])
    reply = Client(app).get("/")
    assert (reply.status_code, reply.text) == (400, "not on Sundays")


@pytest.mark.parametrize("option", ["optional", "subprotocol", "close_at_expiry"])
def test_what_a_backend_cannot_do_is_refused(verifier: Verifier, option: str) -> None:
    """An option that would silently mean nothing fails in the constructor, whatever its value."""
    with pytest.raises(errors.ConfigurationError, match=f"{option}= is for CognitoAuthMiddleware"):
        CognitoAuthBackend(verifier, **{option: False})


@pytest.mark.parametrize("kind", [CognitoAuthMiddleware, CognitoAuthBackend])
def test_what_cannot_be_right_fails_in_the_constructor(verifier: Verifier, kind: Any) -> None:
    """As in every adapter."""
    first = (None,) if kind is CognitoAuthMiddleware else ()
    with pytest.raises(TypeError):
        kind(*first, "verifier")
    with pytest.raises(TypeError):
        kind(*first, verifier, require=lambda _principal: True)
    with pytest.raises(errors.ConfigurationError):
        kind(*first, verifier, exclude="/health")


def test_an_inner_guard_decides_last(pool: FakeUserPool, verifier: Verifier) -> None:
    """A mounted application may have a stricter middleware of its own."""

    @require()
    async def handler(request: Request) -> JSONResponse:
        principal = principal_of(request)
        assert principal is not None
        return JSONResponse(principal.subject)

    strict = Starlette(
        routes=[Route("/", handler)],
        middleware=middleware(verifier, require=policy.any_group("ops"), realm="ops"),
    )
    client = Client(Starlette(routes=[Mount("/ops", strict)], middleware=middleware(verifier, optional=True)))
    assert client.get("/ops/").headers["www-authenticate"] == 'Bearer realm="ops"'
    assert client.get("/ops/", headers=bearer(pool.access_token())).status_code == 403
    assert client.get("/ops/", headers=bearer(pool.access_token(groups=["ops"]))).status_code == 200


# --- Starlette's own class


def test_a_guest_is_starlettes_own(verifier: Verifier) -> None:
    """Applications that ask `isinstance(request.user, UnauthenticatedUser)` get what they know."""

    async def kind(request: Request) -> JSONResponse:
        return JSONResponse(type(request.user) is UnauthenticatedUser)

    client = Client(Starlette(routes=[Route("/", kind)], middleware=middleware(verifier, exclude=["/"])))
    assert client.get("/").json() is True


# --- An AuthError that an endpoint raises


def stacks(given: Any) -> dict[str, list[Middleware]]:
    """Both middleware that answer one."""
    return {"middleware": middleware(given), "backend": [CognitoAuthBackend(given).middleware]}


# Starlette 0.41 leaves a stream of BaseHTTPMiddleware unclosed where the application raises.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("between", [False, True], ids=["", "through BaseHTTPMiddleware"])
@pytest.mark.parametrize("mounted", ["middleware", "backend"])
def test_an_error_of_an_endpoint_is_answered(
    pool: FakeUserPool, verifier: Verifier, mounted: str, *, between: bool
) -> None:
    """Through routing, mounts and other middleware; the table has what each error says."""

    async def tenant(request: Request) -> JSONResponse:
        raise errors.PolicyDenied("another tenant")

    def sync(request: Request) -> JSONResponse:
        return JSONResponse(verifier.verify("garbage").subject)

    async def as_it_is(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    more = [Middleware(BaseHTTPMiddleware, dispatch=as_it_is)] if between else []
    routes = [Mount("/v1", routes=[Route("/tenant", tenant), Route("/sync", sync)])]
    client = Client(Starlette(routes=routes, middleware=[*stacks(verifier)[mounted], *more]))
    headers = bearer(pool.access_token())
    for path, status, reason in (("tenant", 403, "policy_denied"), ("sync", 401, "token_malformed")):
        reply = client.get(f"/v1/{path}", headers=headers)
        assert (reply.status_code, reply.json()["reason"]) == (status, reason)
        assert reply.headers["www-authenticate"].startswith('Bearer realm="api", error=')
    gc.collect()  # here, where the warning is known


@pytest.mark.parametrize("mounted", ["middleware", "backend"])
def test_a_handler_of_the_application_comes_first(
    pool: FakeUserPool, verifier: Verifier, mounted: str
) -> None:
    """`exception_handlers={AuthError: ...}` sees what endpoints raise."""

    async def tenant(request: Request) -> JSONResponse:
        raise errors.PolicyDenied("another tenant")

    async def own(request: Request, error: Any) -> JSONResponse:
        return JSONResponse({"own": error.reason}, error.status)

    handlers: Any = {errors.AuthError: own}
    app = Starlette(
        routes=[Route("/", tenant)], middleware=stacks(verifier)[mounted], exception_handlers=handlers
    )
    reply = Client(app).get("/", headers=bearer(pool.access_token()))
    assert (reply.status_code, reply.json()) == (403, {"own": "policy_denied"})


@pytest.mark.parametrize("mounted", ["middleware", "backend"])
@pytest.mark.parametrize("accepted", [False, True], ids=["before accept", "after accept"])
def test_an_error_of_a_socket_is_answered(
    pool: FakeUserPool, verifier: Verifier, mounted: str, *, accepted: bool
) -> None:
    """With the status while it is not open, else with 1008."""

    async def socket(websocket: WebSocket) -> None:
        if accepted:
            await websocket.accept()
        raise errors.PolicyDenied("another tenant")

    app = Starlette(routes=[WebSocketRoute("/", socket)], middleware=stacks(verifier)[mounted])
    scope = websocket_scope(Ask(tuple(bearer(pool.access_token()).items())))
    sent = run(app, scope, [CONNECT])
    if accepted:
        assert sent[1:] == [{"type": "websocket.close", "code": 1008, "reason": ""}]
    else:
        assert sent[0]["status"] == 403


def test_require_does_not_wait_for_a_connect_that_was_received(
    pool: FakeUserPool, verifier: Verifier
) -> None:
    """An endpoint may read the connect itself before it asks who is there."""

    @require(policy.any_group("ops"))
    async def inner(websocket: WebSocket) -> None:
        await websocket.accept()

    async def socket(websocket: WebSocket) -> None:
        await websocket.receive()
        await inner(websocket)

    app = Starlette(routes=[WebSocketRoute("/", socket)], middleware=middleware(verifier))
    sent = run(app, websocket_scope(Ask(tuple(bearer(pool.access_token()).items()))), [CONNECT])
    assert sent[0]["status"] == 403


# --- Preflights


def test_a_preflight_to_a_public_route_runs_what_the_application_opened(verifier: Verifier) -> None:
    """F12: elsewhere the answer is the same for every URL, whether or not it is there."""

    class Health(HTTPEndpoint):
        async def options(self, request: Request) -> JSONResponse:
            return JSONResponse("open")

    @public
    async def page(request: Request) -> JSONResponse:
        return JSONResponse("open")

    routes = [Route("/health", public(Health)), Route("/page", page), Route("/orders", whoami)]
    client = Client(Starlette(routes=routes, middleware=middleware(verifier)))
    wanted = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET"}
    answers = {
        path: client.request("OPTIONS", path, headers=wanted)
        for path in ("/health", "/page", "/orders", "/nothing")
    }
    assert answers.pop("/health").json() == "open"
    assert {(each.status_code, each.content, str(each.headers)) for each in answers.values()} == {
        (401, answers["/orders"].content, str(answers["/orders"].headers))
    }


# --- A verifier that comes later


@pytest.mark.parametrize("mounted", ["middleware", "backend"])
@pytest.mark.parametrize("when", ["never", "at start-up", "before"])
def test_an_application_starts_with_a_verifier(
    pool: FakeUserPool, verifier: Verifier, mounted: str, when: str
) -> None:
    """Without one by the end of its start-up it does not, and what it has opened is closed."""
    guard, ran, sent = Guard(), [], []

    @contextlib.asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        ran.append("up")
        if when == "at start-up":
            guard.bind(verifier)
        try:
            yield
        finally:
            ran.append("down")

    if when == "before":
        guard.bind(verifier)
    app = Starlette(routes=[Route("/", whoami)], lifespan=lifespan, middleware=stacks(guard)[mounted])
    incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

    async def receive() -> Any:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"].removeprefix("lifespan."))

    scope: Any = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    if when == "never":
        with pytest.raises(errors.ConfigurationError, match="call bind"):
            asyncio.run(app(scope, receive, send))
        assert sent == ["startup.failed"]
        with pytest.raises(errors.ConfigurationError, match="call bind"):
            Client(app).get("/", headers=bearer(pool.access_token()))
    else:
        asyncio.run(app(scope, receive, send))
        assert sent == ["startup.complete", "shutdown.complete"]
        assert Client(app).get("/", headers=bearer(pool.access_token())).status_code == 200
    assert ran == ["up", "down"]


# --- principal_of


def test_a_default_is_for_where_no_guard_has_looked(pool: FakeUserPool, verifier: Verifier) -> None:
    """None in place of an error, for helpers that stand behind a guard in some applications."""
    bare = HTTPConnection(http_scope(Ask()))
    assert principal_of(bare, None) is None
    assert principal_of(bare, default="nobody") == "nobody"

    async def who(request: Request) -> JSONResponse:
        found = principal_of(request, "nobody")
        return JSONResponse(found and found.subject)

    client = Client(Starlette(routes=[Route("/", who)], middleware=middleware(verifier, optional=True)))
    assert client.get("/").json() is None
    assert client.get("/", headers=bearer(pool.access_token(subject="me"))).json() == "me"
