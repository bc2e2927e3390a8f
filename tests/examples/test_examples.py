"""Each example starts with the command that its docstring gives, answers as it should, and ends."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.run import DEADLINE_S, PROJECT, Runner, running

EXAMPLES = PROJECT / "examples"
README = EXAMPLES / "README.md"
HOST = "127.0.0.1"
CURL = shutil.which("curl") or "curl"
RUN = "python -m cognito_mr_auth.testing "
ORIGINAL = "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_Fake00001"
# How long between two looks at a server that is starting.
POLL_S = 0.02


class Example(NamedTuple):
    """The file of an example, a part of its start command if there are several, the response of /me."""

    path: str
    word: str = ""
    issuer: str = "original"


ROWS = {
    "fastapi": Example("fastapi_app.py"),
    "starlette": Example("starlette_app.py"),
    "aiohttp": Example("aiohttp_app.py"),
    "litestar": Example("litestar_app.py"),
    "flask": Example("flask_app.py"),
    "wsgi": Example("wsgi_app.py"),
    "django-wsgi": Example("django_project", "wsgi"),
    "django-asgi": Example("django_project", "asgi"),
    "drf": Example("drf_app.py"),
    "ninja": Example("ninja_app.py"),
    "mcp": Example("mcp_server.py"),
    "pyjwt": Example("pyjwt_app.py", issuer=ORIGINAL),  # jwt.decode knows the URL alone
    "powertools": Example("powertools_app.py"),
    "chalice": Example("chalice_app"),
    "edge": Example("edge_app", issuer="us-west-2_Fake00001"),  # the header for the origin names the pool
}


def files_of(path: Path) -> list[Path]:
    """The file, or all below a directory."""
    return sorted(path.rglob("*.py")) if path.is_dir() else [path]


def commands(path: Path) -> list[str]:
    """The start commands in the docstrings of a file, or of all below a directory."""
    docstrings = [ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "" for file in files_of(path)]
    lines = "\n".join(docstrings).replace("\\\n", " ").splitlines()
    return [" ".join(line[line.index(RUN) :].rstrip(" `.").split()) for line in lines if RUN in line]


def command(example: Example) -> str:
    """The one that starts this example."""
    [found] = [each for each in commands(EXAMPLES / example.path) if example.word in each]
    return found


# --- The documents


def test_every_example_is_in_the_table() -> None:
    """No file lies in examples/ that is not run here, nor one without its row in the README."""
    elsewhere = ("__pycache__", "README.md", "lambda")  # test_lambda_*.py
    elsewhere += ("grpc_client.py", "grpc_server.py")  # test_grpc_example.py
    present = {path.name for path in EXAMPLES.iterdir() if path.name not in elsewhere}
    assert present == {example.path for example in ROWS.values()}


@pytest.mark.parametrize("row", ROWS)
def test_the_readme_gives_the_command(row: str) -> None:
    """The README's row for an example has the very command of its docstring."""
    lines = [line for line in README.read_text("utf-8").splitlines() if line.startswith("|")]
    [found] = [line for line in lines if f"`{command(ROWS[row])}`" in line]
    assert f"`{ROWS[row].path}`" in found


def test_an_example_is_short() -> None:
    """Each file of an example fits a screen."""
    files = [path for example in ROWS.values() for path in files_of(EXAMPLES / example.path)]
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in files}
    assert {path.name: count for path, count in lines.items() if count > 55} == {}


# --- What they answer


