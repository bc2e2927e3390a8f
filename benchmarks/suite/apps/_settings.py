"""The settings of an application of section 5: the pool, and where its keys are served.

Owns the way from the benchmark's process into a server's, one environment variable. The answer of every
variant is the same, so that only the way to it differs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import NamedTuple, Self

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool

__all__ = ["ANSWER", "VARIABLE", "Settings"]

VARIABLE = "BENCH_REQUESTS"
ANSWER = {"orders": "none"}


class Settings(NamedTuple):
    """One pool as the variants need it; `variant` is the one to serve."""

    variant: str
    user_pool_id: str
    client_id: str
    replica_regions: list[str]
    issuer: str
    jwks_url: str
    jwks_urls: Mapping[str, str]

    @classmethod
    def of(cls, pool: FakeUserPool, served: FakeEndpoints, variant: str) -> Self:
        """For a pool and its endpoints."""
        return cls(
            variant=variant,
            user_pool_id=pool.user_pool_id,
            client_id=pool.client_id,
            replica_regions=list(pool.replica_regions),
            issuer=pool.issuer(),
            jwks_url=served.original.url,
            jwks_urls=served.jwks_urls,
        )

    @classmethod
    def given(cls) -> Self:
        """The settings of this process."""
        return cls(**json.loads(os.environ[VARIABLE]))

    def as_environment(self) -> dict[str, str]:
        """The environment variable for a server."""
        return {VARIABLE: json.dumps(self._asdict())}

    def verifier(self) -> Verifier:
        """Ours, for access tokens of this pool, with its replica."""
        pool = UserPool(
            self.user_pool_id,
            client_ids=[self.client_id],
            replica_regions=self.replica_regions,
            jwks_urls=self.jwks_urls,
        )
        return Verifier(pool, token_use="access")
