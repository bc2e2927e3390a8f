"""Where fuzzing begins: Cognito's own tokens and key sets, every malformed kind, and the public vectors.

Owns no vector: they are read where they lie (tests/support/vectors.py), and left out if they are missing.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.vectors import halves, rs256_profile

from cognito_mr_auth.testing import MALFORMED, FakeClock, FakeUserPool

from .checks import CLIENT, JOINT, KID, NOW, POOL

__all__ = ["DICTIONARY", "SEEDS"]

# Texts that mutations would need long to find.
DICTIONARY = (
    *("alg", "RS256", "kid", KID, "typ", "JWT", "at+jwt", "none", "crit", "jwk", "b64", "cty", "p2c"),
    *("iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "token_use", "access", "id"),
    *("scope", "cognito:groups", "username", "cognito:username", "auth_time", CLIENT, POOL, str(NOW)),
    *("keys", "kty", "RSA", "EC", "use", "sig", "enc", "key_ops", "verify", "n", "e", "d", "AQAB"),
    *("format", "user_pool_id", "endpoints", "url", "begun", "jwks"),
    *("1e400", "NaN", "-0.0", "null", "true", "\\ud800", "9" * 40, "[[[[", "}}}}", '"":'),
)


def _pool() -> FakeUserPool:
    return FakeUserPool(POOL, client_id=CLIENT, clock=FakeClock(float(NOW)))


def _rows(vectors: Path | None) -> list[dict[str, Any]]:
    return [] if vectors is None else rs256_profile(vectors)


def _texts(vectors: Path | None) -> Iterator[bytes]:
    """JSON that parsers differ about."""
    if vectors is not None:
        for folder in ("test_parsing", "test_transform"):
            paths = sorted((vectors / "jsontestsuite" / folder).iterdir())
            yield from (path.read_bytes() for path in paths if path.stat().st_size < 1000)


def _token_texts(vectors: Path | None) -> Iterator[str]:
    pool = _pool()
    mine: Any = {"header": {"kid": KID}}
    for kind in ("original", "replica", "updated"):
        yield pool.access_token(issuer=kind, groups=["ops"], scopes=["orders/read"], **mine)
        yield pool.id_token(issuer=kind, federated=True, **mine)
        yield pool.machine_token(issuer=kind, **mine)
    yield from (pool.access_token(malformed=name, **mine) for name in MALFORMED if name != "oversized")
    yield from (row["jws"] for row in _rows(vectors))


def tokens(vectors: Path | None) -> Iterator[bytes]:
    """Whole texts, and header and payload to be encoded by the target."""
    for text in _token_texts(vectors):
        yield b"T" + text.encode("utf-8", "surrogatepass")
        if parts := halves(text):  # unencoded, so that mutations get into them
            yield b"P" + JOINT.join(parts)
    head = json.dumps({"kid": KID, "alg": "RS256"}).encode()
    payload = urlsafe_b64decode(_pool().access_token().split(".")[1] + "==")
    for value in _texts(vectors):
        yield b"P" + head + JOINT + payload[:-1] + b',"x":' + value + b"}"
        yield b"P" + head[:-1] + b',"x":' + value + b"}" + JOINT + payload


def _odd_members(member: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A good member, changed in one way that makes it no key for us."""
    octets = urlsafe_b64decode(member["n"] + "==")
    for modulus in (b"\0" + octets, octets[1:], octets[:128], octets + b"\0", octets * 5):
        yield {"n": urlsafe_b64encode(modulus).rstrip(b"=").decode()}
    yield {"n": member["n"] + "="}
    yield from (
        {"e": exponent} for exponent in ("AAEAAQ", "Aw", "AQ", "AQAA", "AQAC", "AQAAAAE", "AP8", 65537, "")
    )
    yield from ({"key_ops": names} for names in (["verify"], ["verify", "verify"], ["sign"], [], "verify"))
    yield from ({name: "x"} for name in ("d", "k", "oth", "use", "alg", "kty"))
    yield from ({"kid": kid} for kid in ("", "x" * 257, 5, None))


def key_sets(vectors: Path | None) -> Iterator[bytes]:
    """Documents, alone and two at a time."""
    pool = _pool()
    good = json.dumps(pool.jwks()).encode()
    yield good
    yield json.dumps(pool.jwks(private=True)).encode()
    kid = pool.access_key.kid
    contradicted = json.dumps({"keys": [pool.impostor(kid).jwk()]}).encode()
    yield good + JOINT + contradicted
    yield good + JOINT + json.dumps(pool.jwks(private=True)).encode() + JOINT + contradicted
    member = pool.access_key.jwk()
    for odd in _odd_members(member):
        yield json.dumps({"keys": [member | odd]}).encode()
        yield json.dumps({"keys": [member | odd, member]}).encode()
    yield from (json.dumps(row["jwks"]).encode() for row in _rows(vectors))
    yield from (b'{"x":' + text + b"," + good[1:] for text in _texts(vectors))


def key_files(vectors: Path | None) -> Iterator[bytes]:
    """Files as they are written, whole and torn, with good documents and odd ones."""
    pool = _pool()
    good = json.dumps(pool.jwks())
    odd = [text.decode("utf-8", "replace") for text in _texts(vectors)][::8]
    for at, document in enumerate([good, json.dumps(pool.jwks(private=True)), "", *odd]):
        url = pool.issuer(("original", "replica", "updated")[at % 3]) + "/.well-known/jwks.json"
        entries = [
            {"url": url, "begun": NOW - 1000.0 * at, "jwks": document},
            {"url": pool.issuer() + "/.well-known/jwks.json", "begun": NOW - 60, "jwks": good},
        ]
        data = json.dumps({"format": 1, "user_pool_id": POOL, "endpoints": entries[: 1 + at % 2]}).encode()
        yield data
        yield data[: len(data) // 2]


SEEDS = {"token": tokens, "jwks": key_sets, "key_file": key_files}
