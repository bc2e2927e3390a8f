"""The keys of a pool, for code that already calls `jwt.decode` (PyJWT).

    client = JWKClient(verifier)
    key = client.get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key, algorithms=["RS256"], issuer=client.issuers)

Owns the translation of our keys and errors to PyJWT's. A key is returned only for a token whose claims the
verifier accepts. `jwt.decode` then verifies the signature with that key, and checks the times.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final, TypeVar

try:
    import jwt
    from jwt.algorithms import RSAAlgorithm
except ImportError as _missing:
    raise ImportError(
        'cognito_mr_auth.pyjwt needs PyJWT: pip install "cognito-mr-auth[pyjwt]"', name="jwt"
    ) from _missing

from ._base.checks import check_flag
from ._issuers.entry import entry_of
from ._jwks.model import Key
from ._jwks.schedule import CALLER_WAIT_SECONDS
from ._jwt.claims import check_bearer, time_span
from ._jwt.compact import parse
from ._remote.remote_key_set import RemoteKeySet
from ._runtime.refusals import located, record
from ._runtime.run import run_sync
from ._web.host_errors import as_host_error
from ._web.settings import check_timeout
from .errors import AlgorithmNotAllowed, AuthError, ConfigurationError, TokenMalformed, Unavailable
from .verifier import Verifier

__all__ = ["JWKClient"]

# A pool has two keys, or four during a rotation: this is enough for sixteen pools. Others are built again (20
# us).
MAX_KEYS = 64

T = TypeVar("T")


class _Refused(jwt.PyJWKClientError, jwt.InvalidTokenError):
    """The class that PyJWT's callers catch around the look-up of a key, and the class for a bad token."""


class _WrongAlgorithm(jwt.PyJWKClientError, jwt.InvalidAlgorithmError):
    """The same for a fault that has its own class in PyJWT."""


class _Malformed(jwt.PyJWKClientError, jwt.DecodeError):
    """The same for a token that `jwt.decode` could not read either."""


_TRANSLATED: Final[tuple[tuple[type[AuthError], type[jwt.PyJWTError]], ...]] = (
    (Unavailable, jwt.PyJWKClientConnectionError),
    (AlgorithmNotAllowed, _WrongAlgorithm),
    (TokenMalformed, _Malformed),
    (AuthError, _Refused),
)


