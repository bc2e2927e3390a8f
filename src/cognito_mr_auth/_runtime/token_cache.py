"""The verified-token cache (C): maps a token's digest to the result of its verification.

Owns which entries are kept. Decides nothing about them: `recall` and the verifier check the key, the times
and the policy of every hit (C2).

A full cache examines its oldest eighth. It evicts entries that were not used since their last examination;
the others get a second chance (CLOCK). So a hit sets one flag and takes no lock. With a list of uses and one
lock for all hits, two threads had half the throughput of one (benchmarks/suite/growth.py).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice
from typing import Any, Generic, TypeVar

from cognito_mr_auth._base.digest import sha256

__all__ = ["MAX_CACHED_CHARS", "MIN_CACHED_CHARS", "Kept", "TokenCache"]

# C1: Cognito's tokens are 1 to 4 KB; a thousand of the largest that are kept take 8 MB.
MAX_CACHED_CHARS = 8 * 1024
# A signature of 2,048 bits alone has 342 characters, so no shorter token was ever verified (S1).
MIN_CACHED_CHARS = 342
# A full cache examines one part in eight. That is so rare that a token costs almost nothing, and so little
# that it takes a tenth of a millisecond for 128 of 1,024 entries.
PART = 8

Entry = TypeVar("Entry")


class Kept(Generic[Entry]):
    """An entry, whether it was used since its last examination, and the result of its last hit (`recall`)."""

    __slots__ = ("entry", "result", "used")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.used = False
        self.result: Any = None


class TokenCache(Generic[Entry]):
    """The entries used last: at most `size`, and at least seven eighths of that. None for size 0 (C3)."""

    __slots__ = ("_at_once", "_lock", "_size", "kept", "longest")

    def __init__(self, size: int) -> None:
        self._size = size
        self._at_once = max(1, size // PART)
        self._lock = threading.Lock()
        self.kept: dict[bytes | None, Kept[Entry]] = {}
        """What is kept, by digest."""
        self.longest = MAX_CACHED_CHARS if size else -1
        """Characters that a cached token has at most."""

    def digest(self, token: object) -> bytes | None:
        """The cache's key, which is never the token itself (C1). None for a token that is not cached."""
        if not isinstance(token, str) or not MIN_CACHED_CHARS < len(token) <= self.longest:
            return None
        return sha256(str.encode(token, "utf-8", "surrogatepass"))

    def find(self, digest: bytes | None) -> Entry | None:
        """The entry of this digest; None if there is none."""
        kept = self.kept.get(digest)  # None is never a key
        if kept is None:
            return None
        kept.used = True
        return kept.entry

    def keep(self, digest: bytes, entry: Entry) -> None:
        """Store the entry of a verified token."""
        with self._lock:
            if digest not in self.kept and len(self.kept) >= self._size:
                self._make_room()
            self.kept[digest] = Kept(entry)

    def _make_room(self) -> None:
        oldest = list(islice(self.kept.items(), self._at_once))
        for digest, kept in oldest:
            del self.kept[digest]
            if kept.used:  # moves to the end, as if it were new
                kept.used = False
                self.kept[digest] = kept
        if len(self.kept) >= self._size:
            del self.kept[next(iter(self.kept))]

    def __len__(self) -> int:
        return len(self.kept)

    def __iter__(self) -> Iterator[bytes | None]:
        return iter(list(self.kept))
