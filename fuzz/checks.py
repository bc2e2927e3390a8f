"""What must hold for any bytes at all: one function for tokens, one for key sets, one for key files.

Each takes what a fuzzer has made up and returns, or raises: Finding where the library accepted what the
second reading (`reading`) does not bear out; and whatever undocumented exception the library let through.
"""

from __future__ import annotations

import copy
import json
import pickle
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any

from cognito_mr_auth import Principal, UserPool, Verifier, policy
from cognito_mr_auth._jwks.document import Document, public_document, read_document
from cognito_mr_auth._jwks.exposure import ExposedKeys
from cognito_mr_auth._jwks.key_set import KeySet
from cognito_mr_auth._jwks.merge import assemble
from cognito_mr_auth._jwks.model import CacheLifetimes, FetchError, Key, StoredResponse
from cognito_mr_auth._remote import key_file
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.testing import FakeUserPool

from . import reading

__all__ = [
    "CHECKS",
    "CLIENT",
    "JOINT",
    "KID",
    "NOW",
    "POOL",
    "VERIFIERS",
    "Finding",
    "check_jwks",
    "check_key_file",
    "check_token",
    "claims_borne_out",
]

POOL, CLIENT, KID = "us-west-2_Fake00001", "1example23456789", "the-fuzzers-key"
NOW = 1_790_000_000
LEEWAY = 5
MAX_TIME = 253402300799
WINDOWS = CacheLifetimes(900.0, 3600.0, 86400.0)
# Stands between two parts of one input; it can stand in neither, since it is not UTF-8.
JOINT = b"\xff\x00"
FORBIDDEN = {"jku", "x5u", "x5c", "jwk", "crit", "b64", "zip", "enc", "p2c", "cty"}
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


class Finding(Exception):  # noqa: N818 - what fuzzing looks for
    """The library accepted what it should not have, or read something else than the input has."""


def _expect(held: object, what: str) -> None:
    if not held:
        raise Finding(what)


# --- Tokens


class _Yes:
    """A public key that every signature is valid for; it keeps what it was asked to verify."""

    def __init__(self) -> None:
        self.asked: tuple[bytes, bytes] | None = None

    def verify(self, signature: bytes, digest: bytes, *_: object) -> None:
        self.asked = (signature, digest)


def _lenient(use: str) -> tuple[Verifier, _Yes]:
    """A verifier whose one key says yes, so that mutations get past the signature."""
    fake = FakeUserPool(POOL)
    pool = UserPool(
        POOL,
        client_ids=[CLIENT],
        replica_regions=["us-east-1"],
        jwks={"keys": [fake.access_key.under(KID).jwk()]},
        offline=True,
    )
    # A small cache, so that entries come and go while the fuzzer repeats itself.
    verifier = Verifier(pool, token_use=use, leeway=LEEWAY, cache_size=8, clock=lambda: (float(NOW), 1000.0))
    [remote] = verifier._key_sets.values()
    held, yes = remote._key_set, _Yes()
    key = held.snapshot.keys[KID]._replace(public=yes)  # type: ignore[arg-type]
    held.snapshot = held.snapshot._replace(keys={KID: key})
    return verifier, yes


VERIFIERS = {use: _lenient(use) for use in ("access", "id", "any")}
ISSUERS = set(VERIFIERS["any"][0].issuers)
POLICIES = (
    policy.scopes("orders/read") & ~policy.any_group("banned"),
    policy.groups("ops") | policy.claim("level", 3) | policy.max_age(60),
    policy.check(lambda principal: bool(principal.username)),
)


def _text(data: bytes) -> str:
    """An input as a token: raw text, or header and payload octets that are encoded here."""
    if data[:1] != b"P":
        return data[1:].decode("utf-8", "surrogateescape")
    header, _, payload = data[1:].partition(JOINT)
    parts = (urlsafe_b64encode(part).rstrip(b"=").decode() for part in (header, payload, bytes(256)))
    return ".".join(parts)


def check_token(data: bytes) -> None:
    """A token is refused with a documented error, or says what we say it says."""
    text = _text(data)
    for use, (verifier, yes) in VERIFIERS.items():
        yes.asked = None
        principal = _verified(verifier, text)
        if principal is None:
            continue
        jws = reading.token(text)
        _expect(yes.asked in (None, (jws.signature, jws.digest)), "other octets were verified")
        _header_borne_out(jws.header)
        claims_borne_out(jws.payload, use)
        _principal_borne_out(principal, jws.payload)
        _expect(_verified(verifier, text) == principal, "the second answer is another one")
        for require in POLICIES:
            _documented(verifier.require, principal, require)


def _verified(verifier: Verifier, text: str) -> Principal | None:
    return _documented(verifier.verify, text)


