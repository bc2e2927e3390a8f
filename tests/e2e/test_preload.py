"""gunicorn with `preload_app`: one application, loaded in the master, goes on in each forked worker.

The Verifier is made before the fork. Its threads, refreshes and connections are the master's and do not
survive it (F); a worker has to do without them from its first request.
"""

from __future__ import annotations

from pathlib import Path

import httpx
from support.workers import Scene, scene


def _loader(here: Scene) -> int:
    """The process that loaded the application that answers."""
    headers = {"Authorization": f"Bearer {here.pool.access_token()}"}
    with httpx.Client(trust_env=False) as client:
        loader: int = client.get(f"{here.server.url}/me", headers=headers).json()["loader"]
    return loader


def test_workers_serve_right_after_the_fork(tmp_path: Path) -> None:
    """Each worker, and each successor of a killed one, fetches keys itself and accepts a valid token."""
    with scene("gunicorn + Flask", tmp_path) as here:
        first = here.started(2)
        hits = here.until_seen(*first)
        assert _loader(here) == here.master
        here.kill(first[0])
        third = here.started(3)[2]
        hits += here.until_seen(first[1], third)
        here.kill(first[1])
        fourth = here.started(4)[3]
        hits += here.until_seen(third, fourth)
        assert [hit for hit in hits if hit.status != 200] == []
        assert here.endpoints.requests >= 4, "each worker asks for keys of its own"


def test_keys_fetched_before_the_fork_are_used_after_it(tmp_path: Path) -> None:
    """Workers inherit the keys of a warmed-up master, and renew them with threads of their own."""
    with scene("gunicorn + Flask", tmp_path, warm=True) as here:
        first = here.started(2)
        here.endpoints.fail("refuse")
        here.kill(first[0])
        successor = here.started(3)[2]
        hits = here.until_seen(first[1], successor)
        assert [hit for hit in hits if hit.status != 200] == []

        here.endpoints.heal()
        here.pool.rotate()
        asked = here.endpoints.requests
        here.pool.withdraw()
        assert [hit for hit in here.until_seen(first[1], successor) if hit.status != 200] == []
        assert here.endpoints.requests > asked
