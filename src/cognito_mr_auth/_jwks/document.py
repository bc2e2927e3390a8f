"""Reads a JWKS document, from bytes to usable keys (K3, K4, S1, T4, T5).

This module decides which members of a document are usable public keys, and which are public at all. Pure: no
clock, lock or I/O. A document is data from the network, so nothing in it is trusted to have a type.
"""

from __future__ import annotations

import json
from binascii import Error, a2b_base64
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from cognito_mr_auth._base.checks import MAX_KID_CHARS
from cognito_mr_auth._base.digest import sha256
from cognito_mr_auth._base.encoding import Malformed, b64url_decode, json_object
from cognito_mr_auth._base.named_tuple import NamedTuple

from .model import MAX_DOCUMENT_BYTES, NO_KEYS, FetchError, Key

__all__ = ["MAX_KEYS", "Document", "public_document", "read_document"]

# Cognito serves two keys, and three or four in a rotation.
MAX_KEYS = 32

# RFC 7518 3.3 requires 2048 bits. Above 8192 a verification costs so much that it helps an attacker.
MIN_BITS, MAX_BITS = 2048, 8192
# FIPS 186-5 5.1 requires e above 2^16. A large e makes verification slow (1.8 ms at 2048 bits).
MIN_EXPONENT, MAX_EXPONENT = 1 << 16, 1 << 32

# Members that must not be public (RFC 7518 6.3.2 for RSA, 6.4.1 for symmetric keys).
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

# The names that a key file keeps, by the type of key. They are public by RFC 7517 4, RFC 7518 6, RFC 8037 2.
_COMMON = ("kty", "kid", "alg", "use", "key_ops")
_PUBLIC: Mapping[object, tuple[str, ...]] = {
    "RSA": (*_COMMON, "n", "e"),
    "EC": (*_COMMON, "crv", "x", "y"),
    "OKP": (*_COMMON, "crv", "x"),
}

# SHA-256 of the moduli of public keys whose private keys anyone can download (T4).
_EMULATOR_KEYS = frozenset(
    {
        "60ececf17e149ab77be01dedd94c3fb8a0c33c70d4a78b1c3807b097c7c506be",  # moto
        "c7136d7ffb62dffefcea2a9334ba1c0dec551884515aa204361e1953606fe3c6",  # cognito-local
    }
)


class Document(NamedTuple):
    """The content of a JWKS document: usable keys by kid, and what was skipped and why.

    `conflicts` are kids with two usable keys. `compromised` are moduli whose private members are in it.
    """

    keys: Mapping[str, Key]
    skipped: tuple[tuple[str, int], ...]
    conflicts: frozenset[str]
    compromised: frozenset[int]


class _Skip(Exception):  # noqa: N818 - a signal inside this module
    """This member is no usable key. The reason is a fixed string."""


def read_document(
    raw: bytes,
    *,
    allow_emulators: bool = False,
    known: Callable[[str], Key | None] = NO_KEYS.get,
) -> Document:
    """Read the keys of a JWKS document (RFC 7517 section 5). Members that are not understood are skipped.

    `known` returns the key that is held under a kid. If the material is the same, its object is kept.

    Raises:
        FetchError: the whole document is unusable (`reason` is "document-...").
    """
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise FetchError("document-too-large")
    try:
        members = json_object(raw).get("keys")
    except Malformed:
        members = None
    if not isinstance(members, list):
        raise FetchError("document-not-jwks")
    if len(members) > MAX_KEYS:
        raise FetchError("document-too-many-keys", compromised=_leaks(members))
    found: list[Key] = []
    skipped: dict[str, int] = {}
    compromised: set[int] = set()
    for member in members:
        try:
            found.append(_read_member(member, compromised, known, allow_emulators=allow_emulators))
        except _Skip as skip:
            reason = skip.args[0]
            skipped[reason] = skipped.get(reason, 0) + 1
    keys: dict[str, Key] = {}
    conflicts: set[str] = set()
    for key in found:  # as among the endpoints, a compromised key contradicts no other
        if key.material[0] not in compromised and keys.setdefault(key.kid, key).material != key.material:
            conflicts.add(key.kid)
    return Document(
        MappingProxyType({kid: key for kid, key in keys.items() if kid not in conflicts}),
        tuple(sorted(skipped.items())),
        frozenset(conflicts),
        frozenset(compromised),
    )


