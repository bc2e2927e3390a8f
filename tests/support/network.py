"""A Verifier whose key requests go through an httpx transport in the test's hand.

Owns the seam alone: the public Verifier knows no HTTP library's types.
"""

from __future__ import annotations

import ssl
from typing import Any

import httpx

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth._remote.fetch import JWKSFetcher


class Networked(Verifier):
    """A Verifier with `transport`, if one is given, in place of the network."""

    def __init__(
        self,
        *pools: UserPool,
        transport: httpx.BaseTransport | None = None,
        ssl_context: ssl.SSLContext | None = None,
        **options: Any,
    ) -> None:
        self._networked = JWKSFetcher(transport, ssl_context)
        super().__init__(*pools, **options)
        self._fetcher = self._networked  # what `close` and a fork reach

    def _add(self, pool: UserPool, dependencies: Any, token_use: str, leeway: float) -> None:
        super()._add(pool, dependencies._replace(fetch=self._networked), token_use, leeway)
