"""`_starlette.look_ahead`: the endpoint found ahead is the one that Starlette's router will call (W3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Host, Match, Mount, Route, Router, WebSocketRoute
from support.drivers import Ask, Reply
from support.drivers._starlette import Client, bearer, guarded, open_to_all, secret
from support.drivers.client import ask_http

from cognito_mr_auth import Verifier
from cognito_mr_auth.starlette import CognitoAuthMiddleware, optional, public, require
from cognito_mr_auth.testing import FakeUserPool


def reply_to(
    verifier: Verifier, path: str, *routes: BaseRoute, raw: str | None = None, **scope: Any
) -> Reply:
    """The reply to a request without a token."""
    app = guarded(verifier, *routes)

    async def with_scope(given: Any, receive: Any, send: Any) -> None:
        await app({**given, **scope}, receive, send)

    return ask_http(with_scope, Ask(path=path, raw_path=raw), lambda: False)


def secret_app() -> Any:
    """An ASGI application of which nothing is known."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("secret")(scope, receive, send)

    return app


@optional
async def feed(request: Request) -> PlainTextResponse:
    """An endpoint for guests too."""
    return PlainTextResponse("open")


# --- The route is resolved as Starlette's router will


class Odd(BaseRoute):
    """A user's own kind of route that has an endpoint."""

    def __init__(self) -> None:
        self.endpoint = open_to_all

    def matches(self, scope: Any) -> Any:
        return Match.FULL, {"endpoint": self.endpoint}

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("secret")(scope, receive, send)


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


async def as_it_is(request: Request, call_next: Any) -> Any:
    """Middleware as a function, which changes nothing."""
    return await call_next(request)


def test_middleware_behind_ours_can_be_followed_by_its_app(verifier: Verifier) -> None:
    """Through `.app`, as Starlette's own have it; where that ends, nothing is public."""
    ours = Middleware(CognitoAuthMiddleware, verifier=verifier)
    seen = [Middleware(GZipMiddleware), Middleware(BaseHTTPMiddleware, dispatch=as_it_is), ours]
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


# --- What cannot be seen through


class Overriding:
    """Middleware of the usual kind, which changes the method after the guard has looked."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "method": "DELETE"}
        await self.app(scope, receive, send)


def methods() -> list[BaseRoute]:
    """The same path, public for one method and private for the one that `Overriding` makes of it."""

    @public
    async def hello(request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    return [Route("/x", hello, methods=["GET"]), Route("/x", secret, methods=["DELETE"])]


class OwnRoot(Starlette):
    """As FastAPI, which puts its own root path into the scope."""

    root_path = "/api"


class OwnCall(Starlette):
    """An application that rewrites by itself."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await super().__call__({**scope, "method": "DELETE"}, receive, send)


class OwnStack(Starlette):
    """One that builds its middleware in its own way."""

    def build_middleware_stack(self) -> Any:
        return Overriding(super().build_middleware_stack())


class OwnRouting(Router):
    """A router that routes in its own way."""

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        await super().app({**scope, "method": "DELETE"}, receive, send)


def wrapped(app: Any, *, by: str = "middleware_stack") -> Any:
    """An application with a replaced attribute, as tools for instrumentation do it."""
    if by == "middleware_stack" and isinstance(app, Starlette):
        app.middleware_stack = Overriding(app.build_middleware_stack())
    elif by == "middleware_stack":
        app.middleware_stack = Overriding(app.middleware_stack)
    else:
        build = app.build_middleware_stack
        app.build_middleware_stack = lambda: Overriding(build())
    return app


def wrapped_router() -> Starlette:
    """An application whose router's stack is wrapped."""
    app = Starlette(routes=methods())
    wrapped(app.router)
    return app


def started(app: Starlette) -> Starlette:
    """As after its first request."""
    app.middleware_stack = app.build_middleware_stack()
    return app


