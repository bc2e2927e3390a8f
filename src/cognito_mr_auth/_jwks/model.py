"""The values that make up a key set: endpoints, keys, stored responses, snapshots (K).

This module has the shapes, and the limit of a document's size. Nothing here changes after it was made, so a
reader needs no lock (R8).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from cognito_mr_auth._base.clock import Instant
from cognito_mr_auth._base.named_tuple import NamedTuple
from cognito_mr_auth.principal import IssuerKind

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
else:
    # Annotations here are evaluated when the module loads, and nothing else here needs cryptography.
    RSAPublicKey = Any

__all__ = [
    "MAX_DOCUMENT_BYTES",
    "NO_KEYS",
    "CacheLifetimes",
    "Endpoint",
    "FetchError",
    "Key",
    "KeyFileContents",
    "KeyFileEntry",
    "KeySetConfig",
    "Proxied",
    "Snapshot",
    "StoredResponse",
]


# The limit of one JWKS document, on the wire and in memory. Cognito serves two keys in about 0.9 KB, and
# three or four in a rotation. Nimbus stops at 50 KiB.
MAX_DOCUMENT_BYTES = 64 * 1024


class Endpoint(NamedTuple):
    """One URL that serves the pool's JWKS, for the issuer of that kind and Region.

    `url` names it in events, health and key files. It has no query, because a query may hold a secret.
    `query` is sent with the request and used nowhere else. `optional` means that the URL is derived and that
    the pool may not have its issuer. Then 403 or 404 says that it does not (K5).
    """

    url: str
    kind: IssuerKind
    region: str | None
    loopback: bool
    optional: bool = False
    query: str = ""

    @property
    def target(self) -> str:
        """The URL to fetch, with its query."""
        url = self.url.partition("#")[0]  # the rest distinguishes endpoints that differ by their query alone
        return f"{url}?{self.query}" if self.query else url

    def __repr__(self) -> str:
        """Show no query."""
        return f"Endpoint({self.url!r})"


class KeySetConfig(NamedTuple):
    """How the keys of one provider are fetched: its endpoints, seed and key files.

    `provider` is its name in events and health. `seed` is a JWKS document to begin with. `key_file` is the
    path of a file that keeps the key set, `baked_key_file` of one that is read and never written. With
    `offline` no endpoint is ever asked. `insecure_emulator` accepts emulators' public keys (T4).
    """

    provider: str
    endpoints: tuple[Endpoint, ...]
    seed: bytes | None = None
    key_file: str | None = None
    baked_key_file: str | None = None
    offline: bool = False
    insecure_emulator: bool = False

    def __repr__(self) -> str:
        """Show the provider alone, because the seed may hold a private key."""
        return f"KeySetConfig({self.provider!r})"


class Key(NamedTuple):
    """An RSA public key under its `kid`. `material` is (n, e); two keys are the same if it is equal."""

    kid: str
    material: tuple[int, int]
    public: RSAPublicKey


NO_KEYS: Mapping[str, Key] = MappingProxyType({})


class StoredResponse(NamedTuple):
    """What one endpoint last answered (K1). `begun` is when its request began.

    `conflicts` are kids for which the document itself has two keys. `never_expires` marks the seed of an
    offline pool. `raw` is the document as it was received, for the key file.
    """

    url: str
    begun: Instant
    keys: Mapping[str, Key]
    raw: bytes
    conflicts: frozenset[str] = frozenset()
    never_expires: bool = False

    def __repr__(self) -> str:
        """Show the URL alone, because the document may hold a private key."""
        return f"StoredResponse({self.url!r})"


class KeyFileEntry(NamedTuple):
    """A stored response as a key file keeps it: the URL, the wall time when its request began, the body.

    `answered` is when the request of the endpoint's last answer began, if that is another time.
    """

    url: str
    begun: float
    document: bytes
    answered: float | None = None

    def __repr__(self) -> str:
        """Show the URL alone, because the document may hold a private key."""
        return f"KeyFileEntry({self.url!r})"


class KeyFileContents(NamedTuple):
    """The content of a key file: entries, and thumbprints of exposed keys, each with a time (T5).

    The time is the last one at which a process knew of the exposure, in seconds of the wall clock.
    """

    entries: Collection[KeyFileEntry] = ()
    exposed: Mapping[str, float] = MappingProxyType({})


class Snapshot(NamedTuple):
    """The union of the standing responses at one moment (K1 to K3), and how long it is valid.

    Within `safe_for` seconds of `made`, on both clocks, every known kid may be served without a decision.
    After `rebuild_in` seconds the passing of time has changed it. `begun` is when the request of the newest
    response with keys began; None without one.
    """

    made: Instant
    safe_for: float
    begun: Instant | None
    fresh_for: float
    keys: Mapping[str, Key]
    quarantined: Mapping[str, tuple[str, ...]]
    rebuild_in: float
    never_expires: bool = False


class CacheLifetimes(NamedTuple):
    """The ages of a key set, in seconds, at which another row of R's table applies (see `schedule.TABLE`)."""

    refresh_after: float
    revalidate_after: float
    max_stale: float


class Proxied(Protocol):
    """The part of a connection that is shown (`attempt.Connection`): the variable that names its proxy."""

    proxy: str | None


class FetchError(Exception):
    """An endpoint gave no key set. `reason` is a fixed string, `retry_after` is in seconds.

    `compromised` are moduli whose private members the endpoint served in a document that is not used (T5).
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        compromised: frozenset[int] = frozenset(),
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.retry_after = retry_after
        self.compromised = compromised

    @property
    def not_enabled(self) -> bool:
        """Whether the endpoint itself, and no proxy, says that there is no such issuer (K5)."""
        return self.reason == "status" and self.status in (403, 404)

    @property
    def answered(self) -> bool:
        """Whether the endpoint itself, and no proxy, has sent an HTTP answer (R4)."""
        # A failure of reading a document has no status.
        return self.reason.startswith("document-") or (self.status is not None and self.reason != "proxy")
