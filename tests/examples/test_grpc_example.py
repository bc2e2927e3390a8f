"""The example for gRPC starts with the command of its docstring, and answers its client as it should."""

from __future__ import annotations

import ast
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.run import DEADLINE_S, PROJECT, running

EXAMPLES = PROJECT / "examples"
README = EXAMPLES / "README.md"
SERVER, CLIENT = EXAMPLES / "grpc_server.py", EXAMPLES / "grpc_client.py"
RUN = "python -m cognito_mr_auth.testing "


def command(path: Path, beginning: str) -> str:
    """The command in the docstring of a file."""
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    [found] = [line for line in docstring.splitlines() if line.startswith(beginning)]
    return found


def test_the_readme_gives_the_commands() -> None:
    """Those of the docstrings, and no others."""
    readme = README.read_text("utf-8")
    assert f"`{command(SERVER, RUN)}`" in readme
    assert f"`{command(CLIENT, 'TOKEN=')}`" in readme


def test_the_example_is_short() -> None:
    """Each file fits a screen."""
    assert {path.name for path in (SERVER, CLIENT) if len(path.read_text("utf-8").splitlines()) > 55} == set()


def asked(port: str, method: str, token: str | None) -> tuple[int, str]:
    """The client's status, and all that it prints."""
    environment = {name: value for name, value in os.environ.items() if name != "TOKEN"}
    done = subprocess.run(
        [sys.executable, CLIENT, method, f"127.0.0.1:{port}"],
        env=environment | ({} if token is None else {"TOKEN": token}),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.outside
def test_the_example_runs() -> None:
    """It answers each call correctly, and ends on a signal."""
    words = shlex.split(command(SERVER, RUN).removeprefix(RUN))
    with running([*words, "127.0.0.1", "0"]) as runner:
        good, plain = runner.until("TOKEN="), runner.until("TOKEN_WITHOUT_SCOPES=")
        port = runner.until("listening on port ")
        forged = good.rpartition(".")[0] + "." + plain.rpartition(".")[2]
        rows = [
            ("/example.Shop/Health", None, 0, r'\{"status": "ok"\}'),
            ("/example.Shop/Me", good, 0, r'.*"issuer": "original"\}'),
            ("/example.Shop/Orders", good, 0, r'\{"orders": \[\]\}'),
            ("/grpc.health.v1.Health/Check", None, 0, "\x08\x01"),
            ("/example.Shop/Orders", None, 1, "UNAUTHENTICATED: no access token was sent"),
            ("/example.Shop/Orders", forged, 1, "UNAUTHENTICATED: the token's signature is invalid"),
            ("/example.Shop/Orders", plain, 1, "PERMISSION_DENIED: the token does not permit this request"),
            ("/example.Shop/Nothing", None, 1, "UNAUTHENTICATED: no access token was sent"),
            ("/example.Shop/Nothing", good, 1, "UNIMPLEMENTED: Method not found!"),
        ]
        for method, token, status, said in rows:
            answer = asked(port, method, token)
            assert answer[0] == status, (method, answer)
            assert re.match(said, answer[1]), (method, answer)
            assert status == 0 or "Nothing" in method or "www-authenticate: Bearer" in answer[1]
        runner.signal(signal.SIGTERM)
        assert runner.end() in (0, 128 + signal.SIGTERM)
        assert runner.alone
