"""A user pool for tests: mint every kind of token, serve the keys on loopback, and cause failures.

This module is the index. The library itself imports nothing from here.

    pool = FakeUserPool()
    verifier = pool.offline_verifier()
    principal = verifier.verify(pool.access_token(groups=["ops"]))
"""

from __future__ import annotations

from ._clock import FakeClock
from ._endpoints.endpoint import FakeEndpoint
from ._endpoints.endpoints import FakeEndpoints
from ._endpoints.faults import FAULTS, FaultMode
from ._pool import FakeUserPool
from ._tokens.keys import SigningKey
from ._tokens.malformed import MALFORMED
from ._tokens.malformed_names import MalformedName
from ._tokens.mint import REMOVE, TokenOptions

__all__ = [
    "FAULTS",
    "MALFORMED",
    "REMOVE",
    "FakeClock",
    "FakeEndpoint",
    "FakeEndpoints",
    "FakeUserPool",
    "FaultMode",
    "MalformedName",
    "SigningKey",
    "TokenOptions",
]
