"""A crowd at one verifier: 50 threads and 500 tasks on three loops, all released at once.

Run as a process of its own, so that a coverage tool in the test's process does not slow the crowd:

    python -m support.crowd empty|expired      (in tests/)

Prints one JSON object: the outcomes, the slowest call in seconds, requests by endpoint, and the most
threads of the library that were alive.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from cognito_mr_auth import Verifier
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.testing import FakeClock, FakeUserPool

from .fetches import alive

THREADS, TASKS, LOOPS = 50, 500, 3
KINDS = ("original", "replica", "updated")


def outcome(call: Callable[[], object]) -> str:
    """The error's reason, or "accepted"."""
    try:
        call()
    except AuthError as error:
        return error.reason
    return "accepted"


async def aoutcome(call: Awaitable[object]) -> str:
    """The error's reason, or "accepted"."""
    try:
        await call
    except AuthError as error:
        return error.reason
    return "accepted"


def crowd(verifier: Verifier, tokens: list[str]) -> tuple[list[str], float]:
    """50 threads and 500 tasks on three loops, all released at once; outcomes and the slowest."""
    gate = threading.Event()
    slowest = [0.0]

    def timed(call: Callable[[], str]) -> str:
        started = time.monotonic()
        found = call()
        slowest[0] = max(slowest[0], time.monotonic() - started)
        return found

    def one(number: int) -> list[str]:
        gate.wait(10)
        token = tokens[number % len(tokens)]
        return [timed(lambda: outcome(lambda: verifier.verify(token)))]

    def loop(number: int) -> list[str]:
        async def task(token: str) -> str:
            started = time.monotonic()
            found = await aoutcome(verifier.averify(token))
            slowest[0] = max(slowest[0], time.monotonic() - started)
            return found

        async def all_tasks() -> list[str]:
            share = range(number, TASKS, LOOPS)
            return list(await asyncio.gather(*(task(tokens[n % len(tokens)]) for n in share)))

        gate.wait(10)
        return asyncio.run(all_tasks())

    with ThreadPoolExecutor(THREADS + LOOPS) as executor:
        jobs = [executor.submit(one, n) for n in range(THREADS)]
        jobs += [executor.submit(loop, n) for n in range(LOOPS)]
        gate.set()
        found = [result for job in jobs for result in job.result(30)]
    assert len(found) == THREADS + TASKS
    return found, slowest[0]


def scene(name: str) -> dict[str, object]:
    """The crowd on an empty key set, or on an expired one whose endpoints all hang."""
    clock = FakeClock()
    pool = FakeUserPool(clock=clock)
    most = [0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            most[0] = max(most[0], len(alive()))

    watcher = threading.Thread(target=watch)
    with pool.serve() as endpoints, pool.verifier(cache_size=0) as verifier:
        if name == "expired":
            verifier.warm()
            clock.advance(25 * 3600.0)
            endpoints.fail("hang")
        before = [each.requests for each in endpoints]
        tokens = [pool.access_token(issuer=kind) for kind in KINDS]
        watcher.start()
        found, slowest = crowd(verifier, tokens)
        done.set()
        watcher.join()
        asked = [each.requests - count for each, count in zip(endpoints, before, strict=True)]
    return {"outcomes": Counter(found), "slowest": slowest, "asked": asked, "threads": most[0]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(scene(sys.argv[1])))
