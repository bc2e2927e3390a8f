"""SHA-256 (FIPS 180-4), by whichever library is the cheaper one now: of tokens and of what they sign.

Owns that choice alone. Both give the same 32 octets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.hashes import SHA256, Hash

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

__all__ = ["EARLY", "sha256"]

# hashlib's digests cost half as much, but its import 3 ms of a cold start, for it loads a second OpenSSL:
# that pays after a few hundred more, and a function that answers a handful of times never needs it.
EARLY = 16

_fresh: Callable[[], HASH] | None = None
_made = 0


def sha256(octets: bytes) -> bytes:
    """The digest of these octets."""
    if _fresh is None:
        return _early(octets)
    state = _fresh()
    state.update(octets)
    return state.digest()


def _early(octets: bytes) -> bytes:
    """From the library that is there anyway. Two threads may both be the last to come here: no harm."""
    global _fresh, _made  # noqa: PLW0603 - decided once in a process
    _made += 1
    if _made >= EARLY:
        import hashlib

        # A copy of a fresh hash object costs half of a new one, for which OpenSSL looks SHA-256 up.
        _fresh = hashlib.sha256().copy
    state = Hash(SHA256())
    state.update(octets)
    return state.finalize()