def own_errors() -> Starlette:
    """An application with its own handlers, which wrap nothing."""
    handlers: Any = {404: lambda _request, _error: PlainTextResponse("")}
    return started(Starlette(routes=methods(), exception_handlers=handlers))


MOUNTED: dict[str, tuple[Callable[[], Any], bool]] = {
    "an application": (lambda: Starlette(routes=methods()), True),
    "an application that has started": (lambda: started(Starlette(routes=methods())), True),
    "with handlers of its own": (own_errors, True),
    "a router": (lambda: Router(methods()), True),
    "its own middleware": (lambda: Starlette(routes=methods(), middleware=[Middleware(Overriding)]), False),
    "its own middleware, started": (
        lambda: started(Starlette(routes=methods(), middleware=[Middleware(Overriding)])),
        False,
    ),
    "its own root path": (lambda: OwnRoot(routes=methods()), False),
    "its own call": (lambda: OwnCall(routes=methods()), False),
    "its own stack": (lambda: OwnStack(routes=methods()), False),
    "a router's own middleware": (lambda: Router(methods(), middleware=[Middleware(Overriding)]), False),
    "a router's own routing": (lambda: OwnRouting(methods()), False),
    "a wrapped stack": (lambda: wrapped(Starlette(routes=methods())), False),
    "a wrapped builder": (lambda: wrapped(Starlette(routes=methods()), by="builder"), False),
    "a router's wrapped stack": (lambda: wrapped(Router(methods())), False),
    "an application's wrapped router": (wrapped_router, False),
    "a wrapper around it": (lambda: Overriding(Starlette(routes=methods())), False),
    "a framework's middleware around it": (
        lambda: BaseHTTPMiddleware(Starlette(routes=methods()), dispatch=as_it_is),
        False,
    ),
    "the framework's own layers around it": (
        lambda: ServerErrorMiddleware(ExceptionMiddleware(Router(methods()))),
        True,
    ),
}


@pytest.mark.parametrize("row", MOUNTED)
def test_a_mounted_application_that_may_rewrite_is_shut(verifier: Verifier, row: str) -> None:
    """Which endpoint runs there cannot be foretold, so none of it is public."""
    make, opened = MOUNTED[row]
    reply = Client(guarded(verifier, Mount("/v1", make()))).get("/v1/x")
    assert (reply.status_code, reply.text == "hello") == ((200, True) if opened else (401, False))


def test_an_applications_own_router_may_be_wrapped(verifier: Verifier) -> None:
    """Behind the guard too: nothing is public then."""
    app = guarded(verifier, *methods())
    assert Client(app).get("/x").text == "hello"
    wrapped(app.router)
    assert Client(app).get("/x").status_code == 401


class Moving:
    """Middleware that sends a request elsewhere: from the path of a header, say."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", ()))
        if (to := headers.get(b"x-path")) is not None:
            scope = {**scope, "path": to.decode()}
        await self.app(scope, receive, send)


MOVED: dict[str, tuple[str, str | None, int, str]] = {
    # where the request comes to, where it is sent, what becomes of it
    "public, left": ("/x", None, 200, "null"),
    "public to private": ("/x", "/secret", 401, ""),
    "public to optional": ("/x", "/feed", 401, ""),
    "public to another public": ("/x", "/y", 200, "null"),
    "public to a route that requires": ("/x", "/required", 401, ""),
    "public to nothing": ("/x", "/nothing", 401, ""),
    "optional, left": ("/feed", None, 200, "open"),
    "optional to private": ("/feed", "/secret", 401, ""),
    "optional to public": ("/feed", "/x", 401, ""),
    "private to public": ("/secret", "/x", 401, ""),
}


@pytest.mark.parametrize("options", [{}, {"optional": True}], ids=["", "guests"])
@pytest.mark.parametrize("row", MOVED)
def test_a_request_that_is_sent_elsewhere_is_judged_there(
    pool: FakeUserPool, verifier: Verifier, row: str, options: Any
) -> None:
    """Middleware behind the guard may rewrite: what was let in for one endpoint's mark reaches no other."""
    came, sent, status, said = MOVED[row]
    ran: list[str] = []

    async def private(request: Request) -> PlainTextResponse:
        ran.append(request.url.path)
        return PlainTextResponse("secret")

    routes = [
        Route("/x", open_to_all),
        Route("/y", open_to_all),
        Route("/feed", feed),
        Route("/secret", private),
        Route("/required", require()(private)),
    ]
    stack = [Middleware(CognitoAuthMiddleware, verifier=verifier, **options), Middleware(Moving)]
    client = Client(Starlette(routes=routes, middleware=stack))
    moving = {"X-Path": sent} if sent else {}
    reply = client.get(came, headers=moving)
    if options and row == "private to public":  # the guard's own guests, where no mark has let them in
        assert (reply.status_code, ran) == (200, [])
        return
    assert (reply.status_code, ran) == (status, [])
    assert status != 200 or reply.text == said
    if status == 401:
        assert reply.headers["www-authenticate"] == 'Bearer realm="api"'
    with_token = client.get("/feed", headers=bearer(pool.access_token()) | {"X-Path": "/secret"})
    assert (with_token.status_code, ran) == (200, ["/secret"])


