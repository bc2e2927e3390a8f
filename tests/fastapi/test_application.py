"""What init_app gives an application: `protect_all`, responses to errors, a check at its start."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.applications import Starlette
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.routing import Mount, Route
from support.drivers import Ask, Reply
from support.drivers.client import CONNECT, _run, ask_http, ask_websocket, websocket_scope
from support.records import fields, refusals

from cognito_mr_auth import Principal, Verifier, errors, policy
from cognito_mr_auth.fastapi import CognitoAuth, principal_of
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeClock, FakeUserPool

POOL = FakeUserPool(clock=FakeClock())
VERIFIER = POOL.offline_verifier()


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """The header of a token."""
    return (("Authorization", f"Bearer {token}"),)


GOOD = bearer(POOL.access_token(subject="me"))
ORIGIN = ("Origin", "https://app.example.com")
PREFLIGHT = (ORIGIN, ("Access-Control-Request-Method", "GET"))


def ask(app: Any, path: str = "/", headers: Any = (), method: str = "GET") -> Reply:
    """One request, in this process."""
    return ask_http(app, Ask(headers, method, path), lambda: True)


# --- protect_all: everything is closed


async def plain(_request: Request) -> PlainTextResponse:
    """An endpoint of Starlette's."""
    return PlainTextResponse("reached")


def closed(**options: Any) -> FastAPI:
    """An application with a route of each kind, and some that are public."""
    app = FastAPI()
    auth = CognitoAuth(VERIFIER, app=app, protect_all=True, **options)
    inner, outer, below = APIRouter(), APIRouter(prefix="/v1"), FastAPI()

    def reached() -> str:
        return "reached"

    @auth.public
    def health() -> str:
        return "reached"

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json("reached")

    @auth.public
    async def news(websocket: WebSocket) -> None:
        await socket(websocket)

    for place in (app, inner, below):
        place.get("/orders")(reached)
        place.get("/health")(health)
        place.post("/health")(reached)
        place.websocket("/feed")(socket)
        place.websocket("/news")(news)
    outer.include_router(inner, prefix="/{tenant}")
    app.include_router(outer, dependencies=[])
    app.mount("/below", below)
    app.mount("/plain", Starlette(routes=[Route("/orders", plain)]))
    app.mount("/bare", plain_app)
    auth.public(app.get("/marked-after")(lambda: "reached"))
    return app


async def plain_app(scope: Any, receive: Any, send: Any) -> None:
    """An application that cannot be inspected."""
    await PlainTextResponse("reached")(scope, receive, send)


CLOSED = [
    ("GET", "/orders"),
    ("GET", "/docs"),
    ("GET", "/redoc"),
    ("GET", "/openapi.json"),
    ("GET", "/docs/oauth2-redirect"),
    ("GET", "/nothing"),
    ("GET", "/orders/"),
    ("GET", "/v1/a/orders"),
    ("GET", "/v1/a/nothing"),
    ("GET", "/below/orders"),
    ("GET", "/below/docs"),
    ("GET", "/below/openapi.json"),
    ("GET", "/plain/orders"),
    ("GET", "/bare"),
    ("GET", "/bare/health"),
    ("POST", "/health"),
    ("DELETE", "/health"),
    ("HEAD", "/health"),
    ("OPTIONS", "/health"),
    ("GET", "/health/"),
    ("GET", "//health"),
    ("GET", "/health/../orders"),
    ("GET", "/HEALTH"),
    ("POST", "/v1/a/health"),
    ("GET", "/v1/health"),
    ("WEBSOCKET", "/feed"),
    ("WEBSOCKET", "/health"),
    ("WEBSOCKET", "/v1/a/feed"),
    ("WEBSOCKET", "/below/feed"),
    ("WEBSOCKET", "/nothing"),
    ("GET", "/news"),
]
OPEN = [
    ("GET", "/health"),
    ("GET", "/v1/a/health"),
    ("GET", "/below/health"),
    ("GET", "/marked-after"),
    ("WEBSOCKET", "/news"),
    ("WEBSOCKET", "/v1/a/news"),
    ("WEBSOCKET", "/below/news"),
]


