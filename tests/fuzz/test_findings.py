"""What fuzzing has found, and near misses: each input goes through its target's check again.

The targets are in fuzz/checks.py; `make fuzz` runs them under atheris. A new finding is a row of ROWS.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.segments import segment

from cognito_mr_auth import Verifier
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.testing import FakeUserPool
from fuzz import checks, reading
from fuzz.seeds import SEEDS

HEAD = b'{"kid":"the-fuzzers-key","alg":"RS256"}'
KEY = FakeUserPool().access_key.jwk()
CLAIMS: dict[str, Any] = {
    "iss": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_Fake00001",
    "sub": "alice",
    "client_id": checks.CLIENT,
    "token_use": "access",
    "iat": checks.NOW - 60,
    "exp": checks.NOW + 60,
}


def parts(payload: bytes, header: bytes = HEAD) -> bytes:
    """Header and payload as the token target takes them."""
    return b"P" + header + checks.JOINT + payload


def claims(**changes: Any) -> bytes:
    """A good payload with changes."""
    return parts(json.dumps(CLAIMS | changes).encode())


def raw(member: bytes) -> bytes:
    """A good payload with one more member, as it is spelled here."""
    return parts(json.dumps(CLAIMS)[:-1].encode() + b"," + member + b"}")


def key_set(member: bytes) -> bytes:
    """A key set of one RSA member with these members more."""
    return b'{"keys":[{"kty":"RSA","e":"AQAB","kid":"a",' + member + b"}]}"


def key_file(begun: bytes) -> bytes:
    """A key file with one entry of that time."""
    return b'{"format":1,"endpoints":[{"url":"","jwks":"","begun":' + begun + b"}]}"


# Target and input, by what it is. What fuzzing has found is marked so; the others are the edges of each rule.
ROWS: dict[str, tuple[str, bytes]] = {
    "a good token": ("token", claims()),
    "nothing": ("token", b""),
    "dots": ("token", b"T.."),
    "octets that are no UTF-8": ("token", b"T\xff.\xfe.\xfd"),
    "ATK-26 a time of 4,000 digits": ("token", parts(b'{"exp":' + b"9" * 4000 + b"}")),
    "ATK-26 a time that is minus zero": ("token", claims(nbf=-0.0)),
    "ATK-26 the last second that counts": ("token", claims(exp=253402300799)),
    "ATK-30 a name twice, once escaped": ("token", parts(b'{"sub":"a","s\\u0075b":"b"}')),
    "ATK-32 a lone surrogate as a name": ("token", raw(b'"\\ud800":1')),
    "ATK-33 infinity by its digits": ("token", raw(b'"x":1e400')),
    "ATK-35 brackets in a text": ("token", claims(x="[" * 2000)),
    "ATK-35 a thousand empty arrays": ("token", claims(x=[[]] * 1000)),
    "a claim without a name": ("token", claims(**{"": None})),
    "an escaped solidus and a surrogate pair": ("token", raw(b'"x":"\\/\\ud83d\\ude00"')),
    "true for one": ("token", claims(level=True)),
    "white space around a payload": ("token", parts(b"\t\r\n " + json.dumps(CLAIMS).encode() + b" ")),
    "an empty key set": ("jwks", b'{"keys":[]}'),
    "ATK-47 a key set of other things": ("jwks", b'{"keys":[null,1,"",[],{},{"kty":"RSA"}]}'),
    "ATK-47 key_ops that cannot be hashed": ("jwks", key_set(b'"n":"AQ","key_ops":[[],{}]')),
    "ATK-51 a modulus without octets": ("jwks", key_set(b'"n":"","d":""')),
    "two key sets, one of them none": ("jwks", b'{"keys":[]}' + checks.JOINT + b"["),
    # Found on the first day; the second reading was wrong, because it took the even one for a key.
    "found: S1 a kid twice, once with an even exponent": (
        "jwks",
        json.dumps({"keys": [KEY, KEY | {"e": "AQAC"}]}).encode(),
    ),
    "P no entries": ("key_file", b'{"format":1,"user_pool_id":"us-west-2_Fake00001","endpoints":[]}'),
    "P a time that is no time": ("key_file", key_file(b"true")),
    "P a format that equals one": ("key_file", b'{"format":1.0,"user_pool_id":[],"endpoints":[]}'),
    "P a time beyond all floats": ("key_file", key_file(b"1" + b"0" * 400)),
}


@pytest.mark.parametrize(("target", "data"), ROWS.values(), ids=ROWS)
def test_no_input_surprises(target: str, data: bytes) -> None:
    """A documented error, or an answer that json and base64 alone bear out."""
    checks.CHECKS[target](data)


@pytest.mark.parametrize("target", SEEDS)
def test_the_seeds_hold(target: str, vectors_dir: Path) -> None:
    """Where fuzzing begins: Cognito's tokens, every malformed kind, and the public vectors."""
    seeds = list(SEEDS[target](vectors_dir))
    assert len(seeds) >= 80
    for data in seeds:
        checks.CHECKS[target](data)


