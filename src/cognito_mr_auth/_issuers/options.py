"""The settings of a pool and of a verifier as types, for the functions that pass them on, such as `from_env`.

A test holds these lists equal to those of the constructors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    import os
    import ssl
    from collections.abc import Collection, Mapping

    from cognito_mr_auth._base.clock import Clock
    from cognito_mr_auth._runtime.dispatch import OnEvent
    from cognito_mr_auth._runtime.hooks import Hook
    from cognito_mr_auth._runtime.outcomes import OnOutcome
    from cognito_mr_auth.pool import TokenUse, _AnyClient
    from cognito_mr_auth.principal import IssuerKind

__all__ = ["AllPoolOptions", "AllVerifierOptions", "PoolOptions", "VerifierOptions"]


class PoolOptions(TypedDict, total=False):
    """What `UserPool` takes beside its ID and `offline`."""

    client_ids: Collection[str] | _AnyClient
    replica_regions: Collection[str]
    issuer_kinds: Collection[IssuerKind] | None
    audience: str | Collection[str] | None
    unbound_machines: bool
    jwks_urls: str | Mapping[str, str] | None
    jwks: Mapping[str, Any] | str | bytes | None
    key_file: str | os.PathLike[str] | None
    baked_key_file: str | os.PathLike[str] | None
    token_use: TokenUse | None
    dns_suffix: str | None
    insecure_emulator: bool


class AllPoolOptions(PoolOptions, total=False):
    """What `UserPool` takes beside its ID."""

    offline: bool


class VerifierOptions(TypedDict, total=False):
    """The options of `Verifier`, except its pools and `token_use`."""

    leeway: float
    cache_size: int
    refresh_after: float
    revalidate_after: float
    max_stale: float
    token_types: Collection[str]
    max_token_length: int
    on_event: OnEvent | None
    on_outcome: OnOutcome | None
    revoked: Hook | None
    ssl_context: ssl.SSLContext | None
    clock: Clock | None


class AllVerifierOptions(VerifierOptions, total=False):
    """The options of `Verifier`, except its pools."""

    token_use: TokenUse
