"""SHA-256 (FIPS 180-4) of tokens and of their signing input, by the library that costs less at the moment.

Owns that choice alone: hashlib once it is loaded, else cryptography. Both give the same 32 octets.
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
    """The digest by cryptography, which is always loaded, until other code has imported hashlib.

    Digests of hashlib cost half as much, but its import takes 3 ms of a cold start, because it loads a
    second OpenSSL. httpx and every web framework import it. We must not: after a fork during that import,
    every verification in the child would wait for it for ever. Two threads may both come here last, which
    is harmless.
    """
    global _fresh  # noqa: PLW0603 - decided once in a process
    make = getattr(sys.modules.get("hashlib"), "sha256", None)  # missing during its import
    if make is not None:
        # A copy of an empty hash object costs half of a new one, for which OpenSSL looks SHA-256 up.
        _fresh = make().copy
    state = Hash(SHA256())
    state.update(octets)
    return state.finalize()
