"""Crowds, forks, cancellations, clocks and freezes: no hang and no wrong answer (shows 4 and 9).

Real threads, event loops and processes over real loopback endpoints.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.crowd import aoutcome, outcome
from support.fetches import alive, landed

from cognito_mr_auth.errors import KeysUnavailable
from cognito_mr_auth.testing import FakeClock, FakeEndpoints, FakeUserPool

HOUR = 3600.0
TESTS = Path(__file__).resolve().parent.parent
# A child that writes nothing for this long hangs; a fork and a verification take milliseconds.
CHILD_SECONDS = 20.0

Place = tuple[FakeUserPool, FakeEndpoints, FakeClock]


@pytest.fixture
def place() -> Iterator[Place]:
    """A pool, its endpoints on loopback, and the clock of both the pool and its verifiers."""
    clock = FakeClock()
    pool = FakeUserPool(clock=clock)
    with pool.serve() as endpoints:
        yield pool, endpoints, clock


def crowd_at(scene: str) -> dict[str, Any]:
    """What tests/support/crowd.py saw, in a process without coverage's tracing."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    command = [sys.executable, "-m", "support.crowd", scene]
    ran = subprocess.run(command, cwd=TESTS, env=clean, check=True, capture_output=True, timeout=60)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_a_crowd_on_an_empty_key_set_makes_one_refresh() -> None:
    """50 threads and 500 tasks on three loops at once: one refresh, all accepted (show 4)."""
    seen = crowd_at("empty")
    assert seen["outcomes"] == {"accepted": 550}
    # One refresh: on a slow machine the hedge may have asked a second endpoint, but none twice.
    assert max(seen["asked"]) == 1


def test_a_crowd_on_an_expired_set_is_answered_in_time_with_few_threads() -> None:
    """All endpoints hang, keys expired: all return within 2.2 s, two threads an endpoint (show 4)."""
    seen = crowd_at("expired")
    assert seen["outcomes"] == {"keys_unavailable": 550}
    assert seen["slowest"] < 2.2
    assert 1 <= seen["threads"] <= 2 * len(seen["asked"])
    assert max(seen["asked"]) <= 2


def test_no_thread_is_left_after_close(place: Place) -> None:
    """close() shuts the connections of fetches down; their threads end (F)."""
    pool, endpoints, _ = place
    endpoints.fail("hang")
    verifier = pool.verifier()
    with pytest.raises(KeysUnavailable):
        verifier.verify(pool.access_token(), timeout=0.3)
    assert alive()
    verifier.close()
    landed(2.0)
    assert not alive()


def test_a_cancelled_waiter_does_not_cancel_the_refresh(place: Place) -> None:
    """The task that began the fetch is cancelled; the other one still gets its answer (show 9)."""
    pool, endpoints, _ = place
    endpoints.fail("slow", delay=0.5)

    async def main() -> str:
        with pool.verifier() as verifier:
            first = asyncio.create_task(verifier.averify(pool.access_token()))
            assert await asyncio.to_thread(endpoints.updated.asked, 1)
            second = asyncio.create_task(verifier.averify(pool.access_token()))
            await asyncio.sleep(0)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first
            return (await second).token_use

    assert asyncio.run(main()) == "access"


def test_a_refresh_outlives_its_waiters_and_its_answer_counts(place: Place) -> None:
    """The only waiter gives up; what arrives later is stored (R1)."""
    pool, endpoints, _ = place
    arrived = threading.Event()
    endpoints.fail("slow", delay=0.6)
    with pool.verifier(on_event=lambda event: arrived.set()) as verifier:
        with pytest.raises(KeysUnavailable):
            verifier.verify(pool.access_token(), timeout=0.1)
        assert arrived.wait(5)
        endpoints.fail("refuse")
        assert verifier.verify(pool.access_token()).subject


@pytest.mark.parametrize("loops", [2, 3])
def test_asyncio_run_again_and_again(place: Place, loops: int) -> None:
    """A verifier outlives the event loops that use it (FI-59)."""
    pool, _, clock = place
    with pool.verifier(cache_size=0) as verifier:
        for _ in range(loops):
            assert asyncio.run(verifier.averify(pool.access_token())).subject
            clock.advance(23 * HOUR)


JUMPS = {"an hour ahead": HOUR, "an hour back": -HOUR}


