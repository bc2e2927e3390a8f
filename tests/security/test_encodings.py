"""One reading or none: encodings, spellings and forms of token, claims and JWKS (ATK-30 to ATK-43, S2)."""

from __future__ import annotations

import base64
import copy
import json
import logging
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from support.refusals import refused
from support.segments import octets_of, segment
from support.verdicts import verdict

from cognito_mr_auth import Principal, errors
from cognito_mr_auth._base.encoding import MAX_DEPTH
from cognito_mr_auth._jwks.document import read_document
from cognito_mr_auth._jwks.model import FetchError
from cognito_mr_auth.errors import AuthError, TokenMalformed
from cognito_mr_auth.testing import FakeClock, FakeUserPool

POOL = FakeUserPool(clock=FakeClock())
VERIFIER = POOL.offline_verifier()
GOOD = POOL.access_token()
HEAD, PAYLOAD, SIGNATURE = GOOD.split(".")
PRINCIPAL = VERIFIER.verify(GOOD)


HEADER_JSON, PAYLOAD_JSON = octets_of(HEAD), octets_of(PAYLOAD)


def end(token: Any) -> type[AuthError] | Principal:
    """The class of the error, or the principal."""
    found = verdict(VERIFIER, token)
    return found if isinstance(found, Principal) else type(found)


def cesu(text: str) -> bytes:
    """CESU-8: each half of a surrogate pair as three octets of its own."""
    units = text.encode("utf-16-be")
    halves = [units[at : at + 2].decode("utf-16-be", "surrogatepass") for at in range(0, len(units), 2)]
    return b"".join(half.encode("utf-8", "surrogatepass") for half in halves)


# --- Octets that are no UTF-8 JSON (ATK-31 to ATK-35), in every place that is read

Change = Callable[[bytes], bytes]


def member(value: bytes) -> Change:
    """One more member in front, with this JSON text."""
    return lambda raw: b'{"x":' + value + b"," + raw[1:]


ENCODINGS: dict[str, Change] = {
    **{
        f"ATK-31 {name}": lambda raw, name=name: raw.decode().encode(name)  # type: ignore[misc]
        for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-8-sig")
    },
    "ATK-31 a BOM behind": lambda raw: raw + b"\xef\xbb\xbf",
    "ATK-31 two BOMs": lambda raw: b"\xef\xbb\xbf\xef\xbb\xbf" + raw,
    "ATK-31 Latin-1": member('"\xe9"'.encode("latin-1")),
    "ATK-31 Windows-1252": member(b'"\x93\x94"'),
    "ATK-31 CESU-8": member(cesu('"\U0001f511"')),
    "ATK-31 modified UTF-8 NUL": member(b'"\xc0\x80"'),
    "ATK-31 overlong quote": member(b'"\xc0\xa2"'),
    "ATK-31 overlong in three": member(b'"\xe0\x80\xaf"'),
    "ATK-31 beyond U+10FFFF": member(b'"\xf4\x90\x80\x80"'),
    "ATK-31 five octets": member(b'"\xf8\x88\x80\x80\x80"'),
    "ATK-31 cut short": member(b'"\xf0\x9f"'),
    "ATK-31 lone continuation": member(b'"\x80"'),
    "ATK-31 surrogate in UTF-8": member(b'"\xed\xa0\xbd"'),
    "ATK-31 EBCDIC": lambda raw: raw.decode().encode("cp500"),
    "ATK-32 lone high surrogate": member(rb'"\ud83d"'),
    "ATK-32 lone low surrogate": member(rb'"\udd11"'),
    "ATK-32 pair the wrong way": member(rb'"\udd11\ud83d"'),
    "ATK-32 high surrogate and a letter": member(rb'"\ud83dx"'),
    "ATK-32 in a name": lambda raw: rb'{"\ud83d":1,' + raw[1:],
    "ATK-32 deep inside": member(rb'[{"a":["\ud83d"]}]'),
    "ATK-33 NaN": member(b"NaN"),
    "ATK-33 infinity": member(b"Infinity"),
    "ATK-33 minus infinity": member(b"[-Infinity]"),
    "ATK-33 1e400": member(b"1e400"),
    "ATK-33 -1e400 inside": member(b'{"a":[-1e400]}'),
    "ATK-33 1e999999999999999999999": member(b"1e999999999999999999999"),
    "ATK-34 4301 digits": member(b"1" * 4301),
    "ATK-34 9000 digits inside": member(b"[" + b"9" * 9000 + b"]"),
    "ATK-34 -4301 digits": member(b"-" + b"1" * 4301),
    "ATK-35 too deep": member(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH),
    "ATK-35 too deep, objects": member(b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH),
    "ATK-35 never closed": lambda raw: raw[:-1] + b',"x":' + b"[" * 2000,
    "ATK-30 a member twice": lambda raw: raw[:1] + raw[1:-1] + b"," + raw[1:],
    "ATK-30 a member twice, escaped": member(rb'1,"\u0078":2'),
    "ATK-30 deep inside": member(b'[{"a":{"b":1,"b":1}}]'),
    "ATK-40 two values": lambda raw: raw + raw,
    "ATK-40 an array around": lambda raw: b"[" + raw + b"]",
    "ATK-40 a string around": lambda raw: json.dumps(raw.decode()).encode(),
    "ATK-40 JavaScript": lambda raw: b"(" + raw + b")",
    "ATK-40 a comment": lambda raw: raw + b"//",
    "ATK-40 a NUL behind": lambda raw: raw + b"\0",
    "ATK-40 a form feed": lambda raw: b"\x0c" + raw,
    "ATK-40 a no-break space": lambda raw: "\u00a0".encode() + raw,
    "ATK-40 a vertical tab": lambda raw: raw + b"\x0b",
    "ATK-40 single quotes": lambda raw: raw.replace(b'"', b"'"),
    "ATK-40 nothing": lambda raw: b"",
    "ATK-40 white space": lambda raw: b" \n",
    "ATK-40 null": lambda raw: b"null",
}


