"""Prometheus: what is scraped adds up to the requests, in one process and, by files, in several."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from cognito_mr_auth import Verifier, prometheus
from cognito_mr_auth.errors import AuthError, ConfigurationError
from cognito_mr_auth.testing import FakeUserPool

TIMEOUT = 10.0

POOL_ID = FakeUserPool().user_pool_id
PREFIX = "cognito_mr_auth_"
LABELS = ("pool", "kind", "outcome", "endpoint")


def scrape(registry: CollectorRegistry) -> dict[str, dict[tuple[str, ...], float]]:
    """By name and the labels' values: what a scrape's text says."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            rows = found.setdefault(sample.name.removeprefix(PREFIX), {})
            labels = tuple(sample.labels[each] for each in LABELS if each in sample.labels)
            assert labels not in rows, f"twice: {sample}"
            rows[labels] = sample.value
    return found


def attempt(verifier: Verifier, token: str) -> None:
    """Whatever comes of it."""
    try:
        verifier.verify(token)
    except AuthError:
        return


def test_the_text(pool: FakeUserPool) -> None:
    """Rows at zero are there; what came before its issuer was known has empty labels."""
    registry, verifier = CollectorRegistry(), pool.offline_verifier()
    prometheus.export(verifier, registry=registry)
    prometheus.export(verifier, registry=registry)
    for token in (pool.access_token(), pool.access_token(), pool.access_token(expires_in=-60), "garbage"):
        attempt(verifier, token)
    for _ in range(2):  # a scrape takes nothing away
        found = scrape(registry)
        assert found["verifications_total"] == {
            (POOL_ID, "original", "accepted"): 2,
            (POOL_ID, "replica", "accepted"): 0,
            (POOL_ID, "updated", "accepted"): 0,
            (POOL_ID, "original", "token_expired"): 1,
            ("", "", "token_malformed"): 1,
        }
        assert found["hook_failures_total"] == {(): 0}
        assert found["key_set_usable"] == {(POOL_ID,): 1}
        assert list(found["newest_token_timestamp_seconds"]) == [(POOL_ID, "original")]
        assert set(found) == {
            *("verifications_total", "hook_failures_total", "key_set_age_seconds", "key_set_usable"),
            "newest_token_timestamp_seconds",
        }


@pytest.mark.outside
def test_endpoints(pool: FakeUserPool) -> None:
    """One row for each host."""
    registry = CollectorRegistry()
    with pool.serve() as endpoints, pool.verifier() as verifier:
        prometheus.export(verifier, registry=registry)
        endpoints.updated.fail("refuse")
        verifier.warm()
        hosts = {each.url.split("/")[2]: float(each is not endpoints.updated) for each in endpoints}
        assert scrape(registry)["endpoint_up"] == {(POOL_ID, host): up for host, up in hosts.items()}


def test_several_verifiers_share_a_registry(pool: FakeUserPool) -> None:
    """Those of one pool are added up, and one that goes takes nothing away."""
    registry = CollectorRegistry()
    other_pool = FakeUserPool("eu-west-1_Other0001", clock=pool.clock)
    verifiers = [pool.offline_verifier(), pool.offline_verifier(), other_pool.offline_verifier()]
    for each, token in zip(verifiers, [pool, pool, other_pool], strict=True):
        prometheus.export(each, registry=registry)
        each.verify(token.access_token())
    expected = {(POOL_ID, "original", "accepted"): 2, ("eu-west-1_Other0001", "original", "accepted"): 1}
    assert expected.items() <= scrape(registry)["verifications_total"].items()
    del verifiers, each
    gc.collect()
    assert expected.items() <= scrape(registry)["verifications_total"].items()


def test_a_collector_is_registered_by_hand(pool: FakeUserPool) -> None:
    """One for a registry; registering calls no verifier."""
    registry, verifier = CollectorRegistry(auto_describe=True), pool.offline_verifier()
    collector = prometheus.CognitoCollector(verifier)
    registry.register(collector)
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        registry.register(prometheus.CognitoCollector(verifier))
    registry.unregister(collector)
    registry.register(prometheus.CognitoCollector(verifier))
    verifier.verify(pool.access_token())
    assert scrape(registry)["verifications_total"][POOL_ID, "original", "accepted"] == 1


def test_nothing_of_a_token_is_shown(pool: FakeUserPool) -> None:
    """B2: no client, user or kid, and no issuer that a token made up."""
    registry, verifier = CollectorRegistry(), pool.offline_verifier()
    prometheus.export(verifier, registry=registry)
    for claims in ({}, {"iss": "https://evil.example/c4n4ry"}, {"sub": "c4n4ry"}):
        attempt(verifier, pool.access_token(username="c4n4ry", claims=claims))
    text = generate_latest(registry).decode()
    assert "c4n4ry" not in text
    assert pool.client_id not in text