class JWKClient:
    """A replacement of `jwt.PyJWKClient` that uses the issuers, keys and failover of a verifier.

    Args:
        verifier: supplies the keys. A token must match its client IDs, token use and audience.
        check_claims: False returns the key of any token of its pools. The caller must check all claims.
        timeout: how many seconds a caller waits for keys that must be fetched.

    `jwt.decode` checks the times. The verifier's `revoked` hook is not called. Each error is an AuthError
    too, with its `status` and `hint`, and has the original error as `__cause__`. Threads may share a client,
    and it works after a fork. A look-up that must fetch blocks; in asyncio, call it with `asyncio.to_thread`.

    Raises:
        ConfigurationError: a setting is invalid.
        TypeError: `verifier` is not a Verifier.
    """

    def __init__(
        self, verifier: Verifier, *, check_claims: bool = True, timeout: float = CALLER_WAIT_SECONDS
    ) -> None:
        if not isinstance(verifier, Verifier):
            raise TypeError(f"give a Verifier, which knows its pools' URLs, not {type(verifier).__name__}")
        check_flag("check_claims", check_claims)
        check_timeout(timeout)
        self._verifier = verifier
        self._check_claims = check_claims
        self._timeout = timeout
        # The dict is replaced, never changed, so readers need no lock and a fork leaves none locked.
        self._made: dict[tuple[str, tuple[int, int]], jwt.PyJWK] = {}

    @property
    def issuers(self) -> list[str]:
        """Every accepted `iss`, for `jwt.decode(..., issuer=client.issuers)`."""
        return list(self._verifier.issuers)

    def get_signing_key_from_jwt(self, token: str | bytes) -> jwt.PyJWK:
        """Return the key that a token names, from the pool of its issuer. This verifies no signature.

        Raises:
            jwt.PyJWKClientError: the issuer or the key is unknown, or the verifier refuses a claim. It is a
                `jwt.InvalidTokenError` too.
            jwt.PyJWKClientConnectionError: the keys are unavailable; a PyJWKClientError too.
            jwt.InvalidAlgorithmError: the header's `alg` is not RS256; a PyJWKClientError too.
            jwt.DecodeError: the token is malformed; a PyJWKClientError too.
        """
        # PyJWT accepts both. Latin-1 decodes every octet, and non-ASCII text is refused below as malformed.
        text = token.decode("latin-1") if isinstance(token, bytes) else token
        return self._built(self._translated(lambda: self._find(text)))

    def _find(self, token: str) -> Key:
        """Find the key after the checks that need no signature, in the order of rule O."""
        jws = parse(token, form=self._verifier._form)
        entry = entry_of(self._verifier._entries, jws.payload)
        try:
            could_pass = entry.plausible(
                jws.payload, self._verifier._clock, times_alone=not self._check_claims
            )
            key = run_sync(entry.key_set.resolve(jws.kid, could_pass, self._timeout))
            if self._check_claims:
                time_span(jws.payload, entry.expected.leeway)  # S4: jwt.decode requires no `exp`
                check_bearer(jws.payload, entry.expected)
        except AuthError as error:
            located(error, entry.origin)
            raise
        return key

    # -- keys without a token ------------------------------------------------------------------

    def get_signing_key(self, kid: str) -> jwt.PyJWK:
        """Return the key of the verifier's only pool by `kid`. There is no token, so no claim is checked.

        Raises:
            jwt.PyJWKClientError: the pool has no such key.
            jwt.PyJWKClientConnectionError: the keys are unavailable; a PyJWKClientError too.
            ConfigurationError: there are several pools, so a kid without its issuer is ambiguous.
        """
        if not isinstance(kid, str):  # callers of PyJWKClient pass the unchecked value of a header
            raise jwt.PyJWKClientError("a kid is a str")
        found = self._only_key_set().resolve(kid, lambda: True, self._timeout)
        return self._built(self._translated(lambda: run_sync(found)))

    def get_signing_keys(self, refresh: bool = False) -> list[jwt.PyJWK]:
        """Return the keys of the verifier's only pool. With `refresh`, every endpoint is asked first.

        The refresh has the same rate limit as the one for an unknown `kid`, so callers cannot flood an
        endpoint. If it fails, the keys that are present are returned.

        Raises:
            jwt.PyJWKClientConnectionError: there are no keys; a PyJWKClientError too.
            ConfigurationError: there are several pools, so a key without its issuer is ambiguous.
        """
        return [self._built(key) for key in self._list(refresh)]

    def get_jwk_set(self, refresh: bool = False) -> jwt.PyJWKSet:
        """Return the same keys as a `jwt.PyJWKSet`. Raises the errors of `get_signing_keys`."""
        return jwt.PyJWKSet([_members(key) for key in self._list(refresh)])

    def fetch_data(self) -> dict[str, Any]:
        """Return the same keys as a JWKS document, after a refresh. Raises what `get_signing_keys` raises."""
        return {"keys": [_members(key) for key in self._list(refresh=True)]}

    match_kid: staticmethod[[list[jwt.PyJWK], str], jwt.PyJWK | None] = staticmethod(
        jwt.PyJWKClient.match_kid
    )

    def _list(self, refresh: bool) -> tuple[Key, ...]:
        listing: Generator[Any, None, tuple[Key, ...]] = self._only_key_set().listing(
            self._timeout, refresh=refresh
        )
        return self._translated(lambda: run_sync(listing))

    def _only_key_set(self) -> RemoteKeySet:
        key_sets = list(self._verifier._key_sets.values())
        if len(key_sets) > 1:
            raise ConfigurationError(
                "there are several user pools, and a key or a kid means nothing without its issuer: "
                "get_signing_key_from_jwt(token) takes the pool that `iss` names"
            )
        return key_sets[0]

    def _translated(self, look_up: Callable[[], T]) -> T:
        """Return the result of `look_up`; turn its AuthError into a PyJWT error whose text has the hint."""
        try:
            return look_up()
        except AuthError as error:
            record(error, self._verifier._outcomes)
            kind = next(theirs for ours, theirs in _TRANSLATED if isinstance(error, ours))
            refused = as_host_error(error, kind)
            if error.hint:
                refused.args = (f"{error.message}: {error.hint}",)
            raise refused from error.with_traceback(None)

    # -- PyJWT's keys ---------------------------------------------------------------------------

    def _built(self, key: Key) -> jwt.PyJWK:
        return self._made.get(key[:2]) or self._make(key)

    def _make(self, key: Key) -> jwt.PyJWK:
        """Build the key once. The oldest is evicted, because a withdrawn key is never looked up again."""
        made = jwt.PyJWK(_members(key))
        kept = list(self._made.items())[1 - MAX_KEYS :]
        self._made = {**dict(kept), key[:2]: made}
        return made

    def __repr__(self) -> str:
        return f"<JWKClient of {self._verifier!r}>"


def _members(key: Key) -> dict[str, Any]:
    """The key as a JWK (RFC 7517 4)."""
    return {**RSAAlgorithm.to_jwk(key.public, as_dict=True), "kid": key.kid, "use": "sig", "alg": "RS256"}
