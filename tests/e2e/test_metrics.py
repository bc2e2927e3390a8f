"""Prometheus' text, scraped over loopback from gunicorn with two workers: it adds up to the requests."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections import Counter
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from support.servers import GUNICORN, Server, ask, serving

from cognito_mr_auth.testing import FakeUserPool

# The workers tell what they have counted every tenth of a second.
TOLD_SECONDS = 10.0
_STARTED = re.compile(r"Booting worker with pid: ([0-9]+)")


def scrape(server: Server) -> dict[str, dict[tuple[str, ...], float]]:
    """By name and the labels' values, in the order of the labels' names."""
    text = ask(server, "/metrics").body.decode()
    return {
        family.name.removeprefix("cognito_mr_auth_"): {
            tuple(value for _, value in sorted(sample.labels.items())): sample.value
            for sample in family.samples
        }
        for family in text_string_to_metric_families(text)
    }


def until_told(server: Server, requests: int) -> dict[str, dict[tuple[str, ...], float]]:
    """The scrape that holds so many outcomes."""
    deadline, pause = time.monotonic() + TOLD_SECONDS, threading.Event()
    while True:
        found = scrape(server)
        told = sum(found.get("verifications", {}).values())
        if told >= requests or time.monotonic() > deadline:
            assert told == requests
            return found
        pause.wait(0.05)


def test_the_workers_metrics_add_up_to_the_requests(tmp_path: Path) -> None:
    """Whichever worker is asked, and after one of them has ended; the master has no part in it."""
    pool = FakeUserPool()
    (tmp_path / "metrics").mkdir()
    with pool.serve() as endpoints:
        settings = {
            "main": {
                "pool": {
                    "user_pool_id": pool.user_pool_id,
                    "client_ids": [pool.client_id],
                    "replica_regions": list(pool.replica_regions),
                    "jwks_urls": endpoints.jwks_urls,
                }
            },
            "metrics": str(tmp_path / "metrics"),
        }
        with serving(GUNICORN, "metrics_flask:app", tmp_path, settings) as server:
            workers = [int(pid) for pid in server.logged(_STARTED, 2)]
            sent: Counter[tuple[str, str, str]] = Counter()
            name = pool.user_pool_id
            seen: set[int] = set()

            def send(path: str, token: str | None, kind: str, outcome: str, status: int) -> None:
                headers = [] if token is None else [f"Authorization: Bearer {token}".encode()]
                said = ask(server, path, *headers)
                assert said.status == status, said
                sent[kind, outcome, name if kind else ""] += 1
                if status == 200:
                    seen.add(json.loads(said.body)["worker"])

            while sent.total() < 40 or seen != set(workers):
                send("/me", pool.access_token(), "original", "accepted", 200)
                send("/me", pool.access_token(issuer="replica"), "replica", "accepted", 200)
                send("/me", pool.access_token(expires_in=-60), "original", "token_expired", 401)
                send("/me", None, "", "credentials_missing", 401)
                send("/admin", pool.access_token(), "original", "policy_denied", 403)
            found = until_told(server, sent.total())
            assert {row: count for row, count in found["verifications"].items() if count} == sent
            assert found["key_set_usable"] == {(name,): 1}
            assert set(found["endpoint_up"].values()) == {1}
            assert len(found["endpoint_up"]) == 3

            os.kill(workers[0], signal.SIGTERM)  # one that we have started: its counts stay
            server.logged(_STARTED, 3)
            send("/me", pool.access_token(), "original", "accepted", 200)
            found = until_told(server, sent.total())
            assert {row: count for row, count in found["verifications"].items() if count} == sent
