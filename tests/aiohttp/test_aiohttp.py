"""`aiohttp.CognitoAuth` in applications: where it stands, what it asks once, and what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from support.drivers import Ask
from support.drivers._aiohttp import exchange, message_of, who
from support.drivers.client import Reached
from support.records import refusals

from cognito_mr_auth import Principal, Verifier, errors, policy
from cognito_mr_auth.aiohttp import PRINCIPAL, CognitoAuth, principal_of
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool

READ = policy.scopes("orders/read")
PREFLIGHT = (("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "POST"))


def handler(text: str = "reached") -> Any:
    """A new handler."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=text, headers={"X-Answered": text})

    return answer


# --- Where it stands


def nested(prepare: Callable[[web.Application, web.Application], None]) -> Callable[[], web.Application]:
    """An application with another one below /sub, which `prepare` gives their guards."""

    def make() -> web.Application:
        app, sub = web.Application(), web.Application()
        prepare(app, sub)
        for each in (app, sub):
            each.router.add_get("/x", who(Reached()))
        app.add_subapp("/sub", sub)
        return app

    return make


def test_a_closed_application_closes_those_below_it(verifier: Verifier, client: Any) -> None:
    """Their handlers and their unknown URLs."""
    ask = client(nested(lambda app, sub: CognitoAuth(verifier, app=app, protect_all=True).bind(verifier)))
    for path in ("/x", "/sub/x", "/sub/nowhere", "/nowhere", "/sub", "/"):
        assert ask(path).status == 401
    assert ask("/sub/x", token="good").json == "me"
    assert ask("/sub/nowhere", token="good").status == 404


def test_a_sub_application_may_be_closed_alone(verifier: Verifier, client: Any) -> None:
    """With what is unknown below its prefix."""

    def prepare(app: web.Application, sub: web.Application) -> None:
        CognitoAuth(verifier, app=sub, protect_all=True)
        app.router.add_get("/open", handler())

    ask = client(nested(prepare))
    assert [ask(path).status for path in ("/open", "/nowhere", "/sub/x", "/sub/nowhere")] == [
        *(200, 404, 401, 401)
    ]
    assert ask("/sub/x", token="good").json == "me"


def test_a_request_is_verified_once(pool: FakeUserPool, client: Any) -> None:
    """By two guards of one verifier, and by several guards on a handler; each policy is asked once."""
    asked: list[str] = []

    def revoked(_principal: Principal) -> bool:
        asked.append("revoked")
        return False

    def check(name: str) -> policy.Policy:
        def ask(_principal: Principal) -> bool:
            asked.append(name)
            return True

        return policy.check(ask)

    verifier = pool.offline_verifier(revoked=revoked)
    outer, inner, own = check("outer"), check("inner"), check("own")

    def make() -> web.Application:
        app, sub = web.Application(), web.Application()
        CognitoAuth(verifier, app=app, protect_all=True, require=outer)
        auth = CognitoAuth(verifier, app=sub, protect_all=True, require=inner)
        routes = web.RouteTableDef()
        auth.require(own)(routes.get("/x")(auth.require(own)(auth.require()(handler()))))
        sub.add_routes(routes)
        app.add_subapp("/sub", sub)
        return app

    assert client(make)("/sub/x", token="good").status == 200
    assert asked == ["revoked", "outer", "inner", "own"]


def test_one_object_in_two_applications(verifier: Verifier, client: Any) -> None:
    """Of which one is part of the other."""

    def prepare(app: web.Application, sub: web.Application) -> None:
        auth = CognitoAuth(Guard(verifier, require=READ), protect_all=True)
        auth.init_app(app)
        auth.init_app(sub)

    ask = client(nested(prepare))
    assert ask("/sub/x", token={"scopes": ["orders/read"]}).json == "me"
    assert (ask("/sub/x", token="good").status, ask("/sub/x").status) == (403, 401)


def test_an_application_knows_it_once(verifier: Verifier) -> None:
    """And before it serves or is part of another, which is when aiohttp freezes its middleware."""
    auth = CognitoAuth(verifier)
    app, sub, other = web.Application(), web.Application(), web.Application()
    auth.init_app(app)
    other.add_subapp("/sub", sub)
    for wrong in (app, sub):
        with pytest.raises(RuntimeError, match="call init_app once"):
            auth.init_app(wrong)


def test_a_guard_that_no_application_knows_is_an_error(verifier: Verifier, client: Any) -> None:
    """The handler does not run for any caller."""

    def make() -> web.Application:
        app = web.Application()
        app.router.add_get("/x", CognitoAuth(verifier).require()(handler()))
        return app

    with pytest.raises(RuntimeError, match="call init_app"):
        client(make)("/x", token="good")


