"""A compact JWS, from text to parts, and its RS256 signature."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.refusals import CANARY, refused
from support.segments import segment

from cognito_mr_auth._base.checks import MAX_KID_CHARS
from cognito_mr_auth._jwks.document import read_document
from cognito_mr_auth._jwt.compact import (
    MAX_HEADER_CHARS,
    MAX_HEADERS,
    MAX_TOKEN_CHARS,
    CompactJWS,
    HeaderCache,
    TokenForm,
    open_jws,
    parse,
    split,
    verify_signature,
)
from cognito_mr_auth.errors import AlgorithmNotAllowed, SignatureInvalid, TokenMalformed
from cognito_mr_auth.testing import REMOVE, SigningKey

HEADER = {"kid": "a-kid", "alg": "RS256"}


def token(header: Any = HEADER, payload: Any = None, signature: bytes = b"signature!") -> str:
    """A token with these parts; its payload holds the canary unless another one is given."""
    payload = {"sub": CANARY} if payload is None else payload
    return f"{segment(header)}.{segment(payload)}.{segment(signature)}"


def header(**changes: Any) -> dict[str, Any]:
    """The usual header with some members changed, added or removed."""
    return {name: value for name, value in (HEADER | changes).items() if value is not REMOVE}


# --- The parts


def test_the_parts_of_a_token() -> None:
    """Header and payload are read, and the signing input is the very text that was received."""
    text = token(b' {"alg":"RS256","kid":"a-kid"} ', b'{"sub" : "x"}', b"\0\xff")
    octets = text.encode()
    assert parse(text) == CompactJWS(
        "a-kid", {"sub": "x"}, octets.rpartition(b".")[0], b"\0\xff", octets.partition(b".")[0]
    )


def test_a_header_is_read_once() -> None:
    """A header that was kept is known by its octets; every other one is read in full."""
    known = HeaderCache()
    text = token()
    known.keep(parse(text, known))
    assert list(known.kids.values()) == ["a-kid"]
    assert parse(text, known) == parse(text)
    for other in (header(alg="none"), header(kid=""), header(crit=[]), header(jku="x"), b"{}"):
        with pytest.raises((TokenMalformed, AlgorithmNotAllowed)):
            parse(token(other), known)
    assert len(known.kids) == 1


GOOD = token(payload={"sub": "x"}, signature=b"sign")  # segments of 2 and 3 characters over a multiple of 4
HEAD, PAYLOAD, SIGNATURE = GOOD.split(".")

FAMILIAR: dict[str, Any] = {
    "good": GOOD,
    "good, of another class": "subclass",
    "no text": GOOD.encode(),
    "too long": f"{HEAD}.{'A' * MAX_TOKEN_CHARS}.{SIGNATURE}",
    "two parts": f"{HEAD}.{PAYLOAD}",
    "four parts": f"{GOOD}.{SIGNATURE}",
    "five parts": f"{GOOD}.{SIGNATURE}.{SIGNATURE}",
    "a dot at the end": f"{GOOD}.",
    "a space before": f" {GOOD}",
    "a line's end": f"{GOOD}\n",
    "an empty payload": f"{HEAD}..{SIGNATURE}",
    "an empty signature": f"{HEAD}.{PAYLOAD}.",
    "not ASCII": f"{HEAD}.{PAYLOAD[:-1]}\u00e9.{SIGNATURE}",
    "a surrogate": f"{HEAD}.{PAYLOAD[:-1]}\ud800.{SIGNATURE}",
    "a NUL": f"{HEAD}.{PAYLOAD}.\0{SIGNATURE[1:]}",
    "the other alphabet": f"{HEAD}.{segment(b'[' * 3 + b'~~~').replace('-', '+')}.{SIGNATURE}",
    "the other alphabet, signature": f"{HEAD}.{PAYLOAD}.++//",
    "padded payload": f"{HEAD}.{PAYLOAD}=.{SIGNATURE}",
    "padded signature": f"{HEAD}.{PAYLOAD}.{SIGNATURE}==",
    "spare bits": f"{HEAD}.{PAYLOAD}.{SIGNATURE[:-1]}x",
    "an impossible length": f"{HEAD}.{PAYLOAD}.{SIGNATURE[:-1]}",
    "no JSON": f"{HEAD}.{segment(b'no JSON')}.{SIGNATURE}",
    "an array": f"{HEAD}.{segment([])}.{SIGNATURE}",
    "both wrong": f"{HEAD}.{segment(b'no JSON')}.A",
}


@pytest.mark.parametrize("text", FAMILIAR.values(), ids=FAMILIAR)
def test_a_known_header_changes_no_answer(text: Any) -> None:
    """A header from the cache gives the same answer as one that is read in full, down to the message."""
    text = Text(GOOD) if text == "subclass" else text
    known = HeaderCache()
    known.keep(parse(GOOD))
    answers = []
    for headers in (None, known):
        try:
            answers.append(parse(text, headers))
        except (TokenMalformed, AlgorithmNotAllowed) as error:
            answers.append((type(error), str(error), error.hint))
    assert answers[0] == answers[1]


def test_kept_headers_are_bounded() -> None:
    """At most 64; the kept ones make room, and a header that is kept again takes none."""
    known = HeaderCache()
    for number in range(2 * MAX_HEADERS + 1):
        for _ in range(2):
            known.keep(parse(token(header(kid=f"kid-{number}")), known))
        assert len(known.kids) <= MAX_HEADERS
    assert list(known.kids.values()) == [f"kid-{2 * MAX_HEADERS}"]


def test_the_jws_layer_takes_any_payload() -> None:
    """RFC 7515 says nothing of the payload: octets for one layer, a JSON object for the other."""
    text = token(payload=b"\xff no JSON")
    kid, payload, signed, signature = open_jws(text)
    assert (kid, payload, signature) == ("a-kid", b"\xff no JSON", b"signature!")
    assert signed == text.rpartition(".")[0].encode()
    refused(TokenMalformed, parse, text)


class Text(str):
    """A str of a framework's own class."""

    __slots__ = ()


