"""A pool served here, and a server with two workers that ask it for keys: the scene of a Region's loss.

Owns what servers differ in: how they are started, and how they report a new worker.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool

from .region_loss import REFRESH_AFTER, REVALIDATE_AFTER, Clients, Hit, shots
from .servers import GUNICORN, UVICORN, Server, serving

SEEN_SECONDS = 20.0

# gunicorn: two preforked workers, the application loaded before the fork; uvicorn: two spawned ones.
# Both masters start a successor for a worker that died.
SERVERS: Mapping[str, tuple[tuple[str, ...], str, tuple[str, ...]]] = {
    "gunicorn + Flask": (GUNICORN, "loss_flask:app", ()),
    "gunicorn + PyJWKClient": (GUNICORN, "loss_pyjwt:app", ()),
    "uvicorn + FastAPI": (UVICORN, "loss_fastapi:app", ("--workers", "2")),
}
_STARTED = {
    "gunicorn": re.compile(r"Booting worker with pid: ([0-9]+)"),
    "uvicorn": re.compile(r"Started server process \[([0-9]+)\]"),
}
_MASTER = re.compile(r"Listening at: \S+ \(([0-9]+)\)")


class Scene(NamedTuple):
    """A pool whose endpoints are served here, and a server with two workers that ask them."""

    pool: FakeUserPool
    endpoints: FakeEndpoints
    server: Server
    clients: Clients

    def started(self, count: int) -> list[int]:
        """The pids of all workers so far, in order, once there have been `count`."""
        return [int(pid) for pid in self.server.logged(_STARTED[self.server.name], count)]

    @property
    def master(self) -> int:
        """The pid of gunicorn's master."""
        return int(self.server.logged(_MASTER)[0])

    def kill(self, worker: int) -> None:
        """As the kernel does when memory is short. It is one of `started`, so it is ours."""
        os.kill(worker, signal.SIGKILL)

    def lose_the_primary(self) -> None:
        """The primary Region answers nothing any more; the replica lives."""
        self.endpoints.original.fail("hang")
        self.endpoints.updated.fail("hang")

    def until_seen(self, *workers: int, phase: str = "") -> list[Hit]:
        """Send valid tokens until each of these workers has accepted one. Workers share one socket."""
        hits: list[Hit] = []
        deadline = time.monotonic() + SEEN_SECONDS
        while not set(workers) <= {hit.worker for hit in hits}:
            assert time.monotonic() < deadline, f"{workers} did not all answer:\n{self.server.log}"
            hits += self.clients.fire(phase, [each for each in shots(self.pool, 16) if each.right == 200])
        return hits


@contextmanager
def scene(which: str, directory: Path, **settings: Any) -> Iterator[Scene]:
    """Everything up. `settings` are added to the application's own."""
    command, app, options = SERVERS[which]
    pool = FakeUserPool()
    with pool.serve() as endpoints:
        configured = {
            "main": {
                "pool": {
                    "user_pool_id": pool.user_pool_id,
                    "client_ids": [pool.client_id],
                    "replica_regions": list(pool.replica_regions),
                    "jwks_urls": endpoints.jwks_urls,
                },
                "verifier": {"refresh_after": REFRESH_AFTER, "revalidate_after": REVALIDATE_AFTER},
            },
            "primary": endpoints.original.url,
            "issuers": list(endpoints.jwks_urls),
            "client_id": pool.client_id,
            **settings,
        }
        with serving(command, app, directory, configured, *options) as server:
            clients = Clients(server.url)
            try:
                yield Scene(pool, endpoints, server, clients)
            finally:
                clients.close()
