"""Tokens that must be refused, by name.

Owns the table MALFORMED: name -> what it does to a draft. Each row breaks one rule and keeps the rest valid,
also the signature if the rule is not about signatures. So a verifier that lacks that one rule accepts the
token, and its test fails.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from .keys import SignatureName
from .malformed_names import MalformedName
from .mint import REMOVE, Draft, base64url, compact, merged, octets, seal

Damage = Callable[[Draft], str]

# Above every sensible limit on a token (16 KiB here; Cognito itself stays below 10 KB).
OVERSIZED_CHARACTERS: Final = 20_000
# Deeper than any real claim, but not too deep for json.dumps.
NESTING_LEVELS: Final = 500
# Its base64 contains "/" at every alignment, so the two alphabets always differ.
_SLASHES: Final = "??????"


def _header(**changes: object) -> Damage:
    """Change header members and sign the result."""
    return lambda draft: draft._replace(header=merged(draft.header, changes)).token()


def _raw_header(change: Callable[[bytes], bytes]) -> Damage:
    return lambda draft: compact(change(octets(draft.header)), draft.payload, draft.key)


def _raw_payload(change: Callable[[bytes], bytes]) -> Damage:
    return lambda draft: compact(draft.header, change(octets(draft.payload)), draft.key)


def _whole(change: Callable[[str], str]) -> Damage:
    return lambda draft: change(draft.token())


def _signature(change: Callable[[bytes], bytes]) -> Damage:
    def damage(draft: Draft) -> str:
        signing_input, _, signature = draft.token().rpartition(".")
        return f"{signing_input}.{base64url(change(base64.urlsafe_b64decode(signature + '==')))}"

    return damage


def _resealed(index: int, change: Callable[[str], str]) -> Damage:
    """Change the text of the header (0) or payload (1) segment and sign the changed text."""

    def damage(draft: Draft) -> str:
        segments = draft.token().split(".")[:2]
        segments[index] = change(segments[index])
        return seal(".".join(segments), draft.key)

    return damage


def _loose_bits(data: bytes) -> bytes:
    """Add white space to the JSON until its base64 has bits that decoders ignore, and padding."""
    return data[:-1] + b" " * (1 if len(data) % 3 == 0 else 0) + data[-1:]


def _noncanonical(segment: str) -> str:
    """Return the same octets for a lax decoder: flip the lowest, unused bit of the last character."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) ^ 1]


def _respelled(segment_change: Callable[[str], str], *, header: bool) -> Damage:
    """Write a segment that has loose bits as `segment_change` gives it, and sign that text."""

    def damage(draft: Draft) -> str:
        parts = [octets(draft.header), octets(draft.payload)]
        target = 0 if header else 1
        texts = [base64url(part) for part in parts]
        texts[target] = segment_change(base64url(_loose_bits(parts[target])))
        return seal(".".join(texts), draft.key)

    return damage


def _padded(segment: str) -> str:
    return segment + "=" * (-len(segment) % 4)


def _last(change: Callable[[str], str]) -> Damage:
    """Change the text of the signature segment."""

    def damage(draft: Draft) -> str:
        signing_input, _, signature = draft.token().rpartition(".")
        return f"{signing_input}.{change(signature)}"

    return damage


def _algorithm(name: SignatureName) -> Damage:
    """Use another RSA signature algorithm, correctly declared in the header."""

    def damage(draft: Draft) -> str:
        header = octets({**draft.header, "alg": name})
        text = f"{base64url(header)}.{base64url(octets(draft.payload))}"
        return f"{text}.{base64url(draft.key.sign(text.encode(), name))}"

    return damage


def _unsigned(alg: str) -> Damage:
    def damage(draft: Draft) -> str:
        header = {**draft.header, "alg": alg}
        return f"{base64url(octets(header))}.{base64url(octets(draft.payload))}."

    return damage


def _hs256(draft: Draft) -> str:
    """Use the public key as an HMAC secret (CVE-2015-9235 and later ones)."""
    header = {**draft.header, "alg": "HS256"}
    text = f"{base64url(octets(header))}.{base64url(octets(draft.payload))}"
    digest = hmac.new(draft.key.public_pem(), text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64url(digest)}"


def _altered_payload(draft: Draft) -> str:
    """Put the signature of one payload under another."""
    head, _, signature = draft.token().split(".")
    altered = {**draft.payload, "sub": "00000000-0000-4000-8000-000000000000"}
    return f"{head}.{base64url(octets(altered))}.{signature}"


def _standard_alphabet(draft: Draft) -> str:
    payload = octets({**draft.payload, "filler": _SLASHES})
    text = base64.b64encode(payload).rstrip(b"=").decode()
    return seal(f"{base64url(octets(draft.header))}.{text}", draft.key)


def _claim(value: bytes) -> Damage:
    """Add a payload member whose value is this raw JSON."""
    return _raw_payload(lambda raw: raw[:-1] + b',"extra":' + value + b"}")


def _segments(change: Callable[[list[str]], list[str]]) -> Damage:
    return lambda draft: ".".join(change(draft.token().split(".")))


def _own_key(draft: Draft) -> str:
    """Put the signer's key into the header (CVE-2018-0114)."""
    return draft._replace(header={**draft.header, "jwk": draft.key.jwk()}).token()


