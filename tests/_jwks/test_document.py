"""A JWKS document to keys: which members are usable, and which document is a failed fetch."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from support.emulators import COGNITO_LOCAL, MOTO

from cognito_mr_auth._base.checks import MAX_KID_CHARS
from cognito_mr_auth._jwks.document import (
    MAX_KEYS,
    Document,
    public_document,
    read_document,
)
from cognito_mr_auth._jwks.model import MAX_DOCUMENT_BYTES, FetchError
from cognito_mr_auth.testing import REMOVE, SigningKey

# Kept alive, because the kit gives the material of a released key to the next one.
SIGNERS = SigningKey("good"), SigningKey("other")
GOOD, OTHER = (key.jwk() for key in SIGNERS)


def number(value: int, *, octets: int | None = None) -> str:
    """RFC 7518 section 2 Base64urlUInt; `octets` asks for leading zeros."""
    size = octets or (value.bit_length() + 7) // 8
    return base64.urlsafe_b64encode(value.to_bytes(size, "big")).rstrip(b"=").decode()


def jwk(**changes: Any) -> dict[str, Any]:
    """A good key with some members changed, added or removed."""
    return {name: value for name, value in (GOOD | changes).items() if value is not REMOVE}


def read(*members: object, **options: Any) -> Document:
    """What a document of these members is read as."""
    return read_document(json.dumps({"keys": list(members)}).encode(), **options)


MODULUS = read(GOOD).keys["good"].material[0]


# --- One member


@pytest.mark.parametrize(
    "member",
    [
        pytest.param(GOOD, id="as-cognito-writes-it"),
        pytest.param(jwk(use=REMOVE), id="no-use"),
        pytest.param(jwk(alg=REMOVE), id="no-alg"),
        pytest.param(jwk(alg=REMOVE, use=REMOVE), id="neither"),
        pytest.param(jwk(key_ops=["verify"]), id="key-ops"),
        pytest.param(jwk(key_ops=["sign", "verify"]), id="key-ops-more"),
        pytest.param(jwk(kid="good", x5t="?", extra={"a": 1}), id="unknown-members"),
        pytest.param(jwk(n=number(MODULUS | 1 << 2047)), id="2048-bits"),
        pytest.param(jwk(n=number(1 << 8191 | 1)), id="8192-bits"),
        pytest.param(jwk(e=number((1 << 16) + 1)), id="smallest-exponent"),
        pytest.param(jwk(e=number((1 << 32) - 1)), id="largest-exponent"),
    ],
)
def test_a_usable_key_is_read(member: dict[str, Any]) -> None:
    """RSA of 2048 to 8192 bits; `use`, `key_ops` and `alg` fit or are absent (S1)."""
    document = read(member)
    assert list(document.keys) == ["good"]
    assert document[1:] == ((), frozenset(), frozenset())
    numbers = document.keys["good"].public.public_numbers()
    assert document.keys["good"].material == (numbers.n, numbers.e)
    assert (number(numbers.n), number(numbers.e)) == (member["n"], member["e"])


@pytest.mark.parametrize("kid", ["k" * MAX_KID_CHARS, "a+b/c=", "\0", "\U0001f511"])
def test_any_text_is_a_kid(kid: str) -> None:
    """A `kid` is only ever compared."""
    assert list(read(jwk(kid=kid)).keys) == [kid]


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        pytest.param(None, "not-rsa", id="null"),
        pytest.param("RSA", "not-rsa", id="text"),
        pytest.param([GOOD], "not-rsa", id="list"),
        pytest.param({}, "not-rsa", id="empty"),
        pytest.param(jwk(kty=REMOVE), "not-rsa", id="no-kty"),
        pytest.param(jwk(kty="rsa"), "not-rsa", id="kty-in-lower-case"),
        pytest.param(jwk(kty="EC"), "not-rsa", id="kty-ec"),
        pytest.param({"kty": "oct", "kid": "good", "k": "AAAA"}, "not-rsa", id="symmetric"),
        pytest.param(jwk(kty=["RSA"]), "not-rsa", id="kty-list"),
        pytest.param(jwk(n=REMOVE), "number", id="no-n"),
        pytest.param(jwk(n=""), "number", id="n-empty"),
        pytest.param(jwk(n=MODULUS), "number", id="n-number"),
        pytest.param(jwk(n=None), "number", id="n-null"),
        pytest.param(jwk(n=number(MODULUS, octets=257)), "number", id="n-leading-zero"),
        pytest.param(jwk(n=GOOD["n"] + "="), "number", id="n-padded"),
        pytest.param(jwk(n="+" + GOOD["n"][1:]), "number", id="n-standard-alphabet"),
        pytest.param(jwk(n=GOOD["n"] + "\n"), "number", id="n-newline"),
        pytest.param(jwk(n=GOOD["n"][:-1] + "\u0661"), "number", id="n-arabic-digit"),
        pytest.param(jwk(n="A" * 100_00), "number", id="n-endless"),
        pytest.param(jwk(e=REMOVE), "number", id="no-e"),
        pytest.param(jwk(e=65537), "number", id="e-number"),
        pytest.param(jwk(e="AAEAAQ"), "number", id="e-leading-zero"),
        pytest.param(jwk(e="AQAC"[:-1] + "="), "number", id="e-padded"),
        pytest.param(jwk(kid=REMOVE), "kid", id="no-kid"),
        pytest.param(jwk(kid=""), "kid", id="kid-empty"),
        pytest.param(jwk(kid=1), "kid", id="kid-number"),
        pytest.param(jwk(kid=None), "kid", id="kid-null"),
        pytest.param(jwk(kid="k" * (MAX_KID_CHARS + 1)), "kid", id="kid-too-long"),
        pytest.param(jwk(alg="RS512"), "alg", id="alg-rs512"),
        pytest.param(jwk(alg="PS256"), "alg", id="alg-ps256"),
        pytest.param(jwk(alg="HS256"), "alg", id="alg-hs256"),
        pytest.param(jwk(alg="rs256"), "alg", id="alg-in-lower-case"),
        pytest.param(jwk(alg=None), "alg", id="alg-null"),
        pytest.param(jwk(use="enc"), "use", id="use-enc"),
        pytest.param(jwk(use=""), "use", id="use-empty"),
        pytest.param(jwk(use=None), "use", id="use-null"),
        pytest.param(jwk(use=["sig"]), "use", id="use-list"),
        pytest.param(jwk(key_ops="verify"), "key_ops", id="key-ops-text"),
        pytest.param(jwk(key_ops=[]), "key_ops", id="key-ops-empty"),
        pytest.param(jwk(key_ops=None), "key_ops", id="key-ops-null"),
        pytest.param(jwk(key_ops=["sign"]), "key_ops", id="key-ops-sign"),
        pytest.param(jwk(key_ops=["encrypt", "decrypt"]), "key_ops", id="key-ops-encrypt"),
        pytest.param(jwk(key_ops=["verify", "verify"]), "key_ops", id="key-ops-twice"),
        pytest.param(jwk(key_ops={"verify": 1}), "key_ops", id="key-ops-object"),
        pytest.param(jwk(n=number(1 << 1023 | 1)), "modulus", id="1024-bits"),
        pytest.param(jwk(n=number(1 << 2046 | 1)), "modulus", id="2047-bits"),
        pytest.param(jwk(n=number(1 << 8192 | 1)), "modulus", id="8193-bits"),
        pytest.param(jwk(n=number(1 << 2047)), "modulus", id="even"),
        pytest.param(jwk(n=number(1)), "modulus", id="one"),
        pytest.param(jwk(e=number(1)), "exponent", id="e-1"),
        pytest.param(jwk(e=number(3)), "exponent", id="e-3"),
        pytest.param(jwk(e=number(65535)), "exponent", id="e-just-too-small"),
        pytest.param(jwk(e=number(65536)), "exponent", id="e-is-2-to-16"),
        pytest.param(jwk(e=number(65538)), "exponent", id="e-even"),
        pytest.param(jwk(e=number((1 << 32) - 2)), "exponent", id="e-even-and-large"),
        pytest.param(jwk(e=number((1 << 32) + 1)), "exponent", id="e-too-large"),
        pytest.param(jwk(e=number(MODULUS)), "exponent", id="e-huge"),
        pytest.param(jwk(n=MOTO), "emulator-key", id="moto"),
        pytest.param(jwk(n=MOTO, kid="dummy"), "emulator-key", id="moto-under-its-kid"),
        pytest.param(jwk(n=COGNITO_LOCAL), "emulator-key", id="cognito-local"),
        pytest.param(jwk(n=MOTO, e=number(65539)), "emulator-key", id="moto-another-e"),
        pytest.param(jwk(d="AQAB"), "private-members", id="private"),
    ],
)
def test_an_odd_member_is_skipped_and_counted(member: object, reason: str) -> None:
    """A member that is unknown, weak or malformed leaves the other ones alone (K4)."""
    document = read(OTHER, member, member)
    assert list(document.keys) == ["other"]
    assert document.skipped == ((reason, 2),)


def test_reasons_are_counted_apart() -> None:
    """The reasons are sorted; nothing of the members is in them."""
    document = read(None, jwk(use="enc"), GOOD, jwk(kid=""), jwk(use="x"))
    assert document.skipped == (("kid", 1), ("not-rsa", 1), ("use", 2))
    assert list(document.keys) == ["good"]


@pytest.mark.parametrize("modulus", [MOTO, COGNITO_LOCAL], ids=["moto", "cognito-local"])
def test_an_emulators_key_is_taken_where_allowed(modulus: str) -> None:
    """Keys whose private half is public are for loopback and `insecure_emulator` alone (T4)."""
    assert list(read(jwk(n=modulus), allow_emulators=True).keys) == ["good"]


# --- Private members


@pytest.mark.parametrize("name", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
@pytest.mark.parametrize("value", ["AQAB", "", None, []])
def test_each_private_member_compromises_the_key(name: str, value: object) -> None:
    """RFC 7517 9.2: private and symmetric members MUST NOT be exposed; their key is compromised (T5)."""
    document = read(jwk(**{name: value}), OTHER)
    assert list(document.keys) == ["other"]
    assert document.compromised == {MODULUS}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({}, id="as-it-is"),
        pytest.param({"kid": "elsewhere"}, id="another-kid"),
        pytest.param({"kid": REMOVE}, id="no-kid"),
        pytest.param({"e": REMOVE}, id="no-e"),
        pytest.param({"e": 65537}, id="e-number"),
        pytest.param({"use": "enc"}, id="for-encryption"),
        pytest.param({"alg": "PS512"}, id="another-alg"),
        pytest.param({"n": number(MODULUS, octets=257)}, id="leading-zero"),
        pytest.param({"n": GOOD["n"] + "=="}, id="padded"),
        pytest.param({"n": GOOD["n"].replace("-", "+").replace("_", "/") + "=="}, id="other-alphabet"),
        pytest.param({"n": GOOD["n"][:76] + "\r\n" + GOOD["n"][76:] + "\n"}, id="in-lines"),
    ],
)
@pytest.mark.parametrize("private_first", [True, False])
def test_a_leak_compromises_the_public_half_too(change: dict[str, Any], *, private_first: bool) -> None:
    """The public twin in the same document is unusable, however the leaking member looks."""
    leak = jwk(d="AQAB", **change)
    document = read(*([leak, GOOD] if private_first else [GOOD, leak]), OTHER)
    assert list(document.keys) == ["other"]
    assert document.compromised == {MODULUS}
    assert document.skipped == (("private-members", 1),)


@pytest.mark.parametrize("kty", [REMOVE, "rsa", "EC", 1])
def test_a_leak_of_another_type_compromises_the_public_half_too(kty: object) -> None:
    """With `n` and `d` anybody can sign, whatever their `kty` says."""
    document = read(jwk(d="AQAB", kty=kty), GOOD, OTHER)
    assert (list(document.keys), document.compromised) == (["other"], {MODULUS})
    assert document.skipped == (("not-rsa", 1),)


@pytest.mark.parametrize("n", ["=", "", "A", "AA", "\u00e9", "A" * 2049, 5, None, REMOVE])
def test_a_leak_without_a_modulus_compromises_no_known_key(n: object) -> None:
    """Private members beside an unreadable `n` cannot be tied to a key; they are counted."""
    assert read(jwk(d="AQAB", n=n), GOOD)[1:] == ((("number", 1),), frozenset(), frozenset())


def test_a_compromised_key_is_no_conflict() -> None:
    """Its kid means the other key under it, as among several endpoints."""
    other = OTHER | {"kid": "good"}
    document = read(GOOD, other, jwk(d="AQAB", kid="elsewhere"))
    assert (document.keys["good"].material, document.conflicts) == (read(other).keys["good"].material, set())


# --- What a key file keeps


def public(*members: object) -> list[dict[str, Any]]:
    """The members of the public copy of a document."""
    copy, _ = public_document(json.dumps({"keys": list(members)}).encode())
    kept: list[dict[str, Any]] = json.loads(copy)["keys"]
    return kept


EC = {"kty": "EC", "kid": "ec", "crv": "P-256", "x": "AQAB", "y": "AQAB"}
OKP = {"kty": "OKP", "kid": "okp", "crv": "Ed25519", "x": "AQAB"}


@pytest.mark.parametrize(
    ("member", "kept"),
    [
        pytest.param(GOOD, GOOD, id="as-it-is"),
        pytest.param(jwk(key_ops=["verify"]), jwk(key_ops=["verify"]), id="key-ops"),
        pytest.param(jwk(kid="\u00e9"), jwk(kid="\u00e9"), id="beyond-ascii"),
        pytest.param(jwk(x5c=["secret"], note={"d": "secret"}, D="secret"), GOOD, id="other-members"),
        pytest.param(EC, EC, id="ec"),
        pytest.param(OKP, OKP, id="okp"),
        pytest.param(EC | {"n": "secret", "e": "secret"}, EC, id="members-of-another-type"),
        pytest.param(jwk(n=["secret"]), None, id="n-no-text"),
        pytest.param(jwk(kid={"d": "secret"}), None, id="kid-no-text"),
        pytest.param(jwk(use=None), None, id="use-null"),
        pytest.param(jwk(alg=5), None, id="alg-number"),
        pytest.param(jwk(key_ops="verify"), {**GOOD, "key_ops": "verify"}, id="key-ops-text"),
        pytest.param(jwk(key_ops=["verify", {"k": "secret"}]), None, id="key-ops-of-objects"),
        pytest.param({"kty": "oct", "k": "secret"}, None, id="symmetric"),
        pytest.param({"kty": "XX", "seed": "secret"}, None, id="unknown-type"),
        pytest.param({"kty": ["RSA"], "n": "secret"}, None, id="type-no-text"),
        pytest.param(jwk(kty=REMOVE), None, id="no-type"),
        pytest.param("secret", None, id="text"),
        pytest.param(EC | {"d": "secret"}, None, id="ec-private"),
        pytest.param(OKP | {"d": "secret"}, None, id="okp-private"),
        *(
            pytest.param(jwk(**{name: "secret"}), None, id=f"with-{name}")
            for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k")
        ),
    ],
)
def test_the_public_copy_of_a_member(member: object, kept: dict[str, Any] | None) -> None:
    """T5: it is made anew of names that are public; what holds a private one, or no text, is left out."""
    assert public(member, OTHER) == ([OTHER] if kept is None else [kept, OTHER])
    assert read(*public(member, OTHER)).keys == read(member, OTHER).keys


def test_the_public_twin_of_a_leaked_key_is_not_kept() -> None:
    """T5: an older version of this library, which knows no record of exposed keys, finds it nowhere."""
    assert public(GOOD, jwk(d="AQAB", n=GOOD["n"] + "=="), OTHER) == [OTHER]


@pytest.mark.parametrize(
    "raw",
    [b"", b"secret", b"[]", b'{"keys":{"d":"secret"}}', b'{"keys":[],"keys":["secret"]}', b'"' * 65_537],
)
def test_what_is_no_document_has_an_empty_copy(raw: bytes) -> None:
    """T5: what cannot be read may hold anything."""
    assert public_document(raw) == (b'{"keys":[]}', frozenset())


def test_too_many_keys_are_not_copied_and_expose_theirs() -> None:
    """K4: a copy that leaves some out must not become a document that is used."""
    raw = json.dumps({"keys": [jwk(d="AQAB"), *[OTHER] * MAX_KEYS]}).encode()
    assert public_document(raw) == (b'{"keys":[]}', {MODULUS})
    with pytest.raises(FetchError) as caught:
        read_document(raw)
    assert caught.value.compromised == {MODULUS}


# --- The document


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(b"", "document-not-jwks", id="nothing"),
        pytest.param(b"<html>", "document-not-jwks", id="html"),
        pytest.param(b"[]", "document-not-jwks", id="array"),
        pytest.param(b"{}", "document-not-jwks", id="no-keys"),
        pytest.param(b'{"keys":null}', "document-not-jwks", id="keys-null"),
        pytest.param(b'{"keys":{}}', "document-not-jwks", id="keys-object"),
        pytest.param(b'{"keys":"x"}', "document-not-jwks", id="keys-text"),
        pytest.param(b'{"KEYS":[]}', "document-not-jwks", id="keys-in-capitals"),
        pytest.param(b'{"keys":[],"keys":[]}', "document-not-jwks", id="duplicate"),
        pytest.param(b'\xef\xbb\xbf{"keys":[]}', "document-not-jwks", id="byte-order-mark"),
        pytest.param('{"keys":[]}'.encode("utf-16"), "document-not-jwks", id="utf-16"),
        pytest.param(b'{"keys":[NaN]}', "document-not-jwks", id="nan"),
        pytest.param(b'{"keys":[1e400]}', "document-not-jwks", id="overflow"),
        pytest.param(rb'{"keys":["\ud800"]}', "document-not-jwks", id="lone-surrogate"),
        pytest.param(b'{"keys":' + b"[" * 9_999 + b"]" * 9_999 + b"}", "document-not-jwks", id="deep"),
        pytest.param(b'{"keys":[]}' + b" " * (MAX_DOCUMENT_BYTES - 10), "document-too-large", id="too-large"),
        pytest.param(
            json.dumps({"keys": [None] * (MAX_KEYS + 1)}).encode(),
            "document-too-many-keys",
            id="too-many-keys",
        ),
    ],
)
def test_an_unusable_document_is_a_failed_fetch(raw: bytes, reason: str) -> None:
    """A document that is HTML, garbage or too large is a failed fetch with a fixed reason."""
    with pytest.raises(FetchError) as caught:
        read_document(raw)
    assert (caught.value.reason, caught.value.status, caught.value.retry_after) == (
        reason,
        None,
        None,
    )


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"keys":[]}', id="no-keys"),
        pytest.param(b'{"keys":[]}' + b" " * (MAX_DOCUMENT_BYTES - 11), id="largest"),
        pytest.param(json.dumps({"keys": [None] * MAX_KEYS}).encode(), id="most-members"),
    ],
)
def test_a_document_may_hold_no_usable_key(raw: bytes) -> None:
    """The limits are exact; that no key is left is for the fetcher to judge (K4)."""
    assert not read_document(raw).keys


def test_one_kid_with_two_keys_is_a_conflict() -> None:
    """Neither of two keys under one kid is used; the same key twice is one key."""
    document = read(GOOD, OTHER | {"kid": "good"}, OTHER)
    assert (list(document.keys), document.conflicts) == (["other"], {"good"})
    again = read(GOOD, jwk(use=REMOVE), OTHER)
    assert (list(again.keys), again.conflicts) == (["good", "other"], frozenset())


def test_one_key_may_have_two_kids() -> None:
    """A kid is a name, and a key may have several."""
    assert list(read(GOOD, jwk(kid="also")).keys) == ["good", "also"]


def test_a_known_key_stays_the_same_object() -> None:
    """A refresh keeps the object while the material is the same, so cached tokens stand (C2)."""
    held = read(GOOD, OTHER | {"kid": "turned"}).keys
    fresh = read(GOOD, GOOD | {"kid": "turned"}, OTHER, known=held.get).keys
    assert fresh["good"] is held["good"]
    assert fresh["turned"] is not held["turned"]
    assert fresh["turned"].material == fresh["good"].material


def test_the_keys_cannot_be_changed() -> None:
    """A document's keys are read-only."""
    with pytest.raises(TypeError):
        read(GOOD).keys["good"] = None  # type: ignore[index]