@pytest.mark.parametrize("change", ENCODINGS.values(), ids=ENCODINGS)
def test_a_part_in_another_encoding_is_none(change: Change) -> None:
    """STD-09: in header and payload, signed by the pool itself; and a JWKS so written is a failed fetch."""
    assert end(POOL.sign(change(HEADER_JSON), PAYLOAD_JSON)) is TokenMalformed
    assert end(POOL.sign(None, change(PAYLOAD_JSON))) is TokenMalformed
    with pytest.raises(FetchError) as caught:
        read_document(change(json.dumps(POOL.jwks()).encode()))
    assert caught.value.reason == "document-not-jwks"


LEGAL: dict[str, tuple[bytes, Any]] = {
    "32 levels": (b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1), None),
    "31 objects": (b'{"a":' * (MAX_DEPTH - 2) + b"{}" + b"}" * (MAX_DEPTH - 2), None),
    "4300 digits": (b"9" * 4300, int("9" * 4300)),
    "a surrogate pair": (rb'"\ud83d\udd11"', "\U0001f511"),
    "the same in UTF-8": ('"\U0001f511"'.encode(), "\U0001f511"),
    "an escaped NUL": (rb'"a\u0000b"', "a\0b"),
    "noncharacters": ('"\uffff\ufdd0\U0010ffff"'.encode(), "\uffff\ufdd0\U0010ffff"),
    "a BOM inside": ('"\ufeff"'.encode(), "\ufeff"),
    "a direction mark": ('"\u202e"'.encode(), "\u202e"),
    "the largest float": (b"1.7976931348623157e308", 1.7976931348623157e308),
    "underflow": (b"1e-400", 0.0),
    "names that Python knows": (b'{"__class__":1,"__proto__":2}', {"__class__": 1, "__proto__": 2}),
    "a name in capitals": (b'1,"ISS":"https://evil.example","Sub":"x"', 1),
}


