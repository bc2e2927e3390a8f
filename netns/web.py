"""Threaded web servers in the client's namespace, and their visitors.

Owns the servers' command lines and the visitors' requests. Every server has eight threads.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .bed import RESOLVER, Bed
from .client import AGES, PROXIES, Remote
from .judge import UNANSWERED, Call, outcomes
from .material import CLIENT_ID, POOL_ID, REPLICAS, until
from .world import PRIMARY

__all__ = ["SERVERS", "Site", "Visit"]

HOST, PORT = "127.0.0.1", 8000
THREADS = 8
START_SECONDS = 20.0
APPLICATION = "netns.app:application"
PROJECT = Path(__file__).resolve().parents[1]
# `python -m`, by the server's name. cheroot's own queue holds 5 connections; a busy machine
# overruns it, and the client's kernel then tries again after a second.
SERVERS = {
    "gunicorn": f"gunicorn --worker-class gthread --threads {THREADS} --workers 1 --no-control-socket "
    f"--log-level critical --bind {HOST}:PORT {APPLICATION}",
    "waitress": f"waitress --threads {THREADS} --listen {HOST}:PORT {APPLICATION}",
    "cheroot": f"cheroot --threads {THREADS} --request-queue-size 128 --bind {HOST}:PORT {APPLICATION}",
}


@dataclass(frozen=True)
class Visit:
    """Requests of one group for a path, so many a second, with one token after another or none."""

    group: str
    path: str
    per_second: float
    tokens: Sequence[str] = ("",)


class Visitors:
    """In a child: requests that come whether or not the earlier ones have been answered."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._calls: list[Call] = []
        self._waiting: dict[float, str] = {}

    def start(self, visits: Sequence[Visit]) -> None:
        """Let visitors come; they never stop."""
        threading.Thread(target=lambda: asyncio.run(self._come(visits)), daemon=True).start()

    def calls(self) -> list[Call]:
        """All requests so far, those still waiting included."""
        now = time.monotonic()
        waiting = [Call(group, at, now - at, UNANSWERED) for at, group in list(self._waiting.items())]
        return self._calls + waiting

    async def _come(self, visits: Sequence[Visit]) -> None:
        async with asyncio.TaskGroup() as group:
            for visit in visits:
                group.create_task(self._repeat(visit, group))

    async def _repeat(self, visit: Visit, group: asyncio.TaskGroup) -> None:
        begun, number = time.monotonic(), 0
        while True:
            group.create_task(self._request(visit, visit.tokens[number % len(visit.tokens)]))
            number += 1
            await asyncio.sleep(max(0.0, begun + number / visit.per_second - time.monotonic()))

    async def _request(self, visit: Visit, token: str) -> None:
        begun = time.monotonic()
        self._waiting[begun] = visit.group
        lines = [f"GET {visit.path} HTTP/1.1", f"Host: {HOST}", "Connection: close"]
        lines += [f"Authorization: Bearer {token}"] * bool(token)
        try:
            reader, writer = await asyncio.open_connection(HOST, self._port)
            writer.write("\r\n".join([*lines, "", ""]).encode())
            head, _, _ = (await reader.read()).partition(b"\r\n")
            writer.close()
            outcome = head.split()[1].decode().replace("200", "ok") if head else "no answer"
        except OSError as error:
            outcome = type(error).__name__
        self._calls.append(Call(visit.group, begun, time.monotonic() - begun, outcome))
        self._waiting.pop(begun, None)


class Site:
    """A row's handle of one server and its visitors."""

    def __init__(self, bed: Bed, server: str, state: str, number: int = 0) -> None:
        self._name = f"{server}-{state}"
        port = PORT + number
        config = bed.file(f"{self._name}.json", self._settings(bed, state))
        environment = {name: text for name, text in os.environ.items() if name.upper() not in PROXIES}
        environment |= {"NETNS_APP": str(config), "AWS_REGION": PRIMARY}
        environment |= {"PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(PROJECT)])}
        command = [sys.executable, "-m", *SERVERS[server].replace("PORT", str(port)).split()]
        resolver = bed.file(f"{self._name}.resolv", RESOLVER)
        self._log = bed.file(f"{self._name}.log", "")
        self._process = bed.inside(resolver, _serve, self._log, command, environment)
        self.visitors = Remote(bed, f"{self._name}.visitors", RESOLVER, lambda: Visitors(port))

    @staticmethod
    def _settings(bed: Bed, state: str) -> str:
        pool = {"user_pool_id": POOL_ID, "client_ids": [CLIENT_ID], "replica_regions": REPLICAS}
        return json.dumps({"pool": pool, "age": AGES[state], "authority": bed.authority})

    def until_open(self) -> None:
        """Wait until the server answers.

        Raises:
            RuntimeError: it does not.
        """
        self.visitors.ask("start", [Visit("start", "/open", 5)])
        until(lambda: "ok" in outcomes(self.visitors.calls()) or not self._process.is_alive(), START_SECONDS)
        if "ok" not in outcomes(self.visitors.calls()):
            raise RuntimeError(f"{self._name} did not start:\n{self._log.read_text('utf-8')}")

    def visit(self, *visits: Visit) -> None:
        """Let visitors come."""
        self.visitors.ask("start", visits)


def _serve(log: Path, command: list[str], environment: Mapping[str, str]) -> None:
    with log.open("w") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
        os.execve(command[0], command, environment)  # noqa: S606 - nothing here needs a shell
