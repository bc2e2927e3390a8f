"""Every adapter's readiness endpoint says the same to a probe, and opens nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from support.drivers import Ask, Reply
from support.drivers.client import Reached, ask_http, ask_websocket, ask_wsgi, serve, websocket_scope
from support.fetches import landed

from cognito_mr_auth import Verifier, asgi, errors, wsgi
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool

Door = Callable[[Ask], Reply]
POOL = FakeUserPool()


def _never() -> bool:
    return False


# --- One application for each adapter, as its documentation says


async def _nothing(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def excluding(verifier: Any) -> dict[str, Any]:
    """The options of a middleware; a Guard has its own."""
    return {} if isinstance(verifier, Guard) else {"exclude": ["/ready"]}


def _by_path(probe: Any, rest: Any) -> Any:
    """The least of all ASGI routers."""

    def app(scope: Any, receive: Any, send: Any) -> Any:
        return (probe if scope["path"] == "/ready" else rest)(scope, receive, send)

    return app


def bare_asgi(verifier: Any) -> Door:
    """The ASGI application alone."""
    app = _by_path(asgi.ready(verifier), _nothing)
    return lambda ask: ask_http(app, ask, _never)


def guarded_asgi(verifier: Any) -> Door:
    """Behind the middleware, which excludes its path."""
    app = _by_path(asgi.ready(verifier), _nothing)
    guarded = asgi.CognitoAuthMiddleware(app, verifier, **excluding(verifier))
    return lambda ask: ask_http(guarded, ask, _never)


def guarded_wsgi(verifier: Any) -> Door:
    """The WSGI application behind the middleware."""
    probe = wsgi.ready(verifier)

    def app(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/ready":
            return probe(environ, start_response)
        start_response("404 Not Found", [])
        return []

    guarded = wsgi.CognitoAuthMiddleware(app, verifier, **excluding(verifier))
    return lambda ask: ask_wsgi(guarded, ask, _never)


def starlette_route(verifier: Any) -> Door:
    """The endpoint of a route, in a closed application."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.routing import Route

    from cognito_mr_auth import starlette

    app = Starlette(
        routes=[Route("/ready", starlette.ready(verifier))],
        middleware=[Middleware(starlette.CognitoAuthMiddleware, verifier=verifier)],
    )
    return lambda ask: ask_http(app, ask, _never)


def starlette_of_asgi(verifier: Any) -> Door:
    """The ASGI application as a route's endpoint, behind an excluded path."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.routing import Route

    app = Starlette(
        routes=[Route("/ready", asgi.ready(verifier))],
        middleware=[Middleware(asgi.CognitoAuthMiddleware, verifier=verifier, **excluding(verifier))],
    )
    return lambda ask: ask_http(app, ask, _never)


def fastapi_closed(verifier: Any) -> Door:
    """The endpoint of a route, under `protect_all`."""
    from fastapi import FastAPI

    from cognito_mr_auth.fastapi import CognitoAuth

    auth = CognitoAuth(verifier, protect_all=True)
    app = FastAPI(lifespan=auth.lifespan)
    auth.init_app(app)
    app.add_api_route("/ready", auth.ready, methods=["GET", "HEAD"], include_in_schema=False)
    assert "/ready" not in app.openapi()["paths"]
    return lambda ask: ask_http(app, ask, _never)


def fastapi_of_starlette(verifier: Any) -> Door:
    """By Starlette's `add_route`, which knows HEAD by itself, and inherits no dependency."""
    from fastapi import Depends, FastAPI

    from cognito_mr_auth.fastapi import CognitoAuth

    class Ours(CognitoAuth):
        """A user's own."""

    auth = Ours(verifier)
    app = FastAPI(dependencies=[Depends(auth)])
    app.add_route("/ready", auth.ready, include_in_schema=False)
    app.get("/private")(lambda: None)
    return lambda ask: ask_http(app, ask, _never)


def _flask(verifier: Any, **options: Any) -> Door:
    from flask import Flask

    from cognito_mr_auth.flask import CognitoAuth

    class Ours(CognitoAuth):
        """A user's own."""

    app = Flask(__name__)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    auth = Ours(verifier, app=app, **options)
    app.add_url_rule("/ready", view_func=auth.ready)
    app.add_url_rule("/private", "private", auth.require()(lambda: "reached"))
    return lambda ask: ask_wsgi(app, ask, _never)


def flask_closed(verifier: Any) -> Door:
    """The view, under `protect_all`."""
    return _flask(verifier, protect_all=True)


def django_closed(verifier: Any) -> Door:
    """The view, under PROTECT_ALL."""
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpResponse
    from django.urls import path
    from support.django_project import project

    from cognito_mr_auth.django import ready

    routes = (path("ready", ready), path("private", lambda _request: HttpResponse("reached")))
    settings = {"auth": {"VERIFIER": verifier, "PROTECT_ALL": True}}

    def ask(request: Ask) -> Reply:
        with project(*routes, **settings):
            return ask_wsgi(get_wsgi_application(), request, _never)

    return ask