def knock(app: FastAPI, method: str, path: str, headers: Any = ()) -> Reply:
    """A request, or a handshake."""
    if method == "WEBSOCKET":
        return ask_websocket(app, Ask(headers, path=path), lambda: True)
    return ask(app, path, headers, method)


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_what_is_not_public_is_closed(method: str, path: str) -> None:
    """Documentation, unknown URLs, other methods, mounted applications and sockets included."""
    refused = knock(closed(), method, path)
    assert (refused.status, refused.headers["www-authenticate"]) == (401, 'Bearer realm="api"')
    assert method == "HEAD" or refused.json["reason"] == "credentials_missing"
    assert knock(closed(), method, path, GOOD).status != 401


@pytest.mark.parametrize("path", ["/feed", "/nothing", "/below/feed"])
def test_a_socket_that_cannot_be_denied_is_closed(path: str) -> None:
    """With code 1008, where the server can send no status."""
    sent = asyncio.run(_run(closed(), websocket_scope(Ask(path=path), denial=False), [CONNECT]))
    assert [(each["type"], each["code"]) for each in sent] == [("websocket.close", 1008)]


@pytest.mark.parametrize(("method", "path"), OPEN)
@pytest.mark.parametrize("headers", [(), bearer("garbage"), GOOD], ids=["none", "bad", "good"])
def test_what_is_public_reads_no_token(method: str, path: str, headers: Any) -> None:
    """Below include_router and in a mounted application too."""
    reply = knock(closed(), method, path, headers)
    assert (reply.status, reply.json) == (200, "reached")


def test_a_mark_on_what_is_no_endpoint_is_refused() -> None:
    """A route, a method of an object, nothing: the mark would be lost."""
    auth, app = CognitoAuth(VERIFIER), FastAPI()
    app.get("/")(lambda: "reached")
    for value in (app.router.routes[-1], "/health", None, POOL.access_token):
        with pytest.raises(TypeError, match="public marks"):
            auth.public(value)  # type: ignore[type-var]