def test_a_verifier_may_come_later(verifier: Verifier, application: Any) -> None:
    """But before the start, or the application does not start."""
    auth = CognitoAuth(protect_all=True)
    ask = application(auth, web.get("/x", handler()))
    with pytest.raises(errors.ConfigurationError, match="no verifier yet"):
        ask("/x", token="good")
    auth.bind(verifier)
    assert ask("/x", token="good").status == 200
    with pytest.raises(errors.ConfigurationError):
        auth.bind(FakeUserPool().offline_verifier())


def test_middleware_around_it(verifier: Verifier, application: Any) -> None:
    """What stands in front sees refusals as responses; what comes later runs for nobody who is refused."""
    ran: list[str] = []

    def middleware(name: str) -> Any:
        @web.middleware
        async def note(request: web.Request, handler: Any) -> web.StreamResponse:
            ran.append(name)
            response: web.StreamResponse = await handler(request)
            response.headers[name] = str(response.status)
            return response

        return note

    auth = CognitoAuth(verifier, protect_all=True)

    def make() -> web.Application:
        app = web.Application(middlewares=[middleware("front")])
        auth.init_app(app)
        app.middlewares.append(middleware("behind"))
        app.router.add_get("/x", handler())
        return app

    from support.drivers._aiohttp import put

    assert put(make(), Ask(path="/x")).headers["front"] == "401"
    assert ran == ["front"]


# --- Who asks


def test_the_principal_has_a_key_of_its_own(verifier: Verifier, application: Any) -> None:
    """`request[PRINCIPAL]`, and `principal_of(request)`, which says what is missing."""
    auth = CognitoAuth(verifier)
    seen: list[Any] = []

    async def look(request: web.Request) -> web.Response:
        seen.append((request.get(PRINCIPAL, "absent"), principal_of(request, "absent")))
        if seen[-1][1] == "absent":
            principal_of(request)
        return web.Response()

    async def copy(request: web.Request) -> web.StreamResponse:
        return await look(request)

    ask = application(
        auth,
        web.get("/required", auth.require()(copy)),
        web.get("/optional", auth.optional(_copy(look))),
        web.get("/public", auth.public(_copy(look))),
        web.get("/unmarked", look),
    )
    assert [ask(path, token="good").status for path in ("/required", "/optional", "/public")] == [200] * 3
    assert ask("/optional").status == 200
    assert [(a if a is None else a.subject, b if b is None else b.subject) for a, b in seen] == [
        *(("me", "me"), ("me", "me"), (None, None), (None, None))
    ]
    with pytest.raises(LookupError, match=r"put @auth.require\(\)"):
        ask("/unmarked", token="good")
    assert seen[-1] == ("absent", "absent")


def _copy(function: Any) -> Any:
    async def copied(request: web.Request) -> Any:
        return await function(request)

    return copied


# --- Preflights


def test_a_preflight_reaches_a_route_of_its_method_alone(verifier: Verifier, application: Any) -> None:
    """Of a closed application; a body is left out, and what is guarded by name does not run.

    What a handler sends by itself is its own.
    """
    auth = CognitoAuth(verifier, protect_all=True, preflight="pass")

    class View(web.View):
        async def options(self) -> web.Response:
            return web.Response(headers={"X-Answered": "view"})

    async def file(request: web.Request) -> web.FileResponse:
        return web.FileResponse(__file__, headers={"X-Answered": "reached"})

    async def streamed(request: web.Request) -> web.StreamResponse:
        said = web.StreamResponse(headers={"X-Answered": "reached", "Content-Length": "0"})
        await said.prepare(request)
        return said

    ask = application(
        auth,
        web.options("/own", handler()),
        web.options("/file", file),
        web.options("/streamed", streamed),
        web.options("/guarded", auth.require()(handler())),
        web.options("/unbound", handler()),
        web.route("*", "/all", handler()),
        web.view("/view", View),
        web.get("/get", handler()),
    )
    for path in ("/own", "/file", "/streamed"):
        own = ask(path, method="OPTIONS", headers=PREFLIGHT)
        assert (own.status, own.headers["x-answered"], own.body) == (200, "reached", b"")
    for path in ("/guarded", "/all", "/view", "/get", "/nowhere"):
        reply = ask(path, method="OPTIONS", headers=PREFLIGHT)
        assert (reply.status, reply.body, "x-answered" in reply.headers) == (204, b"", False), path
    for path in ("/own", "/guarded", "/all", "/view", "/get", "/nowhere"):
        assert ask(path, method="OPTIONS", headers=PREFLIGHT[:1]).status == 401


def test_a_preflight_to_a_guard_above_its_route(verifier: Verifier, application: Any) -> None:
    """Is answered in its place, as everywhere."""
    auth = CognitoAuth(verifier, preflight="pass")
    routes = web.RouteTableDef()
    auth.require()(routes.options("/x")(handler()))
    view: Any = auth.require()(type("View", (web.View,), {"options": handler()}))

    async def calls(request: web.Request) -> Any:
        return await view(request)

    ask = application(auth, *routes, web.options("/called", calls))
    for path in ("/x", "/called"):
        reply = ask(path, method="OPTIONS", headers=PREFLIGHT)
        assert (reply.status, "x-answered" in reply.headers) == (204, False), path


