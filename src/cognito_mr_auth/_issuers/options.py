"""The settings of a verifier as types, for the functions that pass them on: `from_env` and the fake pool.

A test holds this list equal to the constructor's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    import ssl
    from collections.abc import Collection

    from cognito_mr_auth._base.clock import Clock
    from cognito_mr_auth._runtime.dispatch import OnEvent
    from cognito_mr_auth._runtime.hooks import Hook
    from cognito_mr_auth._runtime.outcomes import OnOutcome

__all__ = ["AllVerifierOptions", "VerifierOptions"]


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

    token_use: str
