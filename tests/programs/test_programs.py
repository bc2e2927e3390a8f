"""Typical programs, each as short as a user would wish, do what their first line says.

Each is a file beside this one. It builds its verifier from the environment at import, as applications do, and
is run as it stands.
"""

from __future__ import annotations

import ast
import asyncio
import io
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from support.drivers import Ask, Reply
from support.drivers.client import ask_http, ask_websocket, ask_wsgi
from support.lambda_events import with_token, without_token

from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool

pytestmark = pytest.mark.outside

HERE = Path(__file__).resolve().parent


class World:
    """A pool with endpoints on loopback, and an environment that names it."""

    def __init__(self, pool: FakeUserPool, endpoints: FakeEndpoints) -> None:
        self.pool = pool
        self.endpoints = endpoints

    def token(self, **options: Any) -> str:
        """An access token of the user "me"."""
        return self.pool.access_token(subject="me", **options)

    def run(self, program: str, *arguments: str) -> str:
        """What a script prints, or the text that it ends with."""
        said = io.StringIO()
        before, sys.argv = sys.argv, [program, *arguments]
        try:
            with redirect_stdout(said):
                runpy.run_path(str(HERE / f"{program}.py"), run_name="__main__")
        except SystemExit as end:
            return str(end.code)
        finally:
            sys.argv = before
        return said.getvalue().strip()

    def load(self, program: str) -> dict[str, Any]:
        """The names of a program that is imported."""
        return runpy.run_path(str(HERE / f"{program}.py"), run_name=program)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One pool for all programs; none changes it."""
    pool = FakeUserPool()
    with pool.serve() as endpoints, pytest.MonkeyPatch.context() as patch:
        patch.setenv("COGNITO_USER_POOL_ID", pool.user_pool_id)
        patch.setenv("COGNITO_CLIENT_IDS", pool.client_id)
        patch.setenv("COGNITO_REPLICA_REGIONS", ",".join(pool.replica_regions))
        patch.setenv("COGNITO_JWKS_URLS", endpoints.original.url)
        yield World(pool, endpoints)


def bearer(token: str | None, path: str = "/", **more: Any) -> Ask:
    """A request with this token, or without any."""
    headers = () if token is None else (("Authorization", f"Bearer {token}"),)
    return Ask(headers, path=path, **more)


Asker = Callable[[Ask], Reply]


def asker(app: Any) -> Asker:
    """Puts requests to an ASGI or a WSGI application, as its kind wants."""
    if hasattr(app, "wsgi_app"):
        return lambda request: ask_wsgi(app, request, bool)
    return lambda request: ask_http(app, request, bool)


# --- Scripts

SCRIPTS = [
    "p01_script",
    "p02_asyncio",
    "p25_worker",
    pytest.param("p24_pyjwt", marks=pytest.mark.needs("jwt")),
]


@pytest.mark.parametrize("program", SCRIPTS)
def test_a_script_names_the_user(world: World, program: str) -> None:
    """It prints whose token it was given."""
    assert world.run(program, world.token()) == "me"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("p01_script", "signature_invalid: the token's signature is invalid"),
        ("p25_worker", "signature_invalid"),
    ],
)
def test_a_script_says_why_not(world: World, program: str, said: str) -> None:
    """One `except` has the reason of every refusal."""
    assert world.run(program, world.token(signed_by="foreign")) == said


# --- Applications: what each route says to whom. "-" is nobody, "me" a token, others a token's option.

READER = {"scopes": ["orders/read"]}
OPS = {"groups": ["ops"]}
Row = tuple[str, dict[str, Any] | None, int]
APPLICATIONS: dict[str, tuple[str, list[Row]]] = {
    "p04_fastapi": (
        "fastapi",
        [
            ("/me", None, 401),
            ("/me", {}, 200),
            ("/orders", {}, 403),
            ("/orders", READER, 200),
            ("/orders", OPS, 200),
        ],
    ),
    "p05_fastapi_optional": (
        "fastapi",
        [
            ("/feed", None, 200),
            ("/feed", {}, 200),
            ("/feed", {"signed_by": "foreign"}, 401),
            ("/me", None, 401),
        ],
    ),
    "p06_fastapi_closed": (
        "fastapi",
        [
            ("/health", None, 200),
            ("/orders", None, 401),
            ("/orders", {}, 200),
            ("/docs", None, 401),
            ("/openapi.json", None, 401),
            ("/nowhere", None, 401),
            ("/nowhere", {}, 404),
        ],
    ),
    "p07_fastapi_tenant": (
        "fastapi",
        [
            ("/tenants/acme/orders", {"claims": {"custom:tenant": "acme"}}, 200),
            ("/tenants/acme/orders", {"claims": {"custom:tenant": "other"}}, 403),
            ("/tenants/acme/orders", {}, 403),
            ("/tenants/acme/orders", None, 401),
        ],
    ),
    "p09_fastapi_claims": (
        "fastapi",
        [("/me", {"claims": {"custom:tenant": "acme"}}, 200), ("/me", {}, 403), ("/me", None, 401)],
    ),
    "p11_flask": (
        "flask",
        [
            ("/me", {}, 200),
            ("/me", None, 401),
            ("/orders", {}, 403),
            ("/orders", READER, 200),
            ("/nowhere", None, 401),
        ],
    ),
    "p13_flask_guests": (
        "flask",
        [
            ("/feed", None, 200),
            ("/feed", {}, 200),
            ("/feed", {"signed_by": "foreign"}, 401),
            ("/me", None, 401),
            ("/nowhere", None, 401),
        ],
    ),
    "p16_starlette": (
        "starlette",
        [
            ("/health", None, 200),
            ("/orders", None, 401),
            ("/orders", {}, 403),
            ("/orders", READER, 200),
            ("/nowhere", None, 401),
        ],
    ),
    "p17_asgi": ("", [("/", None, 401), ("/", {}, 403), ("/", READER, 200)]),
}


def needed(programs: dict[str, Any]) -> list[Any]:
    """The programs, each with what it needs beyond the core."""
    return [
        pytest.param(name, marks=[pytest.mark.needs(row[0])] if row[0] else [], id=name)
        for name, row in programs.items()
    ]


@pytest.mark.parametrize("program", needed(APPLICATIONS))
def test_an_application_opens_what_it_says(world: World, program: str) -> None:
    """Each route gets its caller; every refusal has its challenge and its reason."""
    ask = asker(world.load(program)["app"])
    for path, options, status in APPLICATIONS[program][1]:
        reply = ask(bearer(None if options is None else world.token(**options), path))
        assert reply.status == status, (path, options, reply)
        if status in (401, 403):
            assert reply.headers["www-authenticate"].startswith('Bearer realm="api"')
            assert set(reply.json) == {"detail", "reason"}


@pytest.mark.needs("fastapi")
def test_guests_and_users_are_distinguished(world: World) -> None:
    """An optional route gets None for a guest, and the principal for a user."""
    ask = asker(world.load("p05_fastapi_optional")["app"])
    assert [ask(bearer(token, "/feed")).json for token in (None, world.token())] == ["everybody", "me"]


@pytest.mark.needs("fastapi")
def test_a_browsers_socket(world: World) -> None:
    """The token is a subprotocol, and the marker is answered."""
    app = world.load("p08_fastapi_socket")["app"]
    reply = ask_websocket(
        app, Ask((("Sec-WebSocket-Protocol", f"bearer, {world.token()}"),), path="/feed"), bool
    )
    assert (reply.status, reply.body, reply.headers["sec-websocket-protocol"]) == (200, b"me", "bearer")
    assert ask_websocket(app, Ask(path="/feed"), bool).status == 401


@pytest.mark.needs("aiohttp")
def test_a_framework_of_ones_own(world: World) -> None:
    """aiohttp, whose middleware asks a Guard: the answers of every adapter, for handlers' own errors too."""
    from aiohttp import web
    from aiohttp.test_utils import TestClient, TestServer

    from cognito_mr_auth import errors

    program = world.load("p22_own_framework")

    async def me(request: web.Request) -> web.Response:
        if request.query:
            raise errors.PolicyDenied("another tenant")
        caller = request[program["CALLER"]]
        return web.json_response(caller and caller.subject)

    async def heard() -> list[tuple[int, Any]]:
        app = web.Application(middlewares=[program["authenticated"]])
        app.router.add_get("/me", me)
        app.router.add_get("/health", me)
        good = {"Authorization": f"Bearer {world.token()}"}
        found = []
        async with TestClient(TestServer(app)) as client:
            for path, headers in (("/me", good), ("/me", {}), ("/health", {}), ("/me?x=1", good)):
                async with client.get(path, headers=headers) as answer:
                    said = await answer.json()
                    found.append((answer.status, said if answer.status == 200 else said["reason"]))
        return found

    assert asyncio.run(heard()) == [
        (200, "me"),
        (401, "credentials_missing"),
        (200, None),
        (403, "policy_denied"),
    ]