@pytest.mark.parametrize("jump", JUMPS.values(), ids=JUMPS)
def test_a_clock_that_jumps_changes_no_verdict_but_times(place: Place, jump: float) -> None:
    """The wall clock jumps while keys are fresh, and during a refresh (R7, show 9)."""
    pool, endpoints, clock = place
    with pool.verifier(cache_size=0) as verifier:
        endpoints.updated.fail("slow", delay=0.4)
        token = pool.access_token(expires_in=4 * HOUR, issued_at=clock.wall - 2 * HOUR)
        forged = pool.access_token(signed_by="foreign", expires_in=4 * HOUR, issued_at=clock.wall - 2 * HOUR)
        with ThreadPoolExecutor(1) as executor:
            job = executor.submit(lambda: outcome(lambda: verifier.verify(token)))
            assert endpoints.updated.asked(1)
            clock.jump_wall(jump)
            assert job.result(10) == "accepted"
        endpoints.heal()
        for _ in range(3):
            clock.jump_wall(jump)
            assert outcome(lambda: verifier.verify(token)) in ("accepted", "token_expired")
            clock.jump_wall(-jump)
            assert outcome(lambda: verifier.verify(token)) == "accepted"
            assert outcome(lambda: verifier.verify(forged)) == "signature_invalid"


def test_a_freeze_during_a_refresh_is_no_failure(place: Place) -> None:
    """Lambda freezes the process for six hours during a fetch (R6, R7, show 9)."""
    pool, endpoints, clock = place
    endpoints.fail("slow", delay=0.3)
    with pool.verifier(cache_size=0) as verifier:
        token = pool.access_token(expires_in=24 * HOUR)
        with ThreadPoolExecutor(1) as executor:
            job = executor.submit(lambda: outcome(lambda: verifier.verify(token)))
            assert endpoints.updated.asked(1)
            clock.freeze(6 * HOUR)
            assert job.result(10) == "accepted"
        health = verifier._health()["providers"][pool.user_pool_id]
        assert [each["failures"] for each in health["endpoints"]] == [0, 0, 0]


def in_child(work: Callable[[], object]) -> object:
    """What `work` returns in a forked child, or None if it hangs or dies."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(writable, json.dumps(work()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(writable)
    try:
        ready, _, _ = select.select([readable], [], [], CHILD_SECONDS)
        data = os.read(readable, 65536) if ready else b""
    finally:
        os.close(readable)
        if not data:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return json.loads(data) if data else None


FORK_POINTS = 10


@pytest.mark.parametrize("point", range(FORK_POINTS))
def test_a_fork_at_any_point_of_the_first_fetch(place: Place, point: int) -> None:
    """The child neither waits for its parent's refresh nor inherits its locks (F, show 9)."""
    pool, endpoints, _ = place
    endpoints.updated.fail("slow", delay=0.3)
    with pool.verifier() as verifier, ThreadPoolExecutor(1) as executor:
        token, other = pool.access_token(), pool.access_token(signed_by="foreign")
        gate = threading.Event()

        def parent() -> str:
            gate.wait(5)
            return outcome(lambda: verifier.verify(token))

        job = executor.submit(parent)
        gate.set()
        # From before the first request to after the answer, 40 ms apart.
        time.sleep(point * 0.04)
        found = in_child(
            lambda: [
                outcome(lambda: verifier.verify(token)),
                outcome(lambda: verifier.verify(other)),
                asyncio.run(aoutcome(verifier.averify(token))),
            ]
        )
        assert found == ["accepted", "signature_invalid", "accepted"]
        assert job.result(10) == "accepted"


def test_a_child_of_a_warm_parent_serves_at_once_and_refreshes_itself(place: Place) -> None:
    """After gunicorn's preload, inherited keys are served; the child's own refresh renews them (FI-55)."""
    pool, endpoints, clock = place
    with pool.verifier(cache_size=0) as verifier:
        verifier.warm()
        before = endpoints.requests

        def child() -> list[str]:
            first = outcome(lambda: verifier.verify(pool.access_token()))
            clock.advance(23 * HOUR)
            return [first, outcome(lambda: verifier.verify(pool.access_token()))]

        assert in_child(child) == ["accepted", "accepted"]
        assert endpoints.requests > before