def test_two_guards_share_one_protect_all(verifier: Verifier) -> None:
    """A second guard in the same application finds the router too, and the marks hold for both."""
    ours = Middleware(CognitoAuthMiddleware, verifier=verifier)
    client = Client(
        Starlette(routes=[OPEN, Route("/s", secret)], middleware=[ours, ours, Middleware(Moving)])
    )
    assert client.get("/x").status_code == 200
    assert client.get("/x", headers={"X-Path": "/s"}).status_code == 401
    assert client.get("/s").status_code == 401


def test_a_path_that_breaks_the_router_is_refused_first(pool: FakeUserPool, verifier: Verifier) -> None:
    """A convertor that raises (int() of 5,000 digits) is no 500 for somebody without a token."""
    routes = Route("/items/{number:int}", secret), Route("/open", open_to_all)  # so that routes are searched
    client = Client(guarded(verifier, *routes))
    assert client.get("/items/" + "9" * 5000).status_code == 401


# --- Exclusions know the route


class Anything(Convertor[str]):
    """A convertor that takes slashes, which only this application knows."""

    regex = ".+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("anything", Anything())

STATIC = "/static/*"
EXCLUDED: dict[str, tuple[str, list[BaseRoute], str, bool]] = {
    # what is excluded, routes, path, whether that opens it
    "the route says it": (STATIC, [Route("/static/{name}", secret)], "/static/a", True),
    "the route says all of it": (STATIC, [Route("/static/a", secret)], "/static/a", True),
    "a path parameter below it": (STATIC, [Route("/static/{path:path}", secret)], "/static/a/b", True),
    "a tenant of that name": (STATIC, [Route("/{tenant}/invoices", secret)], "/static/invoices", False),
    "by another method too": (
        STATIC,
        [Route("/{tenant}/invoices", secret, methods=["POST"])],
        "/static/invoices",
        False,
    ),
    "the first route counts": (
        STATIC,
        [Route("/{tenant}/{name}", secret), Route("/static/{name}", secret)],
        "/static/a",
        False,
    ),
    "a part of a segment": (STATIC, [Route("/sta{rest}/a", secret)], "/static/a", False),
    "the whole path": (STATIC, [Route("/{path:path}", secret)], "/static/a", True),
    "the whole path but its end": (
        STATIC,
        [Route("/{path:path}/invoices", secret)],
        "/static/invoices",
        False,
    ),
    "a convertor that takes slashes": (STATIC, [Route("/{path:anything}", secret)], "/static/a", False),
    "a mount says it": (STATIC, [Mount("/static", secret_app())], "/static/a", True),
    "a mount of routes says it": (
        STATIC,
        [Mount("/static", routes=[Route("/{a}", secret)])],
        "/static/a",
        True,
    ),
    "a mount that has nothing there": (
        STATIC,
        [Mount("/static", routes=[Route("/a/b", secret)])],
        "/static/a",
        True,
    ),
    "a mounted tenant": (STATIC, [Mount("/{tenant}", secret_app())], "/static/a", False),
    "a mounted tenant's routes": (
        STATIC,
        [Mount("/{tenant}", routes=[Route("/invoices", secret)])],
        "/static/invoices",
        False,
    ),
    "a mount of all": (STATIC, [Mount("", secret_app())], "/static/a", False),
    "a mount of all, with a tenant": (
        STATIC,
        [Mount("", routes=[Route("/{tenant}/invoices", secret)])],
        "/static/invoices",
        False,
    ),
    "a host": (STATIC, [Host("api.test", Router([Route("/{tenant}/a", secret)]))], "/static/a", False),
    "a host of something bare": (STATIC, [Host("api.test", secret_app())], "/static/a", False),
    "below two segments": (
        "/a/b/*",
        [Mount("/a", routes=[Route("/{b}/c", secret)])],
        "/a/b/c",
        False,
    ),
    "a mount of all, of what cannot be seen through": (
        STATIC,
        [Mount("", Router([Route("/{tenant}/invoices", secret)], middleware=[Middleware(GZipMiddleware)]))],
        "/static/invoices",
        False,
    ),
    "a whole path": ("/health", [Route("/{page}", secret)], "/health", True),
    "a route of an unknown kind": (STATIC, [Odd()], "/static/a", False),
}