@pytest.mark.parametrize(("characters", "good"), [(MAX_HEADER_CHARS, True), (MAX_HEADER_CHARS + 2, False)])
def test_a_header_has_a_bound(characters: int, *, good: bool) -> None:
    """2,048 characters: 16 KiB of garbage need not be decoded to see that it is no header."""
    room = characters * 3 // 4 - len(json.dumps(header(x="")))
    text = token(header(x="y" * room))
    assert len(text.partition(".")[0]) == characters
    if good:
        assert parse(text).kid == "a-kid"
    else:
        assert "header is longer" in str(refused(TokenMalformed, parse, text))


def test_a_subclass_of_str_is_a_str() -> None:
    """Frameworks hand out str subclasses."""
    assert parse(Text(token())) == parse(token())


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="none"),
        pytest.param(token().encode(), id="bytes"),
        pytest.param(bytearray(token().encode()), id="bytearray"),
        pytest.param([token()], id="list"),
        pytest.param({"token": token()}, id="dict"),
        pytest.param(1, id="number"),
    ],
)
def test_only_a_str_is_a_token(value: object) -> None:
    """Anything but a str is refused with a hint that says what it is, and is not decoded."""
    hint = f"pass the token as a str, not {type(value).__name__ if value is not None else None}"
    if isinstance(value, (bytes, bytearray)):
        hint = "these are bytes; give a str: token.decode('ascii')"
    assert refused(TokenMalformed, parse, value).hint == hint


def test_a_verifier_may_have_another_form() -> None:
    """Other values of `typ`, in any case and with or without "application/"; another length, exactly."""
    form = TokenForm(frozenset({"access+jwt", "application/access+jwt"}), 2000)
    for typ in ("access+jwt", "Access+JWT", "application/access+jwt", REMOVE):
        assert parse(token(header(typ=typ)), form=form).kid == "a-kid"
    for typ in ("JWT", "at+jwt", "", None, "application/application/access+jwt"):
        assert "typ" in str(refused(TokenMalformed, parse, token(header(typ=typ)), form=form))
    assert "2000 characters" in str(refused(TokenMalformed, parse, "A" * 2001, form=form))
    assert "2000 characters" not in str(refused(TokenMalformed, parse, "A" * 2000, form=form))


