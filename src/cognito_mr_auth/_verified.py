"""The verified-token cache (DESIGN C): a digest of a token, and what was found when it was verified.

Owns which entries are kept. Decides nothing about them: the verifier looks at the key, the times and
the policy of every hit (C2).

Two generations in place of a list of uses: what is asked for stays in the younger one, and when that is
full, the older one goes. So a hit writes nothing and takes no lock; with one lock for all hits, two
threads had half the throughput of one (benchmarks/suite/growth.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

from ._sha256 import sha256

__all__ = ["MAX_CACHED_CHARS", "Verified"]

# C1: Cognito's tokens are 1 to 4 KB; a thousand of the largest that are kept take 8 MB.
MAX_CACHED_CHARS = 8 * 1024

Entry = TypeVar("Entry")


class Verified(Generic[Entry]):
    """At most `size` entries, at least half as many of those used last; none for a size of 0 (C3)."""

    __slots__ = ("_lock", "_longest", "_old", "_room", "_size", "_young")

    def __init__(self, size: int) -> None:
        self._size = size
        self._room = max(1, size // 2)  # in the younger generation
        self._lock = threading.Lock()
        self._young: dict[bytes, Entry] = {}
        self._old: dict[bytes, Entry] = {}
        self._longest = MAX_CACHED_CHARS if size else -1

    def digest(self, token: object) -> bytes | None:
        """The cache's key: never the token itself (C1). None for what is not to be kept."""
        if not isinstance(token, str) or len(token) > self._longest:
            return None
        return sha256(str.encode(token, "utf-8", "surrogatepass"))

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
