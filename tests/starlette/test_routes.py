"""starlette: `public` opens one endpoint and no other, `require` closes one for good."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import BaseRoute, Host, Match, Mount, Route, Router, WebSocketRoute
from starlette.websockets import WebSocket
from support.drivers import Ask, Reply
from support.drivers._starlette import Client, bearer, run
from support.drivers.client import CONNECT, LEFT, ask_http, websocket_scope

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.starlette import (
    CognitoAuthBackend,
    CognitoAuthMiddleware,
    principal_of,
    public,
    require,
)
from cognito_mr_auth.testing import FakeUserPool


def guarded(verifier: Verifier, *routes: BaseRoute, **options: Any) -> Starlette:
    """An application behind the middleware."""
    stack = [Middleware(CognitoAuthMiddleware, verifier=verifier, **options)]
    return Starlette(routes=list(routes), middleware=stack)


async def secret(request: Request) -> JSONResponse:
    """An endpoint without a mark."""
    principal = principal_of(request)
    return JSONResponse(None if principal is None else principal.subject)


@public
async def open_to_all(request: Request) -> JSONResponse:
    """An endpoint for everybody."""
    principal = principal_of(request)
    return JSONResponse(None if principal is None else principal.subject)


def logged(endpoint: Any) -> Any:
    """A decorator as users write them."""

    @functools.wraps(endpoint)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await endpoint(*args, **kwargs)

    return wrapper


def reply_to(
    verifier: Verifier, path: str, *routes: BaseRoute, raw: str | None = None, **scope: Any
) -> Reply:
    """The reply to a request without a token."""
    app = guarded(verifier, *routes)

    async def with_scope(given: Any, receive: Any, send: Any) -> None:
        await app({**given, **scope}, receive, send)

    return ask_http(with_scope, Ask(path=path, raw_path=raw), lambda: False)


# --- public: every shape of an endpoint


@public
def sync_function(request: Request) -> PlainTextResponse:
    """In Starlette's thread pool."""
    return PlainTextResponse("open")