@pytest.mark.parametrize("row", EXCLUDED)
def test_a_prefix_opens_no_parameter_of_that_value(verifier: Verifier, row: str) -> None:
    """`exclude=["/static/*"]` is about routes of that name, and not about a tenant named "static"."""
    exclude, routes, path, opened = EXCLUDED[row]
    client = Client(guarded(verifier, *routes, exclude=[exclude]))
    assert (client.get(path).status_code == 401) is not opened


class Hidden:
    """Middleware that keeps what is behind it to itself."""

    def __init__(self, app: Any) -> None:
        self._behind = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._behind(scope, receive, send)


def test_where_the_route_is_not_known_a_prefix_opens_nothing(verifier: Verifier) -> None:
    """Behind what hides the router, around an application, in a mount: there may be a tenant's route."""
    routes = [Route("/{tenant}/invoices", secret)]
    ours = Middleware(CognitoAuthMiddleware, verifier=verifier, exclude=[STATIC, "/health"])
    apps = {
        "hidden": Starlette(routes=routes, middleware=[ours, Middleware(Hidden)]),
        "around": CognitoAuthMiddleware(Starlette(routes=routes), verifier, exclude=[STATIC, "/health"]),
        "in a mount": Starlette(routes=[Mount("/", routes=routes, middleware=[ours])]),
        "a convertor raises": guarded(
            verifier, Route("/{n:int}/x", secret), *routes, exclude=[STATIC, "/health"]
        ),
    }
    for name, app in apps.items():
        path = "/" + "9" * 5000 + "/x" if name == "a convertor raises" else "/static/invoices"
        assert Client(app).get(path).status_code == 401, name
        assert Client(app).get("/health").status_code == 404, name


class Routed(Route):
    """A route that answers by itself."""

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse("secret")(scope, receive, send)


def test_what_answers_in_its_own_way_is_not_public(verifier: Verifier) -> None:
    """A subclass's `handle` may call anything, whatever mark its endpoint has."""
    client = Client(guarded(verifier, Routed("/x", open_to_all)))
    assert client.get("/x").status_code == 401


def test_a_scope_that_was_made_anew_opens_nothing(verifier: Verifier) -> None:
    """Middleware behind the guard that passes on a scope of its own has lost why the request was let in."""

    class Anew(Hidden):
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            kept = {name: value for name, value in scope.items() if not name.startswith("cognito")}
            await self.app({**kept, "path": "/s"} if "path" in scope else kept, receive, send)

    stack = [Middleware(CognitoAuthMiddleware, verifier=verifier), Middleware(Anew)]
    client = Client(Starlette(routes=[OPEN, Route("/s", secret)], middleware=stack))
    assert client.get("/x").status_code == 401


