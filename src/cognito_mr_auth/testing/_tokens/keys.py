"""RSA signing keys for fake pools, and the reserve that makes hundreds of them cheap.

Owns key material and its JWK form. It must never give one key to two living owners, nor write a
key to disk.

Generating a 2048-bit key takes some 60 ms, so a suite that makes a pool per test would wait
minutes. A key whose last owner is gone, and whose private half was never exported, goes back to
the reserve and is given out again under a new kid; tokens of the old owner name the old kid, so
they stay refused.
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
    """Idle keys of this process. A deque, since finalizers run anywhere, lock held or not."""

    def __init__(self) -> None:
        # The process ID stands beside each key: parent and child must not both give it out.
        self._idle: deque[tuple[int, rsa.RSAPrivateKey]] = deque()
        self.generated = 0

    def take(self) -> rsa.RSAPrivateKey:
        """An idle key, or a new one."""
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
        """Keep a key that nobody owns any more; `pid` is the process that took it."""
        self._idle.append((pid, private_key))


RESERVE: Final = Reserve()


class _Lease:
    """The one owner of a private key, taken at first use; when it dies, the key is idle again."""

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
        """The key; its private half leaves our hands, so it is never given out again."""
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
        """The same key material under another kid, as a forger would present it."""
        twin = object.__new__(SigningKey)
        twin.kid = kid
        twin._lease = self._lease
        return twin

    def sign(self, data: bytes, algorithm: SignatureName = "RS256") -> bytes:
        """The 256-byte signature of `data` (RFC 7518 section 3.3, or 3.5 for PS256)."""
        digest = _HASHES[algorithm]
        scheme = (
            padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)
            if algorithm == "PS256"
            else padding.PKCS1v15()
        )
        return self._lease.private_key().sign(data, scheme, digest)

    def jwk(self, *, private: bool = False) -> dict[str, str]:
        """The JWK as Cognito lists it; `private` adds the members of RFC 7518 section 6.3.2."""
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
        """The public half as SubjectPublicKeyInfo in PEM."""
        return (
            self._lease.private_key()
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )

    def private_pem(self) -> bytes:
        """The private half as unencrypted PKCS #8 in PEM, to sign with another library."""
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
    """A random kid in Cognito's form: 44 characters of standard base64, the last of them "="."""
    return base64.b64encode(os.urandom(KID_BYTES)).decode()


def _base64url_uint(value: int) -> str:
    """RFC 7518 section 2: the shortest big-endian octets, base64url without padding."""
    octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
