"""The same requests to real servers: the same status and body behind each of them.

Rows are sent octet by octet. None of these servers refuses a row by itself, before the application saw it:
each 400 is ours, with our body.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.servers import ANSWER_SECONDS, GUNICORN, HOST, HYPERCORN, UVICORN, Said, Server, ask, serving
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool

TRIO = (*HYPERCORN, "--worker-class", "trio")
AIOHTTP = ("aiohttp.web", "--hostname", HOST, "--port", "0")
SERVERS = {
    "uvicorn + FastAPI": (UVICORN, "table_fastapi:app"),
    "uvicorn + Starlette": (UVICORN, "table_starlette:app"),
    "uvicorn + ASGI": (UVICORN, "table_asgi:app"),
    "hypercorn + ASGI": (HYPERCORN, "table_asgi:app"),
    "hypercorn on trio + ASGI": (TRIO, "table_asgi:app"),
    "hypercorn on trio + Starlette": (TRIO, "table_starlette:app"),
    "hypercorn on trio + FastAPI": (TRIO, "table_fastapi:app"),
    "uvicorn + Django": (UVICORN, "table_django:asgi"),
    "gunicorn + Django": (GUNICORN, "table_django:wsgi"),
    "uvicorn + Litestar": (UVICORN, "table_litestar:app"),
    "aiohttp": (AIOHTTP, "table_aiohttp:app"),
    "gunicorn + Flask": (GUNICORN, "table_flask:app"),
    "gunicorn + WSGI": (GUNICORN, "table_wsgi:app"),
    "gunicorn + REST framework": (GUNICORN, "table_drf:app"),
    "gunicorn + ninja": (GUNICORN, "table_ninja:plain"),
    "uvicorn + ninja": (UVICORN, "table_ninja:app"),
    "hypercorn + ninja": (HYPERCORN, "table_ninja:app"),
}
# Django's MIDDLEWARE and views never see a WebSocket.
SOCKETS = [name for name in SERVERS if not name.startswith("gunicorn")]
SOCKETS = [name for name in SOCKETS if not name.endswith(("Django", "ninja"))]


def _settings(pool: FakeUserPool, endpoints: FakeEndpoints) -> dict[str, Any]:
    return {
        "pool": {
            "user_pool_id": pool.user_pool_id,
            "client_ids": [pool.client_id],
            "replica_regions": list(pool.replica_regions),
            "jwks_urls": endpoints.jwks_urls,
        }
    }


class Here(NamedTuple):
    """A server with two pools: one whose keys are served, and one in the dark."""

    pool: FakeUserPool
    dark: FakeUserPool
    server: Server


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Here]]:
    """Any of the servers, started when it is first asked for."""
    pool, dark = FakeUserPool(), FakeUserPool("us-west-2_Dark00001")
    found: dict[str, Server] = {}
    with ExitStack() as stack:
        endpoints, nothing = stack.enter_context(pool.serve()), stack.enter_context(dark.serve())
        nothing.fail("refuse")
        settings = {"main": _settings(pool, endpoints), "dark": _settings(dark, nothing)}

        def get(name: str) -> Here:
            if name not in found:
                command, app = SERVERS[name]
                directory = tmp_path_factory.mktemp("server")
                found[name] = stack.enter_context(serving(command, app, directory, settings))
            return Here(pool, dark, found[name])

        yield get


# --- HTTP


class Row(NamedTuple):
    """Header lines with TOKEN, SCOPED, FORGED, EXPIRED and DARK for tokens; the expected response."""

    headers: tuple[bytes, ...]
    status: int
    detail: str | None = None
    target: str = "/me"
    method: str = "GET"


MISSING = "no access token was sent"
FORM = 'the Authorization header must be "Bearer", a space and one token, and come once'
SCOPES = (
    "the token does not permit this request: the token lacks a scope; users who sign in through the SDK get "
    "only aws.cognito.signin.user.admin unless a pre-token-generation trigger adds scopes"
)
GOOD = b"Authorization: Bearer TOKEN"
PREFLIGHT = (b"Origin: https://app.example.com", b"Access-Control-Request-Method: GET")

ROWS = {
    "no header": Row((), 401, MISSING),
    "good": Row((GOOD,), 200),
    "good, scheme in lower case": Row((b"authorization: bearer TOKEN",), 200),
    "good, of the replica": Row((b"Authorization: Bearer REPLICA",), 200),
    "forged": Row((b"Authorization: Bearer FORGED",), 401, "the token's signature is invalid"),
    "expired": Row(
        (b"Authorization: Bearer EXPIRED",),
        401,
        "the token has expired: get a new one with the refresh token",
    ),
    "missing scope": Row((GOOD,), 403, SCOPES, "/orders"),
    "with the scope": Row((b"Authorization: Bearer SCOPED",), 200, None, "/orders"),
    "keys out of reach": Row(
        (b"Authorization: Bearer DARK",), 503, "the issuer's signing keys are unavailable", "/dark/me"
    ),
    # An ASGI application sees two headers, a WSGI application one with a comma.
    "two headers": Row((GOOD, GOOD), 400, FORM),
    "two headers, one of them good": Row((b"Authorization: Basic dTpw", GOOD), 400, FORM),
    "comma": Row((b"Authorization: Bearer TOKEN,TOKEN",), 400, FORM),
    "tab": Row((b"Authorization: Bearer\tTOKEN",), 400, FORM),
    "second space": Row((b"Authorization: Bearer  TOKEN",), 200),
    "empty": Row((b"Authorization:",), 401, MISSING),
    "no token": Row((b"Authorization: Bearer",), 400, FORM),
    "other scheme": Row((b"Authorization: Basic dTpw",), 401, MISSING),
    "non-ASCII": Row((b"Authorization: Bearer \xc3\xa9TOKEN",), 400, FORM),
    "excluded": Row((), 200, None, "/static/app.js"),
    "excluded, whole": Row((), 200, None, "/health"),
    "encoded slash below an excluded path": Row((), 401, MISSING, "/static/..%2forders"),
    "dots below an excluded path": Row((), 401, MISSING, "/static/../me"),
    "preflight": Row(PREFLIGHT, 401, MISSING, "/me", "OPTIONS"),
    "options without origin": Row(PREFLIGHT[1:], 401, MISSING, "/me", "OPTIONS"),
    "token in the query": Row((), 401, MISSING, "/me?access_token=good"),
}


def _tokens(here: Here) -> dict[str, str]:
    pool = here.pool
    return {
        "TOKEN": pool.access_token(subject="alice"),
        "REPLICA": pool.access_token(subject="alice", issuer="replica"),
        "SCOPED": pool.access_token(subject="alice", scopes=["orders/read"]),
        "FORGED": pool.access_token(signed_by="foreign"),
        "EXPIRED": pool.access_token(expires_in=-60),
        "DARK": here.dark.access_token(),
    }


def _send(here: Here, row: Row, tokens: Mapping[str, str]) -> Said:
    lines = list(row.headers)
    for name, token in tokens.items():
        lines = [line.replace(name.encode(), token.encode()) for line in lines]
    return ask(here.server, row.target, *lines, method=row.method)


@pytest.mark.parametrize("name", SERVERS)
def test_every_server_gives_the_same_answer(running: Callable[[str], Here], name: str) -> None:
    """Status and body of each row are the same behind every server."""
    here = running(name)
    tokens = _tokens(here)
    wrong = {}
    for title, row in ROWS.items():
        said = _send(here, row, tokens)
        problem = _problem(row, said)
        if problem or any(part in repr(said) for token in tokens.values() for part in token.split(".")[1:]):
            wrong[title] = problem or "the token"
    assert wrong == {}


def _problem(row: Row, said: Said) -> object:
    """What is not as the row has it."""
    if said.status != row.status:
        return said
    if row.status == 200:
        right = {"subject": "alice" if any(b"earer" in line for line in row.headers) else None}
        return None if json.loads(said.body) == right else said
    body = json.loads(said.body)
    meant = {"detail": row.detail or body["detail"], "reason": body["reason"]}
    exact = json.dumps(meant, separators=(",", ":")).encode()
    known = said.headers.get("retry-after" if row.status == 503 else "www-authenticate", "")
    return None if said.body == exact and (known.isdecimal() or known.startswith("Bearer ")) else said


# --- WebSockets


@contextmanager
def socket(here: Here, path: str, token: str | None = None, **options: Any) -> Iterator[ClientConnection]:
    """An open WebSocket; an InvalidStatus where the handshake was refused."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    url = f"ws://127.0.0.1:{here.server.port}{path}"
    limits = {"open_timeout": ANSWER_SECONDS, "close_timeout": ANSWER_SECONDS, "proxy": None}
    with connect(url, additional_headers=headers, **limits, **options) as opened:
        yield opened


