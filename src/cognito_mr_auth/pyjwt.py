"""A pool's keys for code that already calls `jwt.decode` (PyJWT).

    client = JWKClient(verifier)
    key = client.get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key, algorithms=["RS256"], issuer=client.issuers)

Owns the translation alone: our keys become PyJWT's, our errors PyJWT's own. `jwt.decode` then checks
signature and claims; it does not know Cognito's `client_id` and `token_use` (docs/pyjwt.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

try:
    import jwt
    from jwt.algorithms import RSAAlgorithm
except ImportError as error:
    raise ImportError(
        'cognito_mr_auth.pyjwt needs PyJWT: pip install "cognito-mr-auth[pyjwt]"', name="jwt"
    ) from error

from ._jwks.model import Key
from ._jwks.schedule import CALLER_WAIT_SECONDS
from ._web.guard import check_timeout
from .errors import (
    AlgorithmNotAllowed,
    AuthError,
    IssuerUnknown,
    KeyUnknown,
    Unavailable,
)
from .verifier import Verifier

__all__ = ["JWKClient"]

# Two keys a pool, four in mid-rotation: enough for sixteen pools. Beyond it a key is built again (20 us).
MAX_KEYS = 64

# What PyJWKClient and jwt.decode raise for the same fault; all other faults concern the token's form.
_TRANSLATED: Final[tuple[tuple[type[AuthError], type[jwt.PyJWTError]], ...]] = (
    (Unavailable, jwt.PyJWKClientConnectionError),
    (KeyUnknown, jwt.PyJWKClientError),
    (IssuerUnknown, jwt.PyJWKClientError),
    (AlgorithmNotAllowed, jwt.InvalidAlgorithmError),
    (AuthError, jwt.DecodeError),
)


class JWKClient:
    """In place of `jwt.PyJWKClient`, with the issuers, keys and failover of a verifier behind it.

    Args:
        verifier: whose keys to use. Its own settings for clients and token use are not applied.
        timeout: seconds that a caller waits for keys, where they must be fetched.

    Each error has the AuthError that it translates as `__cause__`. It may be shared by threads and
    used after a fork. A lookup that must fetch blocks: from asyncio, call it with `asyncio.to_thread`.

    Raises:
        ConfigurationError: for a timeout that cannot be right.
        TypeError: for a verifier that is no Verifier.
    """

    def __init__(self, verifier: Verifier, *, timeout: float = CALLER_WAIT_SECONDS) -> None:
        if not isinstance(verifier, Verifier):
            raise TypeError(f"give a Verifier, not {type(verifier).__name__}")
        check_timeout(timeout)
        self._verifier = verifier
        self._timeout = timeout
        # Replaced, never changed, so that readers need no lock and a fork finds none held.
        self._made: dict[tuple[str, tuple[int, int]], jwt.PyJWK] = {}

    @property
    def issuers(self) -> list[str]:
        """Every `iss` that is accepted, for `jwt.decode(..., issuer=client.issuers)`."""
        return list(self._verifier.issuers)

    def get_signing_key_from_jwt(self, token: str | bytes) -> jwt.PyJWK:
        """The key that a token names, of the pool whose issuer it names. Verifies nothing.

        Raises:
            jwt.PyJWKClientError: no such issuer, or the pool has no such key.
            jwt.PyJWKClientConnectionError: the keys are unavailable; a PyJWKClientError too.
            jwt.InvalidAlgorithmError: the header's `alg` is not RS256.
            jwt.DecodeError: the token is malformed.
        """
        # PyJWT takes both. Latin-1 decodes every octet, and what is not ASCII is refused as malformed below.
        text = token.decode("latin-1") if isinstance(token, bytes) else token
        return self._translated(lambda: self._verifier._signing_key(text, timeout=self._timeout))

    def get_signing_key(self, kid: str) -> jwt.PyJWK:
        """The key of the verifier's only pool by its `kid`.

        Raises:
            jwt.PyJWKClientError: the pool has no such key.
            jwt.PyJWKClientConnectionError: the keys are unavailable; a PyJWKClientError too.
            ConfigurationError: there are several pools, and a kid means nothing without its issuer.
        """
        if not isinstance(kid, str):  # PyJWKClient's callers pass on what a header holds
            raise jwt.PyJWKClientError("a kid is a str")
        return self._translated(lambda: self._verifier._signing_key_named(kid, timeout=self._timeout))

    def _translated(self, look_up: Callable[[], Key]) -> jwt.PyJWK:
        try:
            key = look_up()
        except AuthError as error:
            kind = next(theirs for ours, theirs in _TRANSLATED if isinstance(error, ours))
            raise kind(error.message) from error.with_traceback(None)
        return self._made.get(key[:2]) or self._make(key)

    def _make(self, key: Key) -> jwt.PyJWK:
        """Build the key once. The oldest go first, because a withdrawn key is never looked up again."""
        members = RSAAlgorithm.to_jwk(key.public, as_dict=True)
        made = jwt.PyJWK({**members, "kid": key.kid, "use": "sig", "alg": "RS256"})
        kept = list(self._made.items())[1 - MAX_KEYS :]
        self._made = {**dict(kept), key[:2]: made}
        return made

    def __repr__(self) -> str:
        return f"<JWKClient of {self._verifier!r}>"