def test_a_second_guard_forgets_no_first(verifier: Verifier) -> None:
    """Behind middleware that rewrites, a guard for guests opens nothing that the first one closed."""
    stack = [
        Middleware(CognitoAuthMiddleware, verifier=verifier),
        Middleware(Moving),
        Middleware(CognitoAuthMiddleware, verifier=verifier, optional=True),
    ]
    client = Client(Starlette(routes=[OPEN, Route("/s", secret)], middleware=stack))
    assert client.get("/x").status_code == 200
    assert client.get("/x", headers={"X-Path": "/s"}).status_code == 401


# --- FastAPI's included routers


def fastapi_app(verifier: Verifier, *, prefix: str = "/v1", custom: Any = None, **options: Any) -> Any:
    """An application that has its routes from routers, one of them in another."""
    from fastapi import APIRouter, FastAPI, WebSocket

    inner, outer = APIRouter(), APIRouter(**({"route_class": custom} if custom else {}))
    app = FastAPI()

    @outer.get("/health")
    @public
    async def health() -> str:
        return "open"

    @outer.get("/feed")
    @optional
    async def guests() -> str:
        return "open"

    @outer.get("/orders")
    async def orders() -> str:
        return "secret"

    @inner.get("/deep")
    @public
    async def deep() -> str:
        return "open"

    @inner.get("/{tenant}/invoices")
    async def invoices(tenant: str) -> str:
        return "secret"

    @inner.websocket("/socket")
    @public
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()

    outer.mount("/plain", Router([Route("/x", open_to_all), Route("/y", secret)]))
    outer.routes.append(Host("other.test", Router([Route("/hosted", open_to_all)])))
    outer.include_router(inner, prefix="/inner")
    app.include_router(outer, prefix=prefix)
    app.include_router(inner, prefix="/again")
    app.add_middleware(CognitoAuthMiddleware, verifier=verifier, **options)
    return app


INCLUDED = {
    "/v1/health": 200,
    "/v1/feed": 200,
    "/v1/orders": 401,
    "/v1/inner/deep": 200,
    "/again/deep": 200,
    "/deep": 401,
    "/v1/deep": 401,
    "/v1/nothing": 401,
    "/nothing": 401,
    "/openapi.json": 401,
    "/v1/plain/x": 200,
    "/v1/plain/y": 401,
    "/v1/health/": 401,
    "/v1//health": 401,
}


@pytest.mark.needs("fastapi")
@pytest.mark.parametrize("path", INCLUDED)
def test_marks_hold_in_included_routers(verifier: Verifier, path: str) -> None:
    """At any depth and under several prefixes, and for no other path."""
    assert Client(fastapi_app(verifier)).get(path).status_code == INCLUDED[path]


@pytest.mark.needs("fastapi")
@pytest.mark.parametrize(("host", "status"), [("other.test", 200), ("api.test", 401)])
def test_a_host_in_an_included_router(verifier: Verifier, host: str, status: int) -> None:
    """With the router's prefix, as FastAPI has it."""
    app = fastapi_app(verifier)
    assert Client(app).get("/v1/hosted", headers={"Host": host}).status_code == status


@pytest.mark.needs("fastapi")
def test_exclusions_know_included_routes(verifier: Verifier) -> None:
    """A tenant named "static" is no static file there either."""
    client = Client(fastapi_app(verifier, prefix="", exclude=["/inner/static/*"]))
    assert client.get("/inner/static/invoices").status_code == 401
    assert (
        Client(fastapi_app(verifier, exclude=["/v1/inner/*"])).get("/v1/inner/a/invoices").status_code == 200
    )


