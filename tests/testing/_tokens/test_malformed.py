"""Each row of MALFORMED breaks the one rule that it is named for, and no other."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import re
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from cognito_mr_auth.testing import MALFORMED, FakeUserPool

# What a strict reader finds first: the name of the rule, as `fault` below checks them in order.
RULE_OF = {
    "empty": "form",
    "prose": "form",
    "bearer_prefix": "form",
    "leading_space": "form",
    "trailing_newline": "form",
    "non_ascii": "form",
    "oversized": "length",
    "one_segment": "form",
    "two_segments": "form",
    "four_segments": "form",
    "five_segments": "form",
    "empty_header": "form",
    "empty_payload": "form",
    "empty_signature": "form",
    "bad_base64_header": "form",
    "bad_base64_payload": "form",
    "bad_base64_signature": "form",
    "impossible_length": "payload base64url",
    "padded_header": "form",
    "padded_payload": "form",
    "padded_signature": "form",
    "noncanonical_header": "header base64url",
    "noncanonical_payload": "payload base64url",
    "noncanonical_signature": "signature base64url",
    "standard_alphabet": "form",
    "header_not_json": "header JSON",
    "header_not_object": "header JSON",
    "header_duplicate_member": "header JSON",
    "header_bom": "header JSON",
    "payload_not_json": "payload JSON",
    "payload_not_object": "payload JSON",
    "payload_null": "payload JSON",
    "payload_duplicate_member": "payload JSON",
    "payload_trailing_comma": "payload JSON",
    "payload_bom": "payload JSON",
    "payload_utf16": "payload JSON",
    "payload_invalid_utf8": "payload JSON",
    "payload_lone_surrogate": "payload JSON",
    "payload_nan": "payload JSON",
    "payload_infinity": "payload JSON",
    "payload_overflow": "payload JSON",
    "payload_deep": "payload JSON",
    "alg_none": "form",
    "alg_none_in_capitals": "form",
    "alg_none_but_signed": "alg",
    "alg_missing": "alg",
    "alg_list": "alg",
    "alg_lower_case": "alg",
    "hs256_with_public_key": "alg",
    "rs384": "alg",
    "rs512": "alg",
    "ps256": "alg",
    "kid_missing": "kid",
    "kid_empty": "kid",
    "kid_number": "kid",
    "typ_logout": "typ",
    "header_b64": "parameter",
    "header_crit": "parameter",
    "header_cty": "parameter",
    "header_enc": "parameter",
    "header_jku": "parameter",
    "header_jwk": "parameter",
    "header_p2c": "parameter",
    "header_x5c": "parameter",
    "header_x5u": "parameter",
    "header_zip": "parameter",
    "altered_payload": "signature",
    "corrupted_signature": "signature",
    "long_signature": "signature",
    "short_signature": "signature",
    "zero_signature": "signature",
}
DIGESTS = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
FORBIDDEN = {"b64", "crit", "cty", "enc", "jku", "jwk", "p2c", "x5c", "x5u", "zip"}


def octets(text: str, part: str) -> bytes:
    """Canonical base64url, or a ValueError that names the rule."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) % 4 != 1 else b""
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != text:
        raise ValueError(f"{part} base64url")
    return data


def strict_object(data: bytes, part: str) -> dict[str, Any]:
    """A JSON object as rule S2 has it, or a ValueError that names the rule."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError
        return dict(pairs)

    def finite(text: str) -> float:
        if not math.isfinite(float(text)):
            raise ValueError
        return float(text)

    try:
        text = data.decode()
        found = json.loads(text, object_pairs_hook=members, parse_float=finite, parse_constant=finite)
        json.dumps(found, ensure_ascii=False).encode()
    except ValueError:
        found = None
    if not isinstance(found, dict) or data.count(b"[") > 32:
        raise ValueError(f"{part} JSON")
    return found


def fault(token: str, pool: FakeUserPool) -> str | None:
    """The first rule that a token breaks, as the standards have it; None if all is well."""
    if len(token) > 16 * 1024:
        return "length"
    if not re.fullmatch(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", token, re.ASCII):
        return "form"
    head, body, tail = token.split(".")
    try:
        header = strict_object(octets(head, "header"), "header")
        strict_object(octets(body, "payload"), "payload")
        signature = octets(tail, "signature")
    except ValueError as broken:
        return str(broken)
    rules = {
        "alg": header.get("alg") == "RS256",
        "kid": header.get("kid") == pool.access_key.kid,
        "parameter": not FORBIDDEN & header.keys(),
        "typ": header.get("typ", "JWT") == "JWT",
    }
    if not all(rules.values()):
        return next(rule for rule, kept in rules.items() if not kept)
    try:
        check(f"{head}.{body}", signature, pool)
    except InvalidSignature:
        return "signature"
    return None


def check(signed: str, signature: bytes, pool: FakeUserPool, algorithm: str = "RS256") -> None:
    """Verify with the pool's public access key."""
    jwk = pool.access_key.jwk()
    n, e = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "=="), "big") for name in "ne")
    digest = DIGESTS[algorithm[2:]]
    scheme = (
        padding.PSS(padding.MGF1(digest), digest.digest_size)
        if algorithm.startswith("PS")
        else padding.PKCS1v15()
    )
    key = rsa.RSAPublicNumbers(e, n).public_key()
    key.verify(signature, signed.encode(), scheme, digest)


