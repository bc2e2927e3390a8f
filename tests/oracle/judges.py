"""The library and its judges: PyJWT, joserfc and aws-jwt-verify, with the expectations of one pool.

Owns how each is set up: its key found by `kid`, its strictest settings, and ours no laxer than theirs. What a
judge has no option for (PyJWT and joserfc know no `token_use`) it does not judge.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import joserfc.jwk
import joserfc.jwt
import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry
from joserfc.registry import HeaderParameter
from oracle.nodejs import Node, Reading, Token, judging

from cognito_mr_auth import Principal, Verifier
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.testing import FakeUserPool

LEEWAY_SECONDS = 5
ISSUERS: tuple[Literal["original", "replica", "updated"], ...] = ("original", "replica", "updated")
# RFC 7515 4.1.7, 4.1.8: thumbprints of a certificate. No judge reads them; joserfc checks their type.
NEVER_READ = ("x5t", "x5t#S256")
# What a decoder raises of its own accord, unwrapped.
DECODERS = (KeyError, ValueError, TypeError, OverflowError, RecursionError)


class Ours:
    """The library, for access and for ID tokens."""

    def __init__(self, pool: FakeUserPool) -> None:
        self._verifiers: dict[str, Verifier] = {
            "access": pool.offline_verifier("access", leeway=LEEWAY_SECONDS),
            "id": pool.offline_verifier("id", leeway=LEEWAY_SECONDS),
        }

    def principal(self, use: str, token: str) -> Principal | None:
        """The principal, or None for a refusal; any other exception is a failure."""
        try:
            return self._verifiers[use].verify(token)
        except AuthError:
            return None

    def close(self) -> None:
        """End both verifiers."""
        for verifier in self._verifiers.values():
            verifier.close()


class PyJWT:
    """`jwt.decode` with a key that was found by kid."""

    def __init__(self, pool: FakeUserPool) -> None:
        self._keys = jwt.PyJWKSet.from_dict(pool.jwks())
        self._issuers = [pool.issuer(kind) for kind in ISSUERS]
        self._client = pool.client_id

    def read(self, use: str, token: str) -> Reading:
        """S6: an access token has no `aud`, or its own client as `aud`; PyJWT takes that as an option."""
        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            if use == "access":
                try:
                    return self._decode(token, key, None)
                except jwt.InvalidAudienceError:
                    pass
            return self._decode(token, key, self._client)
        except (jwt.PyJWTError, *DECODERS) as error:
            return type(error).__name__

    def _decode(self, token: str, key: jwt.PyJWK, audience: str | None) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=audience,
            issuer=self._issuers,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "sub"]},
        )


class Joserfc:
    """`jwt.decode` with a key set, and a claims registry."""

    def __init__(self, pool: FakeUserPool) -> None:
        self._keys = joserfc.jwk.KeySet.import_key_set(pool.jwks())  # type: ignore[arg-type]
        # RFC 7515 4: members that one does not understand are ignored, which is an option there.
        thumbprints = {name: HeaderParameter(name, lambda _: None) for name in NEVER_READ}
        self._header_cache = JWSRegistry(header_registry=thumbprints, strict_check_header=False)
        self._header_cache.max_header_length = 2048
        needed: dict[str, Any] = {
            "exp": {"essential": True},
            "iat": {"essential": True},
            "sub": {"essential": True},
            "iss": {"essential": True, "values": [pool.issuer(kind) for kind in ISSUERS]},
        }
        mine = {"essential": True, "value": pool.client_id}
        self._claims = {
            "access": _registry(
                needed | {"client_id": mine, "token_use": {"essential": True, "value": "access"}}
            ),
            "id": _registry(needed | {"aud": mine, "token_use": {"essential": True, "value": "id"}}),
        }

    def read(self, use: str, token: str) -> Reading:
        """The claims, or the error's name."""
        try:
            found = joserfc.jwt.decode(token, self._keys, algorithms=["RS256"], registry=self._header_cache)
            self._claims[use].validate(found.claims)
        except (JoseError, *DECODERS) as error:
            return type(error).__name__
        return found.claims


def _registry(options: Mapping[str, Any]) -> joserfc.jwt.JWTClaimsRegistry:
    return joserfc.jwt.JWTClaimsRegistry(leeway=LEEWAY_SECONDS, **options)


class Bench:
    """All of them, for one pool."""

    def __init__(self, pool: FakeUserPool, node: Node) -> None:
        self.pool = pool
        self.ours = Ours(pool)
        self._node = node
        self._pyjwt = PyJWT(pool)
        self._joserfc = Joserfc(pool)

    def readings(self, tokens: Sequence[Token]) -> Iterator[tuple[Token, dict[str, Reading]]]:
        """Each token and what each judge reads of it, all before our turn.

        Meanwhile a token can only expire: none here becomes valid within a minute.
        """
        theirs = self._node.read(tokens)
        others = [
            {"PyJWT": self._pyjwt.read(use, token), "joserfc": self._joserfc.read(use, token)}
            for use, token in tokens
        ]
        for token, first, rest in zip(tokens, theirs, others, strict=True):
            yield token, {"aws-jwt-verify": first, **rest}


@contextmanager
def bench(pool: FakeUserPool) -> Iterator[Bench]:
    """Everything up."""
    with judging(pool, LEEWAY_SECONDS) as node:
        made = Bench(pool, node)
        try:
            yield made
        finally:
            made.ours.close()


# --- What was read


def same(ours: Mapping[str, Any], theirs: Reading, judge: str) -> bool:
    """Whether two payloads say the same."""
    return as_javascript(ours) == as_javascript(theirs) if judge == "aws-jwt-verify" else ours == theirs


def as_javascript(value: Any) -> Any:
    """A JSON value as aws-jwt-verify reads it: every number a double, and no way to a prototype."""
    again = json.loads(json.dumps(value), parse_int=float)
    return _without_prototypes(again)


def _without_prototypes(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_prototypes(each) for each in value]
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if name not in ("__proto__", "constructor")}
        return {name: _without_prototypes(each) for name, each in kept.items()}
    return value


# --- Where a judge refuses what we accept for a reason


def explained(judge: str, claims: Mapping[str, Any]) -> str | None:
    """Why this judge refuses what we accept, if a rule says so; None if none does."""
    if judge == "aws-jwt-verify" and not isinstance(claims.get("scope", ""), str):
        return "a scope that is no text"  # H1: no policy on scopes passes, and nothing else reads it
    return None