@pytest.mark.parametrize(("written", "value"), LEGAL.values(), ids=LEGAL)
def test_what_is_legal_breaks_nothing_later(
    written: bytes, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """ATK-32, ATK-35: whatever passes can be shown, logged, copied, pickled, compared, written as UTF-8."""
    principal = VERIFIER.verify(POOL.sign(None, member(written)(PAYLOAD_JSON)))
    assert principal.issuer == PRINCIPAL.issuer
    assert value is None or principal.to_dict()["claims"]["x"] == value
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("app").info("%r %s", principal, principal)
    assert pickle.loads(pickle.dumps(principal)) == copy.deepcopy(principal) == principal  # noqa: S301
    assert hash(principal) == hash(copy.copy(principal))
    json.dumps(principal.to_dict(), ensure_ascii=False).encode()
    assert repr(principal.claims)


# --- Spellings of base64 (ATK-38)


def loose(raw: bytes) -> bytes:
    """White space at the end of the JSON until its base64 has spare bits and padding."""
    return raw + b" " * (1 if len(raw) % 3 == 0 else 0)


def slashed(raw: bytes) -> bytes:
    """A member whose base64 has "/" and "+" in the standard alphabet, at every alignment."""
    return raw[:-1] + b',"y":"' + b"??????~~~~~~" + b'"}'


def spare(text: str) -> str:
    """With one of the unused trailing bits set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) | 1]


SPELLINGS: dict[str, Callable[[str], str]] = {
    "padding": lambda text: text + "=" * (-len(text) % 4),
    "too much padding": lambda text: text + "====",
    "one =": lambda text: text + "=",
    "percent-encoded padding": lambda text: text + "%3D%3D",
    "padding inside": lambda text: text[:4] + "==" + text[4:],
    "spare bits": spare,
    "the other alphabet": lambda text: text.replace("-", "+").replace("_", "/"),
    "both alphabets": lambda text: text.replace("-", "+"),
    "a line break": lambda text: text[:4] + "\n" + text[4:],
    "CRLF every 76": lambda text: "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76)),
    "a space inside": lambda text: text[:4] + " " + text[4:],
    "a space before": lambda text: " " + text,
    "a space behind": lambda text: text + " ",
    "a tab": lambda text: text + "\t",
    "a NUL behind": lambda text: text + "\0",
    "junk that decoders drop": lambda text: text[:4] + "!*\x7f" + text[4:],
    "a comma": lambda text: text[:4] + "," + text[4:],
    "full-width": lambda text: chr(0xFEE0 + ord(text[0])) + text[1:],
    "no ASCII": lambda text: text + "\u00e9",
    "a lone surrogate": lambda text: text + "\ud800",
    "a BOM": lambda text: "\ufeff" + text,
    "a Kelvin sign": lambda text: text.replace("K", "\u212a") if "K" in text else "\u212a" + text,
    "a soft hyphen": lambda text: text[:4] + "\u00ad" + text[4:],
    "base32": lambda text: base64.b32encode(octets_of(text)).decode().rstrip("="),
    "hex": lambda text: octets_of(text).hex() + "0" * (len(octets_of(text)) % 2),
    "one character too many": lambda text: text + "A",
    "one too few": lambda text: text[:-1],
    "data URL": lambda text: "data:;base64," + text,
    "quoted": lambda text: f'"{text}"',
}


@pytest.mark.parametrize("part", ["header", "payload", "signature"])
@pytest.mark.parametrize("name", SPELLINGS)
def test_another_spelling_of_a_segment_is_refused(name: str, part: str) -> None:
    """ATK-38, STD-17: the pool itself has signed the text as it is spelled; only the spelling is wrong."""
    head, body = segment(loose(slashed(HEADER_JSON))), segment(loose(slashed(PAYLOAD_JSON)))
    plain = f"{head}.{body}"
    assert isinstance(end(f"{plain}.{segment(POOL.access_key.sign(plain.encode()))}"), Principal)
    respell = SPELLINGS[name]
    if part == "signature":
        octets = POOL.access_key.sign(plain.encode())
        # The same payload with more space, until the signature has both.
        while not {"-", "_"} <= set(segment(octets)):
            body = segment(loose(octets_of(body) + b"   "))
            plain = f"{head}.{body}"
            octets = POOL.access_key.sign(plain.encode())
        token = f"{plain}.{respell(segment(octets))}"
    else:
        text = f"{respell(head)}.{body}" if part == "header" else f"{head}.{respell(body)}"
        token = f"{text}.{segment(POOL.access_key.sign(text.encode('utf-8', 'surrogatepass')))}"
    assert token.count(".") == 2
    # A signature is octets of any kind: one spelled as other octets is another signature.
    assert end(token) in (TokenMalformed, *([errors.SignatureInvalid] if part == "signature" else []))


# --- Forms of the whole (ATK-06, ATK-40 to ATK-42)

JWE = b'{"alg":"RSA1_5","enc":"A128CBC-HS256"}'

FORMS: dict[str, Any] = {
    "flattened JSON": json.dumps({"payload": PAYLOAD, "protected": HEAD, "signature": SIGNATURE}),
    "general JSON": json.dumps(
        {"payload": PAYLOAD, "signatures": [{"protected": HEAD, "signature": SIGNATURE}]}
    ),
    "a polyglot": f'{{"{HEAD}.":"","protected":"{HEAD}","payload":"{PAYLOAD}","signature":"{SIGNATURE}"}}',
    "a polyglot, dotted (CVE-2022-39227)": f'{{"  {HEAD}.{PAYLOAD}.":"","signature":"{SIGNATURE}"}}',
    "a JSON string": json.dumps(GOOD),
    "in a list": json.dumps([GOOD]),
    "in parentheses": f"({GOOD})",
    "in angle brackets": f"<{GOOD}>",
    "with its scheme": f"Bearer {GOOD}",
    "with its scheme, tab": f"bearer\t{GOOD}",
    "as a header": f"Authorization: Bearer {GOOD}",
    "as a parameter": f"access_token={GOOD}",
    "as a cookie": f"token={GOOD};",
    "percent-encoded": GOOD.replace(".", "%2E"),
    "base64 of it": segment(GOOD.encode()),
    "reversed": GOOD[::-1],
    "in capitals": GOOD.upper(),
    "unsecured": f"{segment(b'{}')}.{PAYLOAD}.",
    "detached": f"{HEAD}..{SIGNATURE}",
    "a JWE (RFC 7519 A.1)": f"{segment(JWE)}.AAAA.AAAA.AAAA.AAAA",
    "an unsecured token in a JWE (CVE-2026-29000)": f"{HEAD}.{PAYLOAD}.{PAYLOAD}.{PAYLOAD}.{SIGNATURE}",
    "full-width dots": GOOD.replace(".", "\uff0e"),
    "ideographic dots": GOOD.replace(".", "\u3002"),
    "one-dot leaders": GOOD.replace(".", "\u2024"),
    "middle dots": GOOD.replace(".", "\u00b7"),
    "full-width letters": "".join(chr(0xFEE0 + ord(each)) if each.isalnum() else each for each in GOOD),
    "mathematical letters": "".join(
        chr(0x1D400 + ord(each) - 65) if each.isupper() else each for each in GOOD
    ),
    "a direction mark": f"\u202e{GOOD}",
    "a zero-width joiner": f"{HEAD}\u200d.{PAYLOAD}.{SIGNATURE}",
    "bytes": GOOD.encode(),
    "bytearray": bytearray(GOOD.encode()),
    "memoryview": memoryview(GOOD.encode()),
    "repr of bytes": repr(GOOD.encode()),
    "repr": repr(GOOD),
    "None": None,
    "number": 1,
    "float": float("nan"),
    "true": True,
    "list": [GOOD],
    "tuple of parts": (HEAD, PAYLOAD, SIGNATURE),
    "set": {GOOD},
    "dict": {"token": GOOD},
    "class": str,
    "principal": PRINCIPAL,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_another_form_of_the_token_is_refused(form: Any) -> None:
    """RFC 7515 3.1 is the only form; nothing is unwrapped, trimmed, decoded or converted to text."""
    assert end(form) in (TokenMalformed, errors.AlgorithmNotAllowed)
    assert VERIFIER.verify(GOOD) is PRINCIPAL


class Liar(str):
    """A str that equals everything and reports a short length."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(GOOD)

    def __len__(self) -> int:
        return 10

    def encode(self, *_args: object) -> bytes:
        return GOOD.encode()

    def __str__(self) -> str:
        return GOOD


class LongLiar(Liar):
    """One that reports its true length, so that it is looked up in the cache."""

    __slots__ = ()

    def __len__(self) -> int:
        return str.__len__(self)


def test_a_subclass_of_str_is_what_it_holds() -> None:
    """Its own methods are not called."""
    VERIFIER.verify(GOOD)
    forged = POOL.access_token(signed_by="foreign")
    refused(errors.SignatureInvalid, VERIFIER.verify, Liar(forged))
    refused(errors.SignatureInvalid, VERIFIER.verify, LongLiar(forged))
    refused(TokenMalformed, VERIFIER.verify, Liar("x"))
    assert VERIFIER.verify(Liar(GOOD)) == PRINCIPAL
