"""The verified-token cache (DESIGN C): a digest of a token, and what was found when it was verified.

Owns which entries are kept. Decides nothing about them: the verifier looks at the key, the times and
the policy of every hit (C2).

Two generations in place of a list of uses: what is asked for stays in the younger one, and when that is
full, the older one goes. So a hit writes nothing and takes no lock; with one lock for all hits, two
threads had half the throughput of one (benchmarks/suite/growth.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

from cryptography.hazmat.primitives.hashes import SHA256, Hash

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

__all__ = ["EARLY_DIGESTS", "MAX_CACHED_CHARS", "Hashes", "Verified"]

# C1: Cognito's tokens are 1 to 4 KB; a thousand of the largest that are kept take 8 MB.
MAX_CACHED_CHARS = 8 * 1024
# hashlib's digests cost half as much, but its import 3 ms of a cold start: that pays after a few hundred
# more, and a function that answers a handful of times never needs it.
EARLY_DIGESTS = 8

Entry = TypeVar("Entry")

Hashes = tuple[bytes | None, "HASH | None"]
"""A token's digest, and the hash of all before its last dot, each where there is one."""


class Verified(Generic[Entry]):
    """At most `size` entries, at least half as many of those used last; none for a size of 0 (C3)."""

    __slots__ = ("_fresh", "_hashed", "_lock", "_longest", "_old", "_room", "_size", "_young")

    def __init__(self, size: int) -> None:
        self._size = size
        self._room = max(1, size // 2)  # in the younger generation
        self._lock = threading.Lock()
        self._young: dict[bytes, Entry] = {}
        self._old: dict[bytes, Entry] = {}
        self._fresh: Callable[[], HASH] | None = None
        self._longest = MAX_CACHED_CHARS if size else -1
        self._hashed = 0

    def digest(self, token: object) -> Hashes:
        """The cache's key, never the token itself (C1), and the hash of all before the last dot.

        That is what the token's signature signs (RFC 7515 5.1 step 8), so nothing is hashed twice. No key
        for what is not to be kept, and no hash from the first few.
        """
        if not isinstance(token, str) or len(token) > self._longest:
            return None, None
        octets = str.encode(token, "utf-8", "surrogatepass")
        if self._fresh is None:
            return self._early(octets), None
        before, dot, after = octets.rpartition(b".")
        # A copy of a fresh hash object costs half of a new one, for which OpenSSL looks SHA-256 up.
        signed = self._fresh()
        signed.update(before)
        state = signed.copy()
        state.update(dot)
        state.update(after)
        return state.digest(), signed

    def _early(self, octets: bytes) -> bytes:
        """The same digest, from the library that is there anyway: hashlib loads a second OpenSSL."""
        self._hashed += 1
        if self._hashed >= EARLY_DIGESTS:
            from hashlib import sha256

            self._fresh = sha256().copy
        state = Hash(SHA256())
        state.update(octets)
        return state.finalize()

    def find(self, digest: bytes | None) -> Entry | None:
        """The entry of a token, if there is one."""
        if digest is None:
            return None
        entry = self._young.get(digest)
        if entry is None:
            entry = self._old.get(digest)
            if entry is not None:
                self.keep(digest, entry)
        return entry

    def keep(self, digest: bytes, entry: Entry) -> None:
        """Remember a token that was verified, or that is asked for again."""
        with self._lock:
            if digest not in self._young and len(self._young) >= self._room:
                self._old = self._young if self._size > 1 else {}
                self._young = {}
            self._young[digest] = entry

    def __len__(self) -> int:
        return len(set(self))

    def __iter__(self) -> Iterator[bytes]:
        return iter([*self._young, *self._old])
