"""The libraries that a user might choose instead, and the tokens that all of them verify.

Owns each peer's set-up: its key in memory and its strictest settings for a Cognito access token, without code
by hand. A peer is used only after it has accepted a good token and refused a forged and an expired one. A
peer that cannot be imported is missing, never an error.
"""

from __future__ import annotations

import warnings
from base64 import urlsafe_b64decode
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from cognito_mr_auth.testing import FakeUserPool

__all__ = ["PEERS", "SIZES", "Peer", "Signed", "bare_rsa", "build", "mint", "prove", "rsa_key", "signed"]

SIZES = {"1.0 KB": 1024, "3 KB": 3072}
"""A token's characters, by the name of the size."""
TOLERANCE = 0.02
# Powertools demands an `aud`. A shorter scope makes room for it, so that its tokens are no longer.
AUDIENCE, BOUND_SCOPE = "https://a.example", "orders/read"
# As long as the groups of a company's directory; a user with many groups is what makes tokens of 3 KB.
GROUP = "orders-team-{:04d}"

Verify = Callable[[str], object]


class Signed(NamedTuple):
    """A token as bare RSA sees it."""

    signature: bytes
    signing_input: bytes


class Peer(NamedTuple):
    """A library, what it checks here, and how it is set up for a pool."""

    name: str
    distribution: str
    checks: str
    prepare: Callable[[FakeUserPool], Verify]
    bound: bool = False
    """Whether it demands an `aud`: it gets tokens of the same length that have one."""


