"""starlette: the middleware, Starlette's own authentication on top of it, and the backend."""

from __future__ import annotations

import asyncio
import copy
import json
import subprocess
import sys
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.authentication import AuthenticationError, UnauthenticatedUser
from starlette.authentication import requires as starlette_requires
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket
from support.drivers import Ask
from support.drivers._starlette import Client, bearer, run
from support.drivers.client import CONNECT, http_scope, websocket_scope

from cognito_mr_auth import Verifier, errors, policy
from cognito_mr_auth.starlette import (
    CognitoAuthBackend,
    CognitoAuthenticationError,
    CognitoAuthMiddleware,
    CognitoUser,
    principal_of,
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
    """A user, a machine and nobody, as every Starlette application reads them."""
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
        "identity": "a-1",
    }
    machine = client.get("/", headers=bearer(pool.machine_token(scopes=["m"]))).json()
    assert machine["name"] == machine["subject"] == machine["identity"]
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


def test_without_either_there_is_an_error_and_not_nobody() -> None:
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
def test_the_servers_scope_is_left_alone(pool: FakeUserPool, verifier: Verifier, scope_of: Any) -> None:
    """User, principal and stripped headers stand in a copy."""
    inner = Starlette(routes=[Route("/", whoami), WebSocketRoute("/", greet)])
    token = pool.access_token()
    pair = ("Sec-WebSocket-Protocol", f"bearer, {token}")
    header = pair if scope_of is websocket_scope else ("Authorization", f"Bearer {token}")
    scope = scope_of(Ask((header,)))
    before = copy.deepcopy(scope)
    sent = run(CognitoAuthMiddleware(inner, verifier, subprotocol="bearer"), scope)
    assert scope == before
    assert sent[0].get("status", 200) == 200


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
        assert (sent[0]["status"], sent[1]["body"]) == (401, b'{"detail":"no access token was sent"}')
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


def test_a_socket_that_the_backend_refuses_is_starlettes(pool: FakeUserPool, verifier: Verifier) -> None:
    """Starlette closes it with 1000 before accept and asks nobody; a good one opens."""
    app = Starlette(
        routes=[WebSocketRoute("/", greet)], middleware=backend_middleware(CognitoAuthBackend(verifier))
    )
    sent = run(app, websocket_scope(Ask((("Authorization", "Bearer garbage"),))))
    assert sent == [{"type": "websocket.close", "code": 1000}]
    good = tuple(bearer(pool.access_token(username="alice")).items())
    assert json.loads(run(app, websocket_scope(Ask(good)))[1]["text"])["name"] == "alice"


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


# --- The extra, and Starlette's own class


@pytest.mark.outside
def test_without_starlette_the_import_names_the_extra() -> None:
    """A missing extra is an ImportError that says what to install."""
    code = (
        "import sys\n"
        "class Block:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == 'starlette':\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Block())\n"
        "try:\n"
        "    import cognito_mr_auth.starlette\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == 'this adapter needs Starlette: pip install "cognito-mr-auth[starlette]"\n'


def test_nobody_is_starlettes_own(verifier: Verifier) -> None:
    """Applications that ask `isinstance(request.user, UnauthenticatedUser)` get what they know."""

    async def kind(request: Request) -> JSONResponse:
        return JSONResponse(type(request.user) is UnauthenticatedUser)

    client = Client(Starlette(routes=[Route("/", kind)], middleware=middleware(verifier, exclude=["/"])))
    assert client.get("/").json() is True