def test_the_length_is_bounded_exactly() -> None:
    """16 KiB of characters are read, one more is refused before anything else."""
    longest = "A" * (MAX_TOKEN_CHARS - 2) + ".."
    assert len(split(longest)[0]) == MAX_TOKEN_CHARS - 2
    for beyond in ("A" + longest, "\0" * (MAX_TOKEN_CHARS + 1)):
        assert "16384 characters" in str(refused(TokenMalformed, parse, beyond))


TEXT = token()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("..", id="dots-alone"),
        pytest.param("this is not a token", id="prose"),
        pytest.param(TEXT.partition(".")[0], id="one-segment"),
        pytest.param(TEXT.rpartition(".")[0], id="two-segments"),
        pytest.param(f"{TEXT}.AAAA", id="four-segments"),
        pytest.param(f" {TEXT}", id="leading-space"),
        pytest.param(f"{TEXT} ", id="trailing-space"),
        pytest.param(f"{TEXT}\n", id="trailing-newline"),
        pytest.param(f"{TEXT}\0", id="trailing-nul"),
        pytest.param(f"{TEXT}\t", id="trailing-tab"),
        pytest.param(TEXT.replace(".", "\u2024"), id="one-dot-leaders"),
        pytest.param(TEXT[:-1] + "\uff21", id="full-width-letter"),
        pytest.param(TEXT[:-1] + "\u0661", id="arabic-digit"),
        pytest.param(TEXT[:-1] + "\u212a", id="kelvin-sign"),
        pytest.param(TEXT[:-1] + "\ud800", id="lone-surrogate"),
        pytest.param("\ufeff" + TEXT, id="byte-order-mark"),
        pytest.param(f"{TEXT}==", id="padded"),
        pytest.param(TEXT.replace(".", "+.", 1), id="plus"),
        pytest.param(TEXT.replace(".", "/.", 1), id="slash"),
        pytest.param(TEXT.replace(".", "%2e"), id="percent-encoded"),
        pytest.param(json.dumps({"payload": "", "signatures": []}), id="json-serialization"),
        pytest.param(f'"{TEXT}"', id="quoted"),
        pytest.param(TEXT.replace(".", ".A", 1), id="impossible-length-of-payload"),
        pytest.param("A" + TEXT, id="shifted-header"),
        pytest.param(f"{TEXT[:-1]}", id="impossible-length-or-noncanonical-signature"),
        pytest.param(TEXT[:-1] + "B", id="noncanonical-signature"),
    ],
)
def test_other_forms_are_malformed(text: str) -> None:
    """RFC 7515 3.1: three segments of base64url, two dots between them, and nothing around."""
    refused(TokenMalformed, parse, text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        pytest.param(f"Bearer {TEXT}", 'without "Bearer "', id="bearer"),
        pytest.param(f"bEARER {TEXT}", 'without "Bearer "', id="bearer-in-any-case"),
        pytest.param(f"{TEXT}.AAAA.AAAA", "encrypted token", id="five-segments"),
        pytest.param("a.b.c.d", None, id="no-idea"),
    ],
)
def test_a_hint_says_what_was_sent(text: str, hint: str | None) -> None:
    """The two usual mistakes, a scheme before the token and a refresh token, are named."""
    found = refused(TokenMalformed, parse, text).hint
    assert found is None if hint is None else hint in (found or "")


# --- JSON of the segments

NO_OBJECTS = [
    pytest.param(b"", id="empty"),
    pytest.param(CANARY.encode(), id="prose"),
    pytest.param(b"null", id="null"),
    pytest.param(b'["' + CANARY.encode() + b'"]', id="array"),
    pytest.param(b'"' + CANARY.encode() + b'"', id="string"),
    pytest.param(b"\xef\xbb\xbf{}", id="byte-order-mark"),
    pytest.param(json.dumps(HEADER).encode("utf-16"), id="utf-16"),
    pytest.param(b'{"alg":"RS256","kid":"a-kid","x":1,"x":1}', id="duplicate"),
    pytest.param(b'{"alg":"RS256","kid":"a-kid","x":NaN}', id="nan"),
    pytest.param(b'{"alg":"RS256","kid":"a-kid","x":1e400}', id="overflow"),
    pytest.param(rb'{"alg":"RS256","kid":"\ud800"}', id="lone-surrogate"),
    pytest.param(b'{"alg":"RS256","kid":"a-kid","x":"\xff"}', id="no-utf-8"),
    pytest.param(b'{"alg":"RS256","kid":"a-kid","x":' + b"[" * 500 + b"]" * 500 + b"}", id="too-deep"),
]