@contextmanager
def port_held() -> Iterator[int]:
    """A port that no other process gets: bound here, never listened on, left for SO_REUSEADDR."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((HOST, 0))
        yield holder.getsockname()[1]


def at_port(words: list[str], port: int) -> list[str]:
    """The command with another port: in place of 8000, or as its server takes it."""
    if any("8000" in word for word in words):
        return [word.replace("8000", str(port)) for word in words]
    server = next(word for word in words[words.index("--") :] if word in SERVERS)
    return [*words, *(each.format(port=port) for each in SERVERS[server])]


SERVERS = {
    "uvicorn": ["--port", "{port}"],
    "gunicorn": ["--bind", "127.0.0.1:{port}"],
    "hypercorn": ["--bind", "127.0.0.1:{port}"],
    "flask": ["--port", "{port}"],
    "runserver": ["127.0.0.1:{port}"],
}


def ready(runner: Runner, port: int) -> None:
    """Wait until the server takes connections."""
    until = time.monotonic() + DEADLINE_S / 2
    while time.monotonic() < until and runner.process.poll() is None:
        with suppress(ConnectionRefusedError), socket.create_connection((HOST, port), timeout=5):
            return
        threading.Event().wait(POLL_S)
    runner.signal(signal.SIGKILL)
    raise AssertionError("it did not start: " + "\n".join(runner.lines))


def probed(port: int) -> None:
    """Ask /ready as Kubernetes does, and nothing else, until the example takes requests."""
    until = time.monotonic() + DEADLINE_S / 2
    while (said := get(port, "/ready", None)) != (200, None, {"status": "pass"}):
        assert said == (503, None, {"status": "fail"})
        assert time.monotonic() < until
        threading.Event().wait(POLL_S)


def get(port: int, path: str, token: str | None) -> tuple[int, str | None, Any]:
    """Status, challenge and decoded body, by curl as the README asks."""
    given = [] if token is None else ["-H", f"Authorization: Bearer {token}"]
    done = subprocess.run(
        [CURL, "--disable", "-s", "-i", "--max-time", "20", *given, f"http://{HOST}:{port}{path}"],
        stdout=subprocess.PIPE, env={"no_proxy": HOST}, check=True,
    )  # fmt: skip
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    status, _, fields = head.partition(b"\r\n")
    headers = message_from_bytes(fields)
    return int(status.split()[1]), headers.get("www-authenticate"), json.loads(body)


WHERE = r'(, resource_metadata="[^"]+")?'  # of an MCP server
MISSING = rf'Bearer realm="api"{WHERE}'
INVALID = r'Bearer realm="api", error="invalid_token".*'
DENIED = rf'Bearer realm="api", error="insufficient_scope"(, .*)?, scope="orders/read"{WHERE}'

# Path, token, status, challenge, and what the body must hold.
REQUESTS: list[tuple[str, str, int, str | None, dict[str, Any]]] = [
    ("/health", "none", 200, None, {"status": "ok"}),
    ("/ready", "none", 200, None, {"status": "pass"}),
    ("/ready", "forged", 200, None, {"status": "pass"}),
    ("/me", "none", 401, MISSING, {}),
    ("/me", "good", 200, None, {"issuer": "{issuer}"}),
    ("/me", "without-scopes", 200, None, {"issuer": "{issuer}"}),
    ("/me", "forged", 401, INVALID, {}),
    ("/me", "foreign", 401, INVALID, {}),
    ("/orders", "none", 401, MISSING, {}),
    ("/orders", "good", 200, None, {"orders": []}),
    ("/orders", "without-scopes", 403, DENIED, {}),
    ("/orders", "forged", 401, INVALID, {}),
]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("row", ROWS)
def test_the_example_runs(row: str) -> None:
    """Started as its docstring says, it answers each request as it should and leaves nothing behind."""
    example = ROWS[row]
    words = shlex.split(command(example).removeprefix(RUN))
    with port_held() as port, running(at_port(words, port)) as runner:
        good, plain = runner.until("TOKEN="), runner.until("TOKEN_WITHOUT_SCOPES=")
        tokens: dict[str, str | None] = {
            "none": None,
            "good": good,
            "without-scopes": plain,
            "forged": good.rpartition(".")[0] + "." + plain.rpartition(".")[2],
            "foreign": foreign_token(),
        }
        ready(runner, port)
        probed(port)
        for path, token, status, challenge, body in REQUESTS:
            what = f"{path} with token {token}"
            answer = get(port, path, tokens[token])
            assert answer[0] == status, (what, answer)
            assert (answer[1] is None) is (challenge is None), (what, answer)
            assert challenge is None or re.fullmatch(challenge, answer[1] or ""), (what, answer)
            for name, value in body.items():
                assert answer[2][name] == (example.issuer if value == "{issuer}" else value), (what, answer)
            # jwt.decode's caller makes its own answers.
            said = {"detail"} if example.path == "pyjwt_app.py" else {"detail", "reason"}
            assert status < 400 or set(answer[2]) == said, (what, answer)
        runner.signal(signal.SIGTERM)
        assert runner.end() in (0, 128 + signal.SIGTERM)  # uvicorn ends by the signal it was sent
        assert runner.alone


def foreign_token() -> str:
    """A token of another pool of the same name: its kid is unknown here."""
    from cognito_mr_auth.testing import FakeUserPool

    return FakeUserPool().access_token(scopes=["orders/read"])
