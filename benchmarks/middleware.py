"""What the ASGI middleware adds to a request with a cached token, as a ratio to one RSA-2048 verification.

    .venv/bin/python benchmarks/middleware.py --limit 0.8

Three loops take turns in one process: the bare application, the same behind the middleware, and the bare
`cryptography` verification of the same token. What the middleware adds is the difference of the first
two. Prints medians and the ratio; exit status 1 when it is above the limit in each of three attempts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from cognito_mr_auth.asgi import CognitoAuthMiddleware
from cognito_mr_auth.testing import FakeUserPool

ATTEMPTS = 3
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
    signed, _, signature = token.rpartition(".")
    octets = urlsafe_b64decode(signature + "==")
    key = load_pem_public_key(pool.access_key.public_pem())
    assert isinstance(key, RSAPublicKey)  # noqa: S101 - for the reader: that is what a pool has
    padding, algorithm = PKCS1v15(), SHA256()
    started = time.perf_counter()
    for _ in range(LOOP):
        key.verify(octets, signed.encode(), padding, algorithm)
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--limit", type=float, default=0.8)
    options = parser.parse_args()
    for _ in range(ATTEMPTS):
        found = measure(options.samples)
        print(json.dumps({"python": sys.version.split()[0], **found}))
        if found["ratio"] <= options.limit:
            return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