class Rewrite:
    """A middleware of the user's: an old name of a path leads to the new one."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/health":
            scope = {**scope, "path": "/orders", "raw_path": b"/orders"}
        await self.app(scope, receive, send)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("exclude", [[], ["/health"]], ids=repr)
def test_what_other_middleware_makes_of_a_request_is_judged(exclude: list[str], late: bool) -> None:
    """The guard stands behind all other middleware, whichever was added first."""
    app = FastAPI()
    auth = CognitoAuth(VERIFIER, exclude=exclude)
    if not late:
        app.add_middleware(Rewrite)
    auth_all = CognitoAuth(VERIFIER, app=app, protect_all=True, exclude=exclude)
    if late:
        app.add_middleware(Rewrite)
    app.get("/health")(auth_all.public(lambda: "public"))
    app.get("/orders")(lambda: "private")
    assert ask(app, "/health").status == 401
    assert ask(app, "/health", GOOD).json == "private"
    assert auth.optional is not auth_all.optional


@pytest.mark.parametrize("replaced", ["route class", "router", "middleware of the router", "routes"])
def test_who_routes_in_another_way_has_no_public_routes(replaced: str) -> None:
    """If the called endpoint is unknown, a token is needed (W3)."""

    class Elsewhere(APIRouter):
        async def app(self, scope: Any, receive: Any, send: Any) -> None:
            await super().app({**scope, "path": "/orders"}, receive, send)

    app = FastAPI()
    auth = CognitoAuth(VERIFIER, app=app, protect_all=True)
    router = Elsewhere() if replaced == "router" else APIRouter()
    for place in (app.router, router):
        place.get("/health")(auth.public(lambda: "public"))
        place.get("/orders")(lambda: "private")
    if replaced == "middleware of the router":
        app.router.middleware_stack = Rewrite(app.router.middleware_stack)
        assert ask(app, "/health").status == 401
    elif replaced == "router":
        app.mount("/v1", router)
        assert ask(app, "/v1/health").status == 401
    elif replaced == "routes":
        app.router.routes.insert(0, Mount("", plain_app))
        assert ask(app, "/health").status == 401
    else:

        class Other(Route):
            def matches(self, scope: Any) -> Any:
                match, child = super().matches(scope)
                return match, child and {**child, "endpoint": plain}

        app.router.routes.insert(0, Other("/health", plain))
        assert ask(app, "/health").status == 401


def test_an_excluded_path_is_the_routes_own() -> None:
    """`/static/*` does not open `/{tenant}/invoices` to a tenant named static, prefixes included."""
    for protect_all in (True, False):
        app = FastAPI()
        auth = CognitoAuth(VERIFIER, app=app, protect_all=protect_all, exclude=["/static/*", "/v1/static/*"])
        inner = APIRouter()
        needed = [] if protect_all else [Depends(auth)]
        inner.get("/{tenant}/invoices", dependencies=needed)(lambda: "private")
        inner.get("/static/{name}", dependencies=needed)(lambda: "file")
        for place in ("", "/v1", "/{version}"):
            app.include_router(inner, prefix=place)
        app.get("/static/files/{rest:path}", dependencies=needed)(lambda: "file")
        for path, status in {
            "/static/invoices": 401,
            "/v1/static/invoices": 401,
            "/v2/static/a": 401,
            "/v1/static/a": 200,
            "/static/a": 200,
            "/static/files/a/b": 200,
        }.items():
            assert ask(app, path).status == status, (protect_all, path)


def test_no_byte_of_a_body_is_read_before_verification() -> None:
    """A dependency is asked after the body is read and parsed; a protected application answers before."""
    read: list[str] = []

    async def receive() -> dict[str, Any]:
        read.append("a part")
        return {"type": "http.request", "body": b"{not json", "more_body": False}

    def status(*, protect_all: bool) -> int:
        app = FastAPI()
        auth = CognitoAuth(VERIFIER, app=app, protect_all=protect_all)

        @app.post("/")
        def post(body: dict[str, str], caller: Annotated[Principal, Depends(auth)]) -> str:
            return body["item"] + caller.subject

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "http_version": "1.1", "method": "POST", "path": "/", "raw_path": b"/"}
        scope |= {"scheme": "http", "query_string": b"", "root_path": "", "server": ("api", 80)}
        asyncio.run(app(scope | {"headers": [(b"content-type", b"application/json")]}, receive, send))
        return int(sent[0]["status"])

    assert (status(protect_all=True), read) == (401, [])
    assert (status(protect_all=False), read) == (422, ["a part"])


# --- Preflights


@pytest.mark.parametrize(("preflight", "status"), [("refuse", 401), ("pass", 204)])
def test_a_preflight_is_answered_alike_everywhere(preflight: Any, status: int) -> None:
    """The responses show nothing of the URLs of a closed application (F12)."""
    app = closed(preflight=preflight)
    for path in ("/orders", "/nothing", "/orders/", "/v1/a/orders", "/docs", "/below/orders", "/health"):
        reply = ask(app, path, PREFLIGHT, "OPTIONS")
        assert (reply.status, path) == (status, path)
        assert (reply.body == b"") is (status == 204)
        assert "allow" not in reply.headers


@pytest.mark.parametrize("first", ["cors", "guard"])
def test_cors_stands_in_front_whoever_was_first(first: str) -> None:
    """It answers preflights, and a page may read a refusal."""
    app = FastAPI()
    if first == "guard":
        CognitoAuth(VERIFIER, app=app, protect_all=True)
    app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"])
    if first == "cors":
        CognitoAuth(VERIFIER, app=app, protect_all=True)
    assert ask(app, "/orders", PREFLIGHT, "OPTIONS").status == 200
    refused = ask(app, "/orders", (ORIGIN,))
    assert refused.status == 401
    assert refused.headers["access-control-allow-origin"] == "https://app.example.com"


# --- Guests


def guests(app: FastAPI, auth: CognitoAuth) -> None:
    """A route and a socket for guests and users."""

    @app.get("/feed")
    @auth.public
    def feed(caller: Annotated[Principal | None, Depends(auth.optional)]) -> str:
        return caller.subject if caller else "guest"

    @app.websocket("/feed")
    @auth.public
    async def socket(
        websocket: WebSocket, caller: Annotated[Principal | None, Depends(auth.optional)]
    ) -> None:
        await websocket.accept()
        await websocket.send_json([caller.subject if caller else "guest", websocket["subprotocols"]])


@pytest.mark.parametrize("protect_all", [True, False])
@pytest.mark.parametrize(
    ("headers", "status", "who"),
    [((), 200, "guest"), (GOOD, 200, "me"), (bearer("garbage"), 401, None), (bearer(""), 400, None)],
    ids=["none", "good", "bad", "malformed"],
)
def test_guests_pass_where_both_marks_are_set(
    protect_all: bool, headers: Any, status: int, who: str | None
) -> None:
    """`@auth.public` lets the request in, `auth.optional` looks at the token."""
    app = FastAPI()
    auth = CognitoAuth(VERIFIER, app=app, protect_all=protect_all, subprotocol="bearer")
    guests(app, auth)
    reply = ask(app, "/feed", headers)
    assert (reply.status, reply.json if status == 200 else None) == (status, who)
    opened = ask_websocket(app, Ask(headers, path="/feed"), lambda: True)
    assert (opened.status, opened.json if status == 200 else None) == (status, who and [who, []])


@pytest.mark.parametrize("protect_all", [True, False])
def test_a_token_that_protect_all_hides_is_found_behind_it(protect_all: bool) -> None:
    """A public socket's subprotocol is out of sight for the endpoint, and not for `auth.optional`."""
    app = FastAPI()
    auth = CognitoAuth(VERIFIER, app=app, protect_all=protect_all, subprotocol="bearer")
    guests(app, auth)
    for token, status in ((POOL.access_token(subject="me"), 200), ("garbage", 401)):
        offered = (("Sec-WebSocket-Protocol", f"bearer, {token}, chat"),)
        reply = ask_websocket(app, Ask(offered, path="/feed"), lambda: True)
        assert reply.status == status
        if status == 200:
            assert (reply.json, reply.headers) == (
                ["me", ["bearer", "chat"]],
                {"sec-websocket-protocol": "bearer"},
            )


