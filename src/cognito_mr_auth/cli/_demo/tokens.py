"""The demo's stream: valid tokens of every issuer, and forged ones between them.

Owns which tokens are minted, and their order. Knows what each token is, and never the response to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any, Final, NamedTuple

from cognito_mr_auth.testing import FakeUserPool

__all__ = ["FORGED", "Shot", "stream", "unknown_kid", "valid"]


class Shot(NamedTuple):
    """One token and the truth about it.

    `what` names it. `kid` is the key that a verifier needs to judge it, or None if the token is refused
    without a key. `listed` says whether an endpoint has ever listed that kid.
    """

    token: str
    what: str
    forged: bool
    kid: str | None
    listed: bool = True


_ISSUERS: Final = ("original", "replica", "updated")
_MINTS: Final[tuple[tuple[str, str], ...]] = (
    ("access_token", "access"),
    ("id_token", "id"),
    ("machine_token", "access"),
)

# How it is forged -> how it is minted, and whether a key is needed to refuse it.
FORGED: Final[dict[str, tuple[dict[str, Any], bool]]] = {
    "bad signature": ({"signed_by": "foreign"}, True),
    "alg none": ({"malformed": "alg_none"}, False),
    "HS256 with the public key": ({"malformed": "hs256_with_public_key"}, False),
    "unknown issuer": ({"claims": {"iss": "https://issuer.example/us-west-2_Fake00001"}}, False),
    "expired": ({"expires_in": -60}, True),
}


def valid(pool: FakeUserPool, mint: str = "access_token", issuer: str = "original") -> Shot:
    """A valid token, freshly minted, so that no cache of verified tokens helps."""
    use = dict(_MINTS)[mint]
    key = pool.access_key if use == "access" else pool.id_key
    what = f"{mint.replace('_', ' ')} of the {issuer} issuer"
    return Shot(getattr(pool, mint)(issuer=issuer), what, forged=False, kid=key.kid)


def _forged(pool: FakeUserPool, how: str) -> Shot:
    options, needs_key = FORGED[how]
    kid = pool.access_key.kid if needs_key else None
    return Shot(pool.access_token(**options), how, forged=True, kid=kid)


def unknown_kid(pool: FakeUserPool) -> Shot:
    """A token signed with a key that the pool does not have, under a kid that no endpoint lists."""
    token = pool.access_token(signed_by="unknown")
    return Shot(token, "unknown kid", forged=True, kid="unlisted", listed=False)


def stream(pool: FakeUserPool) -> Iterator[Shot]:
    """Yield, without end, three valid tokens and two forged ones. Each is minted when it is requested."""
    forged = cycle(FORGED)
    both = cycle([(mint, issuer) for mint, _ in _MINTS for issuer in _ISSUERS])
    while True:
        for _ in range(3):
            mint, issuer = next(both)
            yield valid(pool, mint, issuer)
        for _ in range(2):
            yield _forged(pool, next(forged))
