"""All endpoints of one fake pool: original, replicas, updated.

Owns starting and stopping them together. It must never answer a request itself.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Protocol, Self, Unpack

from cognito_mr_auth.principal import IssuerKind

from .certificates import client_context, server_context
from .endpoint import EndpointSource, FakeEndpoint
from .faults import FaultMode, FaultOptions

__all__ = ["FakeEndpoints"]


class _Pool(EndpointSource, Protocol):
    @property
    def user_pool_id(self) -> str: ...

    @property
    def replica_regions(self) -> tuple[str, ...]: ...

    @property
    def tls(self) -> bool: ...

    def issuer(self, kind: IssuerKind = "original", region: str | None = None) -> str: ...


class FakeEndpoints:
    """A pool's endpoints: `original`, `replica`, `replicas[region]`, `updated`, or iterate."""

    def __init__(self, pool: _Pool) -> None:
        context = server_context() if pool.tls else None
        primary = pool.user_pool_id.partition("_")[0]

        def endpoint(kind: IssuerKind, region: str) -> FakeEndpoint:
            issuer = pool.issuer(kind, region)
            return FakeEndpoint(pool, kind=kind, region=region, issuer=issuer, tls=context)

        self.original: FakeEndpoint = endpoint("original", primary)
        self.replicas: dict[str, FakeEndpoint] = {
            region: endpoint("replica", region) for region in pool.replica_regions
        }
        self.updated: FakeEndpoint = endpoint("updated", primary)
        self.running: bool = False
        self.ssl_context: ssl.SSLContext | None = client_context() if pool.tls else None
        """A context for clients that trusts only the throw-away authority. None without TLS."""

    def __iter__(self) -> Iterator[FakeEndpoint]:
        return iter((self.original, *self.replicas.values(), self.updated))

    def __len__(self) -> int:
        return 2 + len(self.replicas)

    @property
    def replica(self) -> FakeEndpoint:
        """The first replica's endpoint. A pool without replicas raises LookupError."""
        for endpoint in self.replicas.values():
            return endpoint
        raise LookupError("the pool has no replica: replica_regions=()")

    @property
    def jwks_urls(self) -> dict[str, str]:
        """A dict from issuer URL to JWKS URL, for UserPool's `jwks_urls`."""
        return {endpoint.issuer: endpoint.url for endpoint in self}

    @property
    def requests(self) -> int:
        """The number of requests to all endpoints."""
        return sum(endpoint.requests for endpoint in self)

    def fail(
        self,
        mode: FaultMode,
        *,
        delay: float | None = None,
        after: int = 1,
        times: int | None = None,
        **options: Unpack[FaultOptions],
    ) -> None:
        """Make every endpoint fail; see FakeEndpoint.fail."""
        for endpoint in self:
            endpoint.fail(mode, delay=delay, after=after, times=times, **options)

    def heal(self) -> None:
        """Heal every endpoint."""
        for endpoint in self:
            endpoint.heal()

    def start(self) -> Self:
        """Start every endpoint, each on its own free port."""
        self.running = True
        try:
            for endpoint in self:
                endpoint.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop every endpoint. No thread and no socket is left."""
        self.running = False
        for endpoint in self:
            endpoint.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()
