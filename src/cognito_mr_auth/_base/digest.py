"""SHA-256 (FIPS 180-4), by whichever library is the cheaper one now: of tokens and of what they sign.

Owns that choice alone. Both give the same 32 octets.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.hashes import SHA256, Hash

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

__all__ = ["sha256"]

_fresh: Callable[[], HASH] | None = None


def sha256(octets: bytes) -> bytes:
    """The digest of these octets."""
    if _fresh is None:
        return _early(octets)
    state = _fresh()
    state.update(octets)
    return state.digest()


def _early(octets: bytes) -> bytes:
    """From the library that is there anyway, until somebody has imported hashlib.

    Its digests cost half as much, but its import 3 ms of a cold start, for it loads a second OpenSSL;
    httpx and every web framework bring it. We do not: a process that forks while one of its threads
    imports leaves a child in which that import, and so every verification, waits for ever. Two threads
    may both be the last to come here: no harm.
    """
    global _fresh  # noqa: PLW0603 - decided once in a process
    make = getattr(sys.modules.get("hashlib"), "sha256", None)  # absent while it is being imported
    if make is not None:
        # A copy of a fresh hash object costs half of a new one, for which OpenSSL looks SHA-256 up.
        _fresh = make().copy
    state = Hash(SHA256())
    state.update(octets)
    return state.finalize()
