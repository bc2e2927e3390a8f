"""The servers of section 5: each is started on its own loopback port, watched, and ended by its pid.

Owns the child processes. A server selects its port itself and writes it to its log, so that two cannot race
for one port. No started process outlives its `with`.
"""

from __future__ import annotations

import http.client
import json
import math
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from ._settings import Settings

__all__ = ["GUNICORN", "HOST", "ORDERS", "UVICORN", "Request"]
__all__ += ["Server", "announced", "answer", "ask", "serving"]

ROOT = Path(__file__).resolve().parents[3]
HOST = "127.0.0.1"
# A start takes 1 s here; machines differ.
START_SECONDS, STOP_SECONDS = 60.0, 10.0
PAUSE_SECONDS = 0.02

UVICORN = ("uvicorn", "--host", HOST, "--port", "0", "--workers", "1", "--no-access-log", "--factory")
UVICORN += ("benchmarks.suite.apps.fastapi_app:served",)
GUNICORN = ("gunicorn", "--bind", f"{HOST}:0", "--workers", "1", "--worker-class", "sync")
GUNICORN += ("--no-control-socket", "benchmarks.suite.apps.flask_app:served()")

_LISTENS = re.compile(r"(?:[Rr]unning on|Listening at:) http://127\.0\.0\.1:([0-9]+)")
# Variables that would change how a child runs.
_FOREIGN = ("COGNITO_", "AWS_", "COVERAGE", "COV_", "GUNICORN_", "UVICORN_", "WEB_CONCURRENCY")


class Request(NamedTuple):
    """What a server is asked, beside the token."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str

    def for_wrk(self, folder: Path) -> tuple[str, ...]:
        """Options with which wrk sends it, and not just a GET: a script in `folder`."""
        values = {"wrk.method": self.method, "wrk.body": self.body}
        values |= {f'wrk.headers["{name}"]': value for name, value in self.headers.items()}
        script = folder / "request.lua"
        # JSON's strings are Lua's as well, where they need no \u.
        lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
        script.write_text("\n".join(lines), "ascii")
        return "-s", str(script)


ORDERS = Request("GET", "/orders", {}, "")


class Server(NamedTuple):
    """One that is running; all its processes are in the session of `pid`."""

    port: int
    pid: int = 0
    request: Request = ORDERS
    wrk: tuple[str, ...] = ()
    """Options that make wrk ask it so."""

    @property
    def url(self) -> str:
        """Of the one route."""
        return f"http://{HOST}:{self.port}{self.request.path}"

    def processor_seconds(self) -> float:
        """What its processes have used so far, as Linux counts it; NaN elsewhere."""
        ticks, found = 0, False
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # one that has just ended
                fields = path.read_text("ascii", "replace").rpartition(")")[2].split()
                if int(fields[3]) == self.pid:  # proc(5): session, utime and stime, counted from the state
                    ticks, found = ticks + int(fields[11]) + int(fields[12]), True
        return ticks / os.sysconf("SC_CLK_TCK") if found else math.nan


@contextmanager
def serving(
    command: tuple[str, ...], settings: Settings, folder: Path, request: Request = ORDERS
) -> Iterator[Server]:
    """The application of a variant, from the moment on when it says where it listens."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith(_FOREIGN)}
    log = folder / f"{command[0]}-{settings.variant.replace(' ', '-')}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={**environment, **settings.as_environment(), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        options = () if request == ORDERS else request.for_wrk(folder)
        yield Server(_port(process, log), process.pid, request, options)
    finally:
        _end(process)


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        said = _LISTENS.search(log.read_text("utf-8", "backslashreplace"))
        if said:
            return int(said[1])
        time.sleep(PAUSE_SECONDS)
    raise RuntimeError(f"the server did not start:\n{log.read_text('utf-8', 'backslashreplace')}")


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    finally:
        with suppress(ProcessLookupError):  # it has its own session, so no other process is in this group
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(STOP_SECONDS)


def announced() -> socket.socket:
    """Return a listening socket on its own port, announced as gunicorn does, for servers that accept one."""
    listening = socket.create_server((HOST, 0), backlog=128)
    print(f"Listening at: http://{HOST}:{listening.getsockname()[1]}", flush=True)
    return listening


def answer(server: Server, token: str) -> tuple[int, bytes]:
    """Status and body of one request. gunicorn listens before its worker answers, so it waits."""
    asked = server.request
    connection = http.client.HTTPConnection(HOST, server.port, timeout=START_SECONDS)
    try:
        headers = {**asked.headers, "Authorization": f"Bearer {token}"}
        connection.request(asked.method, asked.path, asked.body or None, headers)
        said = connection.getresponse()
        return said.status, said.read()
    finally:
        connection.close()


def ask(server: Server, token: str) -> int:
    """The status alone."""
    return answer(server, token)[0]