def aiohttp_closed(verifier: Any) -> Door:
    """A handler, under `protect_all`."""
    from aiohttp import web
    from support.drivers._aiohttp import asker, who

    from cognito_mr_auth.aiohttp import CognitoAuth

    class Ours(CognitoAuth):
        """A user's own."""

    auth, private = Ours(verifier, protect_all=True), who(Reached())
    return asker(auth, lambda: [web.get("/ready", auth.ready), web.get("/private", private)], Reached())


def litestar_closed(verifier: Any) -> Door:
    """A route handler, under `protect_all`."""
    from support.drivers._litestar import application, asker, who

    from cognito_mr_auth.litestar import CognitoAuth

    auth = CognitoAuth(verifier, protect_all=True)
    return asker(application(auth, auth.ready(), who(Reached(), "/private")), Reached())


DOORS: dict[Callable[[Any], Door], tuple[str, ...]] = {
    bare_asgi: (),
    guarded_asgi: (),
    guarded_wsgi: (),
    starlette_route: ("starlette",),
    starlette_of_asgi: ("starlette",),
    fastapi_closed: ("fastapi",),
    fastapi_of_starlette: ("fastapi",),
    _flask: ("flask",),
    flask_closed: ("flask",),
    django_closed: ("django",),
    aiohttp_closed: ("aiohttp",),
    litestar_closed: ("litestar",),
}
doors = pytest.mark.parametrize(
    "door",
    [
        pytest.param(door, id=door.__name__.strip("_"), marks=[pytest.mark.needs(*needed)] if needed else [])
        for door, needed in DOORS.items()
    ],
)


def without_keys(name: str = "us-west-2_Fake00001") -> Verifier:
    """A pool without keys and without requests."""
    pool = FakeUserPool(name)
    return Verifier(pool.user_pool(offline=True, jwks=None, key_file=f"/nowhere/{name}.json"))


def answer(door: Door, *headers: tuple[str, str], method: str = "GET", path: str = "/ready") -> Reply:
    """The response to a probe."""
    return door(Ask(tuple(headers), method, path))


# --- What they say


@doors
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("verifier", "status", "body"),
    [
        pytest.param(POOL.offline_verifier(), 200, b'{"status": "pass"}', id="ready"),
        pytest.param(without_keys(), 503, b'{"status": "fail"}', id="no keys"),
        pytest.param(
            Guard(POOL.offline_verifier(), exclude=["/ready"]), 200, b'{"status": "pass"}', id="a Guard"
        ),
    ],
)
def test_yes_or_no_and_nothing_more(
    door: Callable[[Any], Door], method: str, verifier: Any, status: int, body: bytes
) -> None:
    """To clients without a token, not to be stored; to HEAD without the body (RFC 9110 9.3.2)."""
    said = answer(door(verifier), method=method)
    assert (said.status, said.body) == (status, b"" if method == "HEAD" else body)
    assert dict(said.headers) == {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "cache-control": "no-store",
    }


@doors
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([("Authorization", "Bearer garbage")], id="bad token"),
        pytest.param([("Authorization", "Bearer a"), ("Authorization", "Bearer b")], id="two tokens"),
        pytest.param([("Authorization", "Basic eDp5")], id="another scheme"),
        pytest.param([("Cookie", "token=garbage"), ("Origin", "https://evil.example")], id="foreign page"),
    ],
)
def test_a_probe_shows_nothing_and_nothing_is_read(
    door: Callable[[Any], Door], headers: list[tuple[str, str]]
) -> None:
    """A token there is as good as none: the endpoint is public."""
    assert answer(door(POOL.offline_verifier()), *headers).status == 200


@doors
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", "/private"), ("GET", "/ready/"), ("GET", "/ready/x"), ("GET", "/READY")),
        *(("POST", "/ready"), ("DELETE", "/ready"), ("BREW", "/ready")),
    ],
)
def test_nothing_else_is_open(door: Callable[[Any], Door], method: str, path: str) -> None:
    """Neither another path nor another method passes by it."""
    said = answer(door(POOL.offline_verifier()), method=method, path=path)
    if door is litestar_closed and path == "/ready/":  # to Litestar that is the same path
        assert said.status == 200
        return
    assert said.status in (307, 308, 401, 404, 405)
    assert b"pass" not in said.body


@pytest.mark.parametrize("door", [bare_asgi, guarded_wsgi])
@pytest.mark.parametrize("method", ["POST", "OPTIONS", "get", ""])
def test_other_methods_get_the_allowed_ones(door: Callable[[Any], Door], method: str) -> None:
    """RFC 9110 15.5.6; method names are case-sensitive."""
    said = answer(door(POOL.offline_verifier()), method=method)
    assert (said.status, said.headers["allow"], said.body) == (405, "GET, HEAD", b"")


