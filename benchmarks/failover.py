"""The failover figures, measured over real loopback endpoints: one JSON line for each.

    .venv/bin/python benchmarks/failover.py

Times are seconds of this machine; ages come from an injected clock.
tests/faults/test_failover.py checks the same promises as limits.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cognito_mr_auth import Verifier
from cognito_mr_auth.errors import AuthError, KeysUnavailable, KeyUnknown
from cognito_mr_auth.testing import FakeClock, FakeUserPool

HOUR = 3600.0


def timed(call: Callable[[], object]) -> float:
    """Return the seconds of a call, also if it raises an error of ours."""
    started = time.perf_counter()
    with suppress(AuthError):
        call()
    return round(time.perf_counter() - started, 4)


def averify(verifier: Verifier, token: str) -> object:
    """Verify one token on its own event loop."""
    return asyncio.run(verifier.averify(token))


def cold_fetches() -> dict[str, object]:
    """Three issuers, access and ID tokens: requests in all."""
    pool = FakeUserPool()
    with pool.serve() as endpoints, pool.verifier("any") as verifier:
        for kind in ("original", "replica", "updated"):
            verifier.verify(pool.access_token(issuer=kind))
            averify(verifier, pool.id_token(issuer=kind))
        return {"requests": endpoints.requests}


def cold_start() -> dict[str, object]:
    """The preferred endpoint hangs: seconds to the first token, sync and async."""
    pool = FakeUserPool()
    with pool.serve() as endpoints:
        endpoints.updated.fail("hang")
        with pool.verifier() as verifier:
            import_and_first = timed(lambda: verifier.verify(pool.access_token()))
        with pool.verifier() as verifier:
            sync = timed(lambda: verifier.verify(pool.access_token()))
        with pool.verifier() as verifier:
            on_loop = timed(lambda: averify(verifier, pool.access_token()))
    return {"sync": sync, "async": on_loop, "with_import_of_httpx": import_and_first}


def key_file() -> dict[str, object]:
    """Every endpoint down, a key file ten hours old: seconds to the first token, and the health."""
    clock = FakeClock()
    pool = FakeUserPool(clock=clock)
    with tempfile.TemporaryDirectory() as folder, pool.serve() as endpoints:
        path = Path(folder) / "keys.json"
        with pool.verifier(pool=pool.user_pool(key_file=path)) as verifier:
            verifier.warm()
        clock.advance(10 * HOUR)
        endpoints.fail("refuse")
        with pool.verifier(pool=pool.user_pool(key_file=path)) as verifier:
            first = timed(lambda: verifier.verify(pool.access_token()))
            verifier.warm()
            return {
                "first_token": first,
                "health": verifier.health()["providers"][pool.user_pool_id]["state"],
            }


def outage(age: float) -> dict[str, object]:
    """All endpoints hang, the set is `age` old: the first call, and the slowest of the next fifty."""
    clock = FakeClock()
    pool = FakeUserPool(clock=clock)
    with pool.serve() as endpoints, pool.verifier(cache_size=0) as verifier:
        verifier.warm()
        endpoints.fail("hang")
        clock.advance(age)
        first = timed(lambda: verifier.verify(pool.access_token()))
        later = max(timed(lambda: verifier.verify(pool.access_token())) for _ in range(50))
    return {"age_minutes": age / 60, "first": first, "slowest_later": later}


def rotation_while_a_region_hangs() -> dict[str, object]:
    """The primary hangs, the replica serves the new keys: seconds to the first new token."""
    pool = FakeUserPool()
    with pool.serve() as endpoints, pool.verifier() as verifier:
        verifier.warm()
        endpoints.updated.fail("hang")
        endpoints.original.fail("hang")
        pool.rotate()
        return {"first_new_token": timed(lambda: verifier.verify(pool.access_token()))}


def flood() -> dict[str, object]:
    """Five forged kids a second for a minute, a rotation in the middle, one healthy endpoint."""
    clock = FakeClock()
    pool = FakeUserPool(clock=clock)
    with pool.serve() as endpoints, pool.verifier() as verifier:
        verifier.warm()
        endpoints.updated.fail("refuse")
        endpoints.original.fail("refuse")
        healthy = endpoints.replicas["us-east-1"]
        before, accepted_after, known = healthy.requests, None, pool.access_token()
        slowest_known = 0.0
        for second in range(60):
            if second == 30:
                pool.rotate()
                fresh = pool.access_token()
            for _ in range(5):
                with suppress(KeyUnknown, KeysUnavailable):
                    verifier.verify(pool.access_token(signed_by="unknown"))
            if second >= 30 and accepted_after is None:
                with suppress(KeyUnknown, KeysUnavailable):
                    verifier.verify(fresh)
                    accepted_after = second - 30
            slowest_known = max(slowest_known, timed(lambda: verifier.verify(known)))
            clock.advance(1.0)
        asked = healthy.requests - before
    return {"refreshes": asked, "limit": 14, "rotation_after": accepted_after, "slowest_known": slowest_known}


SHOWS: dict[str, Callable[[], dict[str, object]]] = {
    "1 cold fetches": cold_fetches,
    "2 cold start, preferred endpoint hangs": cold_start,
    "2 key file of ten hours, all down": key_file,
    "3 all down, 59 minutes": lambda: outage(59 * 60),
    "3 all down, 3 hours": lambda: outage(3 * HOUR),
    "5 rotation while a Region hangs": rotation_while_a_region_hangs,
    "6 flood": flood,
}


def main() -> int:
    """Each figure on a line of its own."""
    for name, show in SHOWS.items():
        print(json.dumps({"show": name, **show()}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
