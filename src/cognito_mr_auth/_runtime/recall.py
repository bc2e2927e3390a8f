"""Finds the principal of a token that was verified before, by its digest and before any of it is parsed.

Owns what the cache stores of a verified token, and for how long the result of a hit is valid. Until then, the
next hit only compares that result's times and its key set's snapshot. After that the verifier decides (C2).
"""

from __future__ import annotations

from typing import Any, Protocol

from cognito_mr_auth._base.clock import Clock, Instant
from cognito_mr_auth._base.digest import sha256
from cognito_mr_auth._jwks.key_set import KeySet
from cognito_mr_auth._jwks.model import Key, Snapshot
from cognito_mr_auth._jwt.claims import ValidityPeriod
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.principal import Principal

from .outcomes import Tally
from .token_cache import MIN_CACHED_CHARS, Kept, TokenCache

__all__ = ["CachedToken", "HitKeySet", "Recalling"]


class HitKeySet(Protocol):
    """The methods of a `RemoteKeySet` that a hit needs."""

    def key_now(self, kid: str, now: Instant) -> Key | None:
        """The key, if nobody has to wait for it."""

    def safe_until(self, key: Key) -> tuple[KeySet, Snapshot, Instant] | None:
        """The key set, its snapshot, and until when the snapshot's age needs no check."""


CachedToken = tuple[Principal, Key, HitKeySet, ValidityPeriod, Tally]
"""A verified token: principal, verifying key, that key's key set, the token's times (C2), where it counts."""

Result = tuple[Principal, Tally, KeySet, Snapshot, float, float, float]
"""The result of a hit. It is valid while the key set has this snapshot. The numbers are times: from the first
to the second on the wall clock, and until the third on the monotonic clock."""


class Recalling:
    """The method of a verifier that adapters call first."""

    _clock: Clock
    _token_cache: TokenCache[CachedToken]
    _unhooked: bool

    def _hit(self, cached: CachedToken, now: Instant, require: None) -> Any:
        """Decide whether the token is still valid (see `Verifier`)."""
        raise NotImplementedError

    def _recall(self, octets: bytes) -> Principal | None:
        """The principal of a token that was verified before. The call counts as one more verification.

        None says nothing about the token: `verify` decides, and counts the result. That is so, too, if the
        verifier has hooks or the token has expired. A verified token is ASCII, so its octets are its
        characters.
        """
        # One long function on purpose: in a server, whose caches are cold, each call of a Python function
        # costs about a third of a microsecond.
        cache = self._token_cache
        if not self._unhooked or not MIN_CACHED_CHARS < len(octets) <= cache.longest:
            return None
        kept = cache.kept.get(sha256(octets))
        if kept is None:
            return None
        kept.used = True
        now = self._clock()
        result: Result | None = kept.result
        if result is not None:
            principal, tally, key_set, snapshot, start, end, until = result
            if key_set.snapshot is snapshot and start <= now[0] < end and now[1] < until:
                tally.share.accepted += 1
                return principal
        return self._decide(kept, now)

    def _decide(self, kept: Kept[CachedToken], now: Instant) -> Principal | None:
        try:
            done = self._hit(kept.entry, now, None)
        except AuthError:
            return None
        kept.result = _result(kept.entry)
        return done if isinstance(done, Principal) else None


def _result(cached: CachedToken) -> Result | None:
    """The result for the next hits; None if the key set has another key by now."""
    principal, key, source, (start, end), tally = cached
    lasting = source.safe_until(key)
    if lasting is None:
        return None
    key_set, snapshot, (wall, monotonic) = lasting
    return principal, tally, key_set, snapshot, start, min(end, wall), monotonic