def _documented(call: Callable[..., Principal], *given: object) -> Principal | None:
    """What a call gives, or None for an error of ours, which must have no cause (E)."""
    try:
        return call(*given)
    except AuthError as error:
        _expect(error.__cause__ is None and error.__context__ is None, "an error with a cause")
        _expect(error.status in (401, 403), f"a refusal with status {error.status}")
    return None


def _header_borne_out(header: Mapping[str, Any]) -> None:
    _expect(header.get("alg") == "RS256", "alg")
    _expect(header.get("kid") == KID, "kid")
    _expect(FORBIDDEN.isdisjoint(header), "a forbidden header member")
    kind = header.get("typ", "JWT")
    _expect(isinstance(kind, str) and kind.isascii(), "typ")
    _expect(kind.lower().removeprefix("application/") in ("jwt", "at+jwt"), "typ")


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    _expect(type(value) in (int, float) and 0 <= value <= MAX_TIME, name)  # type: ignore[operator]
    return value  # type: ignore[return-value]


def claims_borne_out(claims: Mapping[str, Any], use: str) -> None:
    """S4 to S6, written a second time."""
    _expect(isinstance(claims.get("iss"), str) and claims["iss"] in ISSUERS, "iss")
    _expect(_moment(claims, "exp") + LEEWAY > NOW, "exp")
    _expect(_moment(claims, "iat") - LEEWAY <= NOW, "iat")
    _expect("nbf" not in claims or _moment(claims, "nbf") - LEEWAY <= NOW, "nbf")
    _expect(claims.get("token_use") in ({"access", "id"} if use == "any" else {use}), "token_use")
    is_access = claims["token_use"] == "access"
    _expect(isinstance(claims.get("sub"), str) and claims["sub"], "sub")
    _expect(claims.get("client_id" if is_access else "aud") == CLIENT, "client")
    _expect(claims.get("aud", CLIENT) == CLIENT, "aud")
    _expect(isinstance(claims.get("jti", ""), str), "jti")


def _principal_borne_out(principal: Principal, claims: dict[str, Any]) -> None:
    shown = principal.to_dict()
    _expect(reading.same(shown["claims"], claims), "the claims differ")
    _expect(
        shown["subject"] == claims["sub"] and shown["issuer"]["url"] == claims["iss"], "the principal differs"
    )
    _expect((shown["issued_at"], shown["expires_at"]) == (claims["iat"], claims["exp"]), "the times differ")
    json.dumps(shown).encode("utf-8")
    repr(principal).encode("utf-8")
    again = pickle.loads(pickle.dumps(principal))  # noqa: S301 - made here
    _expect(again == principal == copy.deepcopy(principal), "a copy differs")
    _expect(hash(again) == hash(principal), "a copy's hash differs")


# --- Key sets


def check_jwks(data: bytes) -> None:
    """A document gives keys that stand in it and may be used, or FetchError; several give their union."""
    responses = []
    compromised: frozenset[int] = frozenset()
    for at, raw in enumerate(data.split(JOINT)[:3]):
        document = _read(raw)
        if document is not None:
            begun = (NOW - 600.0 * at * at, -600.0 * at * at)
            responses.append(
                StoredResponse(
                    f"https://{at}.example",
                    begun,
                    document.keys,
                    raw,
                    document.conflicts,
                )
            )
            compromised |= document.compromised
            _copy_borne_out(raw, document)
    if len(responses) > 1:
        _union_borne_out(responses, compromised)


def _copy_borne_out(raw: bytes, document: Document) -> None:
    """T5: the copy for a key file has no private member, and the keys of the document and no other."""
    public, exposed = public_document(raw)
    _expect(exposed == document.compromised, "another exposure")
    members = json.loads(public)["keys"]
    names = {"kty", "kid", "alg", "use", "key_ops", "n", "e", "crv", "x", "y"}
    _expect(all(names.issuperset(each) for each in members), "a member that need not be public")
    again = read_document(public)
    kept = {kid: key.material for kid, key in again.keys.items()}
    expected = {kid: key.material for kid, key in read_document(raw).keys.items()}
    _expect(kept == expected and not again.compromised, "a copy with other keys")


def _read(raw: bytes) -> Document | None:
    found = None
    for emulators in (True, False):
        try:
            found = read_document(raw, allow_emulators=emulators)
        except FetchError as error:
            _expect(error.reason.startswith("document-"), "another reason")
            return None
        _keys_borne_out(raw, found)
    return found