def refused(here: Here, path: str, token: str | None = None, **options: Any) -> Said:
    """The answer to a handshake that must not succeed."""
    with pytest.raises(InvalidStatus) as raised, socket(here, path, token, **options):
        raise AssertionError("it opened")
    response = raised.value.response
    headers = {name.lower(): value for name, value in response.headers.raw_items()}
    return Said(response.status_code, headers, bytes(response.body or b""))


@pytest.mark.parametrize("name", SOCKETS)
def test_a_websocket_opens_for_a_good_token(running: Callable[[str], Here], name: str) -> None:
    """The token stands in the header, or after the marker in Sec-WebSocket-Protocol."""
    here = running(name)
    tokens = _tokens(here)
    with socket(here, "/me", tokens["TOKEN"]) as opened:
        assert json.loads(opened.recv(ANSWER_SECONDS)) == {"subject": "alice", "offered": []}
        opened.send("hello")
        assert opened.recv(ANSWER_SECONDS) == "hello"
        assert opened.subprotocol is None
    with socket(here, "/me", subprotocols=["bearer", tokens["TOKEN"]]) as opened:
        # The application never sees the token, and the browser receives a subprotocol that it offered.
        assert json.loads(opened.recv(ANSWER_SECONDS)) == {"subject": "alice", "offered": ["bearer"]}
        assert opened.subprotocol == "bearer"
    with socket(here, "/orders", tokens["SCOPED"]) as opened:
        assert json.loads(opened.recv(ANSWER_SECONDS))["subject"] == "alice"