@pytest.mark.needs("fastapi")
def test_a_route_that_matches_in_its_own_way_ends_the_search(verifier: Verifier) -> None:
    """A class of routes that are chosen by a header, for example, so the route is unknown in advance."""
    from fastapi.routing import APIRoute

    class ByHeader(APIRoute):
        def matches(self, scope: Any) -> Any:
            wanted = dict(scope["headers"]).get(b"x-version") == b"2"
            return super().matches(scope) if wanted else (Match.NONE, {})

    client = Client(fastapi_app(verifier, custom=ByHeader))
    assert client.get("/v1/health").status_code == 401
    assert client.get("/v1/health", headers={"X-Version": "2"}).status_code == 401


@pytest.mark.needs("fastapi")
@pytest.mark.parametrize("method", ["matches", "handle"])
@pytest.mark.parametrize("nested", [False, True])
def test_an_included_router_that_chooses_by_itself_opens_nothing(
    verifier: Verifier, method: str, *, nested: bool
) -> None:
    """Its public route may not be the one that runs: FastAPI asks the router, and not its routes alone."""
    from fastapi import APIRouter, FastAPI

    class Beta(APIRouter):
        def matches(self, scope: Any) -> Any:
            wanted = dict(scope["headers"]).get(b"x-beta") == b"1" or method == "handle"
            return super().matches(scope) if wanted else (Match.NONE, {})

        async def handle(self, scope: Any, receive: Any, send: Any) -> None:
            answer = super().handle if method == "matches" else bare
            await answer(scope, receive, send)

    if method == "handle":
        del Beta.matches
    beta, rest, app = Beta(), APIRouter(), FastAPI()
    beta.get("/report")(public(lambda: "open"))
    rest.get("/report")(lambda: "secret")
    outer = APIRouter()
    outer.include_router(beta)
    app.include_router(outer if nested else beta)
    app.include_router(rest)
    app.add_middleware(CognitoAuthMiddleware, verifier=verifier)
    assert Client(app).get("/report").status_code == 401


@pytest.mark.needs("fastapi")
def test_a_mounted_fastapi_is_seen_through(verifier: Verifier) -> None:
    """As a mounted Starlette is, unless it has a root path or middleware of its own."""
    from fastapi import FastAPI

    def inner() -> Any:
        app = FastAPI()
        app.get("/health")(public(logged_health))
        return app

    async def logged_health() -> str:
        return "open"

    rooted = inner()
    rooted.root_path = "/x"
    for app, opened in ((inner(), True), (rooted, False)):
        assert (Client(guarded(verifier, Mount("/api", app))).get("/api/health").status_code == 200) is opened


# --- If nothing is open, no route is searched


def test_what_is_opened_late_is_open(pool: FakeUserPool) -> None:
    """A mark and a route that come after the first request count from then on, and end with the route."""
    verifier = pool.offline_verifier()

    async def late(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("open")

    async def later(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("open")

    app = guarded(verifier, Route("/late", late))

    def status(path: str) -> int:
        return ask_http(app, Ask(path=path), lambda: False).status

    assert status("/late") == 401
    public(late)
    assert (status("/late"), status("/later")) == (200, 401)
    app.routes.append(Route("/later", public(later)))
    assert (status("/late"), status("/later")) == (200, 200)
    app.routes[0] = Route("/late", secret)
    assert (status("/late"), status("/later")) == (401, 200)
    del app.routes[1]
    assert (status("/late"), status("/later")) == (401, 401)


def test_routes_are_matched_once_where_nothing_is_open(pool: FakeUserPool) -> None:
    """To match a request with its route costs what all else of the guard does."""
    verifier = pool.offline_verifier()
    token = pool.access_token()
    times = 0

    class Counted(Route):
        def matches(self, scope: Any) -> Any:
            nonlocal times
            times += 1
            return super().matches(scope)

    for endpoint, expected in ((secret, 1), (feed, 2)):
        app, times = guarded(verifier, Counted("/x", endpoint)), 0
        assert (
            ask_http(app, Ask(path="/x", headers=tuple(bearer(token).items())), lambda: False).status == 200
        )
        assert times == expected
