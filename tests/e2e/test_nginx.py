"""nginx's `auth_request` with the configuration of docs/nginx.md, and a real nginx."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from pathlib import Path
from threading import Event
from time import monotonic

import pytest
from support.servers import ANSWER_SECONDS, START_SECONDS, STOP_SECONDS, UVICORN, Said, Server, serving

from cognito_mr_auth.testing import FakeUserPool

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "nginx.md"

# What the page leaves to the reader. A Unix socket, because nginx cannot pick a port itself.
AROUND = """
daemon off;
master_process off;
worker_processes 1;
pid {here}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {here}/body;
    proxy_temp_path {here}/proxy;
    fastcgi_temp_path {here}/fastcgi;
    uwsgi_temp_path {here}/uwsgi;
    scgi_temp_path {here}/scgi;
    upstream application {{ server 127.0.0.1:{port}; }}
{servers}
}}
"""

Ask = Callable[..., Said]


def server_of(name: str, here: Path, port: int, endpoint: str) -> str:
    """The page's server block, asking one of the endpoints."""
    [block] = re.findall(r"```nginx\n(server \{.*?\n\})\n```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    asked = f"http://127.0.0.1:{port}/{endpoint}"
    for written, meant in (
        ("listen 80;", f"listen unix:{here}/{name};"),
        ("http://127.0.0.1:9000/", asked),
    ):
        assert written in block
        block = block.replace(written, meant)
    return block


@pytest.fixture(scope="module")
def nginx(
    tmp_path_factory: pytest.TempPathFactory, pools: tuple[FakeUserPool, FakeUserPool]
) -> Iterator[Ask]:
    """Asks nginx, over the socket of the endpoint that it asks in turn."""
    here = tmp_path_factory.mktemp("nginx")
    pool, dark = pools
    with pool.serve() as endpoints, dark.serve() as nothing:
        nothing.fail("refuse")
        settings = {
            name: {
                "pool": {
                    "user_pool_id": each.user_pool_id,
                    "client_ids": [each.client_id],
                    "replica_regions": list(each.replica_regions),
                    "jwks_urls": served.jwks_urls,
                }
            }
            for name, each, served in (("main", pool, endpoints), ("dark", dark, nothing))
        }
        with serving(UVICORN, "nginx:app", here / "uvicorn", settings) as server:
            yield from _running(here, server)


def _running(here: Path, server: Server) -> Iterator[Ask]:
    names = {"main": "auth", "orders": "auth-orders", "dark": "auth-dark"}
    servers = "\n".join(server_of(name, here, server.port, endpoint) for name, endpoint in names.items())
    configuration = here / "nginx.conf"
    configuration.write_text(AROUND.format(here=here, port=server.port, servers=servers), "utf-8")
    command = [_program(), "-p", str(here), "-e", "stderr", "-c", str(configuration)]
    with (here / "nginx.log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
        try:
            deadline, pause = monotonic() + START_SECONDS, Event()
            while not all((here / name).exists() for name in names):
                said = (here / "nginx.log").read_text("utf-8")
                assert process.poll() is None, said
                assert monotonic() < deadline, said
                pause.wait(0.02)

            def ask(name: str, target: str, *lines: str, method: str = "GET") -> Said:
                return _ask(here / name, target, lines, method)

            yield ask
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _program() -> str:
    """Where nginx is; a user's PATH often lacks its place."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    if found is None:
        pytest.skip("not installed: nginx")
    return found


def _ask(where: Path, target: str, lines: tuple[str, ...], method: str) -> Said:
    head = [f"{method} {target} HTTP/1.1", "Host: api.example.com", "Connection: close", *lines, "", ""]
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_SECONDS)
        connection.connect(str(where))
        connection.sendall("\r\n".join(head).encode())
        with HTTPResponse(connection, method=method) as response:
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Said(response.status, headers, response.read())


@pytest.fixture(scope="module")
def pools() -> tuple[FakeUserPool, FakeUserPool]:
    """One whose keys are served, and one in the dark."""
    return FakeUserPool(), FakeUserPool("us-west-2_Dark00001")


GOOD = "Authorization: Bearer TOKEN"
COOKIE = "Cookie: at=TOKEN"
OWN, EVIL = "Origin: https://app.example.com", "Origin: https://evil.example"
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", KEY)

ROWS: dict[str, tuple[str, str, str, tuple[str, ...], int]] = {
    # which endpoint, method, target, header lines, status
    "a good token": ("main", "GET", "/me", (GOOD,), 200),
    "none": ("main", "GET", "/me", (), 401),
    "garbage": ("main", "GET", "/me", ("Authorization: Bearer garbage",), 401),
    "malformed, which is 400 elsewhere": ("main", "GET", "/me", ("Authorization: Bearer a b",), 401),
    "without the scope": ("orders", "GET", "/me", (GOOD,), 403),
    "an outage": ("dark", "GET", "/me", ("Authorization: Bearer DARK",), 503),
    "excluded": ("main", "GET", "/health", (), 200),
    "excluded, with a query": ("main", "GET", "/static/app.js?v=1", (), 200),
    "dots below it": ("main", "GET", "/static/../me", (), 401),
    "encoded dots below it": ("main", "GET", "/static/%2e%2e/me", (), 401),
    "an encoded slash below it": ("main", "GET", "/static/..%2fme", (), 401),
    "its own words for nginx's": ("main", "GET", "/me", ("X-Original-URI: /health",), 401),
    "its own method for nginx's": (
        "main",
        "POST",
        "/me",
        (COOKIE, "X-Original-Method: GET", "Content-Length: 0"),
        403,
    ),
    "a cookie, read": ("main", "GET", "/me", (COOKIE, EVIL), 200),
    "a cookie, written from its page": ("main", "POST", "/me", (COOKIE, OWN, "Content-Length: 0"), 200),
    "a cookie, written from another": ("main", "POST", "/me", (COOKIE, EVIL, "Content-Length: 0"), 403),
    "a cookie, a handshake from another page": ("main", "GET", "/me", (COOKIE, EVIL, *UPGRADE), 403),
    "a preflight": ("main", "OPTIONS", "/me", (OWN, "Access-Control-Request-Method: PUT"), 401),
    "the endpoint itself": ("main", "GET", "/_cognito", (GOOD,), 404),
}


@pytest.mark.parametrize("row", ROWS)
def test_nginx_lets_pass_what_may_pass(
    nginx: Ask, pools: tuple[FakeUserPool, FakeUserPool], row: str
) -> None:
    """And nothing else reaches the application, whatever a client says in nginx's stead; an outage is 503."""
    name, method, target, lines, status = ROWS[row]
    pool, dark = pools
    tokens = {"TOKEN": pool.access_token(), "DARK": dark.access_token()}
    for word, token in tokens.items():
        lines = tuple(line.replace(word, token) for line in lines)
    said = nginx(name, target, *lines, method=method)
    assert said.status == status
    assert (said.body == f"{method} {target.partition('?')[0]}".encode()) is (status == 200)
    challenge = said.headers.get("www-authenticate", "")
    assert challenge.startswith('Bearer realm="api"') is (status in (401, 403))
    assert ("retry-after" in said.headers) is (status == 503)