def test_a_sockets_token_expires() -> None:
    """With `protect_all`, `close_at_expiry` closes what the dependency alone could not."""
    with pytest.raises(errors.ConfigurationError, match="close_at_expiry="):
        CognitoAuth(VERIFIER, close_at_expiry=True)
    app = FastAPI()
    CognitoAuth(VERIFIER, app=app, protect_all=True, close_at_expiry=True)

    @app.websocket("/")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        async for _ in websocket.iter_text():
            pass

    last = POOL.access_token(expires_in=-4)  # within the leeway of 5 s
    sent = asyncio.run(_stays(app, websocket_scope(Ask(bearer(last)))))
    assert [(each["type"], each.get("code")) for each in sent] == [
        ("websocket.accept", None),
        ("websocket.close", 1008),
    ]


@pytest.mark.parametrize("opening", ["excluded", "public"])
def test_a_token_that_a_dependency_finds_expires_too(opening: str) -> None:
    """`protect_all` lets the socket in without a principal. The dependency finds one and starts its timer."""
    app = FastAPI()
    excluded = {"exclude": ["/"]} if opening == "excluded" else {}
    auth = CognitoAuth(VERIFIER, app=app, protect_all=True, close_at_expiry=True, **excluded)

    async def socket(websocket: WebSocket, _caller: Any = Depends(auth.require())) -> None:  # noqa: B008
        await websocket.accept()
        async for _ in websocket.iter_text():
            pass

    app.websocket("/")(auth.public(socket) if opening == "public" else socket)
    sent = asyncio.run(_stays(app, websocket_scope(Ask(bearer(POOL.access_token(expires_in=-4))))))
    assert [(each["type"], each.get("code")) for each in sent] == [
        ("websocket.accept", None),
        ("websocket.close", 1008),
    ]


