"""Keys whose private members an endpoint of the pool has served (T5).

This module keeps their record. It is bounded, and forgets nothing in the life of a process. It holds
thumbprints of public keys, never a private member. Pure.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Collection

from cognito_mr_auth._base.digest import sha256

from .document import MIN_BITS

__all__ = ["MAX_EXPOSED", "ExposedKeys", "thumbprint"]

# Thumbprints that are kept whole. Two keys of a pool may leak by mistake; more leak only on purpose.
MAX_EXPOSED = 256
# Of later ones only this many bits are kept, which takes 8 KiB for all of them. A key that never leaked is
# then mistaken for one of n later ones with a probability of n / 65,536.
FOLDED_BITS = 16


def thumbprint(modulus: int) -> str:
    """The RFC 7638 thumbprint of the RSA key with this modulus and e = 65537, in base64url.

    The exponent is always 65537. A private exponent reveals the factors of the modulus, and so the private
    exponents for every other e.
    """
    octets = modulus.to_bytes((modulus.bit_length() + 7) // 8, "big")
    members = b'{"e":"AQAB","kty":"RSA","n":"' + _b64url(octets) + b'"}'
    return _b64url(sha256(members)).decode("ascii")


def _b64url(octets: bytes) -> bytes:
    # By binascii, which is loaded anyway. base64 would add two modules to every import of ours.
    return b2a_base64(octets, newline=False).rstrip(b"=").replace(b"+", b"-").replace(b"/", b"_")


class ExposedKeys:
    """The exposed keys of one pool, by their moduli.

    When it is full, the first thumbprints stay, and of later ones only some bits are kept. So an endpoint
    that serves private keys without end costs no memory. All that it can do is to make keys unusable.
    """

    __slots__ = ("_folded", "_noted", "_thumbprints")

    def __init__(self) -> None:
        self._thumbprints: dict[str, None] = {}
        self._folded = 0
        self._noted: dict[str, frozenset[int]] = {}

    def note(self, source: str, moduli: frozenset[int]) -> bool:
        """Record what this source exposes now. True if that is something, and other than before."""
        before, self._noted[source] = self._noted.get(source), moduli
        for modulus in moduli:
            if modulus.bit_length() >= MIN_BITS:  # a shorter one is no usable key anyway (S1)
                self.add(thumbprint(modulus))
        return bool(moduli) and moduli != before

    def add(self, found: str) -> None:
        """Record a thumbprint."""
        if len(self._thumbprints) < MAX_EXPOSED:
            self._thumbprints[found] = None
        elif found not in self._thumbprints:
            self._folded |= 1 << _fold(found)

    def __contains__(self, modulus: int) -> bool:
        if not self._thumbprints:  # nearly every pool, which then pays for no digest
            return False
        found = thumbprint(modulus)
        return found in self._thumbprints or bool(self._folded >> _fold(found) & 1)

    def __len__(self) -> int:
        return len(self._thumbprints) + self._folded.bit_count()

    @property
    def thumbprints(self) -> Collection[str]:
        """The thumbprints that are kept whole. Needs no lock, because the copy is made in one step."""
        return tuple(self._thumbprints.copy())


def _fold(found: str) -> int:
    return int.from_bytes(sha256(found.encode("ascii"))[: FOLDED_BITS // 8], "big")