def mint(pool: FakeUserPool, size: str, count: int, *, bound: bool = False, **options: Any) -> list[str]:
    """Distinct access tokens of one size (each has a `jti` of its own); `bound` ones have an `aud`."""
    if bound:
        options |= {"audience": AUDIENCE, "scopes": [BOUND_SCOPE]}
    short = SIZES[size] - len(pool.access_token(**options))
    # Cognito's plain token has 1,029 characters: nothing to add.
    groups = _groups(short * 3 // 4) if short > SIZES[size] * TOLERANCE else []
    tokens = [pool.access_token(groups=groups, **options) for _ in range(count)]
    if not all(abs(len(token) / SIZES[size] - 1) <= TOLERANCE for token in tokens):
        raise RuntimeError(f"tokens of {len(tokens[0])} characters are not {size}")
    if len(set(tokens)) != count:
        raise RuntimeError("two tokens are the same")
    return tokens


def _groups(octets: int) -> list[str]:
    """Groups whose claim takes so many octets of JSON; the last one's name fills up."""
    left = octets - len('"cognito:groups":[],')
    each = len(GROUP.format(0)) + len('"",')
    names = [GROUP.format(number) for number in range(left // each)]
    return [*names[:-1], names[-1] + "x" * (left % each + 1)]


def rsa_key(pool: FakeUserPool) -> RSAPublicKey:
    """The public key of the pool's access tokens."""
    key = load_pem_public_key(pool.access_key.public_pem())
    if not isinstance(key, RSAPublicKey) or key.key_size != 2048:
        raise RuntimeError("a pool signs with RSA-2048")
    return key


def signed(token: str) -> Signed:
    """The very bytes that a verifier hands to RSA."""
    text, _, signature = token.rpartition(".")
    return Signed(urlsafe_b64decode(signature + "=="), text.encode())


def bare_rsa(pool: FakeUserPool) -> Callable[[Signed], None]:
    """Return the lower bound: one RSA-2048 verification, with every object made beforehand."""
    verify, padding, algorithm = rsa_key(pool).verify, PKCS1v15(), SHA256()

    def check(token: Signed) -> None:
        verify(token.signature, token.signing_input, padding, algorithm)

    return check


def _pyjwt(pool: FakeUserPool) -> Verify:
    import jwt

    key, issuer = jwt.PyJWK(pool.access_key.jwk()), pool.issuer()
    options = {"verify_aud": False, "require": ["exp", "iat", "iss", "sub"]}
    return lambda token: jwt.decode(token, key, algorithms=["RS256"], issuer=issuer, options=options)


def _joserfc(pool: FakeUserPool) -> Verify:
    from joserfc import jwt
    from joserfc.jwk import RSAKey

    key = RSAKey.import_key(pool.access_key.jwk())
    registry = jwt.JWTClaimsRegistry(
        exp={"essential": True},
        iss={"essential": True, "value": pool.issuer()},
        client_id={"essential": True, "value": pool.client_id},
        token_use={"essential": True, "value": "access"},
    )
    algorithms = ["RS256"]

    def verify(token: str) -> object:
        decoded = jwt.decode(token, key, algorithms=algorithms)
        registry.validate(decoded.claims)
        return decoded

    return verify


def _authlib(pool: FakeUserPool) -> Verify:
    with warnings.catch_warnings(record=True):  # it says that joserfc, the row above, is its successor
        from authlib.jose import JsonWebKey, JsonWebToken

    key = JsonWebKey.import_key(pool.access_key.jwk())
    jwt = JsonWebToken(["RS256"])
    options = {
        "exp": {"essential": True},
        "iss": {"essential": True, "value": pool.issuer()},
        "client_id": {"essential": True, "value": pool.client_id},
        "token_use": {"essential": True, "value": "access"},
    }

    def verify(token: str) -> object:
        claims = jwt.decode(token, key, claims_options=options)
        claims.validate()
        return claims

    return verify


def _python_jose(pool: FakeUserPool) -> Verify:
    from jose import jwk, jwt

    key, issuer = jwk.construct(pool.access_key.jwk(), "RS256"), pool.issuer()
    options = {"verify_aud": False, "require_exp": True, "require_iss": True}
    return lambda token: jwt.decode(token, key, algorithms=["RS256"], issuer=issuer, options=options)


def _powertools(pool: FakeUserPool) -> Verify:
    from aws_lambda_powertools.utilities.auth_alpha import JWTVerifier

    return JWTVerifier(
        issuer=pool.issuer(),
        audience=AUDIENCE,
        algorithms=["RS256"],
        jwks=pool.jwks(),
        required_claims=["sub"],
        expected_claims={"token_use": "access", "client_id": pool.client_id},
    ).verify


PEERS = (
    Peer("PyJWT", "pyjwt", "signature, exp, iat, iss", _pyjwt),
    Peer("joserfc", "joserfc", "signature, exp, iat, iss, client_id, token_use", _joserfc),
    Peer("authlib", "authlib", "signature, exp, iat, iss, client_id, token_use", _authlib),
    Peer("python-jose", "python-jose", "signature, exp, iat, iss", _python_jose),
    Peer(
        "Powertools auth_alpha",
        "aws-lambda-powertools",
        "signature, exp, iat, iss, aud, client_id, token_use",
        _powertools,
        bound=True,
    ),
)


def build(peer: Peer, pool: FakeUserPool) -> tuple[Verify | None, str]:
    """The peer's verify, proven, and what it checks; or None and why it is missing."""
    try:
        verify = peer.prepare(pool)
        about = f"{peer.distribution} {version(peer.distribution)}: {peer.checks}"
    except (ImportError, PackageNotFoundError) as error:
        return None, str(error)
    prove(peer.name, verify, pool, bound=peer.bound)
    return verify, about


def prove(name: str, verify: Verify, pool: FakeUserPool, *, bound: bool = False) -> None:
    """Raise unless good tokens pass, and forged, expired and foreign ones do not."""
    audience = AUDIENCE if bound else None
    verify(pool.access_token(audience=audience))
    bad: dict[str, dict[str, Any]] = {
        "forged": {"signed_by": "foreign"},
        "expired": {"expires_in": -3600},
        "another pool's": {"claims": {"iss": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_Other"}},
    }
    for what, options in bad.items():
        token = pool.access_token(audience=audience, **options)
        try:
            verify(token)
        except Exception as error:
            if isinstance(error, (TypeError, AttributeError)):
                raise
            continue
        raise RuntimeError(f"{name} accepts a token that is {what}")