def test_a_guard_that_closes_sockets_needs_what_can() -> None:
    """A dependency alone cannot: such a socket is not opened, where nothing would close it."""
    app = FastAPI()
    auth = CognitoAuth(Guard(VERIFIER, close_at_expiry=True), app=app)

    @app.websocket("/")
    async def socket(websocket: WebSocket, _caller: Any = Depends(auth)) -> None:  # noqa: B008
        await websocket.accept()

    with pytest.raises(errors.ConfigurationError, match="close_at_expiry="):
        asyncio.run(_stays(app, websocket_scope(Ask(bearer(POOL.access_token())))))


async def _stays(app: Any, scope: Any) -> list[Any]:
    """Serve a client that says nothing and does not go."""
    sent: list[Any] = []
    queue = [CONNECT]

    async def receive() -> Any:
        if not queue:
            await asyncio.get_running_loop().create_future()
        return queue.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    async with asyncio.timeout(10):
        await app(scope, receive, send)
    return sent


# --- Errors, whoever raises them


def raising(**options: Any) -> tuple[FastAPI, CognitoAuth]:
    """An application in which everybody raises AuthErrors."""
    app = FastAPI()
    auth = CognitoAuth(VERIFIER, app=app, **options)

    @app.get("/guarded")
    def guarded(caller: Annotated[Principal, Depends(auth)]) -> str:
        return caller.subject

    @app.get("/denied", dependencies=[Depends(auth)])
    def denied() -> None:
        raise errors.PolicyDenied("another tenant")

    @app.get("/by-hand", dependencies=[])
    def by_hand() -> None:
        VERIFIER.verify(POOL.access_token(expires_in=-60))

    @app.get("/by-hand-async")
    async def by_hand_async() -> None:
        await VERIFIER.averify(POOL.access_token(expires_in=-60))

    def dependency() -> None:
        raise errors.TokenExpired

    @app.get("/in-a-dependency", dependencies=[Depends(dependency)])
    def in_a_dependency() -> None: ...

    @app.get("/outage")
    def outage() -> None:
        raise errors.KeysUnavailable(retry_after=7)

    return app, auth


RAISED: dict[str, tuple[int, str]] = {
    "/guarded": (401, "credentials_missing"),
    "/denied": (403, "policy_denied"),
    "/by-hand": (401, "token_expired"),
    "/by-hand-async": (401, "token_expired"),
    "/in-a-dependency": (401, "token_expired"),
    "/outage": (503, "keys_unavailable"),
}


