"""Serves the applications that a page of docs/ shows whole, as its reader would: the file, then its command.

A block after `<!-- file NAME.py -->` is an application; the command that serves it is the line of a shell
block of the same page that names `NAME:app`.
"""

from __future__ import annotations

import os
import re
import shlex
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cognito_mr_auth.testing import FakeUserPool
from cognito_mr_auth.testing._environment import variables_of

from .servers import HOST, START_SECONDS, Server

DOCS = Path(__file__).resolve().parents[2] / "docs"

# The options with which each server picks a port itself. Sanic does not print which one that was.
_ANY_PORT = {"uvicorn": ("--port", "0"), "gunicorn": ("--bind", f"{HOST}:0"), "sanic": ("--port", "PORT")}
# What would change a child behind our back.
_FOREIGN = ("COGNITO_", "AWS_", "COVERAGE", "COV_", "GUNICORN_", "UVICORN_", "SANIC_", "PYTHON", "PYTEST")


def files(page: str) -> dict[str, str]:
    """The files of a page by name."""
    found = re.findall(r"<!-- file (\S+) -->\n```python\n(.*?)^```$", _text(page), re.MULTILINE | re.DOTALL)
    return dict(found)


def command(page: str, name: str) -> list[str]:
    """The arguments that serve this file, after those that start the fake pool."""
    module = name.removesuffix(".py")
    lines = re.findall(
        rf"^(?:\w+=\S+ )?python -m cognito_mr_auth\.testing .*-- (.*\b{module}:.*)$",
        _text(page),
        re.MULTILINE,
    )
    [found] = lines
    return shlex.split(found)


def _text(page: str) -> str:
    return (DOCS / page).read_text("utf-8")


@contextmanager
def serving(
    page: str,
    name: str,
    pool: FakeUserPool,
    directory: Path,
    variables: Mapping[str, str] | None = None,
    *,
    without: str = "",
    words: Sequence[str] = (),
) -> Iterator[Server]:
    """Serve one application of the page, whose pool is this one, which serves its keys.

    `without` is a line to leave out of its files, `words` another command than the page's.
    """
    for file, text in files(page).items():
        lines = [line for line in text.splitlines() if not without or line != without]
        (directory / file).write_text("\n".join(lines), "utf-8")
    words = [*words] or command(page, name)
    with _free_port() as port:
        options = [port if each == "PORT" else each for each in _ANY_PORT[words[0]]]
        wanted = [*_without_port(words), *options]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN)}
        given: dict[str, Any] = variables_of(pool, every_endpoint=True)
        environment |= {key: value for key, value in given.items() if value is not None}
        environment |= {"PYTHONUNBUFFERED": "1", **(variables or {})}
        server = Server(wanted, directory, environment)
        try:
            if port in options:
                _wait(server, int(port))
            else:
                server.start()
            yield server
        finally:
            server.stop()


def _without_port(words: list[str]) -> list[str]:
    at = words.index("--port") if "--port" in words else len(words)
    return words[:at] + words[at + 2 :]


@contextmanager
def _free_port() -> Iterator[str]:
    """A port that no other process gets: bound here, never listened on, left for SO_REUSEADDR."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((HOST, 0))
        yield str(holder.getsockname()[1])


def _wait(server: Server, port: int) -> None:
    """Until a server takes connections that says nothing when it does."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with suppress(ConnectionRefusedError), socket.create_connection((HOST, port), 5):
            server.port = port
            return
        time.sleep(0.02)
    raise AssertionError(server.log)
