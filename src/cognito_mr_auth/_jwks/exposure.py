"""Keys whose private members an endpoint of the pool has served (T5).

Owns their record: it is bounded and forgets nothing in the life of a process. Holds thumbprints of public
keys, never a private member. Pure.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Collection

from cognito_mr_auth._base.digest import sha256

from .document import MIN_BITS

__all__ = ["MAX_EXPOSED", "ExposedKeys", "thumbprint"]

# Thumbprints that are kept as they are; two keys of a pool leak by mistake, more by somebody's wish.
MAX_EXPOSED = 256
# Of later ones so many bits are kept: 8 KiB for all of them, and a key that never leaked is taken for one of
# n later ones with a probability of n / 65,536.
FOLDED_BITS = 16


def thumbprint(modulus: int) -> str:
    """The RFC 7638 thumbprint of the RSA key with this modulus and e = 65537, in base64url.

    The exponent is always that one, because a private exponent gives the factors of the modulus away, and
    with them the private exponents to every other e.
    """
    octets = modulus.to_bytes((modulus.bit_length() + 7) // 8, "big")
    members = b'{"e":"AQAB","kty":"RSA","n":"' + _b64url(octets) + b'"}'
    return _b64url(sha256(members)).decode("ascii")


def _b64url(octets: bytes) -> bytes:
    # By binascii, which is loaded anyway; base64 would bring two modules more to every import of ours.
    return b2a_base64(octets, newline=False).rstrip(b"=").replace(b"+", b"-").replace(b"/", b"_")


class ExposedKeys:
    """The exposed keys of one pool, by their moduli.

    Once it is full, the first thumbprints stay and of later ones only some bits are kept: an endpoint that
    serves private keys without end costs no memory, and what it may do is to make keys unusable.
    """

    __slots__ = ("_folded", "_noted", "_thumbprints")

    def __init__(self) -> None:
        self._thumbprints: dict[str, None] = {}
        self._folded = 0
        self._noted: dict[str, frozenset[int]] = {}

    def note(self, source: str, moduli: frozenset[int]) -> bool:
        """Record what this source exposes now; whether that is something, and not what it exposed before."""
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
        if not self._thumbprints:  # of nearly every pool: no digest is made
            return False
        found = thumbprint(modulus)
        return found in self._thumbprints or bool(self._folded >> _fold(found) & 1)

    def __len__(self) -> int:
        return len(self._thumbprints) + self._folded.bit_count()

    @property
    def thumbprints(self) -> Collection[str]:
        """Those that are kept as they are. Needs no lock: a copy is made in one step."""
        return tuple(self._thumbprints.copy())


def _fold(found: str) -> int:
    return int.from_bytes(sha256(found.encode("ascii"))[: FOLDED_BITS // 8], "big")
