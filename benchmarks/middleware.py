"""What the ASGI middleware adds to a request with a cached token, as a ratio to one RSA-2048 verification.

    .venv/bin/python benchmarks/middleware.py --limit 0.8

Three loops take turns in one process: the bare application, the same behind the middleware, and the bare
`cryptography` verification of the same token. What the middleware adds is the difference of the first
two. Prints medians and the ratio; exit status 1 when it is above the limit in each of three attempts.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from _attempts import arguments, attempt
from suite._peers import bare_rsa, signed

from cognito_mr_auth.asgi import CognitoAuthMiddleware
from cognito_mr_auth.testing import FakeUserPool

LOOP = 500
"""Requests in one sample: about 5 ms, so that a sample is seldom interrupted."""


async def application(_scope: Any, _receive: Any, _send: Any) -> None:
    """Does nothing, so that only the middleware is measured."""


async def nothing(*_message: Any) -> None:
    """A server's receive and send."""


def scope_of(token: str) -> dict[str, Any]:
    """What uvicorn makes of a browser's request: ten headers, the token's among the last."""
    names = ["host", "user-agent", "accept", "accept-language", "accept-encoding", "origin", "referer"]
    headers = [(name.encode(), b"some value of a usual length") for name in [*names, "connection"]]
    headers += [(b"authorization", b"Bearer " + token.encode()), (b"x-request-id", b"1-67891233-abcdef")]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 50000),
        "scheme": "http",
        "root_path": "",
        "method": "GET",
        "path": "/orders",
        "raw_path": b"/orders",
        "query_string": b"",
        "headers": headers,
        "state": {},
    }


async def requests(app: Callable[..., Awaitable[None]], scope: dict[str, Any]) -> float:
    """Seconds for one request, over a sample."""
    started = time.perf_counter()
    for _ in range(LOOP):
        await app(scope, nothing, nothing)
    return (time.perf_counter() - started) / LOOP


def verifications(pool: FakeUserPool, token: str) -> float:
    """Seconds for one bare RSA verification of the token, over a sample."""
    verify, octets = bare_rsa(pool), signed(token)
    started = time.perf_counter()
    for _ in range(LOOP):
        verify(octets)
    return (time.perf_counter() - started) / LOOP


def measure(samples: int) -> dict[str, float]:
    """Medians in microseconds, and the ratio."""
    pool = FakeUserPool()
    token = pool.access_token()
    scope = scope_of(token)
    guarded = CognitoAuthMiddleware(application, pool.offline_verifier())
    with asyncio.Runner() as runner:
        runner.run(requests(guarded, scope))  # the token is cached from here on
        rows = [
            (
                runner.run(requests(application, scope)),
                runner.run(requests(guarded, scope)),
                verifications(pool, token),
            )
            for _ in range(samples)
        ]
    bare, ours, rsa = (statistics.median(column) * 1e6 for column in zip(*rows, strict=True))
    return {
        "bare_us": round(bare, 2),
        "guarded_us": round(ours, 2),
        "rsa_us": round(rsa, 2),
        "ratio": round((ours - bare) / rsa, 3),
    }


def main() -> int:
    """Measure until an attempt keeps the limit."""
    options = arguments(__doc__, samples=60, limit=0.8).parse_args()
    return attempt(lambda: measure(options.samples), lambda found: found["ratio"] <= options.limit)


if __name__ == "__main__":
    sys.exit(main())
