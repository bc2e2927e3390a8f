"""A process that runs out of file descriptors: before its first fetch, and at each step of later ones.

    python descriptors.py '{issuer URL: JWKS URL}' TOKEN

Prints one JSON object: how verifications of the token end, cold and with stale keys, while so many
descriptors are free; and how one ends when there are enough again.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.testing import FakeClock, FakeUserPool

# A fetch takes two: its connection, and the duplicate that its cancel scope holds.
FREE = range(6)
HOUR = 3600.0


def said(verifier: Verifier, token: str, timeout: float = 1.0) -> str:
    """How it ends; anything but an AuthError ends this program."""
    try:
        verifier.verify(token, timeout=timeout)
    except AuthError as error:
        return f"{error.status} {error.reason}"
    return "accepted"


def starved(free: int, verifier: Verifier, token: str, timeout: float = 1.0) -> str:
    """The same with so many descriptors left."""
    used = max(int(name) for name in os.listdir("/dev/fd") if os.path.exists(f"/dev/fd/{name}")) + 1
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + free, limits[1]))
    try:
        return said(verifier, token, timeout)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def main(urls: str, token: str) -> None:
    """First without anything imported, then with more and more room."""
    logging.getLogger("cognito_mr_auth").addHandler(logging.NullHandler())  # an outage is worth records
    pool_id = FakeUserPool().user_pool_id
    pool = UserPool(
        pool_id, client_ids=["1example23456789"], replica_regions=["us-east-1"], jwks_urls=json.loads(urls)
    )
    found: dict[str, object] = {}
    cold = []
    for free in FREE:
        with Verifier(pool, token_use="access", clock=FakeClock()) as verifier:
            cold.append(starved(free, verifier, token, 0.3))
    found["cold"] = cold
    clock = FakeClock()
    with Verifier(pool, token_use="access", clock=clock) as verifier:
        found["after"] = said(verifier, token)
        stale = []
        if found["after"] == "accepted":
            for free in FREE:
                clock.freeze(2 * HOUR)
                stale.append(starved(free, verifier, token))
        found["stale"] = stale or ["accepted"]
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
