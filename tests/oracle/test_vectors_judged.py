"""The public JWS vectors before the judges: as they are, and grafted into tokens that are otherwise right.

tests/oracle/test_vectors.py has the verdict of each vector; here the judges read what we accept.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joserfc.jwk
import joserfc.jws
import jwt
from joserfc.errors import JoseError
from oracle.judges import DECODERS, bench
from support.segments import octets_of
from support.vectors import halves, load, rs256_profile

from cognito_mr_auth._jwks.document import read_document
from cognito_mr_auth._jwt.compact import CompactJWS, open_jws, verify_signature
from cognito_mr_auth.errors import TokenRejected
from cognito_mr_auth.testing import FakeUserPool

KIDS = ("kid-rsa-sign", "bilbo.baggins@hobbiton.example")


# --- As they are


def _ours(token: str, jwks: dict[str, Any]) -> bytes | None:
    """The payload at the JWS layer, or None."""
    keys = read_document(json.dumps(jwks).encode()).keys
    try:
        kid, payload, signed, signature = open_jws(token)
        if kid not in keys:
            return None
        verify_signature(CompactJWS(kid, {}, signed, signature), keys[kid].public)
    except TokenRejected:
        return None
    return payload


def _pyjwt(token: str, jwks: dict[str, Any]) -> bytes | None:
    try:
        [key] = jwt.PyJWKSet.from_dict(jwks).keys
        payload: bytes = jwt.PyJWS().decode(token, key, algorithms=["RS256"])
    except (jwt.PyJWTError, *DECODERS):
        return None
    return payload


def _joserfc(token: str, jwks: dict[str, Any]) -> bytes | None:
    try:
        [key] = jwks["keys"]
        found = joserfc.jws.deserialize_compact(
            token, joserfc.jwk.RSAKey.import_key(key), algorithms=["RS256"]
        )
    except (JoseError, *DECODERS):
        return None
    return found.payload


def test_a_vector_that_we_accept_is_read_alike(vectors_dir: Path) -> None:
    """The JWS layer over Wycheproof's RS256 profile: eight accepted, by both judges with the same octets.

    aws-jwt-verify has no such layer: it reads claims, and these payloads hold none.
    """
    counts: Counter[tuple[bool, bool, bool]] = Counter()
    for row in rs256_profile(vectors_dir):
        ours = _ours(row["jws"], row["jwks"])
        theirs = _pyjwt(row["jws"], row["jwks"]), _joserfc(row["jws"], row["jwks"])
        assert ours is None or theirs == (ours, ours), row["comment"]
        counts[ours is not None, theirs[0] is not None, theirs[1] is not None] += 1
    assert counts[True, True, True] == 8
    assert counts.total() == 318


# --- Grafted


def _vectors(vectors: Path) -> Iterator[str]:
    """Every compact JWS among the vectors."""
    yield from (row["jws"] for row in rs256_profile(vectors))
    everything = load(vectors / "wycheproof" / "json_web_signature_test.json")
    yield from (test["jws"] for group in everything["testGroups"] for test in group["tests"])
    yield from (row["jws"] for row in load(vectors / "rfc_negative" / "rfc_negative.json")["must_reject"])
    yield load(vectors / "rfc7515" / "a2_rs256.json")["jws"]
    for path in sorted((vectors / "rfc7520" / "jws").glob("*.json")):
        yield from filter(None, [load(path)["output"].get("compact")])


def _under(kid: str, header: bytes) -> bytes:
    """The header with our kid in place of the vector's, and all else as it was."""
    for known in KIDS:
        header = header.replace(known.encode(), kid.encode())
    return header


def test_a_graft_that_we_accept_is_accepted_by_all(vectors_dir: Path) -> None:
    """A vector's header over Cognito's claims, and its payload under Cognito's header, signed by the pool."""
    pool = FakeUserPool()
    claims = json.loads(octets_of(pool.access_token().split(".")[1]))
    found = {parts for each in _vectors(vectors_dir) if (parts := halves(each)) is not None}
    headers = sorted({_under(pool.access_key.kid, header) for header, _ in found})
    payloads = sorted({payload for _, payload in found})
    tokens = [("access", pool.sign(header, claims)) for header in headers]
    tokens += [("access", pool.sign(None, payload)) for payload in payloads]
    accepted = 0
    with bench(pool) as judges:
        for token, readings in judges.readings(tokens):
            if judges.ours.principal(*token) is not None:
                accepted += 1
                assert [judge for judge, reading in readings.items() if isinstance(reading, str)] == []
    assert accepted >= 1  # RS256 under our kid is among the vectors' headers
    assert len(headers) >= 20
    assert len(payloads) >= 5