MALFORMED: Final[Mapping[MalformedName, Damage]] = MappingProxyType(
    {
        # The form: three segments of base64url.
        "empty": _whole(lambda _: ""),
        "prose": _whole(lambda _: "this is not a token"),
        "bearer_prefix": _whole(lambda token: f"Bearer {token}"),
        "leading_space": _whole(lambda token: f" {token}"),
        "trailing_newline": _whole(lambda token: f"{token}\n"),
        "non_ascii": _whole(lambda token: f"{token[:-1]}\uff21"),
        "oversized": _claim(b'"' + b"x" * OVERSIZED_CHARACTERS + b'"'),
        "one_segment": _segments(lambda parts: parts[:1]),
        "two_segments": _segments(lambda parts: parts[:2]),
        "four_segments": _segments(lambda parts: [*parts, "AAAA"]),
        "five_segments": _segments(lambda parts: [*parts, "AAAA", "AAAA"]),
        "empty_header": _segments(lambda parts: ["", *parts[1:]]),
        "empty_payload": _segments(lambda parts: [parts[0], "", parts[2]]),
        "empty_signature": _segments(lambda parts: [*parts[:2], ""]),
        # The encoding.
        "bad_base64_header": _resealed(0, lambda text: f"{text[:-4]}!{text[-4:]}"),
        "bad_base64_payload": _resealed(1, lambda text: f"{text[:-4]}!{text[-4:]}"),
        "bad_base64_signature": _last(lambda text: f"{text[:-4]}!{text[-4:]}"),
        "impossible_length": _resealed(1, lambda text: text + "A" * ((1 - len(text)) % 4)),
        "padded_header": _respelled(_padded, header=True),
        "padded_payload": _respelled(_padded, header=False),
        "padded_signature": _last(_padded),
        "noncanonical_header": _respelled(_noncanonical, header=True),
        "noncanonical_payload": _respelled(_noncanonical, header=False),
        "noncanonical_signature": _last(_noncanonical),
        "standard_alphabet": _standard_alphabet,
        # The JSON.
        "header_not_json": _raw_header(lambda _: b"not json"),
        "header_not_object": _raw_header(lambda raw: b"[" + raw + b"]"),
        "header_duplicate_member": _raw_header(lambda raw: raw[:-1] + b',"alg":"RS256"}'),
        "header_bom": _raw_header(lambda raw: b"\xef\xbb\xbf" + raw),
        "payload_not_json": _raw_payload(lambda _: b"not json"),
        "payload_not_object": _raw_payload(lambda raw: b"[" + raw + b"]"),
        "payload_null": _raw_payload(lambda _: b"null"),
        "payload_duplicate_member": _raw_payload(lambda raw: b'{"sub":"someone else",' + raw[1:]),
        "payload_trailing_comma": _raw_payload(lambda raw: raw[:-1] + b",}"),
        "payload_bom": _raw_payload(lambda raw: b"\xef\xbb\xbf" + raw),
        "payload_utf16": _raw_payload(lambda raw: raw.decode().encode("utf-16")),
        "payload_invalid_utf8": _claim(b'"\xff"'),
        "payload_lone_surrogate": _claim(rb'"\ud800"'),
        "payload_nan": _claim(b"NaN"),
        "payload_infinity": _claim(b"-Infinity"),
        "payload_overflow": _claim(b"1e400"),
        "payload_deep": _claim(b"[" * NESTING_LEVELS + b"]" * NESTING_LEVELS),
        # The header.
        "alg_none": _unsigned("none"),
        "alg_none_in_capitals": _unsigned("nOnE"),
        "alg_none_but_signed": _header(alg="none"),
        "alg_missing": _header(alg=REMOVE),
        "alg_list": _header(alg=["RS256"]),
        "alg_lower_case": _header(alg="rs256"),
        "hs256_with_public_key": _hs256,
        "rs384": _algorithm("RS384"),
        "rs512": _algorithm("RS512"),
        "ps256": _algorithm("PS256"),
        "kid_missing": _header(kid=REMOVE),
        "kid_empty": _header(kid=""),
        "kid_number": _header(kid=1),
        "typ_logout": _header(typ="logout+jwt"),
        "header_b64": _header(b64=True),
        "header_crit": _header(crit=["exp"], exp=0),
        "header_cty": _header(cty="JWT"),
        "header_enc": _header(enc="A256GCM"),
        "header_jku": _header(jku="https://127.0.0.1:9/jwks.json"),
        "header_jwk": _own_key,
        "header_p2c": _header(p2c=1),
        "header_x5c": _header(x5c=["AAAA"]),
        "header_x5u": _header(x5u="https://127.0.0.1:9/x5u.pem"),
        "header_zip": _header(zip="DEF"),
        # The signature.
        "altered_payload": _altered_payload,
        "corrupted_signature": _signature(lambda raw: raw[:-1] + bytes([raw[-1] ^ 1])),
        "long_signature": _signature(lambda raw: b"\0" + raw),
        "short_signature": _signature(lambda raw: raw[:-1]),
        "zero_signature": _signature(lambda raw: bytes(len(raw))),
    }
)
"""Ways to damage a token, for ``malformed=``; every one of them must be refused."""


def damaged(draft: Draft, name: MalformedName) -> str:
    """Return the draft, damaged by the row `name` of MALFORMED. An unknown name raises ValueError."""
    if name not in MALFORMED:
        raise ValueError(f"malformed={name!r} is none of {', '.join(sorted(MALFORMED))}")
    return MALFORMED[name](draft)
