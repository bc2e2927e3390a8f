"""`litestar.CognitoAuth` in applications: what it guards, opens and answers, and what its plugin adds."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from litestar import Controller, Litestar, Request, Response, Router, WebSocket, asgi, get, route, websocket
from litestar.config.cors import CORSConfig
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, NotFoundException
from litestar.handlers import websocket_listener
from litestar.static_files import create_static_files_router
from support.drivers import Ask
from support.drivers._litestar import application, socket, who
from support.drivers.client import CONNECT, Reached, serve, websocket_scope
from support.records import refusals

from cognito_mr_auth import Principal, Verifier, errors, policy
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.litestar import CognitoAuth, principal_of
from cognito_mr_auth.testing import FakeClock, FakeUserPool

READ = policy.scopes("orders/read")
SCOPED = {"scopes": ["orders/read"]}
ORIGIN = ("Origin", "https://app.example.com")
PREFLIGHT = (ORIGIN, ("Access-Control-Request-Method", "POST"))


def handler(path: str = "/x", **options: Any) -> Any:
    """A handler that returns the caller."""
    return who(Reached(), path, **options)


def method(path: str = "/x") -> Any:
    """The same as a controller's."""

    async def said(self: Any, request: Request[Any, Any, Any]) -> bytes:
        principal = principal_of(request)
        return b"null" if principal is None else f'"{principal.subject}"'.encode()

    return get(path, media_type="application/json")(said)


# --- Guards at every layer


def test_guards_of_every_layer_hold_together(verifier: Verifier, client: Any) -> None:
    """Of the application, a router, a controller and a handler; copies of them ask the same verifier."""
    auth = CognitoAuth(verifier)
    ops, read = auth.require(policy.groups("ops")), auth.require(READ)

    class Orders(Controller):
        path = "/orders"
        guards = (read,)
        mine = method("/mine")

    router = Router("/ops", route_handlers=[Orders, handler("/x", guards=[auth.require()])], guards=[ops])
    ask = client(application(auth, router, handler("/open")))
    rows = {
        "/ops/orders/mine": [(None, 401), ("good", 403), (SCOPED, 403), ({"groups": ["ops"]}, 403)],
        "/ops/x": [(None, 401), ("good", 403), ({"groups": ["ops"]}, 200)],
    }
    for path, cases in rows.items():
        for token, status in cases:
            assert ask(path, token=token).status == status, (path, token)
    assert ask("/ops/orders/mine", token=SCOPED | {"groups": ["ops"]}).json == "me"


def test_a_request_is_verified_once(pool: FakeUserPool, client: Any) -> None:
    """By the middleware and all guards together; the guard's own policy is asked once too."""
    asked: list[str] = []

    def revoked(_principal: Principal) -> bool:
        asked.append("revoked")
        return False

    def own(_principal: Principal) -> bool:
        asked.append("own")
        return True

    verifier = pool.offline_verifier(revoked=revoked)
    for protect_all in (True, False):
        auth = CognitoAuth(verifier, protect_all=protect_all, require=policy.check(own))
        ask = client(application(auth, handler(guards=[auth.require(), auth.require(READ)])))
        assert ask("/x", token=SCOPED).status == 200
        assert asked == ["revoked", "own"]
        asked.clear()


def test_a_guard_without_the_plugin_is_an_error(verifier: Verifier, client: Any) -> None:
    """The handler does not run, whoever asks."""
    auth = CognitoAuth(verifier)
    app = Litestar([handler(guards=[auth.require()])], logging_config=None, openapi_config=None)
    assert client(app)("/x", token="good").status == 500


def test_an_uncalled_guard_is_an_error(verifier: Verifier) -> None:
    """`guards=[auth.require]` would guard nothing."""
    auth = CognitoAuth(verifier)
    with pytest.raises(TypeError, match="call it"):
        auth.require(lambda _principal: True)  # type: ignore[arg-type]
    ask_nobody = Litestar([handler(guards=[auth.require])], plugins=[auth], logging_config=None)
    assert ask_nobody.asgi_router is not None


# --- What is closed


