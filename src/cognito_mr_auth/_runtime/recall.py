"""Finds a token that was verified before, by its digest, before anything of it is parsed.

Owns when that is an answer by itself. The verifier decides what a hit is worth (C2).
"""

from __future__ import annotations

from typing import Any

from cognito_mr_auth._base.clock import Clock, Instant
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.principal import Principal

from .token_cache import TokenCache

__all__ = ["Recalling"]


class Recalling:
    """What adapters ask of a verifier first."""

    _clock: Clock
    _token_cache: TokenCache[Any]
    _unhooked: bool

    def _hit(self, cached: Any, now: Instant, require: None) -> Any:
        """The answer to a token that was verified before."""
        raise NotImplementedError

    def _recall(self, octets: bytes) -> Principal | None:
        """The principal of a token that was verified before; that counts as one more verification.

        None says nothing of the octets: `verify` says what they are, and counts it. So it does for a token
        that hooks are asked about, and for one that has expired.
        """
        if not self._unhooked or (cached := self._token_cache.recall(octets)) is None:
            return None
        try:
            done = self._hit(cached, self._clock(), None)
        except AuthError:
            return None
        return done if isinstance(done, Principal) else None