def test_a_socket_there_is_refused() -> None:
    """A mount passes handshakes on, too: with a status where the server can, else by its close."""
    app = asgi.ready(POOL.offline_verifier())
    assert ask_websocket(app, Ask(), _never).status == 405
    sent = serve(app, websocket_scope(Ask(), denial=False), [{"type": "websocket.connect"}])
    assert [each["type"] for each in sent] == ["websocket.close"]


def test_it_may_be_a_servers_whole_application() -> None:
    """On an internal port of its own: it answers the server's lifespan."""
    steps = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = serve(asgi.ready(POOL.offline_verifier()), {"type": "lifespan"}, steps)
    assert [each["type"] for each in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize("door", [bare_asgi, guarded_wsgi])
def test_without_a_verifier_a_probe_is_an_error(door: Callable[[Any], Door]) -> None:
    """A mistake of whoever set it up, which the server logs; a probe takes it for a no."""
    with pytest.raises(errors.ConfigurationError):
        answer(door(Guard()))


@pytest.mark.needs("flask")
def test_a_flask_view_without_a_verifier_is_an_error() -> None:
    """The same, by `init_app` alone."""
    with pytest.raises(errors.ConfigurationError):
        answer(_flask(None))


@pytest.mark.needs("fastapi")
def test_a_guard_on_the_whole_application_holds() -> None:
    """FastAPI: `dependencies=` is asked at `add_api_route` too, unless the path is excluded."""
    from fastapi import Depends, FastAPI

    from cognito_mr_auth.fastapi import CognitoAuth

    for exclude, status in ([], 401), (["/ready"], 200):
        auth = CognitoAuth(POOL.offline_verifier(), exclude=exclude)
        app = FastAPI(dependencies=[Depends(auth)])
        app.add_api_route("/ready", auth.ready)
        assert ask_http(app, Ask(path="/ready"), _never).status == status


# --- By a probe alone


@pytest.mark.outside
@doors
def test_a_pod_that_gets_no_requests_gets_ready(door: Callable[[Any], Door]) -> None:
    """B3: a pod that is not ready gets no calls except its probe."""
    pool = FakeUserPool()
    with pool.serve() as endpoints, pool.verifier() as verifier:
        ask = door(verifier)
        assert answer(ask).status == 503
        landed()
        assert answer(ask).status == 200
        assert endpoints.requests == 3


# --- The application's life


@contextmanager
def started(app: Any) -> Iterator[None]:
    """The application between its server's startup and shutdown."""
    runner = asyncio.Runner()
    messages: asyncio.Queue[Any] = asyncio.Queue()
    said: list[str] = []
    begun = asyncio.Event()

    async def send(message: Any) -> None:
        said.append(message["type"])
        begun.set()

    async def start() -> Any:
        await messages.put({"type": "lifespan.startup"})
        task = asyncio.create_task(app({"type": "lifespan", "state": {}}, messages.get, send))
        async with asyncio.timeout(10):
            await begun.wait()
        return task

    async def stop(task: Any) -> None:
        await messages.put({"type": "lifespan.shutdown"})
        await task

    with runner:
        task = runner.run(start())
        yield
        runner.run(stop(task))
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def life_of_starlette(verifier: Verifier) -> Any:
    """By the function."""
    from starlette.applications import Starlette

    from cognito_mr_auth.starlette import lifespan

    return Starlette(lifespan=lifespan(verifier))


def life_of_fastapi(verifier: Verifier) -> Any:
    """By the method."""
    from fastapi import FastAPI

    from cognito_mr_auth.fastapi import CognitoAuth

    auth = CognitoAuth(verifier)
    app = FastAPI(lifespan=auth.lifespan)
    auth.init_app(app)
    return app


def life_of_litestar(verifier: Verifier) -> Any:
    """By the method."""
    from litestar import Litestar

    from cognito_mr_auth.litestar import CognitoAuth

    auth = CognitoAuth(verifier)
    return Litestar(plugins=[auth], lifespan=[auth.lifespan], logging_config=None, openapi_config=None)


lives = pytest.mark.parametrize(
    "make",
    [
        pytest.param(life_of_starlette, id="starlette", marks=pytest.mark.needs("starlette")),
        pytest.param(life_of_fastapi, id="fastapi", marks=pytest.mark.needs("fastapi")),
        pytest.param(life_of_litestar, id="litestar", marks=pytest.mark.needs("litestar")),
    ],
)


@pytest.mark.outside
@lives
@pytest.mark.parametrize("up", [True, False])
def test_an_application_is_warm_at_its_start_and_closes_at_its_end(
    make: Callable[[Verifier], Any], up: bool
) -> None:
    """It has keys before its first request. An outage does not keep it from starting."""
    pool = FakeUserPool()
    with pool.serve() as endpoints:
        verifier = pool.verifier()
        if not up:
            endpoints.fail("refuse")
        with started(make(verifier)):
            assert verifier.ready() is up
        landed()
        asked = endpoints.requests
        pool.rotate()
        with pytest.raises(errors.AuthError):
            verifier.verify(pool.access_token())
        assert endpoints.requests == asked