@public
class PublicEndpoint(HTTPEndpoint):
    async def get(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("open")


class UnmarkedEndpoint(HTTPEndpoint):
    async def get(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("secret")


class Child(PublicEndpoint):
    async def get(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("secret")


class Methods(HTTPEndpoint):
    @public
    async def get(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("secret")

    @public
    async def endpoint(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("open")


class Views:
    @public
    async def health(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("open")


async def _partial(prefix: str, request: Request) -> PlainTextResponse:
    return PlainTextResponse(prefix)


SHAPES: dict[str, tuple[Any, bool]] = {
    "async function": (open_to_all, True),
    "sync function": (sync_function, True),
    "class": (PublicEndpoint, True),
    "bound method": (Views().health, True),
    "marked, then wrapped": (logged(open_to_all), True),
    "wrapped, then marked": (public(logged(secret)), True),
    "partial of a marked function": (functools.partial(public(_partial), "open"), True),
    "marked partial": (public(functools.partial(logged(_partial), "open")), True),
    "unmarked function": (secret, False),
    "unmarked class": (UnmarkedEndpoint, False),
    "subclass of a marked class": (Child, False),
    "class of which a method is marked": (Methods, False),
    "wrapped, unmarked": (logged(secret), False),
}


@pytest.mark.parametrize("row", SHAPES)
def test_public_opens_what_is_marked(verifier: Verifier, row: str) -> None:
    """Functions and classes, wrapped before or after; a mark is not inherited."""
    endpoint, opened = SHAPES[row]
    assert reply_to(verifier, "/x", Route("/x", endpoint)).status == (200 if opened else 401)


def test_a_public_route_looks_at_no_token(pool: FakeUserPool, verifier: Verifier) -> None:
    """A good one names nobody there, and a bad one is no error."""
    client = Client(guarded(verifier, Route("/x", open_to_all), Route("/y", secret)))
    for token in ("garbage", pool.access_token()):
        reply = client.get("/x", headers=bearer(token))
        assert (reply.status_code, reply.json()) == (200, None)
    assert client.get("/y", headers=bearer(pool.access_token(subject="me"))).json() == "me"


def test_public_is_for_what_it_can_mark() -> None:
    """Anything else is a TypeError where it is written."""
    for wrong in (None, "/health", policy.scopes("a"), Views().health, Route("/x", secret), [secret]):
        with pytest.raises(TypeError, match="public marks functions and classes, not"):
            public(wrong)


@pytest.mark.parametrize("marked", [True, False])
def test_a_public_socket_opens(verifier: Verifier, *, marked: bool) -> None:
    """WebSocket routes and WebSocketEndpoint classes alike."""

    async def function(websocket: WebSocket) -> None:
        await websocket.accept()
        assert principal_of(websocket) is None

    class Socket(WebSocketEndpoint):
        async def on_connect(self, websocket: WebSocket) -> None:
            await websocket.accept()

    mark: Callable[[Any], Any] = public if marked else lambda endpoint: endpoint
    for endpoint in (mark(function), mark(Socket)):
        sent = run(guarded(verifier, WebSocketRoute("/x", endpoint)), websocket_scope(Ask(path="/x")))
        assert sent[0]["type"] == ("websocket.accept" if marked else "websocket.http.response.start")


# --- public: the route is resolved as Starlette's router will


class Odd(BaseRoute):
    """Somebody's own kind of route, that has an endpoint."""

    def __init__(self) -> None:
        self.endpoint = open_to_all

    def matches(self, scope: Any) -> Any:
        return Match.FULL, {"endpoint": self.endpoint}


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application of which nothing is known."""
    await PlainTextResponse("secret")(scope, receive, send)


class Routing:
    """An ASGI application that has routes, and routes in its own way."""

    routes = (Route("/x", open_to_all),)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await bare(scope, receive, send)


OPEN, SECRET = Route("/x", open_to_all), Route("/x", secret)

ROUTES: dict[str, tuple[str, list[BaseRoute], bool]] = {
    "top": ("/x", [OPEN], True),
    "parameter": ("/7", [Route("/{id:int}", open_to_all)], True),
    "first match is guarded": ("/x", [SECRET, OPEN], False),
    "first match is public": ("/x", [OPEN, SECRET], True),
    "another method first": ("/x", [Route("/x", secret, methods=["POST"]), OPEN], True),
    "another method alone": ("/x", [Route("/x", open_to_all, methods=["POST"])], False),
    "no route": ("/y", [OPEN], False),
    "slash redirect": ("/x/", [OPEN], False),
    "mounted routes": ("/m/x", [Mount("/m", routes=[OPEN])], True),
    "mounted router": ("/m/x", [Mount("/m", Router([OPEN]))], True),
    "mounted application": ("/m/x", [Mount("/m", Starlette(routes=[OPEN]))], True),
    "mounted twice": ("/m/n/x", [Mount("/m", routes=[Mount("/n", routes=[OPEN])])], True),
    "mounted with parameter": ("/m/7/x", [Mount("/m/{id}", routes=[OPEN])], True),
    "mounted, guarded": ("/m/x", [Mount("/m", routes=[SECRET]), OPEN], False),
    "mounted, not there": ("/m/y", [Mount("/m", routes=[OPEN]), Route("/m/y", open_to_all)], False),
    "mount with middleware": (
        "/m/x",
        [Mount("/m", routes=[OPEN], middleware=[Middleware(GZipMiddleware)])],
        False,
    ),
    "route with middleware": (
        "/x",
        [Route("/x", open_to_all, middleware=[Middleware(GZipMiddleware)])],
        True,
    ),
    "mount of something bare": ("/m/x", [Mount("/m", bare)], False),
    "mount of something that is public": ("/m/x", [Mount("/m", public(Routing()))], False),
    "host": ("/x", [Host("api.example.com", Router([OPEN]))], True),
    "host by parameter": ("/x", [Host("{name}.example.com", Router([OPEN]))], True),
    "another host": ("/x", [Host("www.example.com", Router([OPEN])), SECRET], False),
    "host, guarded": ("/x", [Host("api.example.com", Router([SECRET])), OPEN], False),
    "route of another kind": ("/x", [Odd(), OPEN], False),
    "websocket route": ("/x", [WebSocketRoute("/x", open_to_all)], False),
}


@pytest.mark.parametrize("row", ROUTES)
def test_the_route_is_the_one_that_will_run(verifier: Verifier, row: str) -> None:
    """The first full match counts, through mounts and hosts; what cannot be followed is shut."""
    path, routes, opened = ROUTES[row]
    app = guarded(verifier, *routes)
    reply = ask_http(app, Ask((("Host", "api.example.com"),), path=path), lambda: False)
    assert reply.status == (200 if opened else 401)


HOSTILE = [
    "//x",
    "/./x",
    "/.//x",
    "/x/",
    "/x//",
    "/X",
    "/%2fx",
    "/%2Fx",
    "/x%2f",
    "/x%00",
    "/x%0a",
    "/x;a=1",
    "/x\\",
    "/%5cx",
    "/y/../x",
    "/y/..%2fx",
    "/y/%2e%2e/x",
    "/y/..;/x",
    "/%252fx",
    "/x/..",
    "/x/.",
    "/x/../secret",
    "/x/%2e%2e/secret",
    "/secret/../x",
    "/m//x",
    "/m/./x",
    "/m%2fx",
    "/m/%2fx",
    "/m/n/../x",
    "/files/../secret",
    "/files/a%2f..%2fsecret",
    "/files//secret",
    "/files/a\\..\\secret",
]


@pytest.mark.parametrize("path", HOSTILE)
def test_a_hostile_spelling_is_never_public(verifier: Verifier, path: str) -> None:
    """What a proxy, a server and the router may read in two ways needs a token."""
    routes = [
        OPEN,
        Mount("/m", routes=[OPEN]),
        Route("/files/{path:path}", open_to_all),
        Route("/secret", secret),
    ]
    assert reply_to(verifier, path, *routes, raw=path).status == 401


@pytest.mark.parametrize("path", ["/x", "/m/x", "/files/a/b.txt", "/files/a%20b", "/files/..a"])
def test_an_ordinary_spelling_is_public(verifier: Verifier, path: str) -> None:
    """The same routes, as they are meant."""
    routes = [OPEN, Mount("/m", routes=[OPEN]), Route("/files/{path:path}", open_to_all)]
    assert reply_to(verifier, path, *routes, raw=path).status == 200


@pytest.mark.parametrize(
    ("root", "path", "status"),
    [
        ("/api", "/api/x", 200),
        ("/api", "/x", 200),
        ("/api", "/apix", 401),
        ("/x", "/x", 401),
        ("/api", "/api//x", 401),
    ],
)
def test_a_public_path_begins_at_the_applications_root(
    verifier: Verifier, root: str, path: str, status: int
) -> None:
    """As in Starlette's router."""
    assert reply_to(verifier, path, OPEN, raw=path, root_path=root).status == status


class Opaque:
    """A middleware whose inner application cannot be seen."""

    def __init__(self, app: Any) -> None:
        self._inner = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._inner(scope, receive, send)


async def _as_it_is(request: Request, call_next: Any) -> Any:
    return await call_next(request)


def test_middleware_behind_ours_can_be_followed_by_its_app(verifier: Verifier) -> None:
    """Through `.app`, as Starlette's own have it; where that ends, nothing is public."""
    ours = Middleware(CognitoAuthMiddleware, verifier=verifier)
    seen = [Middleware(GZipMiddleware), Middleware(BaseHTTPMiddleware, dispatch=_as_it_is), ours]
    assert Client(Starlette(routes=[OPEN], middleware=[ours, *seen])).get("/x").status_code == 200
    opaque = [Middleware(Opaque), ours]
    assert Client(Starlette(routes=[OPEN], middleware=opaque)).get("/x").status_code == 200
    assert Client(Starlette(routes=[OPEN], middleware=opaque[::-1])).get("/x").status_code == 401


def test_another_applications_routes_open_nothing(verifier: Verifier) -> None:
    """Below a mount the scope may still name the outer application, whose "/x" is not this "/x"."""
    inner = Starlette(routes=[SECRET])
    ours = Middleware(CognitoAuthMiddleware, verifier=verifier)
    mounts = {
        "around the application": Mount("/admin", CognitoAuthMiddleware(inner, verifier)),
        "on the mount": Mount("/admin", inner, middleware=[ours]),
        "on a mount of routes": Mount("/admin", routes=[SECRET], middleware=[ours]),
        "on the router": Mount("/admin", Router([SECRET], middleware=[ours])),
    }
    for name, mount in mounts.items():
        assert Client(Starlette(routes=[OPEN, mount])).get("/admin/x").status_code == 401, name
    within = Starlette(routes=[SECRET, Route("/open", open_to_all)], middleware=[ours])
    client = Client(Starlette(routes=[OPEN, Mount("/admin", within)]))
    assert client.get("/admin/x").status_code == 401
    assert client.get("/admin/open").status_code == 200


def test_around_an_application_nothing_is_public(verifier: Verifier) -> None:
    """Without a Starlette application around it, the middleware knows no routes."""
    assert Client(CognitoAuthMiddleware(Starlette(routes=[OPEN]), verifier)).get("/x").status_code == 401
    assert Client(CognitoAuthMiddleware(Router([OPEN]), verifier)).get("/x").status_code == 401
    odd = CognitoAuthMiddleware(Router([OPEN]), verifier)

    async def with_app(scope: Any, receive: Any, send: Any) -> None:
        await odd({**scope, "app": object()}, receive, send)

    assert Client(with_app).get("/x").status_code == 401


# --- require

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
    """Both ways to mount the guard, with anonymous requests let through."""
    from starlette.middleware.authentication import AuthenticationMiddleware

    backend = CognitoAuthBackend(verifier)
    return {
        "middleware": Middleware(CognitoAuthMiddleware, verifier=verifier, optional=True),
        "backend": Middleware(AuthenticationMiddleware, backend=backend, on_error=backend.on_error),
    }


@pytest.mark.parametrize("mounted", ["middleware", "backend"])
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
    assert missing.content == b'{"detail":"no access token was sent"}'
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
    client = Client(guarded(verifier, route))
    wanted = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    reply = client.request("OPTIONS", "/x", headers=wanted)
    assert (reply.status_code, reply.content) == (204, b"")
    assert client.request("OPTIONS", "/x").status_code == 401


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
    "wrong",
    ["orders/read", ["orders/read"], secret, lambda _p: True, True, 1],
    ids=["a scope", "a list", "an endpoint", "a function", "true", "a number"],
)
def test_a_policy_is_a_policy(wrong: Any) -> None:
    """`@require` on a bare function is an error where it is written."""
    with pytest.raises(TypeError, match="takes a policy"):
        require(wrong)


@pytest.mark.parametrize("wrong", [None, "x", Orders, Route("/", secret), READ], ids=repr)
def test_an_endpoint_is_a_function_or_method(wrong: Any) -> None:
    """A class is guarded at its methods, a route at its endpoint."""
    with pytest.raises(TypeError, match="require guards functions and methods"):
        require(READ)(wrong)


def test_an_endpoint_takes_a_connection(pool: FakeUserPool, verifier: Verifier) -> None:
    """By position or by name; without one there is nobody to ask about."""

    async def call(**kwargs: Any) -> JSONResponse:
        return JSONResponse(sorted(kwargs))

    inner = require()(call)

    async def by_name(request: Request) -> Any:
        return await inner(item=1, request=request)

    client = Client(guarded(verifier, Route("/x", by_name)))
    assert client.get("/x", headers=bearer(pool.access_token())).json() == ["item", "request"]
    with pytest.raises(TypeError, match="must be given a Request or a WebSocket"):
        asyncio.run(inner(item=1))


# --- require and public


def test_require_and_public_exclude_each_other() -> None:
    """In either order, through other decorators, and for the methods of a class."""
    for combined in (
        lambda: require(READ)(open_to_all),
        lambda: require(READ)(logged(open_to_all)),
        lambda: require(READ)(functools.partial(public(_partial), "x")),
        lambda: public(require(READ)(secret)),
        lambda: public(logged(require(READ)(secret))),
        lambda: public(Orders),
        lambda: public(type("Child", (Orders,), {})),
    ):
        with pytest.raises(TypeError, match=r"public endpoint cannot have|cannot be public"):
            combined()


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


@pytest.mark.parametrize("mounted", ["middleware", "backend"])
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


# --- What a look ahead cannot be sure of


class _Overriding:
    """Middleware of the usual kind, which changes the method after the guard has looked."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app({**scope, "method": "DELETE"}, receive, send)


class _OwnRoot(Starlette):
    """As FastAPI, which puts its own root path into the scope."""

    root_path = "/api"


def _of_methods() -> list[BaseRoute]:
    return [Route("/x", public(_hello()), methods=["GET"]), Route("/x", secret, methods=["DELETE"])]


def _hello() -> Callable[[Request], Any]:
    async def hello(request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    return hello


UNSURE: dict[str, Callable[[], Starlette]] = {
    "its own middleware": lambda: Starlette(routes=_of_methods(), middleware=[Middleware(_Overriding)]),
    "its own root path": lambda: _OwnRoot(routes=_of_methods()),
}


@pytest.mark.parametrize("row", UNSURE)
def test_a_mounted_application_that_may_rewrite_is_shut(verifier: Verifier, row: str) -> None:
    """Which endpoint runs there cannot be foretold, so none of it is public."""
    client = Client(guarded(verifier, Mount("/v1", UNSURE[row]())))
    assert client.get("/v1/x").status_code == 401
    plain = Client(guarded(verifier, Mount("/v1", Starlette(routes=_of_methods()))))
    assert plain.get("/v1/x").text == "hello"


def test_a_path_that_breaks_the_router_is_refused_first(pool: FakeUserPool, verifier: Verifier) -> None:
    """A convertor that raises (int() of 5,000 digits) is no 500 for somebody without a token."""
    client = Client(guarded(verifier, Route("/items/{number:int}", secret)))
    assert client.get("/items/" + "9" * 5000).status_code == 401


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
