"""A pool's keys for code that already calls `jwt.decode` (PyJWT).

    client = JWKClient(verifier)
    key = client.get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key, algorithms=["RS256"], issuer=client.issuers)

Owns the translation: our keys become PyJWT's, and our errors PyJWT's own as well. A key is given only for
a token whose claims the verifier would take. `jwt.decode` then holds the same octets to that key, and checks
the times.
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

# Two keys a pool, four in mid-rotation: enough for sixteen pools. Beyond it a key is built again (20 us).
MAX_KEYS = 64

T = TypeVar("T")


class _Refused(jwt.PyJWKClientError, jwt.InvalidTokenError):
    """What PyJWT's callers catch around the look-up of a key, and what they catch for a bad token."""


class _WrongAlgorithm(jwt.PyJWKClientError, jwt.InvalidAlgorithmError):
    """The same for a fault that has a class of its own in PyJWT."""


class _Malformed(jwt.PyJWKClientError, jwt.DecodeError):
    """And for a token that `jwt.decode` could not read either."""


_TRANSLATED: Final[tuple[tuple[type[AuthError], type[jwt.PyJWTError]], ...]] = (
    (Unavailable, jwt.PyJWKClientConnectionError),
    (AlgorithmNotAllowed, _WrongAlgorithm),
    (TokenMalformed, _Malformed),
    (AuthError, _Refused),
)


class JWKClient:
    """In place of `jwt.PyJWKClient`, with the issuers, keys and failover of a verifier behind it.

    Args:
        verifier: whose keys to use, and whose client IDs, token use and audience a token must fit.
        check_claims: False gives the key of any token of its pools, and leaves all claims to the caller.
        timeout: seconds that a caller waits for keys, where they must be fetched.

    The times are left to `jwt.decode`, and the verifier's `revoked` is not asked. Each error is an AuthError
    too, with its `status` and `hint`, and has the original as `__cause__`. A client may be shared by threads
    and used after a fork. A look-up that must fetch blocks: from asyncio, call it with `asyncio.to_thread`.

    Raises:
        ConfigurationError: for a setting that cannot be right.
        TypeError: for a verifier that is no Verifier.
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
        # Replaced, never changed, so that readers need no lock and a fork finds none held.
        self._made: dict[tuple[str, tuple[int, int]], jwt.PyJWK] = {}

    @property
    def issuers(self) -> list[str]:
        """Every `iss` that is accepted, for `jwt.decode(..., issuer=client.issuers)`."""
        return list(self._verifier.issuers)

    def get_signing_key_from_jwt(self, token: str | bytes) -> jwt.PyJWK:
        """The key that a token names, of the pool whose issuer it names. Verifies no signature.

        Raises:
            jwt.PyJWKClientError: no such issuer, no such key, or claims that the verifier would refuse; a
                `jwt.InvalidTokenError` too.
            jwt.PyJWKClientConnectionError: the keys are unavailable; a PyJWKClientError too.
            jwt.InvalidAlgorithmError: the header's `alg` is not RS256; a PyJWKClientError too.
            jwt.DecodeError: the token is malformed; a PyJWKClientError too.
        """
        # PyJWT takes both. Latin-1 decodes every octet, and what is not ASCII is refused as malformed below.
        text = token.decode("latin-1") if isinstance(token, bytes) else token
        return self._built(self._translated(lambda: self._find(text)))

    def _find(self, token: str) -> Key:
        """The key, after the checks of rule O that need no signature, in their order."""
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
        """The key of the verifier's only pool by its `kid`. There is no token, so no claim is checked.

        Raises:
            jwt.PyJWKClientError: the pool has no such key.
            jwt.PyJWKClientConnectionError: the keys are unavailable; a PyJWKClientError too.
            ConfigurationError: there are several pools, and a kid means nothing without its issuer.
        """
        if not isinstance(kid, str):  # PyJWKClient's callers pass on what a header holds
            raise jwt.PyJWKClientError("a kid is a str")
        found = self._only_key_set().resolve(kid, lambda: True, self._timeout)
        return self._built(self._translated(lambda: run_sync(found)))

    def get_signing_keys(self, refresh: bool = False) -> list[jwt.PyJWK]:
        """The keys of the verifier's only pool. `refresh` asks every endpoint first.

        It is limited as the refresh for an unknown `kid` is, so that callers cannot flood an endpoint. After
        one that fails, the keys are those that are there.

        Raises:
            jwt.PyJWKClientConnectionError: there are none; a PyJWKClientError too.
            ConfigurationError: there are several pools, and a key means nothing without its issuer.
        """
        return [self._built(key) for key in self._list(refresh)]

    def get_jwk_set(self, refresh: bool = False) -> jwt.PyJWKSet:
        """The same as a `jwt.PyJWKSet`. Raises what `get_signing_keys` does."""
        return jwt.PyJWKSet([_members(key) for key in self._list(refresh)])

    def fetch_data(self) -> dict[str, Any]:
        """The same as a JWKS document, after a refresh. Raises what `get_signing_keys` does."""
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
        """What it gives. Its AuthError becomes an error of PyJWT's as well, whose text has the hint."""
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
        """Build the key once. The oldest go first, because a withdrawn key is never looked up again."""
        made = jwt.PyJWK(_members(key))
        kept = list(self._made.items())[1 - MAX_KEYS :]
        self._made = {**dict(kept), key[:2]: made}
        return made

    def __repr__(self) -> str:
        return f"<JWKClient of {self._verifier!r}>"


def _members(key: Key) -> dict[str, Any]:
    """The key as a JWK (RFC 7517 4)."""
    return {**RSAAlgorithm.to_jwk(key.public, as_dict=True), "kid": key.kid, "use": "sig", "alg": "RS256"}