# --- Errors


def test_a_middleware_of_yours_may_shape_the_answer(verifier: Verifier, client: Any) -> None:
    """One that comes later catches what handlers raise; `auth.response` is the guard's answer."""
    auth = CognitoAuth(verifier)

    @web.middleware
    async def shape(request: web.Request, handler: Any) -> web.StreamResponse:
        try:
            answer: web.StreamResponse = await handler(request)
        except errors.PolicyDenied as error:
            answer = auth.response(error)
            answer.headers["X-Login"] = "https://login.example.com"
        return answer

    def make() -> web.Application:
        app = web.Application()
        auth.init_app(app)
        app.middlewares.append(shape)
        app.router.add_get("/x", auth.require(READ)(handler()))
        return app

    ask = client(make)
    assert "x-login" not in ask("/x").headers
    with refusals() as records:
        denied = ask("/x", token="good")
    assert (denied.status, denied.headers["x-login"]) == (403, "https://login.example.com")
    assert denied.headers["www-authenticate"].endswith('scope="orders/read"')
    assert len(records) == 1


def test_an_answer_that_has_begun_breaks_off(pool: FakeUserPool, verifier: Verifier) -> None:
    """Nothing else can be said there; the record says why."""
    auth = CognitoAuth(verifier)

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one")
        raise errors.PolicyDenied("two")

    app = web.Application()
    auth.init_app(app)
    app.router.add_get("/x", auth.require()(stream))
    sent = Ask((("Authorization", f"Bearer {pool.access_token()}"),), path="/x")
    with refusals() as records, pytest.raises(errors.PolicyDenied, match="two"):
        asyncio.run(exchange(app, message_of(sent, websocket=False)))
    assert len(records) == 1


def test_other_answers_are_the_applications(verifier: Verifier, application: Any) -> None:
    """Its HTTPExceptions pass as they are."""
    auth = CognitoAuth(verifier, protect_all=True)

    async def teapot(request: web.Request) -> web.Response:
        raise web.HTTPImATeapot if hasattr(web, "HTTPImATeapot") else web.HTTPConflict

    assert application(auth, web.get("/x", teapot))("/x", token="good").status in (409, 418)


def test_an_answer_before_any_middleware(verifier: Verifier, client: Any) -> None:
    """Aiohttp asks a route's `expect_handler` first, which may answer by itself."""

    async def expect(request: web.Request) -> web.StreamResponse:
        return web.Response(status=417)

    def make() -> web.Application:
        app = web.Application()
        CognitoAuth(verifier, app=app, protect_all=True)
        app.router.add_get("/x", handler(), expect_handler=expect)
        return app

    assert client(make)("/x", headers=[("Expect", "100-continue")]).status == 417


# --- Life


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.outside
def test_an_application_is_warm_at_its_start_and_closes_at_its_end(*, up: bool) -> None:
    """By `cleanup_ctx`. It has keys before its first request; an outage does not keep it from starting."""
    pool = FakeUserPool()
    with pool.serve() as endpoints:
        verifier = pool.verifier()
        if not up:
            endpoints.fail("refuse")
        seen: list[bool] = []

        async def note(_app: web.Application) -> AsyncIterator[None]:
            seen.append(verifier.ready())
            yield

        async def live() -> None:
            app = web.Application()
            auth = CognitoAuth(verifier, app=app)
            app.cleanup_ctx.append(auth.lifespan)
            app.cleanup_ctx.append(note)
            runner = web.AppRunner(app)
            await runner.setup()
            await runner.cleanup()

        asyncio.run(live())
        assert seen == [up]
        asked = endpoints.requests
        pool.rotate()
        with pytest.raises(errors.AuthError):
            verifier.verify(pool.access_token())
        assert endpoints.requests == asked


def test_without_a_verifier_the_lifespan_fails() -> None:
    """The mistake is seen at the start."""

    async def live() -> None:
        async for _ in CognitoAuth().lifespan():
            raise AssertionError("it started")

    with pytest.raises(errors.ConfigurationError):
        asyncio.run(live())


Probe = Callable[[web.Request], Awaitable[web.StreamResponse]]


def test_a_probe_is_open_and_says_yes_or_no(verifier: Verifier, application: Any) -> None:
    """Under `protect_all`, for a class of yours too."""

    class Ours(CognitoAuth):
        """A user's own."""

    auth = Ours(verifier, protect_all=True)
    ask = application(auth, web.get("/ready", auth.ready), web.get("/x", handler()))
    assert (ask("/ready").status, ask("/ready").body, ask("/x").status) == (200, b'{"status": "pass"}', 401)
