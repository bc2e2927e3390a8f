"""Real web servers for the end-to-end tests: started, watched by their log, ended by their pid.

Owns the child processes: each listens on a loopback port that it picked itself and reports in its log, so
no two ever race for one. Every wait has a deadline; nothing that was started outlives its `with`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, NamedTuple

HOST = "127.0.0.1"
TESTS = Path(__file__).resolve().parent.parent
SOURCE = TESTS.parent / "src"
# A cold start of two interpreters takes 1 s here; a machine may be busy with something else.
START_SECONDS = 30.0
STOP_SECONDS = 10.0
ANSWER_SECONDS = 10.0
# Names the JSON file that the apps read (e2e/apps/settings.py).
SETTINGS = "E2E_SETTINGS"

UVICORN = ("uvicorn", "--host", HOST, "--port", "0", "--log-level", "info")
# The loop and parser without C, so that every environment has the same server.
UVICORN += ("--loop", "asyncio", "--http", "h11")
HYPERCORN = ("hypercorn", "--bind", f"{HOST}:0", "--access-logfile", "-", "--log-level", "info")
GUNICORN = ("gunicorn", "--bind", f"{HOST}:0", "--access-logfile", "-", "--log-level", "info")
GUNICORN += ("--workers", "2", "--worker-class", "sync", "--preload", "--no-control-socket")
GUNICORN += ("--graceful-timeout", "5")

_LISTENS = re.compile(r"(?:running on|Listening at:|Running on) http://127\.0\.0\.1:([0-9]+)")
# What would change a child behind our back.
_FOREIGN = ("COGNITO_", "AWS_", "COVERAGE", "COV_", "GUNICORN_", "UVICORN_", "WEB_CONCURRENCY", "PYTEST")


class Server:
    """One running server: `port`, and what it has logged so far."""

    def __init__(self, command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> None:
        self.port = 0
        self.name = command[0]
        self._log = directory / f"{self.name}.log"
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"log of {self.name}", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        with stream, self._log.open("wb") as file:
            for line in stream:
                file.write(line)
                file.flush()
                with self._news:
                    self._lines.append(line.decode("utf-8", "backslashreplace"))
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def log(self) -> str:
        """Everything it has written so far, access log included."""
        with self._news:
            return "".join(self._lines)

    def logged(self, pattern: str | re.Pattern[str], count: int = 1) -> list[str]:
        """Wait until `count` lines hold the pattern: its first group (or the whole match) in each."""
        found: list[str] = []

        def enough() -> bool:
            hits = (re.search(pattern, line) for line in self._lines)
            found[:] = [hit[hit.re.groups and 1] for hit in hits if hit]
            return len(found) >= count or self._ended

        with self._news:
            self._news.wait_for(enough, START_SECONDS)
        assert len(found) >= count, f"{self.name} never said {pattern}:\n{self.log}"
        return found

    def start(self) -> None:
        """Wait until it takes connections."""
        self.port = int(self.logged(_LISTENS)[0])
        deadline = time.monotonic() + START_SECONDS
        pause = threading.Event()
        while True:
            try:
                socket.create_connection((HOST, self.port), ANSWER_SECONDS).close()
            except (
                ConnectionRefusedError
            ):  # bound, not yet listening: uvicorn's master is ahead of its workers
                assert time.monotonic() < deadline, self.log
                assert self._process.poll() is None, self.log
                pause.wait(0.02)
            else:
                return

    def stop(self) -> None:
        """End it and whatever it started, and read its log to the end."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        finally:
            with suppress(ProcessLookupError):  # it has its own session, so no other process is in this group
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_SECONDS)
            self._reader.join(STOP_SECONDS)

    @property
    def url(self) -> str:
        """Such as ``http://127.0.0.1:40001``."""
        return f"http://{HOST}:{self.port}"


@contextmanager
def serving(
    command: Sequence[str], app: str, directory: Path, settings: Mapping[str, Any], *options: str
) -> Iterator[Server]:
    """Run an application of e2e/apps; `settings` is what it finds in its settings file."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "settings.json"
    file.write_text(json.dumps(settings), "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    environment |= {
        SETTINGS: str(file),
        "PYTHONPATH": f"{SOURCE}{os.pathsep}{TESTS}",
        "PYTHONUNBUFFERED": "1",
    }
    server = Server((*command, *options, f"e2e.apps.{app}"), directory, environment)
    try:
        server.start()
        yield server
    finally:
        server.stop()


# --- Asking exactly as the row says


class Said(NamedTuple):
    """A server's whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(server: Server, target: str, *headers: bytes, method: str = "GET") -> Said:
    """One request over a socket of its own, with these header lines as they are."""
    lines = [
        f"{method} {target} HTTP/1.1".encode(), b"Host: 127.0.0.1", b"Connection: close", *headers, b"", b"",
    ]  # fmt: skip
    with socket.create_connection((HOST, server.port), ANSWER_SECONDS) as connection:
        connection.sendall(b"\r\n".join(lines))
        with HTTPResponse(connection, method=method) as response:
            response.begin()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Said(response.status, found, response.read())