def test_what_litestar_adds_is_closed_too(verifier: Verifier, client: Any, tmp_path: Any) -> None:
    """Its OpenAPI pages, static files, mounts, sockets, and the OPTIONS that it answers by itself."""
    (tmp_path / "app.js").write_text("1")

    @asgi("/mount", is_mount=True, copy_scope=True)
    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await Response("mounted").to_asgi_response(app=None, request=Request(scope))(scope, receive, send)

    auth = CognitoAuth(verifier, protect_all=True)
    static = create_static_files_router("/static", [tmp_path])
    config = {"openapi_config": Litestar(logging_config=None).openapi_config}
    ask = client(application(auth, mounted, static, handler(), socket(Reached(), "/socket"), **config))
    for path in ("/schema/openapi.json", "/schema", "/static/app.js", "/mount", "/mount/x", "/x", "/nowhere"):
        assert ask(path).status == 401, path
        assert ask(path, token="good").status == (404 if path == "/nowhere" else 200), path
    assert ask("/x", method="OPTIONS").status == 401
    assert ask("/socket", websocket=True).status == 401
    assert ask("/socket", token="good", websocket=True).json == "me"


def test_an_answer_that_no_handler_gave_is_hidden(verifier: Verifier, client: Any) -> None:
    """Even if the application makes a page of it; a client who may see it does. Its headers go too."""

    def page(_request: Request[Any, Any, Any], _error: Exception) -> Response[str]:
        return Response("secret", headers={"X-Secret": "1"}, status_code=200)

    auth = CognitoAuth(verifier, protect_all=True, exclude=["/pages/*"])
    ask = client(application(auth, handler(), exception_handlers={NotFoundException: page}))
    with refusals() as records:
        closed = ask("/nowhere")
    assert (closed.status, closed.json["reason"], "x-secret" in closed.headers) == (
        *(401, "credentials_missing"),
        False,
    )
    assert len(records) == 1
    assert (ask("/nowhere", method="HEAD").status, ask("/nowhere", method="HEAD").body) == (401, b"")
    assert ask("/nowhere", token="nonsense").status == 401
    assert ask("/nowhere", token="good").body == ask("/pages/x").body == b"secret"


@pytest.mark.parametrize("copied", [True, False])
def test_a_closed_application_may_be_mounted_in_an_open_one(
    verifier: Verifier, client: Any, *, copied: bool
) -> None:
    """Its unknown URLs are closed too, whatever has led to it; those of one in a public mount are not."""

    def mounted(path: str, inner: Any) -> Any:
        return asgi(path, is_mount=True, copy_scope=copied)(inner)

    auth = CognitoAuth(verifier, protect_all=True)
    ask = client(Litestar([mounted("/closed", application(auth, handler("/x")))], logging_config=None))
    for path, status in (("/closed/x", 200), ("/closed/nowhere", 404)):
        assert (ask(path).status, ask(path, token="good").status) == (401, status)
    inner = Litestar([], logging_config=None)
    ask = client(application(CognitoAuth(verifier, protect_all=True), auth.public(mounted("/open", inner))))
    assert ask("/open/nowhere").status == 404


def test_cors_stands_in_front(verifier: Verifier, client: Any) -> None:
    """Litestar's own answers preflights for known and unknown URLs, and browsers can read refusals."""
    auth = CognitoAuth(verifier, protect_all=True)
    cors = CORSConfig(allow_origins=["https://app.example.com"])
    ask = client(application(auth, handler(), cors_config=cors))
    for path in ("/x", "/nowhere"):
        assert ask(path, method="OPTIONS", headers=PREFLIGHT).status == 204
        refused = ask(path, headers=[ORIGIN])
        assert refused.status == 401
        assert refused.headers["access-control-allow-origin"] == "https://app.example.com"


def test_a_preflight_runs_no_guarded_handler(verifier: Verifier, client: Any) -> None:
    """With `preflight="pass"` one that names its guard answers 204; others run without a body."""
    auth = CognitoAuth(verifier, protect_all=True, preflight="pass")
    seen: list[str] = []

    @route("/own", http_method=["OPTIONS"])
    async def own() -> str:
        seen.append("own")
        return "secret"

    @route("/guarded", http_method=["OPTIONS"], guards=[auth.require()])
    async def guarded() -> str:
        seen.append("guarded")
        return "secret"

    ask = client(application(auth, own, guarded))
    for path, ran in (("/own", ["own"]), ("/guarded", [])):
        reply = ask(path, method="OPTIONS", headers=PREFLIGHT)
        assert (reply.status in (200, 204), reply.body, seen) == (True, b"", ran)
        seen.clear()
        assert ask(path, method="OPTIONS").status == 401