@pytest.mark.parametrize("name", SOCKETS)
def test_a_refused_websocket_gets_the_reason(running: Callable[[str], Here], name: str) -> None:
    """Servers that offer a denial response (all of these do) answer with status, challenge and body."""
    here = running(name)
    tokens = _tokens(here)
    table = {
        "no token": (refused(here, "/me"), ROWS["no header"]),
        "forged": (refused(here, "/me", tokens["FORGED"]), ROWS["forged"]),
        "expired": (refused(here, "/me", tokens["EXPIRED"]), ROWS["expired"]),
        "missing scope": (refused(here, "/orders", tokens["TOKEN"]), ROWS["missing scope"]),
        "outage": (refused(here, "/dark/me", tokens["DARK"]), ROWS["keys out of reach"]),
        "forged, as a subprotocol": (
            refused(here, "/me", subprotocols=["bearer", tokens["FORGED"]]),
            ROWS["forged"],
        ),
    }
    problems = {title: _problem(row, said) for title, (said, row) in table.items()}
    assert {title: problem for title, problem in problems.items() if problem} == {}
    assert int(table["outage"][0].headers["retry-after"]) >= 1


@pytest.mark.parametrize("name", [name for name in SOCKETS if "FastAPI" not in name])
def test_a_websocket_ends_with_its_token(running: Callable[[str], Here], name: str) -> None:
    """With `close_at_expiry` the server closes with 1008 when the token expires, and not before."""
    here = running(name)
    with socket(here, "/me", here.pool.access_token(expires_in=2)) as opened:
        opened.recv(ANSWER_SECONDS)
        with pytest.raises(ConnectionClosed) as raised:
            opened.recv(ANSWER_SECONDS)
    assert raised.value.rcvd is not None
    assert raised.value.rcvd.code == 1008


# --- Logs


@pytest.mark.parametrize("name", SERVERS)
def test_no_log_holds_a_token(tmp_path: Path, name: str) -> None:
    """Neither the access log nor the error log of a server has a part of any token that was sent."""
    pool, dark = FakeUserPool(), FakeUserPool("us-west-2_Dark00001")
    with pool.serve() as endpoints, dark.serve() as nothing:
        nothing.fail("refuse")
        settings = {"main": _settings(pool, endpoints), "dark": _settings(dark, nothing)}
        command, app = SERVERS[name]
        with serving(command, app, tmp_path, settings) as server:
            here = Here(pool, dark, server)
            tokens = _tokens(here)
            for row in ROWS.values():
                _send(here, row, tokens)
        log = server.log  # whole: the server has ended
    assert "/orders" in log, "it keeps no access log"
    secrets = [part for token in tokens.values() for part in token.split(".")[1:]]
    assert [part for part in secrets if part[:24] in log] == []