@pytest.mark.parametrize("path", RAISED)
@pytest.mark.parametrize("kind", ["error", "own", "http", "starlette", "status", "sync"])
@pytest.mark.parametrize("protect_all", [True, False])
def test_handlers_find_every_error(path: str, kind: str, protect_all: bool) -> None:
    """W5: handlers of AuthError, of its class, of FastAPI's HTTPException or of the status, sync or async."""
    app, _ = raising(protect_all=protect_all, realm="orders")
    status, reason = RAISED[path]
    headers = () if path == "/guarded" else GOOD
    handled: dict[str, Any] = {
        "error": errors.AuthError,
        "own": {401: errors.TokenExpired, 403: errors.PolicyDenied, 503: errors.Unavailable}[status],
        "http": HTTPException,
        "starlette": AnyHTTPException,
        "status": status,
        "sync": HTTPException,
    }
    if reason == "credentials_missing":
        handled["own"] = errors.CredentialsMissing
    seen: list[Any] = []

    async def handler(_request: Request, error: Any) -> JSONResponse:
        seen.append(error)
        return JSONResponse({"mine": error.reason}, 418)

    def sync(_request: Request, error: Any) -> JSONResponse:
        seen.append(error)
        return JSONResponse({"mine": error.reason}, 418)

    app.add_exception_handler(handled[kind], sync if kind == "sync" else handler)
    reply = ask(app, path, headers)
    assert (reply.status, reply.json) == (418, {"mine": reason})
    assert isinstance(seen[0], errors.AuthError)
    if kind in ("http", "starlette", "sync"):
        assert seen[0].status_code == status
        assert ("www-authenticate" in seen[0].headers) is (status != 503)


def test_protect_all_runs_the_users_handlers_too() -> None:
    """What `protect_all` refuses, before any route, looks like every other refusal of the application."""
    app = closed()

    @app.exception_handler(AnyHTTPException)
    async def problem(_request: Request, error: Any) -> JSONResponse:
        return JSONResponse({"title": error.detail}, error.status_code, error.headers)

    reply = ask(app, "/nothing")
    assert (reply.status, reply.json) == (401, {"title": "no access token was sent"})
    assert reply.headers["www-authenticate"] == 'Bearer realm="api"'
    assert ask(app, "/nothing", GOOD).json == {"title": "Not Found"}


def test_an_applications_own_handler_stays() -> None:
    """init_app replaces no handler of AuthError."""
    app = FastAPI(exception_handlers={errors.AuthError: lambda _request, _error: PlainTextResponse("mine")})
    auth = CognitoAuth(VERIFIER, app=app)
    app.get("/", dependencies=[Depends(auth)])(lambda: "reached")
    assert ask(app).body == b"mine"


Socket = Callable[[WebSocket], Any]


async def before(_websocket: WebSocket) -> None:
    """Raises at once."""
    raise errors.PolicyDenied("another tenant")


async def after(websocket: WebSocket) -> None:
    """Raises once the socket is open."""
    await websocket.accept()
    raise errors.PolicyDenied("another tenant")


async def over(websocket: WebSocket) -> None:
    """Raises when the socket is closed."""
    await websocket.accept()
    await websocket.close(1000)
    raise errors.PolicyDenied("another tenant")


@pytest.mark.parametrize(
    ("endpoint", "denial", "said"),
    [
        (before, True, ["websocket.http.response.start", "websocket.http.response.body"]),
        (before, False, ["websocket.close 1008"]),
        (after, True, ["websocket.accept", "websocket.close 1008"]),
        (after, False, ["websocket.accept", "websocket.close 1008"]),
        (over, True, ["websocket.accept", "websocket.close 1000"]),
    ],
)
@pytest.mark.parametrize("protect_all", [True, False])
def test_an_error_of_a_socket_ends_it(
    endpoint: Socket, denial: bool, said: list[str], protect_all: bool
) -> None:
    """With its status before it opens, where the server can say it; else with close code 1008."""
    app = FastAPI()
    CognitoAuth(VERIFIER, app=app, protect_all=protect_all)
    app.websocket("/")(endpoint)
    with refusals() as records:
        sent = asyncio.run(_run(app, websocket_scope(Ask(GOOD), denial=denial), [CONNECT]))
    assert [fields(each)[0] for each in records] == ["policy_denied"]
    assert [f"{each['type']} {each.get('code', '')}".strip() for each in sent] == said
    if said[0].endswith("start"):
        assert sent[0]["status"] == 403