# --- Lambda


def test_a_lambda_authorizer(world: World) -> None:
    """A reader may read and not write: the policy that API Gateway keeps says both."""
    handler = world.load("p19_lambda_authorizer")["handler"]
    said = handler(with_token("rest-request", world.token(**READER)), None)
    effects = {each["Effect"] for each in said["policyDocument"]["Statement"]}
    assert "Allow" in effects
    denied = handler(with_token("rest-request", world.token()), None)
    assert {each["Effect"] for each in denied["policyDocument"]["Statement"]} == {"Deny"}


def test_a_lambda_api(world: World) -> None:
    """Two handlers of one object: each gets what it requires."""
    names = world.load("p20_lambda_api")
    for name, options, status in (
        ("orders", READER, 200),
        ("orders", {}, 403),
        ("me", {}, 200),
    ):
        assert names[name](with_token("proxy-rest", world.token(**options)), None)["statusCode"] == status
    nobody = names["me"](without_token("proxy-rest"), None)
    assert nobody["statusCode"] == 401
    assert 'realm="orders"' in str(nobody)


def test_a_lambda_behind_an_authorizer(world: World) -> None:
    """What the authorizer has verified is the principal; an event without one is an error."""
    authorizer = world.load("p19_lambda_authorizer")["handler"]
    context = authorizer(with_token("rest-request", world.token(**READER)), None)["context"]
    handler = world.load("p21_lambda_behind_authorizer")["handler"]
    event = without_token("proxy-rest")
    event["requestContext"]["authorizer"] = {**context, "principalId": "me"}
    assert handler(event, None) == {"statusCode": 200, "body": "me"}
    with pytest.raises(LookupError):
        handler(without_token("proxy-rest"), None)