# --- What is open


def controller(mark: Any) -> Any:
    """One with an open handler."""

    class Pages(Controller):
        path = "/pages"
        page = mark(method())

    return Pages


def child(parent: Any) -> Any:
    """A subclass that has nothing of its own but its path."""
    return type("Child", (parent,), {"path": "/child"})


@pytest.mark.parametrize("word", ["public", "optional"])
def test_an_opening_holds_for_the_handler_that_it_marks(verifier: Verifier, client: Any, word: str) -> None:
    """In routers and controllers too; not where a subclass inherits it, nor for its function elsewhere."""
    auth = CognitoAuth(verifier, protect_all=True)
    mark = getattr(auth, word)
    pages = controller(mark)

    def sync(request: Request[Any, Any, Any]) -> bytes:
        return b"null"

    def shared() -> Any:
        return get("/shared", sync_to_thread=False)(sync), mark(get("/marked", sync_to_thread=False)(sync))

    ask = client(
        application(
            auth,
            mark(handler("/function")),
            Router("/router", route_handlers=[mark(handler("/x"))]),
            pages,
            child(pages),
            *shared(),
        )
    )
    for path in ("/function", "/router/x", "/pages/x", "/marked"):
        assert ask(path).status == 200, path
        assert ask(path, token="nonsense").status == (200 if word == "public" else 401), path
    for path in ("/child/x", "/shared", "/router", "/pages"):
        assert ask(path).status == 401, path


def test_a_sync_handler_of_a_controller(verifier: Verifier, client: Any) -> None:
    """Litestar wraps it for its thread; the mark is found, and a subclass is closed all the same."""
    auth = CognitoAuth(verifier, protect_all=True)

    class Pages(Controller):
        path = "/pages"

        @auth.public
        @get("/x", sync_to_thread=True)
        def page(self) -> str:
            return "open"

    ask = client(application(auth, Pages, child(Pages)))
    assert (ask("/pages/x").status, ask("/child/x").status) == (200, 401)


def test_sockets_open_too(verifier: Verifier, client: Any) -> None:
    """Handlers and listeners."""
    auth = CognitoAuth(verifier, protect_all=True)

    @auth.public
    @websocket_listener("/listener")
    async def listen(data: str) -> str:
        return data

    @websocket_listener("/closed")
    async def closed(data: str) -> str:
        return data

    ask = client(application(auth, auth.public(socket(Reached(), "/socket")), listen, closed))
    assert [ask(path, websocket=True).status for path in ("/socket", "/listener", "/closed")] == [
        200,
        200,
        401,
    ]


@pytest.mark.parametrize("word", ["public", "optional"])
def test_a_mark_is_for_route_handlers(verifier: Verifier, word: str) -> None:
    """Which are guarded or open."""
    auth = CognitoAuth(verifier)
    mark = getattr(auth, word)
    for wrong in (None, "/x", len, controller(mark), Router("/", route_handlers=[])):
        with pytest.raises(TypeError, match="marks route handlers"):
            mark(wrong)
    with pytest.raises(TypeError, match="cannot have both"):
        mark(handler(guards=[auth.require()]))
    other = auth.public if word == "optional" else auth.optional
    with pytest.raises(TypeError, match="both public and optional"):
        mark(other(handler()))
    mark(mark(handler()))


def test_no_layers_opt_opens_anything(verifier: Verifier, client: Any) -> None:
    """A mark is set by its decorator alone."""
    auth = CognitoAuth(verifier, protect_all=True)
    opened: dict[str, Any] = {"cognito_mr_auth.mark": "public", "exclude_from_auth": True}
    ask = client(application(auth, Router("/r", route_handlers=[handler()], opt=opened), opt=opened))
    assert ask("/r/x").status == 401


ROUTES: dict[str, tuple[str, str, bool]] = {
    # the route, the path, whether "/static/*" opens it
    "that begins so": ("/static/x", "/static/x", True),
    "with a slash behind": ("/static/x", "/static/x/", True),
    "with a parameter behind": ("/static/{name:str}", "/static/x", True),
    "that takes all behind": ("/static/{name:path}", "/static/x/y", True),
    "that takes all": ("/{rest:path}", "/static/x", True),
    "of a tenant": ("/{tenant:str}/x", "/static/x", False),
    "of a tenant, with all behind": ("/{tenant:str}/{rest:path}", "/static/x", False),
}


