"""The values that a pool's key store is made of: keys, words, snapshots (DESIGN K).

Owns shapes alone. Nothing here changes after it was made, so a reader needs no lock (R8).
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from cognito_mr_auth._base.clock import Instant

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
else:
    # Annotations are no strings in this house's modules of values, and this floor knows no cryptography.
    RSAPublicKey = Any

__all__ = [
    "NO_KEYS",
    "CacheLifetimes",
    "Endpoint",
    "FetchError",
    "Key",
    "KeyFileEntry",
    "KeySetConfig",
    "Snapshot",
    "StoredResponse",
]


class Endpoint(NamedTuple):
    """One place that serves the pool's JWKS, for the issuer of that kind and Region."""

    url: str
    kind: str
    region: str | None
    loopback: bool


class KeySetConfig(NamedTuple):
    """What the keys of one issuer are fetched by.

    `provider` is what events and health name. `seed` is a JWKS document to begin with. `key_file` is the path
    of the persisted key set, `baked_key_file` of one that is read and never written. With `offline` no
    endpoint is ever asked. `insecure_emulator` lets emulators' public keys in (T4).
    """

    provider: str
    endpoints: tuple[Endpoint, ...]
    seed: bytes | None = None
    key_file: str | None = None
    baked_key_file: str | None = None
    offline: bool = False
    insecure_emulator: bool = False


class Key(NamedTuple):
    """An RSA public key under its `kid`; `material` is (n, e), which is what makes keys the same."""

    kid: str
    material: tuple[int, int]
    public: RSAPublicKey


NO_KEYS: Mapping[str, Key] = MappingProxyType({})


class StoredResponse(NamedTuple):
    """What one endpoint last said (K1): `begun` is when the request for it began.

    `conflicts` are kids that the document itself gives two keys; `compromised` are moduli whose private
    members it served (T5). A word with no keys says nothing but its `compromised`. `never_expires` marks the
    seed of an offline pool. `raw` is the document as it came, for the key file.
    """

    url: str
    begun: Instant
    keys: Mapping[str, Key]
    raw: bytes
    conflicts: frozenset[str] = frozenset()
    compromised: frozenset[int] = frozenset()
    never_expires: bool = False

    def __repr__(self) -> str:
        """Whose word it is; the document may hold a private key."""
        return f"StoredResponse({self.url!r})"


class KeyFileEntry(NamedTuple):
    """A word as a key file keeps it: URL, wall time at which its request began, the body."""

    url: str
    begun: float
    document: bytes

    def __repr__(self) -> str:
        """Whose it is; the document may hold a private key."""
        return f"KeyFileEntry({self.url!r})"


class Snapshot(NamedTuple):
    """The union of the standing words at one moment (K1 to K3), and how long it needs no thought.

    Within `safe_for` seconds of `made`, on both clocks, every known kid may be served as it is.
    `begun` is the start of the newest word's request, None when no word with keys stands.
    """

    made: Instant
    safe_for: float
    begun: Instant | None
    fresh_for: float
    keys: Mapping[str, Key]
    quarantined: Mapping[str, tuple[str, ...]]
    rebuild_in: float


class CacheLifetimes(NamedTuple):
    """Ages of a key set, in seconds, at which the answer to "ask again?" changes (DESIGN R)."""

    refresh_after: float
    revalidate_after: float
    max_stale: float


class FetchError(Exception):
    """An endpoint gave no key set. `reason` is a fixed word; `retry_after` is in seconds."""

    def __init__(self, reason: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.retry_after = retry_after