def test_a_guards_own_answer_is_given() -> None:
    """Of several guards the one that has seen the request answers; else the first of the application."""
    app, _ = raising(realm="first")
    second = CognitoAuth(POOL.offline_verifier(), app=app, realm="second")

    @app.get("/second", dependencies=[Depends(second.optional)])
    def denied() -> None:
        raise errors.PolicyDenied

    for headers in ((), GOOD, bearer("garbage")):
        assert 'realm="second"' in ask(app, "/second", headers).headers["www-authenticate"]
    assert 'realm="first"' in ask(app, "/by-hand").headers["www-authenticate"]


# --- A verifier that comes later


def bound_late(lifespan: Any = None) -> tuple[FastAPI, CognitoAuth]:
    """An application whose verifier is made after its routes."""
    app = FastAPI(lifespan=lifespan)
    auth = CognitoAuth(app=app, exclude=["/health"])
    app.get("/", dependencies=[Depends(auth.require(policy.scopes("orders/read")))])(lambda: "reached")
    app.get("/health", dependencies=[Depends(auth)])(lambda: "reached")
    return app, auth


def test_before_the_verifier_nothing_passes() -> None:
    """A request is a ConfigurationError, which is a 500; the document can be made before."""
    app, auth = bound_late()
    assert app.openapi()["paths"]["/"]["get"]["security"] == [{"Cognito": ["orders/read"]}]
    assert repr(auth) == "CognitoAuth(None)"
    for path in ("/", "/health"):
        with pytest.raises(errors.ConfigurationError, match=r"bind\(verifier\)"):
            ask(app, path, GOOD)
    auth.bind(VERIFIER)
    assert ask(app, "/health").status == 200
    assert ask(app, headers=GOOD).status == 403
    assert ask(app, headers=bearer(POOL.access_token(scopes=["orders/read"]))).status == 200
    with pytest.raises(errors.ConfigurationError, match="already"):
        auth.bind(POOL.offline_verifier())


async def _started(app: FastAPI) -> list[str]:
    said: list[str] = []
    incoming = ["lifespan.startup", "lifespan.shutdown"]

    async def receive() -> Any:
        return {"type": incoming.pop(0)}

    async def send(message: Any) -> None:
        said.append(message["type"])

    try:
        await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send)
    except errors.ConfigurationError:
        said.append("raised")
    return said


@pytest.mark.parametrize("protect_all", [True, False])
def test_an_application_without_a_verifier_does_not_start(protect_all: bool) -> None:
    """The server gets the error at the end of the start-up, and the start-up's own work is undone."""
    undone: list[str] = []
    auth: CognitoAuth | None = None

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, int]]:
        if auth is not None:
            auth.bind(VERIFIER)
        try:
            yield {"held": 1}
        finally:
            undone.append("undone")

    def made() -> tuple[FastAPI, CognitoAuth]:
        app = FastAPI(lifespan=lifespan)
        return app, CognitoAuth(app=app, protect_all=protect_all)

    app, _ = made()
    assert asyncio.run(_started(app)) == ["lifespan.startup.failed", "raised"]
    assert undone == ["undone"]
    app, auth = made()
    assert asyncio.run(_started(app)) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


# --- What cannot be right


def test_an_application_is_initialised_once() -> None:
    """And before it serves, and by one object that closes it, and it is a FastAPI."""
    app = FastAPI()
    auth = CognitoAuth(VERIFIER, app=app, protect_all=True)
    with pytest.raises(RuntimeError, match="init_app once"):
        auth.init_app(app)
    with pytest.raises(errors.ConfigurationError, match="protect_all"):
        CognitoAuth(VERIFIER, app=app, protect_all=True)
    assert ask(app).status == 401
    with pytest.raises(RuntimeError, match="serves already"):
        CognitoAuth(VERIFIER, app=app)
    for value in (APIRouter(), Starlette(), "app"):
        with pytest.raises(TypeError, match="takes a FastAPI application"):
            auth.init_app(value)  # type: ignore[arg-type]
    with pytest.raises(errors.ConfigurationError, match="protect_all="):
        CognitoAuth(VERIFIER, protect_all="yes")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="did you mean login_domain="):
        CognitoAuth(VERIFIER, domain="auth.example.com")  # type: ignore[call-arg]


