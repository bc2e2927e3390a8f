"""starlette: `require` closes a route for good, whatever the guard before it lets through."""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from support.drivers import Ask
from support.drivers._starlette import Client, bearer, guarded, run, secret
from support.drivers.client import CONNECT, LEFT, websocket_scope

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.starlette import CognitoAuthBackend, CognitoAuthMiddleware, require
from cognito_mr_auth.testing import FakeUserPool

READ = policy.scopes("orders/read")


async def _is_alice(principal: Any) -> bool:
    await asyncio.sleep(0)
    return bool(principal.username == "alice")


def _threads(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(threading.current_thread() is threading.main_thread()))


class Orders(HTTPEndpoint):
    @require(READ)
    async def get(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("async")

    @require(READ)
    def post(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("sync")

    async def put(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("free")


def stacks(verifier: Verifier) -> dict[str, Middleware]:
    """The ways to mount the guard, with anonymous requests let through."""
    backend = CognitoAuthBackend(verifier)
    return {
        "middleware": Middleware(CognitoAuthMiddleware, verifier=verifier, optional=True),
        "backend": backend.middleware,
        "backend, by hand": Middleware(AuthenticationMiddleware, backend=backend, on_error=backend.on_error),
    }


@pytest.mark.parametrize("mounted", ["middleware", "backend", "backend, by hand"])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/async"), ("GET", "/sync"), ("GET", "/class"), ("POST", "/class")]
)
def test_require_guards_every_shape(
    pool: FakeUserPool, verifier: Verifier, mounted: str, method: str, path: str
) -> None:
    """Async and sync functions and methods: 401 without a token, 403 without the scope, else 200."""
    routes = [
        Route("/async", require(READ)(secret)),
        Route("/sync", require(READ)(_threads)),
        Route("/class", Orders),
    ]
    client = Client(Starlette(routes=routes, middleware=[stacks(verifier)[mounted]]))
    missing = client.request(method, path)
    assert (missing.status_code, missing.headers["www-authenticate"]) == (401, 'Bearer realm="api"')
    assert missing.json() == {"detail": "no access token was sent", "reason": "credentials_missing"}
    denied = client.request(method, path, headers=bearer(pool.access_token()))
    assert denied.status_code == 403
    assert denied.headers["www-authenticate"].endswith(', scope="orders/read"')
    good = client.request(method, path, headers=bearer(pool.access_token(scopes=["orders/read"])))
    assert good.status_code == 200
    if path == "/sync":
        assert good.text == "False"


def test_a_method_without_require_is_the_middlewares_matter(pool: FakeUserPool, verifier: Verifier) -> None:
    """`require` stands where it is written and nowhere else."""
    client = Client(guarded(verifier, Route("/class", Orders)))
    assert client.request("PUT", "/class").status_code == 401
    assert client.request("PUT", "/class", headers=bearer(pool.access_token())).text == "free"


def test_require_without_a_policy_wants_a_principal(pool: FakeUserPool, verifier: Verifier) -> None:
    """Neither optional mode nor an exclusion opens such a route."""
    routes = [Route("/x", require()(secret))]
    client = Client(guarded(verifier, *routes, optional=True, exclude=["/x"]))
    assert client.get("/x").status_code == 401
    client = Client(guarded(verifier, *routes, optional=True))
    assert client.get("/x", headers=bearer(pool.access_token(subject="me"))).json() == "me"


def test_async_checks_work(pool: FakeUserPool, verifier: Verifier) -> None:
    """A check may ask a database, on the loop."""
    client = Client(guarded(verifier, Route("/x", require(policy.check(_is_alice))(secret))))
    for name, status in (("alice", 200), ("mallory", 403)):
        reply = client.get("/x", headers=bearer(pool.access_token(username=name)))
        assert reply.status_code == status


def test_a_preflight_runs_no_guarded_route(verifier: Verifier) -> None:
    """A route with `require` would run for anybody: 204 instead; a plain OPTIONS needs a token."""
    route = Route("/x", require(READ)(secret), methods=["OPTIONS"])
    client = Client(guarded(verifier, route, preflight="pass"))
    wanted = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    reply = client.request("OPTIONS", "/x", headers=wanted)
    assert (reply.status_code, reply.content) == (204, b"")
    assert client.request("OPTIONS", "/x").status_code == 401
    assert Client(guarded(verifier, route)).request("OPTIONS", "/x", headers=wanted).status_code == 401


def test_without_a_guard_nothing_opens() -> None:
    """`require` alone knows no verifier: an error that says what is missing, never an open route."""
    reached = []

    @require()
    async def handler(request: Request) -> None:
        reached.append(request)

    with pytest.raises(RuntimeError, match="needs CognitoAuthMiddleware or CognitoAuthBackend"):
        Client(Starlette(routes=[Route("/", handler)])).get("/", headers=bearer("garbage"))
    assert reached == []


def test_the_endpoint_keeps_its_name_and_signature() -> None:
    """Route names, documentation and signatures are the endpoint's own."""

    @require(READ)
    async def orders(request: Request, page: int = 1) -> None:
        """Lists orders."""

    assert (orders.__name__, orders.__doc__) == ("orders", "Lists orders.")
    assert list(inspect.signature(orders).parameters) == ["request", "page"]
    assert Route("/", orders).name == "orders"


@pytest.mark.parametrize(
    ("wrong", "help_"),
    [
        pytest.param("orders/read", 'such as policy.scopes("orders/read")', id="a scope"),
        pytest.param(["orders/read"], 'such as policy.scopes("orders/read")', id="a list"),
        pytest.param(True, 'such as policy.scopes("orders/read")', id="true"),
        pytest.param(secret, "call it as @require()", id="uncalled"),
        pytest.param(Orders, "call it as @require()", id="uncalled, at a class"),
        pytest.param(lambda _p: True, "call it as @require()", id="a function"),
        pytest.param(policy.scopes, "call it as @require()", id="a policy that is not made"),
    ],
)
def test_a_policy_is_a_policy(wrong: Any, help_: str) -> None:
    """Anything else is an error where it is written, and `@require` without its brackets says so."""
    with pytest.raises(TypeError, match="takes a policy") as raised:
        require(wrong)
    assert help_ in str(raised.value)


@pytest.mark.parametrize("wrong", [None, "x", Orders, Route("/", secret), READ], ids=repr)
def test_an_endpoint_is_a_function_or_method(wrong: Any) -> None:
    """A class is guarded at its methods, a route at its endpoint."""
    with pytest.raises(TypeError, match="require guards functions and methods"):
        require(READ)(wrong)


def test_an_endpoint_takes_a_connection(pool: FakeUserPool, verifier: Verifier) -> None:
    """By position or by name; without a connection there is no principal."""

    async def call(**kwargs: Any) -> JSONResponse:
        return JSONResponse(sorted(kwargs))

    inner = require()(call)

    async def by_name(request: Request) -> Any:
        return await inner(item=1, request=request)

    client = Client(guarded(verifier, Route("/x", by_name)))
    assert client.get("/x", headers=bearer(pool.access_token())).json() == ["item", "request"]
    with pytest.raises(TypeError, match="must be given a Request or a WebSocket"):
        asyncio.run(inner(item=1))


# --- require on WebSockets


class Feed(WebSocketEndpoint):
    encoding = "text"

    @require(READ)
    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()

    @require(READ & policy.any_group("ops"))
    async def on_receive(self, websocket: WebSocket, data: Any) -> None:
        await websocket.send_text(f"got {data}")


@require(READ)
async def feed(websocket: WebSocket) -> None:
    """A socket for those who may read orders."""
    await websocket.accept()
    await websocket.receive()


@pytest.mark.parametrize("mounted", ["middleware", "backend", "backend, by hand"])
@pytest.mark.parametrize("endpoint", [feed, Feed])
@pytest.mark.parametrize("denial", [True, False], ids=["denial", "close"])
def test_require_guards_sockets(
    pool: FakeUserPool, verifier: Verifier, mounted: str, endpoint: Any, *, denial: bool
) -> None:
    """Refused before accept: with the guard's answer where the server can say it, else 1008."""
    app = Starlette(routes=[WebSocketRoute("/", endpoint)], middleware=[stacks(verifier)[mounted]])
    for token, status in ((None, 401), (pool.access_token(), 403)):
        headers = () if token is None else tuple(bearer(token).items())
        sent = run(app, websocket_scope(Ask(headers), denial=denial))
        if denial:
            assert [m["type"].rpartition(".")[2] for m in sent] == ["start", "body"]
            assert sent[0]["status"] == status
            assert b"www-authenticate" in dict(sent[0]["headers"])
        else:
            assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]
    good = tuple(bearer(pool.access_token(scopes=["orders/read"])).items())
    assert [m["type"] for m in run(app, websocket_scope(Ask(good)))] == ["websocket.accept"]


def test_an_open_socket_is_closed_where_a_message_is_refused(pool: FakeUserPool, verifier: Verifier) -> None:
    """`require` on `on_receive`: the handler does not run, and the client gets 1008."""
    app = guarded(verifier, WebSocketRoute("/", Feed))
    said = {"type": "websocket.receive", "text": "hi"}
    for groups, answer in (
        ((), {"type": "websocket.close", "code": 1008, "reason": ""}),
        (("ops",), {"type": "websocket.send", "text": "got hi"}),
    ):
        token = pool.access_token(scopes=["orders/read"], groups=groups)
        scope = websocket_scope(Ask(tuple(bearer(token).items())))
        assert run(app, scope, [CONNECT, said, LEFT])[1] == answer


@pytest.mark.outside
def test_the_backends_middleware_has_its_error_handler(pool: FakeUserPool) -> None:
    """`backend.middleware` cannot be mounted by half: an outage is 503."""
    with pool.serve() as endpoints:
        for endpoint in endpoints:
            endpoint.fail("refuse")
        with pool.verifier() as cold:
            app = Starlette(routes=[Route("/x", secret)], middleware=[CognitoAuthBackend(cold).middleware])
            reply = Client(app).get("/x", headers=bearer(pool.access_token()))
    assert (reply.status_code, "retry-after" in reply.headers) == (503, True)