@pytest.fixture(scope="module")
def pool() -> FakeUserPool:
    """One pool, since every row leaves its keys alone."""
    return FakeUserPool()


def test_every_row_is_described() -> None:
    """A new row of MALFORMED has to say here which rule it breaks."""
    assert MALFORMED.keys() == RULE_OF.keys()


@pytest.mark.parametrize("name", MALFORMED)
def test_a_row_breaks_the_rule_that_it_is_named_for(pool: FakeUserPool, name: str) -> None:
    """A strict reader written from the standards finds this fault, in every kind of token."""
    assert fault(pool.access_token(), pool) is None
    for mint in (pool.access_token, pool.machine_token):
        assert fault(mint(malformed=name), pool) == RULE_OF[name]


# Rows whose signature is right, so that only their own rule can refuse them.
SIGNED = sorted(
    name
    for name, rule in RULE_OF.items()
    if (rule not in ("signature", "alg") and name.partition("_")[0] not in ("alg", "empty"))
    or name in ("alg_none_but_signed", "alg_missing", "alg_list", "alg_lower_case")
)
NOT_COMPACT = {"prose", "one_segment", "two_segments", "bad_base64_signature", "non_ascii"}


@pytest.mark.parametrize("name", [name for name in SIGNED if name not in NOT_COMPACT])
def test_the_signature_is_right_where_it_is_not_the_point(pool: FakeUserPool, name: str) -> None:
    """A lax reader finds the signature valid over the text that was received."""
    token = pool.access_token(malformed=name).removeprefix("Bearer ").strip()
    head, body, tail = token.split(".")[:3]
    signature = base64.urlsafe_b64decode(tail.rstrip("=") + "==")
    check(f"{head}.{body}", signature, pool)


@pytest.mark.parametrize(("name", "algorithm"), [("rs384", "RS384"), ("rs512", "RS512"), ("ps256", "PS256")])
def test_other_rsa_algorithms_are_used_honestly(pool: FakeUserPool, name: str, algorithm: str) -> None:
    """The signature is valid under the algorithm that the header announces."""
    head, body, tail = pool.access_token(malformed=name).split(".")
    assert strict_object(octets(head, "header"), "header")["alg"] == algorithm
    check(f"{head}.{body}", octets(tail, "signature"), pool, algorithm)


def test_the_confused_hmac_is_right(pool: FakeUserPool) -> None:
    """hs256_with_public_key is what a verifier that takes any algorithm would accept."""
    head, body, tail = pool.access_token(malformed="hs256_with_public_key").split(".")
    digest = hmac.new(pool.access_key.public_pem(), f"{head}.{body}".encode(), hashlib.sha256)
    assert digest.digest() == octets(tail, "signature")


@pytest.mark.parametrize("name", ["padded_payload", "noncanonical_payload", "padded_header"])
@pytest.mark.parametrize("length", range(3))
def test_respelling_works_at_every_length(pool: FakeUserPool, name: str, length: int) -> None:
    """Whatever the payload's length, the segment has bits or padding to abuse."""
    extra: dict[str, Any] = {"x": "x" * length}
    token = pool.access_token(claims=extra, header=extra, malformed=name)
    assert fault(token, pool) == RULE_OF[name]