def test_the_seeds_get_past_the_signature(vectors_dir: Path) -> None:
    """Else no mutation of them would reach the claims."""
    verifier: Verifier = checks.VERIFIERS["any"][0]
    accepted = 0
    for data in SEEDS["token"](vectors_dir):
        try:
            verifier.verify(checks._text(data))
        except AuthError:
            continue
        accepted += 1
    assert accepted >= 200


# --- The checks bite


LIES: dict[str, dict[str, Any]] = {
    "S4 exp that is True": {"exp": True},
    "S4 expired": {"exp": checks.NOW - 5},
    "S4 iat in the future": {"iat": checks.NOW + 6},
    "S4 nbf that is text": {"nbf": str(checks.NOW)},
    "S4 a time out of range": {"exp": 253402300800},
    "S5 an empty sub": {"sub": ""},
    "S5 token_use of the other kind": {"token_use": "id", "aud": checks.CLIENT},
    "S5 another client": {"client_id": "2another3456789"},
    "S6 an audience unasked": {"aud": "https://api.example"},
    "T1 another issuer": {"iss": CLAIMS["iss"] + "/"},
    "a jti that is a number": {"jti": 5},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_claims_that_must_not_pass_are_a_finding(lie: dict[str, Any]) -> None:
    """If the library let these through, fuzzing would say so."""
    checks.claims_borne_out(CLAIMS, "access")
    with pytest.raises(checks.Finding):
        checks.claims_borne_out(CLAIMS | lie, "access")


def test_a_verifier_that_verified_something_else_is_a_finding() -> None:
    """The octets that the signature was checked over are those of the token."""
    verifier, yes = checks.VERIFIERS["access"]
    data = claims(sub="bob")
    text = checks._text(data)
    principal = verifier.verify(text)
    jws = reading.token(text)
    assert yes.asked == (jws.signature, jws.digest)
    with pytest.raises(checks.Finding, match="the claims differ"):
        checks._principal_borne_out(principal, jws.payload | {"level": 1})


def _headed(header: bytes) -> str:
    """A text whose header holds these octets."""
    return segment(header) + ".e30.AA"


UNREADABLE: dict[str, str] = {
    "S2 padding": "eyJhIjoxfQ==.e30.AA",
    "S2 spare bits": "e30.e31.AA",
    "S2 the other alphabet": "e30.e30.++++",
    "S2 an impossible length": "e30.e30.A",
    "two parts": "e30.e30",
    "S2 a name twice": _headed(b'{"a":1,"a":1}'),
    "S2 NaN": _headed(b'{"a":NaN}'),
    "S2 1e400": _headed(b'{"a":1e400}'),
    "S2 a mark of UTF-8": _headed(b"\xef\xbb\xbf{}"),
    "S2 a lone surrogate": _headed(b'{"\\ud800":1}'),
    "an array": _headed(b"[]"),
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_the_second_reading_is_strict(text: str) -> None:
    """It reads `e30.e30.AA`, and nothing that has another reading."""
    assert reading.token("e30.e30.AA").payload == {}
    with pytest.raises(reading.Unreadable):
        reading.token(text)


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (1, 1.0), ([1], [1, 1]), ({"a": 0.0}, {"a": -0.0})], ids=str
)
def test_values_are_alike_to_the_type(one: object, other: object) -> None:
    """A claim that changed its type is not the claim that was signed."""
    assert reading.same(one, json.loads(json.dumps(one)))
    assert not reading.same(one, other)