@pytest.mark.parametrize("octets", NO_OBJECTS)
def test_the_header_is_a_strict_object(octets: bytes) -> None:
    """A header that is no strict JSON object is refused."""
    assert "header" in str(refused(TokenMalformed, parse, token(octets)))


@pytest.mark.parametrize("octets", NO_OBJECTS)
def test_the_payload_is_a_strict_object(octets: bytes) -> None:
    """A payload that is no strict JSON object is refused."""
    assert "payload" in str(refused(TokenMalformed, parse, token(payload=octets)))


# --- The header


@pytest.mark.parametrize(
    "alg",
    [
        REMOVE,
        None,
        "",
        "none",
        "None",
        "nOnE",
        "rs256",
        "RS256 ",
        "RS256\0",
        "HS256",
        "RS384",
        "RS512",
        "PS256",
        "ES256",
        "EdDSA",
        "RSA-OAEP",
        "dir",
        True,
        256,
        ["RS256"],
        {"RS256": "RS256"},
    ],
    ids=repr,
)
def test_rs256_is_the_only_algorithm(alg: object) -> None:
    """RFC 8725 3.1: the algorithm is ours to choose, whatever else is wrong with the token."""
    for damage in ({}, {"kid": REMOVE}, {"crit": ["exp"]}, {"typ": 1}):
        refused(AlgorithmNotAllowed, parse, token(header(alg=alg, **damage)))
    refused(AlgorithmNotAllowed, parse, token(header(alg=alg), b"no json"))


@pytest.mark.parametrize("rest", ["!.!", "e30.!", "!.AAAA", f"{'A' * 9001}.AAAA"], ids="{:.6}".format)
@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        pytest.param({"alg": "none"}, AlgorithmNotAllowed, "RS256", id="alg"),
        pytest.param({"b64": False}, TokenMalformed, "never accepted", id="b64"),
        pytest.param({"kid": ""}, TokenMalformed, "kid", id="kid"),
        pytest.param({"typ": "logout+jwt"}, TokenMalformed, "typ", id="typ"),
    ],
)
def test_the_header_is_judged_before_the_rest_is_decoded(
    changes: dict[str, object], kind: type[TokenMalformed | AlgorithmNotAllowed], message: str, rest: str
) -> None:
    """ATK-39, O: a header that may not pass is refused before the payload behind it is decoded."""
    head = token(header(**changes)).partition(".")[0]
    for known in (None, HeaderCache()):
        assert message in str(refused(kind, parse, f"{head}.{rest}", known))


@pytest.mark.parametrize(
    "kid",
    [
        pytest.param(REMOVE, id="absent"),
        pytest.param(None, id="null"),
        pytest.param("", id="empty"),
        pytest.param(1, id="number"),
        pytest.param(True, id="true"),
        pytest.param(["a-kid"], id="list"),
        pytest.param({}, id="object"),
        pytest.param("k" * (MAX_KID_CHARS + 1), id="too-long"),
    ],
)
def test_kid_is_a_required_string(kid: object) -> None:
    """Without a `kid` of sensible length there is no key to look for."""
    assert "kid" in str(refused(TokenMalformed, parse, token(header(kid=kid))))


@pytest.mark.parametrize(
    "kid",
    [
        pytest.param("k" * MAX_KID_CHARS, id="longest"),
        pytest.param("ab+/c=", id="standard-base64"),
        pytest.param("../../dev/null", id="path"),
        pytest.param("a' OR 1=1 --", id="sql"),
        pytest.param("\0", id="nul"),
        pytest.param("\u00e9\U0001f511", id="unicode"),
    ],
)
def test_kid_is_opaque(kid: str) -> None:
    """Any text is a `kid`: it is only ever looked up (RFC 7515 4.1.4)."""
    assert parse(token(header(kid=kid))).kid == kid


@pytest.mark.parametrize(
    "typ", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/jwt", "Application/At+Jwt", REMOVE]
)
def test_typ_may_say_jwt(typ: object) -> None:
    """Absent, JWT or at+jwt, in any case and with or without "application/"."""
    assert parse(token(header(typ=typ))).kid == "a-kid"


