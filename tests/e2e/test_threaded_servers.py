"""Servers with 8 and 16 threads stay responsive while callers without a chance ask for keys (W7)."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.servers import GUNICORN, Server, ask, serving

from cognito_mr_auth._jwks.schedule import SILENCE_SECONDS
from cognito_mr_auth.testing import FakeUserPool

SERVERS = {
    "gunicorn": (*GUNICORN, "--worker-class", "gthread", "--workers", "1", "--threads"),
    "waitress": ("e2e.apps.threaded", "waitress"),
    "cheroot": ("e2e.apps.threaded", "cheroot"),
}
# An open path is answered within this time.
RESPONSIVE = 0.3
# How long it is asked, how often, and how often each visitor of the flood comes again.
WATCHED, EVERY, PAUSE = 2.0, 0.05, 0.05


@contextmanager
def flood(server: Server, target: str, tokens: Sequence[str], visitors: int) -> Iterator[Counter[int]]:
    """Clients that send one token after the other without a pause; the statuses that they get."""
    over, heard, lock = threading.Event(), Counter[int](), threading.Lock()

    def visit(number: int) -> None:
        while not over.wait(PAUSE):
            status = ask(
                server, target, f"Authorization: Bearer {tokens[number % len(tokens)]}".encode()
            ).status
            number += visitors
            with lock:
                heard[status] += 1

    with ThreadPoolExecutor(visitors) as pool:
        jobs = [pool.submit(visit, number) for number in range(visitors)]
        try:
            yield heard
        finally:
            over.set()
            for job in jobs:
                job.result()


def answered_within(server: Server, target: str) -> float:
    """The slowest of the answers on this path."""
    pause, slowest = threading.Event(), 0.0
    until = time.monotonic() + WATCHED
    while time.monotonic() < until:
        begun = time.monotonic()
        assert ask(server, target).status == 200
        slowest = max(slowest, time.monotonic() - begun)
        pause.wait(EVERY)
    return slowest


@pytest.mark.outside
@pytest.mark.parametrize("threads", [8, 16])
@pytest.mark.parametrize("command", SERVERS.values(), ids=SERVERS)
def test_a_flood_without_a_chance_leaves_the_threads_to_others(
    command: tuple[str, ...], threads: int, tmp_path: Path
) -> None:
    """Forged kids while a Region hangs, then any token in a total outage of a cold pool: 503, never 401.

    After the second for which all may wait, an open path is answered within 300 ms.
    """
    pool, dark = FakeUserPool(), FakeUserPool("us-west-2_Dark00001")
    visitors = threads + threads // 2  # more than can be served at once
    with pool.serve() as endpoints, dark.serve() as silent:
        silent.fail("hang")
        settings = {
            name: {
                "pool": {
                    "user_pool_id": each.user_pool_id,
                    "client_ids": [each.client_id],
                    "replica_regions": list(each.replica_regions),
                    "jwks_urls": served.jwks_urls,
                }
            }
            for name, each, served in (("main", pool, endpoints), ("dark", dark, silent))
        }
        with serving((*command, str(threads)), "table_wsgi:app", tmp_path, settings) as server:
            good = f"Authorization: Bearer {pool.access_token()}".encode()
            assert ask(server, "/me", good).status == 200
            endpoints.original.fail("hang")
            forged = [pool.access_token(signed_by="unknown") for _ in range(4 * visitors)]
            for target, tokens in (("/me", forged), ("/dark/me", [dark.access_token()])):
                with flood(server, target, tokens, visitors) as heard:
                    threading.Event().wait(SILENCE_SECONDS + RESPONSIVE)
                    assert answered_within(server, "/health") < RESPONSIVE
                    assert ask(server, "/me", good).status == 200
                assert set(heard) == {503}
                assert heard.total() > 4 * visitors