@pytest.mark.parametrize("seconds", [0, -1, True, "5", None, float("nan"), float("inf"), 3601], ids=repr)
def test_a_pause_is_a_number(seconds: Any, pool: FakeUserPool) -> None:
    """S7."""
    with pytest.raises(ConfigurationError, match="seconds="):
        prometheus.export(pool.offline_verifier(), registry=CollectorRegistry(), seconds=seconds)


def test_only_a_verifier_is_exported() -> None:
    """And the registry stays free for one."""
    registry = CollectorRegistry()
    with pytest.raises(TypeError, match="give a Verifier"):
        prometheus.export(object(), registry=registry)  # type: ignore[arg-type]
    assert scrape(registry) == {}


# --- Several processes


FORKED = """
import os, struct, sys, threading
from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from cognito_mr_auth import prometheus
from cognito_mr_auth.testing import FakeUserPool

pool = FakeUserPool()
verifier, token = pool.offline_verifier(), pool.access_token()
pause = float(sys.argv[1])
prometheus.export(verifier, seconds=pause)
prometheus.export(pool.offline_verifier(), seconds=pause)
if sys.argv[2] == "before":
    for _ in range(5):
        verifier.verify(token)
prometheus._pumps[0].pump()

def text():
    while True:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        try:
            return generate_latest(registry).decode()
        except (struct.error, ValueError):  # the client reads a file that another thread is just making
            continue

silent = text()
children = []
for worker in range(2):
    child = os.fork()
    if child == 0:
        for _ in range(10 + worker):
            verifier.verify(token)
        if pause < 1:  # by the thread
            told = ""
            while f"}} {(10, 21)[worker]}.0" not in told:
                threading.Event().wait(0.01)
                told = text()
            os._exit(0)
        sys.exit(0)  # by the process's end
    children.append(child)
    assert os.waitpid(child, 0)[1] == 0
print(silent.count("accepted"))
print(text())
"""


@pytest.mark.outside
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize(
    ("pause", "when", "total"), [("60", "never", 21), ("60", "before", 26), ("0.02", "never", 21)]
)
def test_forked_workers_add_up(pause: str, when: str, total: int, tmp_path: Path) -> None:
    """Each worker's and the master's counts are exported once, by their own thread or at their end.

    A master that has verified nothing exports nothing, because its keys would look old for ever.
    """
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{FORKED}", pause, when],
        env=os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    silent, _, text = done.stdout.partition("\n")
    assert silent == ("0" if when == "never" else "3")
    families = {each.name: each for each in text_string_to_metric_families(text)}
    samples = families[f"{PREFIX}verifications"].samples
    assert sum(each.value for each in samples) == total
    usable = {each.value for each in families[f"{PREFIX}key_set_usable"].samples}
    assert usable == {1.0}


class _Files:
    """The metrics of a pump that a test drives, in this process and without files."""

    def __init__(self) -> None:
        self.pump = prometheus._Pump(3600.0)


@pytest.fixture(scope="module")
def files() -> _Files:
    """One: a pump lives as long as its process."""
    return _Files()


def test_a_pump_exports_each_count_once(files: _Files, pool: FakeUserPool) -> None:
    """And nothing before the first verification."""
    verifier = pool.offline_verifier()
    files.pump.readings.add(verifier)

    def told() -> float:
        [(_, counter), _] = files.pump._counters
        return sum(
            each.value for family in counter.collect() for each in family.samples if "_total" in each.name
        )

    files.pump.pump()
    assert told() == 0
    for count in (1, 2):
        verifier.verify(pool.access_token())
        files.pump.pump()
        files.pump.pump()
        assert told() == count


def free(lock: Any) -> bool:
    """Whether another thread can have the lock."""
    found: list[bool] = []

    def attempt() -> None:
        found.append(lock.acquire(blocking=False))
        if found[0]:
            lock.release()

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join(TIMEOUT)
    return found == [True]


def test_a_fork_waits_for_a_pump(files: _Files) -> None:
    """For a moment: then the child has a lock of its own, and a thread of its own."""
    pump, running = files.pump, threading.active_count()
    pump._before_fork()
    assert not free(pump._lock)
    pump._after_fork()
    assert free(pump._lock)
    held, done = threading.Event(), threading.Event()

    def pumping() -> None:
        with pump._lock:
            held.set()
            done.wait(TIMEOUT)

    other = threading.Thread(target=pumping)
    other.start()
    held.wait(TIMEOUT)
    pump._before_fork()  # one second
    pump._after_fork()
    assert not free(pump._lock)
    done.set()
    other.join(TIMEOUT)
    pump._child()
    assert threading.active_count() == running + 1
    assert free(pump._lock)