@pytest.mark.parametrize("row", ROUTES)
@pytest.mark.parametrize("raw", [True, False])
def test_an_exclusion_names_a_route(verifier: Verifier, row: str, *, raw: bool) -> None:
    """`/static/*` opens no parameter to a tenant who is called "static"; some servers send no `raw_path`."""
    from support.drivers.client import http_scope

    route, path, opened = ROUTES[row]
    auth = CognitoAuth(verifier, protect_all=True, exclude=["/static/*"])
    scope = http_scope(Ask(path=path))
    if not raw:
        del scope["raw_path"]
    sent = serve(application(auth, handler(route)), scope)
    assert sent[0]["status"] == (200 if opened else 401)


@pytest.mark.parametrize("raw", [True, False])
def test_an_exclusion_opens_no_mount(verifier: Verifier, *, raw: bool) -> None:
    """The router shows it what follows its own path, which may look like an excluded one."""
    from support.drivers.client import http_scope

    auth = CognitoAuth(verifier, protect_all=True, exclude=["/health", "/health/", "/health/*", "/mount/*"])

    @asgi("/mount", is_mount=True, copy_scope=True)
    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("it ran")

    for path in ("/mount/health", "/mount/health/x", "/mount/x"):
        scope = http_scope(Ask(path=path))
        if not raw:
            del scope["raw_path"]
        assert serve(application(auth, mounted), scope)[0]["status"] == 401


@pytest.mark.parametrize(
    "differs",
    [{"path": "/static/api/private", "root_path": "/api"}, {"path": "/private", "raw_path": b"/static/x"}],
    ids=["the root behind the path's begin", "a path of a middleware"],
)
def test_the_path_judged_is_the_path_routed(verifier: Verifier, differs: dict[str, Any]) -> None:
    """Litestar takes its root away wherever the path holds it; what came as another path opens nothing."""
    from support.drivers.client import http_scope

    auth = CognitoAuth(verifier, protect_all=True, exclude=["/static/*"])
    scope = http_scope(Ask(path=differs["path"])) | differs
    assert serve(application(auth, handler("/{rest:path}")), scope)[0]["status"] == 401


@pytest.mark.parametrize(("path", "status"), [("/api/health", 200), ("/api//health", 401), ("/api/x", 401)])
def test_an_excluded_path_begins_at_the_root(verifier: Verifier, path: str, status: int) -> None:
    """Behind a proxy that strips a prefix; a path that could be read in two ways is closed."""
    from support.drivers.client import http_scope

    auth = CognitoAuth(verifier, protect_all=True, exclude=["/health"])
    app = application(auth, handler("/health"), handler("/x"))
    assert serve(app, http_scope(Ask(path=path)) | {"root_path": "/api"})[0]["status"] == status


# --- Errors


def test_your_own_handlers_are_asked_first(verifier: Verifier, client: Any) -> None:
    """For an error of ours, for a status, and for Litestar's own kind, at the layer where they stand."""

    def plain(_request: Request[Any, Any, Any], error: Any) -> Response[str]:
        return Response(
            f"{type(error).__name__}: {error}", status_code=error.status_code, headers=error.headers
        )

    def ours(_request: Request[Any, Any, Any], error: errors.AuthError) -> Response[str]:
        return Response(error.reason, status_code=error.status)

    auth = CognitoAuth(verifier)
    needs = {"guards": [auth.require(READ)]}
    ask = client(
        application(
            auth,
            handler("/status", **needs, exception_handlers={401: plain}),
            handler("/kind", **needs, exception_handlers={HTTPException: plain}),
            handler("/error", **needs, exception_handlers={errors.CredentialsMissing: ours}),
            handler("/all", **needs, exception_handlers={errors.AuthError: ours}),
            handler("/none", **needs),
        )
    )
    said = {path: ask(path) for path in ("/status", "/kind", "/error", "/all", "/none")}
    assert {path: reply.status for path, reply in said.items()} == dict.fromkeys(said, 401)
    missing = b"CredentialsMissing: no access token was sent"
    assert [said[path].body for path in ("/status", "/kind")] == [missing, missing]
    assert said["/kind"].headers["www-authenticate"] == 'Bearer realm="api"'
    assert [said[path].body for path in ("/error", "/all")] == [b"credentials_missing"] * 2
    assert ask("/status", token="good").json["reason"] == "policy_denied"
    assert ask("/kind", token="good").body.startswith(b"PolicyDenied: ")


