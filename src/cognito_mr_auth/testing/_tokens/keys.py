"""RSA signing keys for fake pools, and a reserve that makes hundreds of them cheap.

Owns key material and its JWK form. It must never give one key to two living owners, nor write a key to disk.

Generating a 2048-bit key takes about 60 ms, so a suite with a pool per test would wait minutes. A key returns
to the reserve if its last owner is gone and its private half was never exported. It is then reused under a
new kid. Tokens of the old owner name the old kid, so they stay refused.
"""

from __future__ import annotations

import base64
import os
import threading
import weakref
from collections import deque
from typing import Final, Literal

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

# Cognito's own size (AWS: "2048-bit RSA").
KEY_SIZE_BITS: Final = 2048
# Cognito's kids are standard base64 of 32 bytes: 44 characters that end in "=".
KID_BYTES: Final = 32

SignatureName = Literal["RS256", "RS384", "RS512", "PS256"]


class Reserve:
    """Idle keys of this process. A deque, because finalizers run anywhere, also while a lock is held."""

    def __init__(self) -> None:
        # The process ID is stored beside each key, because parent and child must not both reuse it.
        self._idle: deque[tuple[int, rsa.RSAPrivateKey]] = deque()
        self.generated = 0

    def take(self) -> rsa.RSAPrivateKey:
        """Return an idle key, or a new one."""
        while True:
            try:
                pid, private_key = self._idle.pop()
            except IndexError:
                break
            if pid == os.getpid():
                return private_key
        self.generated += 1
        return rsa.generate_private_key(public_exponent=65537, key_size=KEY_SIZE_BITS)

    def give_back(self, pid: int, private_key: rsa.RSAPrivateKey) -> None:
        """Keep a key without an owner; `pid` is the process that took it."""
        self._idle.append((pid, private_key))


RESERVE: Final = Reserve()


class _Lease:
    """The one owner of a private key, taken at first use. When it is collected, the key is idle again."""

    __slots__ = ("__weakref__", "_finalizer", "_lock", "_private_key")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._private_key: rsa.RSAPrivateKey | None = None

    def private_key(self) -> rsa.RSAPrivateKey:
        with self._lock:
            if self._private_key is None:
                self._private_key = RESERVE.take()
                self._finalizer = weakref.finalize(self, RESERVE.give_back, os.getpid(), self._private_key)
                self._finalizer.atexit = False
            return self._private_key

    def exported(self) -> rsa.RSAPrivateKey:
        """Return the key. It is never reused, because a caller now has its private half."""
        private_key = self.private_key()
        self._finalizer.detach()
        return private_key


class SigningKey:
    """An RSA-2048 key of its own, with a kid that looks like Cognito's."""

    __slots__ = ("_lease", "kid")

    def __init__(self, kid: str | None = None) -> None:
        self.kid: str = new_kid() if kid is None else kid
        self._lease = _Lease()

    def under(self, kid: str) -> SigningKey:
        """Return the same key material under another kid, as a forger would present it."""
        twin = object.__new__(SigningKey)
        twin.kid = kid
        twin._lease = self._lease
        return twin

    def sign(self, data: bytes, algorithm: SignatureName = "RS256") -> bytes:
        """Return the 256-byte signature of `data` (RFC 7518 section 3.3, or 3.5 for PS256)."""
        digest = _HASHES[algorithm]
        scheme = (
            padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
            if algorithm == "PS256"
            else padding.PKCS1v15()
        )
        return self._lease.private_key().sign(data, scheme, digest)

    def jwk(self, *, private: bool = False) -> dict[str, str]:
        """Return the JWK as Cognito lists it; `private` adds the members of RFC 7518 section 6.3.2."""
        public = self._lease.private_key().public_key().public_numbers()
        document = {
            "alg": "RS256",
            "e": _base64url_uint(public.e),
            "kid": self.kid,
            "kty": "RSA",
            "n": _base64url_uint(public.n),
            "use": "sig",
        }
        if private:
            secret = self._lease.exported().private_numbers()
            parts = {
                "d": secret.d,
                "p": secret.p,
                "q": secret.q,
                "dp": secret.dmp1,
                "dq": secret.dmq1,
                "qi": secret.iqmp,
            }
            document |= {name: _base64url_uint(value) for name, value in parts.items()}
        return document

    def public_pem(self) -> bytes:
        """Return the public half as SubjectPublicKeyInfo in PEM."""
        return (
            self._lease.private_key()
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )

    def private_pem(self) -> bytes:
        """Return the private half as unencrypted PKCS #8 in PEM, to sign with another library."""
        return self._lease.exported().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid!r})"


_HASHES: Final = {
    "RS256": hashes.SHA256(),
    "RS384": hashes.SHA384(),
    "RS512": hashes.SHA512(),
    "PS256": hashes.SHA256(),
}


def new_kid() -> str:
    """Return a random kid in Cognito's form: 44 characters of standard base64, the last of them "="."""
    return base64.b64encode(os.urandom(KID_BYTES)).decode()


def _base64url_uint(value: int) -> str:
    """Return the shortest big-endian octets in base64url without padding (RFC 7518 section 2)."""
    octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
