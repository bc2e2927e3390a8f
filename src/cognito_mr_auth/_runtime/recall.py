"""Finds a token that was verified before, by its digest, before anything of it is parsed.

Owns what is kept of a verified token, and for how long a hit's answer stays true if nothing changes. Until
then, the next hit compares four values and calls nothing but the clock. What a hit is worth otherwise, the
verifier decides (C2).
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
from .token_cache import MAX_CACHED_CHARS, MIN_CACHED_CHARS, TokenCache

__all__ = ["CachedToken", "KeySource", "Recalling"]


class KeySource(Protocol):
    """The part of a `RemoteKeySet` that a hit asks."""

    def key_now(self, kid: str, now: Instant) -> Key | None:
        """The key, if it can be had without waiting."""

    def unchanged(self, key: Key) -> tuple[KeySet, Snapshot, Instant] | None:
        """Until when `key_now` gives this very key, if its key set keeps its snapshot."""


CachedToken = tuple[Principal, Key, KeySource, ValidityPeriod, Tally]
"""A verified token: principal, verifying key, that key's key set, the token's times (C2), where it counts."""

Answer = tuple[Principal, Tally, KeySet, Snapshot, float, float, float]
"""A hit's answer. It stands while the key set has this snapshot, from the first to the second of the numbers
on the wall clock, and until the third on the monotonic one."""


class Recalling:
    """What adapters ask of a verifier first."""

    _clock: Clock
    _token_cache: TokenCache[CachedToken]
    _unhooked: bool

    def _hit(self, cached: CachedToken, now: Instant, require: None) -> Any:
        """The answer to a token that was verified before."""
        raise NotImplementedError

    def _recall(self, octets: bytes) -> Principal | None:
        """The principal of a token that was verified before; that counts as one more verification.

        None says nothing of the octets: `verify` says what they are, and counts it. So it does for a token
        that hooks are asked about, and for one that has expired. What was verified is ASCII, so its octets
        are its letters.
        """
        # In one piece: behind a server, with cold caches, each call of a function costs a third of a
        # microsecond (benchmarks/frameworks.py).
        if not self._unhooked or not MIN_CACHED_CHARS < len(octets) <= MAX_CACHED_CHARS:
            return None
        kept = self._token_cache.kept.get(sha256(octets))
        if kept is None:
            return None
        kept[1] = True
        now = self._clock()
        answer: Answer | None = kept[2]
        if answer is not None:
            principal, tally, key_set, snapshot, start, end, until = answer
            if key_set.snapshot is snapshot and start <= now[0] < end and now[1] < until:
                tally.share.accepted += 1
                return principal
        return self._recall_anew(kept, now)

    def _recall_anew(self, kept: list[Any], now: Instant) -> Principal | None:
        try:
            done = self._hit(kept[0], now, None)
        except AuthError:
            return None
        kept[2] = _answer(kept[0])
        return done if isinstance(done, Principal) else None


def _answer(cached: CachedToken) -> Answer | None:
    """What the next hits may give out; None if another key has come meanwhile."""
    principal, key, source, (start, end), tally = cached
    lasting = source.unchanged(key)
    if lasting is None:
        return None
    key_set, snapshot, (wall, monotonic) = lasting
    return principal, tally, key_set, snapshot, start, min(end, wall), monotonic
