"""Arguments that the fake pool passes on, as types, so that a type checker finds a slip in one.

Owns the list for `Verifier`; a test holds it equal to the constructor's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    import ssl

    from cognito_mr_auth._base.clock import Clock
    from cognito_mr_auth._runtime.dispatch import OnEvent
    from cognito_mr_auth._runtime.hooks import Hook

__all__ = ["VerifierOptions"]


class VerifierOptions(TypedDict, total=False):
    """What `Verifier` takes beside its pools and `token_use`."""

    leeway: float
    cache_size: int
    refresh_after: float
    revalidate_after: float
    max_stale: float
    on_event: OnEvent | None
    revoked: Hook | None
    ssl_context: ssl.SSLContext | None
    clock: Clock | None