@pytest.mark.parametrize(
    "typ",
    [
        "",
        "JWS",
        "JOSE",
        "logout+jwt",
        "dpop+jwt",
        "secevent+jwt",
        "JWT ",
        "text/jwt",
        "application/application/jwt",
        "\u212awt",
        "at+\u017fwt",
        None,
        1,
        ["JWT"],
        {},
    ],
    ids=repr,
)
def test_another_typ_is_another_kind_of_token(typ: object) -> None:
    """RFC 8725 3.11: explicit types keep one kind of JWT from passing as another."""
    assert "typ" in str(refused(TokenMalformed, parse, token(header(typ=typ))))


@pytest.mark.parametrize("value", [None, False, "", [], {"kty": "RSA"}, "https://127.0.0.1:9/"])
@pytest.mark.parametrize("name", ["jku", "x5u", "x5c", "jwk", "crit", "b64", "zip", "enc", "p2c", "cty"])
def test_no_member_changes_what_is_verified(name: str, value: object) -> None:
    """Members that bring a key or change the processing are refused, whatever they hold (T3)."""
    assert "never accepted" in str(refused(TokenMalformed, parse, token(header(**{name: value}))))


def test_unknown_members_are_ignored() -> None:
    """RFC 7515 section 4: members that are not understood MUST be ignored."""
    parts = parse(token(header(JKU="https://127.0.0.1:9/", x5t="AAAA", extra=[1])))
    assert parts.kid == "a-kid"


# --- The signature


@pytest.fixture(scope="module")
def signing_key() -> SigningKey:
    """One key for all rows."""
    return SigningKey("a-kid")


def test_the_signature_is_checked_over_what_was_received(signing_key: SigningKey) -> None:
    """A signature of the key over the received text passes."""
    jws = signed(signing_key)
    assert verify_signature(jws, public(signing_key)) is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"signature": b""}, id="empty"),
        pytest.param({"signature": b"\0"}, id="one-octet"),
        pytest.param({"signature": bytes(256)}, id="zeros"),
        pytest.param({"signature": b"\xff" * 256}, id="beyond-the-modulus"),
        pytest.param({"signature": b"\xff" * 10_000}, id="huge"),
        pytest.param({"signed": b""}, id="another-text"),
        pytest.param({"signed": b"\0"}, id="nul"),
    ],
)
def test_another_signature_is_invalid(signing_key: SigningKey, change: dict[str, bytes]) -> None:
    """Octets that the key did not make over this text are refused, of whatever length."""
    jws = signed(signing_key)._replace(**change)
    refused(SignatureInvalid, verify_signature, jws, public(signing_key))


@pytest.mark.parametrize("where", [0, 1, 128, 255])
def test_one_flipped_bit_is_enough(signing_key: SigningKey, where: int) -> None:
    """A signature with one bit changed, shortened or lengthened is refused."""
    jws = signed(signing_key)
    octets = bytearray(jws.signature)
    octets[where] ^= 1
    for changed in (bytes(octets), jws.signature[:where], b"\0" + jws.signature):
        refused(SignatureInvalid, verify_signature, jws._replace(signature=changed), public(signing_key))


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_another_algorithm_of_the_key_is_invalid(signing_key: SigningKey, algorithm: Any) -> None:
    """The same key's signature by another algorithm does not pass as RS256."""
    jws = signed(signing_key)
    other = jws._replace(signature=signing_key.sign(jws.signed, algorithm))
    refused(SignatureInvalid, verify_signature, other, public(signing_key))


def test_another_key_is_invalid(signing_key: SigningKey) -> None:
    """The signature belongs to one key, whatever its kid."""
    refused(SignatureInvalid, verify_signature, signed(signing_key), public(SigningKey("a-kid")))


def signed(key: SigningKey) -> CompactJWS:
    """A parsed token with the key's signature."""
    text = token().rpartition(".")[0]
    return parse(f"{text}.{segment(key.sign(text.encode()))}")


def public(key: SigningKey) -> Any:
    """The public half, as a JWKS document brings it."""
    return read_document(json.dumps({"keys": [key.jwk()]}).encode()).keys[key.kid].public