# --- Tests of an application


@pytest.mark.needs("fastapi")
def test_an_application_is_tested_in_two_lines(tmp_path: Path) -> None:
    """One line in conftest.py, and one fixture, for an application that reads its environment at import."""
    for source, target in (
        ("p04_fastapi.py", "app.py"),
        ("p23_conftest.py", "conftest.py"),
        ("p23_tests.py", "test_orders.py"),
    ):
        tmp_path.joinpath(target).write_text(HERE.joinpath(source).read_text("utf-8"), "utf-8")
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("COGNITO_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=clean,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout


# --- Their length

LINES = {
    "p01_script": 7,
    "p02_asyncio": 8,
    "p04_fastapi": 13,
    "p05_fastapi_optional": 12,
    "p06_fastapi_closed": 12,
    "p07_fastapi_tenant": 11,
    "p08_fastapi_socket": 11,
    "p09_fastapi_claims": 13,
    "p11_flask": 12,
    "p13_flask_guests": 13,
    "p16_starlette": 18,
    "p17_asgi": 7,
    "p19_lambda_authorizer": 7,
    "p20_lambda_api": 10,
    "p21_lambda_behind_authorizer": 4,
    "p22_own_framework": 16,
    "p23_conftest": 2,
    "p23_tests": 6,
    "p24_pyjwt": 7,
    "p25_worker": 12,
}


def test_the_programs_stay_short() -> None:
    """Lines of a user's own code, without blank ones and the docstring."""
    found = {}
    for path in sorted(HERE.glob("p*.py")):
        text = path.read_text("utf-8")
        docstring = ast.parse(text).body[0].end_lineno or 0
        found[path.stem] = sum(bool(line.strip()) for line in text.splitlines()[docstring:])
    assert found == LINES