def _keys_borne_out(raw: bytes, found: Document) -> None:
    members = [each for each in reading.document(raw)["keys"] if isinstance(each, dict)]
    for kid, key in found.keys.items():
        _expect(0 < len(kid) <= 256 and key.kid == kid, "kid")
        own = [each for each in members if each.get("kid") == kid and _usable(each)]
        _expect(own, "a key that is not in the document")
        material = {(reading.number(each["n"]), reading.number(each["e"])) for each in own}
        _expect(material == {key.material}, "a key that is another one")
        numbers = key.public.public_numbers()
        _expect((numbers.n, numbers.e) == key.material, "a public key with other numbers")
        modulus, exponent = key.material
        _expect(2048 <= modulus.bit_length() <= 8192 and modulus % 2, "modulus")
        _expect(65536 < exponent < 2**32 and exponent % 2, "exponent")
        _expect(modulus not in found.compromised, "a compromised key")
    _expect(found.conflicts.isdisjoint(found.keys), "a key in conflict")
    _expect(len(found.keys) <= 32, "too many keys")
    _expect(sum(count for _, count in found.skipped) <= 32, "more skipped than there are")


def _usable(member: Mapping[str, Any]) -> bool:
    """Whether a member says that it is a public RSA key for RS256, of numbers that may be used (S1)."""
    return (
        member.get("kty") == "RSA"
        and PRIVATE.isdisjoint(member)
        and member.get("alg", "RS256") == "RS256"
        and member.get("use", "sig") == "sig"
        and "verify" in member.get("key_ops", ["verify"])
        and _large(member)
    )


def _large(member: Mapping[str, Any]) -> bool:
    try:
        modulus, exponent = reading.number(member.get("n")), reading.number(member.get("e"))
    except reading.Unreadable:
        return False
    odd = modulus % 2 == exponent % 2 == 1
    return odd and 2048 <= modulus.bit_length() <= 8192 and 65536 < exponent < 2**32


def _union_borne_out(responses: list[StoredResponse], compromised: frozenset[int]) -> None:
    """K1, K3, T5 over responses of three ages, all younger than `max_stale`."""
    record = ExposedKeys()
    record.note("https://0.example", compromised)
    snapshot = assemble(responses, (float(NOW), 0.0), WINDOWS, 900.0, record)
    for kid, key in snapshot.keys.items():
        _expect(any(_is(response.keys.get(kid), key) for response in responses), "a key that nobody listed")
        _expect(key.material[0] not in compromised, "a compromised key in the union")
    _expect(snapshot.quarantined.keys().isdisjoint(snapshot.keys), "a quarantined key is served")
    for one, other in combinations(responses, 2):
        for kid in one.keys.keys() & other.keys.keys():
            materials = {one.keys[kid].material, other.keys[kid].material}
            hidden = any(modulus in compromised for modulus, _ in materials)
            recent = max(NOW - one.begun[0], NOW - other.begun[0]) < WINDOWS.revalidate_after
            contradicted = len(materials) > 1 and recent and not hidden
            _expect(not contradicted or kid in snapshot.quarantined, "a contradiction is served")


def _is(one: Key | None, other: Key) -> bool:
    return one is not None and (one.kid, one.material) == (other.kid, other.material)


# --- Key files


def check_key_file(data: bytes) -> None:
    """A file is refused as a whole, or gives its very entries; and only their usable keys are served."""
    found = key_file._parse(data)
    if found is None:
        return
    pool_id, (entries, exposed) = found
    value = reading.document(data)
    _expect(len(exposed) == len(value.get("exposed", [])), "another number of exposed keys")
    _expect(value["format"] == 1 and reading.same(pool_id, value.get("user_pool_id")), "format or pool")
    _expect(len(entries) == len(value["endpoints"]), "another number of entries")
    for entry, written in zip(entries, value["endpoints"], strict=True):
        _expect(entry.url == written["url"], "another URL")
        _expect(entry.document.decode("utf-8") == written["jwks"], "another document")
        _expect(entry.begun == float(written["begun"]) and 0 <= entry.begun <= MAX_TIME, "another time")
    if pool_id != POOL:
        return
    pool = UserPool(POOL, client_ids=[CLIENT], replica_regions=["us-east-1"])
    held = KeySet(
        pool._key_set_config, WINDOWS, lambda: 0.5, region=None, entries=entries, now=(float(NOW), 1000.0)
    )
    urls = {endpoint.url for endpoint in pool._key_set_config.endpoints}
    young = [each for each in entries if each.url in urls and -60 <= NOW - each.begun < WINDOWS.max_stale]
    for kid, key in held.snapshot.keys.items():
        documents = filter(None, (_read(each.document) for each in young))
        _expect(any(_is(each.keys.get(kid), key) for each in documents), "a key of no entry that may count")
    _expect(
        {each.url for each in held.entries()} <= {each.url for each in young}, "an entry that may not count"
    )


CHECKS: Mapping[str, Callable[[bytes], None]] = {
    "token": check_token,
    "jwks": check_jwks,
    "key_file": check_key_file,
}