def test_a_refusal_of_protect_all_has_the_form_of_others(verifier: Verifier, client: Any) -> None:
    """Of a closed application; to HEAD without a body."""

    def ours(_request: Request[Any, Any, Any], error: errors.AuthError) -> Response[str]:
        return Response(error.reason, status_code=error.status)

    auth = CognitoAuth(verifier, protect_all=True)
    app = application(auth, handler(), exception_handlers={errors.AuthError: ours})
    assert client(app)("/x").body == b"credentials_missing"
    head = client(application(auth, handler()))("/x", method="HEAD")
    assert (head.status, head.body) == (401, b"")


def test_an_answer_that_has_begun_breaks_off(verifier: Verifier, client: Any) -> None:
    """Nothing else can be said there; the record says why."""

    @asgi("/x", copy_scope=True)
    async def begun(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise errors.PolicyDenied("too late") if fault is None else fault

    auth = CognitoAuth(verifier, protect_all=True)
    ask = client(application(auth, begun))
    fault: Exception | None = None
    with refusals() as records, pytest.raises(Exception, match="after response started"):
        ask("/x", token="good")
    assert len(records) == 1
    fault = RuntimeError("another kind")
    with refusals() as records, pytest.raises(Exception, match="after response started"):
        ask("/x", token="good")
    assert records == []


def test_an_error_on_a_socket(verifier: Verifier, pool: FakeUserPool, client: Any) -> None:
    """Before the handshake it is its answer, if the server can send one; then a close with 1008."""
    auth = CognitoAuth(verifier)

    @websocket("/open")
    async def accepted(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        raise errors.PolicyDenied("not any more")

    @websocket("/fault")
    async def fault(socket: WebSocket[Any, Any, Any]) -> None:
        raise RuntimeError("another kind")

    guarded = socket(Reached(), "/guarded", guards=[auth.require(READ)])
    app = application(auth, accepted, fault, guarded)
    denied = client(app)("/guarded", token="good", websocket=True)
    assert (denied.status, denied.json["reason"]) == (403, "policy_denied")
    assert client(app)("/guarded", websocket=True).status == 401
    assert client(app)("/guarded", token=SCOPED, websocket=True).json == "me"
    assert client(app)("/fault", websocket=True).status == 4500

    def closes(path: str, *headers: tuple[str, str]) -> list[Any]:
        scope = websocket_scope(Ask(headers, path=path), denial=False)
        return [(each["type"], each.get("code")) for each in serve(app, scope, [CONNECT])]

    assert closes("/guarded") == [("websocket.close", 1008)]
    assert closes("/open")[-1] == ("websocket.close", 1008)


# --- Sockets that end with their token


def test_a_socket_ends_with_its_token(pool: FakeUserPool) -> None:
    """Whether the middleware or the handler's guard has found it."""
    clock = FakeClock(wall=1_790_000_000.0)
    fake = FakeUserPool(clock=FakeClock(wall=1_790_000_000.0))
    verifier = fake.offline_verifier(clock=clock)
    token = fake.access_token(expires_in=1)
    clock.advance(0.9)
    for protect_all in (True, False):
        auth = CognitoAuth(verifier, protect_all=protect_all, close_at_expiry=True)

        @websocket("/x", guards=[auth.require()])
        async def listen(socket: WebSocket[Any, Any, Any]) -> None:
            await socket.accept()
            async for _ in socket.iter_data():
                raise AssertionError("nobody said anything")

        sent = (("Authorization", f"Bearer {token}"),)
        scope = websocket_scope(Ask(sent, path="/x"))
        heard = serve(application(auth, listen), scope, [CONNECT])
        assert [(each["type"], each.get("code")) for each in heard] == [
            *(("websocket.accept", None), ("websocket.close", 1008))
        ]


# --- Who asks


@pytest.mark.parametrize("layer", ["handler", "application"])
def test_a_principal_is_not_kept_for_the_next_caller(verifier: Verifier, layer: str) -> None:
    """Litestar's `use_cache` keeps what a dependency gives for as long as the application lives."""
    auth = CognitoAuth(verifier)
    kept = {"principal": Provide(auth.principal, use_cache=True)}

    @get("/x", dependencies=kept if layer == "handler" else {})
    async def shown(principal: NamedDependency[Principal]) -> str:
        return principal.subject

    with pytest.raises(ConfigurationError, match="first caller"):
        application(auth, shown, dependencies=kept if layer == "application" else {})


def test_who_asks(verifier: Verifier, client: Any) -> None:
    """By `principal_of`, `request.user`, and as a dependency; a principal may be returned as it is."""
    auth = CognitoAuth(verifier)

    @get("/user", guards=[auth.require()])
    async def user(request: Request[Principal, Principal, Any]) -> str:
        assert request.user is request.auth
        return request.user.subject

    @get("/dependency", dependencies={"principal": Provide(auth.principal)})
    async def dependency(principal: NamedDependency[Principal]) -> Principal:
        return principal

    @get("/unmarked")
    async def unmarked(request: Request[Any, Any, Any]) -> str:
        assert principal_of(request, "absent") == "absent"  # type: ignore[comparison-overlap]
        principal_of(request)
        return "reached"

    router = Router("/copied", route_handlers=[dependency])
    ask = client(application(auth, user, dependency, router, unmarked, auth.optional(handler())))
    assert ask("/user", token="good").body == b"me"
    for path in ("/dependency", "/copied/dependency"):
        assert ask(path).status == 401
        assert ask(path, token="good").json["subject"] == "me"
    assert ask("/unmarked", token="good").status == 500
    assert (ask("/x").json, ask("/x", token="good").json) == (None, "me")


# --- OpenAPI


def test_the_document_says_what_operations_need(verifier: Verifier) -> None:
    """The scheme, scopes of all guards of a handler, and an empty object where none is needed."""
    for protect_all in (True, False):
        auth = CognitoAuth(verifier, protect_all=protect_all, exclude=["/health"])

        @get("/orders", guards=[auth.require(READ), auth.require(policy.scopes("a/b") & READ)])
        async def orders() -> Principal: ...

        @get("/own", security=[{"Mine": []}], guards=[auth.require()])
        async def own() -> str: ...

        @auth.public
        @get("/public")
        async def public() -> str: ...

        @auth.optional
        @get("/optional")
        async def optional() -> str: ...

        @get("/health")
        async def health() -> str: ...

        @get("/private")
        async def private() -> str: ...

        before = Litestar(logging_config=None).openapi_config
        app = Litestar(
            [orders, own, public, optional, health, private],
            plugins=[auth],
            logging_config=None,
        )
        document = app.openapi_schema.to_schema()
        scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        assert document["components"]["securitySchemes"] == {"Cognito": scheme}
        assert document.get("security") == ([{"Cognito": []}] if protect_all else None)
        found = {path: item["get"].get("security") for path, item in document["paths"].items()}
        assert found == {
            "/orders": [{"Cognito": ["orders/read", "a/b"]}],
            "/own": [{"Mine": []}],
            "/public": [{}],
            "/optional": [{}, {"Cognito": []}],
            "/health": [{}] if protect_all else None,
            "/private": None,
        }
        # The default is shared by all applications.
        assert Litestar(logging_config=None).openapi_config == before


# --- Life


def test_settings_may_come_later(verifier: Verifier, client: Any) -> None:
    """But before the start, or the application does not start; a verifier is bound once."""
    auth = CognitoAuth(protect_all=True)
    with pytest.raises(errors.ConfigurationError):
        application(auth, handler())
    auth.bind(verifier)
    assert client(application(auth, handler()))("/x", token="good").json == "me"
    with pytest.raises(errors.ConfigurationError):
        auth.bind(FakeUserPool().offline_verifier())


def test_a_guard_may_be_shared(verifier: Verifier, client: Any) -> None:
    """By two plugins of one application, which verify a request once."""
    guard = Guard(verifier)
    closed, words = CognitoAuth(guard, protect_all=True), CognitoAuth(guard)
    app = application(closed, handler(guards=[words.require()]))
    before = Counter(verifier.counts())
    assert client(app)("/x", token="good").json == "me"
    assert (Counter(verifier.counts()) - before).total() == 1


def test_the_document_of_a_resource_has_its_methods(verifier: Verifier, client: Any) -> None:
    """Other methods are not allowed, and only a client with a token gets that response."""
    auth = CognitoAuth(verifier, resource="https://api.example.com")
    ask = client(application(auth, handler()))
    path = "/.well-known/oauth-protected-resource"
    assert ask(path).json["resource"] == "https://api.example.com"
    assert ask(path, method="POST").status == 405