def _read_member(
    member: object,
    compromised: set[int],
    known: Callable[[str], Key | None],
    *,
    allow_emulators: bool,
) -> Key:
    if not isinstance(member, dict):
        raise _Skip("not-rsa")
    leaks = not _PRIVATE.isdisjoint(member)
    # Every reader of this document can sign with the key, so its public half is compromised (T5).
    found = _lenient_number(member.get("n")) if leaks else ()
    compromised.update(found)
    if member.get("kty") != "RSA":
        raise _Skip("not-rsa")
    if leaks:
        raise _Skip("private-members" if found else "number")
    modulus, exponent = _number(member.get("n")), _number(member.get("e"))
    kid = _check_metadata(member)
    if not MIN_BITS <= modulus.bit_length() <= MAX_BITS or not modulus & 1:
        raise _Skip("modulus")
    if not MIN_EXPONENT < exponent < MAX_EXPONENT:
        raise _Skip("exponent")
    if not allow_emulators and _digest(modulus) in _EMULATOR_KEYS:
        raise _Skip("emulator-key")
    material = (modulus, exponent)
    held = known(kid)
    if held is not None and held.material == material:
        return held  # the same object, so that cached tokens survive a refresh (C2)
    try:
        return Key(kid, material, RSAPublicNumbers(exponent, modulus).public_key())
    except ValueError:  # cryptography refuses more numbers, such as an even exponent
        raise _Skip("exponent") from None


def _leaks(members: list[Any]) -> frozenset[int]:
    """The moduli of the members that hold private members."""
    leaking = [each for each in members if isinstance(each, dict) and not _PRIVATE.isdisjoint(each)]
    return frozenset(number for each in leaking for number in _lenient_number(each.get("n")))


def public_document(raw: bytes) -> tuple[bytes, frozenset[int]]:
    """A copy of the document with public members alone, and the moduli that the document exposes (T5).

    Each member is made anew from names that are known to be public. A member that holds a private one, has
    another type, or has a value that is no text is left out. So a reader takes no key from the copy that it
    would not take from the document.
    """
    members: object = None
    if len(raw) <= MAX_DOCUMENT_BYTES:
        with suppress(Malformed):
            members = json_object(raw).get("keys")
    if not isinstance(members, list):
        members = []
    exposed = _leaks(members)
    kept = [_public_member(each) for each in members] if len(members) <= MAX_KEYS else []
    public = [each for each in kept if each and exposed.isdisjoint(_lenient_number(each.get("n")))]
    text = json.dumps({"keys": public}, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8"), exposed


def _public_member(member: Any) -> dict[str, Any]:
    """The public members of a public key; empty for anything else."""
    if not isinstance(member, dict) or not _PRIVATE.isdisjoint(member):
        return {}
    kty = member.get("kty")
    names = _PUBLIC.get(kty, ()) if isinstance(kty, str) else ()
    public = {name: value for name, value in member.items() if name in names}
    for name, value in public.items():
        texts = value if name == "key_ops" and isinstance(value, list) else (value,)
        if any(text.__class__ is not str for text in texts):
            return {}
    return public


def _digest(modulus: int) -> str:
    return sha256(modulus.to_bytes((modulus.bit_length() + 7) // 8, "big")).hex()


def _check_metadata(member: dict[str, Any]) -> str:
    """The member's `kid`, if `kid`, `use`, `key_ops` and `alg` fit RS256 (RFC 7517 4.2 to 4.5)."""
    kid = member.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_CHARS:
        raise _Skip("kid")
    if member.get("alg", "RS256") != "RS256":
        raise _Skip("alg")
    if member.get("use", "sig") != "sig":
        raise _Skip("use")
    if "key_ops" in member:
        operations = member["key_ops"]
        if not isinstance(operations, list) or "verify" not in operations:
            raise _Skip("key_ops")
        # The operations are strings, each once (RFC 7517 4.3). Counting one by one took a second for 48 KB.
        if any(name.__class__ is not str for name in operations) or len(set(operations)) < len(operations):
            raise _Skip("key_ops")
    return kid


def _number(text: object) -> int:
    """A Base64urlUInt: the fewest octets, so no leading zero (RFC 7518 section 2)."""
    octets = _octets(text)
    if octets[0] == 0:
        raise _Skip("number")
    return int.from_bytes(octets, "big")


def _octets(text: object) -> bytes:
    if not isinstance(text, str) or len(text) > 2 * MAX_BITS // 8 or not text.isascii():
        raise _Skip("number")
    try:
        octets = b64url_decode(text.encode("ascii"))
    except Malformed:
        octets = b""
    if not octets:
        raise _Skip("number")
    return octets


def _lenient_number(text: object) -> tuple[int, ...]:
    """The number that the most lenient reader finds in a text: either alphabet, padded or not; else empty.

    A leaked modulus counts in any form (Java's BigInteger puts a zero octet in front of it).
    """
    if not isinstance(text, str) or len(text) > 2 * MAX_BITS // 8 or not text.isascii():
        return ()
    try:  # this decoder ignores characters outside its alphabet
        octets = a2b_base64(text.rstrip("= \r\n").replace("-", "+").replace("_", "/") + "==")
    except Error:
        return ()
    number = int.from_bytes(octets, "big")
    return (number,) if number else ()