def test_one_object_serves_several_applications() -> None:
    """Such as the versions of an API, each mounted."""
    auth, apps = CognitoAuth(VERIFIER, protect_all=True), (FastAPI(), FastAPI())
    for app in apps:
        auth.init_app(app)
        assert ask(app).status == 401


# --- One verification for a request


def counting() -> tuple[list[Principal], Verifier]:
    """A verifier that notes whom `revoked` was asked about."""
    asked: list[Principal] = []

    def revoked(principal: Principal) -> bool:
        asked.append(principal)
        return False

    return asked, POOL.offline_verifier(revoked=revoked)


@pytest.mark.parametrize("socket", [False, True])
@pytest.mark.parametrize("shared", ["guard", "settings", "fewer settings", "protect_all"])
def test_a_middleware_in_front_and_the_dependency_verify_once(shared: str, socket: bool) -> None:
    """`revoked` is asked once, also where the token is a subprotocol that the middleware has hidden."""
    from cognito_mr_auth.asgi import CognitoAuthMiddleware

    asked, verifier = counting()
    settings: Any = {"subprotocol": "bearer"}
    guard = Guard(verifier, **settings, close_at_expiry=True)
    app = FastAPI()
    if shared == "protect_all":
        auth = CognitoAuth(guard, app=app, protect_all=True)
    elif shared == "guard":
        auth = CognitoAuth(guard, app=app)
        app.add_middleware(CognitoAuthMiddleware, verifier=guard)
    else:
        auth = CognitoAuth(verifier, app=app, **(settings if shared == "settings" else {}))
        app.add_middleware(CognitoAuthMiddleware, verifier=verifier, **settings, close_at_expiry=True)

    @app.get("/", dependencies=[Depends(auth.require(policy.scopes("a")))])
    def me(request: Request, caller: Annotated[Principal, Depends(auth)]) -> str:
        assert principal_of(request) is caller
        return caller.subject

    @app.websocket("/", dependencies=[Depends(auth.require(policy.scopes("a")))])
    async def feed(websocket: WebSocket, caller: Annotated[Principal, Depends(auth)]) -> None:
        await websocket.accept()
        await websocket.send_json(caller.subject)

    for scopes, status in ((["a"], 200), (["b"], 403)):
        asked.clear()
        token = POOL.access_token(subject="me", scopes=scopes)
        if socket:
            offered = (("Sec-WebSocket-Protocol", f"bearer, {token}"),)
            reply = ask_websocket(app, Ask(offered), lambda: True)
        else:
            reply = ask(app, headers=bearer(token))
        assert reply.status == status
        assert status != 200 or reply.json == "me"
        assert len(asked) == 1


# --- Tests of an application


@pytest.mark.parametrize("protect_all", [True, False])
def test_an_override_passes_protect_all_too(protect_all: bool) -> None:
    """`dependency_overrides[auth]` is enough for everything; what is no principal opens nothing."""
    app = FastAPI()
    auth = CognitoAuth(VERIFIER, app=app, protect_all=protect_all)

    @app.get("/")
    def me(caller: Annotated[Principal, Depends(auth.require())]) -> str:
        return caller.subject

    principal = VERIFIER.verify(POOL.access_token(subject="overriding"))

    async def later() -> Principal:
        return principal

    for override, status in (
        (lambda: principal, 200),
        (later, 200),
        (lambda: None, 401),
        (lambda: "me", 401),
        (lambda: {"sub": "me"}, 401),
        (object, 401),
    ):
        app.dependency_overrides = {auth: override}
        assert ask(app).status == status
    app.dependency_overrides = {}
    assert ask(app).status == 401
