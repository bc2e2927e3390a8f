"""Strict base64url and strict JSON: one reading for each text, or none."""

from __future__ import annotations

import base64
import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.refusals import CANARY

from cognito_mr_auth._base.encoding import MAX_CONTAINERS, MAX_DEPTH, Malformed, b64url_decode, json_object


def encode(octets: bytes) -> bytes:
    """RFC 7515 section 2, by the standard library."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


# --- base64url


@given(st.binary(max_size=64))
def test_every_octet_string_comes_back(octets: bytes) -> None:
    """What was encoded decodes to the very same octets."""
    assert b64url_decode(encode(octets)) == octets


@given(st.text(st.sampled_from(string.ascii_letters + string.digits + "-_"), max_size=12).map(str.encode))
def test_no_two_texts_have_one_value(text: bytes) -> None:
    """RFC 4648 3.5: pad bits MUST be set to zero, and decoders MAY reject the rest: we do."""
    try:
        octets = b64url_decode(text)
    except Malformed:
        return
    assert encode(octets) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"A", id="one-character"),
        pytest.param(b"AAAAA", id="five-characters"),
        pytest.param(b"AB", id="spare-bits-of-two"),
        pytest.param(b"AAB", id="spare-bits-of-three"),
        pytest.param(b"A_", id="last-character-of-the-alphabet"),
        pytest.param(b"AA==", id="padded-to-the-end"),
        pytest.param(b"AAA=", id="padded-once"),
        pytest.param(b"=", id="padding-alone"),
        pytest.param(b"AA+A", id="plus"),
        pytest.param(b"AA/A", id="slash"),
        pytest.param(b"AA.A", id="dot"),
        pytest.param(b"AA A", id="space"),
        pytest.param(b"AAAA\n", id="trailing-newline"),
        pytest.param(b"\r\nAAAA", id="leading-line-end"),
        pytest.param(b"AAA\0", id="nul"),
        pytest.param(b"AAA\xff", id="no-ascii"),
        pytest.param("\uff21AA".encode(), id="full-width"),
        pytest.param("\u0660AA".encode(), id="arabic-digit"),
    ],
)
def test_other_spellings_are_malformed(text: bytes) -> None:
    """Padding, other alphabets, white space, impossible lengths and spare bits are refused."""
    with pytest.raises(Malformed):
        b64url_decode(text)


# --- JSON


def nested(levels: int, *, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """An object that is `levels` deep, itself included."""
    inside = opening * (levels - 1) + closing * (levels - 1)
    return b'{"a":' + (inside or b"1") + b"}"


@pytest.mark.parametrize(
    ("data", "value"),
    [
        pytest.param(b"{}", {}, id="empty"),
        pytest.param(b' \t\r\n{ "a" : 1 } \n', {"a": 1}, id="white-space"),
        pytest.param('{"ä":"\U0001f600"}'.encode(), {"ä": "\U0001f600"}, id="utf-8"),
        pytest.param(rb'{"a":"\ud83d\ude00"}', {"a": "\U0001f600"}, id="surrogate-pair"),
        pytest.param(rb'{"a":"\u0000"}', {"a": "\0"}, id="escaped-nul"),
        pytest.param(rb'{"a":"\\ud800"}', {"a": "\\ud800"}, id="escaped-backslash-before-u"),
        pytest.param(b'{"a":1e308,"b":-0.0}', {"a": 1e308, "b": 0.0}, id="large-and-zero"),
        pytest.param(b'{"a":1e-400}', {"a": 0.0}, id="underflow"),
        pytest.param(b'{"a":' + b"9" * 4300 + b"}", {"a": int("9" * 4300)}, id="4300-digits"),
        pytest.param(b'{"a":{"a":1}}', {"a": {"a": 1}}, id="same-name-elsewhere"),
        pytest.param(b'{"a":1,"A":2}', {"a": 1, "A": 2}, id="names-differ-in-case"),
        pytest.param(b'{"a":"' + b"[{" * 40 + b'"}', {"a": "[{" * 40}, id="brackets-in-a-string"),
        pytest.param(b'{"a":"\\"' + b"[" * 40 + b'\\\\"}', {"a": '"' + "[" * 40 + "\\"}, id="quotes-in-it"),
        pytest.param(b'{"a":[' + b",".join([b"{}"] * 40) + b"]}", {"a": [{}] * 40}, id="wide-not-deep"),
    ],
)
def test_strict_json_is_read(data: bytes, value: dict[str, object]) -> None:
    """RFC 8259 objects in UTF-8 give what they say."""
    assert json_object(data) == value


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"null", id="null"),
        pytest.param(b'["a"]', id="array"),
        pytest.param(b'"a"', id="string"),
        pytest.param(b"1", id="number"),
        pytest.param(b"{} {}", id="two-values"),
        pytest.param(b"{}\0", id="nul-after-it"),
        pytest.param(b"{'a':1}", id="single-quotes"),
        pytest.param(b'{"a":1,}', id="trailing-comma"),
        pytest.param(b'{"a":1/**/}', id="comment"),
        pytest.param(b'{"a":01}', id="leading-zero"),
        pytest.param(b'{"a":+1}', id="plus"),
        pytest.param(b'{"a":.5}', id="no-integer-part"),
        pytest.param('{"a":\u0661}'.encode(), id="arabic-digit"),
        pytest.param(b'{"a":"\n"}', id="raw-newline-in-a-string"),
        pytest.param(b'{"a":"\x00"}', id="raw-nul-in-a-string"),
        pytest.param(rb'{"a":"\x41"}', id="unknown-escape"),
        pytest.param(b'{"a":"', id="open-string"),
        pytest.param(b'{"a":"\\', id="open-escape"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte-order-mark"),
        pytest.param("{}".encode("utf-16"), id="utf-16"),
        pytest.param("{}".encode("utf-16-le"), id="utf-16-unmarked"),
        pytest.param("{}".encode("utf-32"), id="utf-32"),
        pytest.param(b'{"a":"\xff"}', id="no-utf-8"),
        pytest.param(b'{"a":"\xc0\x80"}', id="overlong-nul"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', id="surrogate-in-utf-8"),
        pytest.param(rb'{"a":"\ud800"}', id="lone-high-surrogate"),
        pytest.param(rb'{"a":"\udc00"}', id="lone-low-surrogate"),
        pytest.param(rb'{"a":["\udc00\ud800"]}', id="pair-the-wrong-way-round"),
        pytest.param(rb'{"\uD800":1}', id="lone-surrogate-in-a-name"),
        pytest.param(b'{"a":NaN}', id="nan"),
        pytest.param(b'{"a":Infinity}', id="infinity"),
        pytest.param(b'{"a":-Infinity}', id="minus-infinity"),
        pytest.param(b'{"a":1e400}', id="overflow"),
        pytest.param(b'{"a":[-1e400]}', id="negative-overflow"),
        pytest.param(b'{"a":' + b"9" * 4301 + b"}", id="4301-digits"),
        pytest.param(b'{"a":1,"a":1}', id="duplicate"),
        pytest.param(rb'{"a":1,"\u0061":2}', id="duplicate-by-escape"),
        pytest.param(b'{"b":[{"a":1,"a":2}]}', id="duplicate-inside"),
        pytest.param(nested(MAX_DEPTH + 1), id="too-deep"),
        pytest.param(nested(10_000), id="very-deep"),
        pytest.param(nested(10_000, opening=b'{"a":', closing=b"}"), id="very-deep-objects"),
        pytest.param(b"[" * 10_000, id="never-closed"),
        pytest.param(b"{" * 10_000, id="objects-never-closed"),
        pytest.param(b"]" * 10_000, id="never-opened"),
        pytest.param(b'{"a":' + b"[}" * 40 + b"}", id="crossed"),
        pytest.param(b'"' + b"\\" * 9_999 + b"[" * 9_999, id="escapes-before-brackets"),
        pytest.param(b'"\\"' * 9_999, id="quotes-and-escapes"),
    ],
)
def test_anything_else_is_malformed(data: bytes) -> None:
    """Other encodings, duplicate names, numbers that are none, lone surrogates, depth: refused."""
    with pytest.raises(Malformed):
        json_object(data)


@pytest.mark.parametrize(
    ("limit", "given"),
    [
        pytest.param(MAX_DEPTH, {}, id="default"),
        pytest.param(1, {"max_depth": 1}, id="a-flat-object"),
        pytest.param(3, {"max_depth": 3}, id="three"),
    ],
)
def test_the_depth_is_bounded_exactly(limit: int, given: dict[str, int]) -> None:
    """`max_depth` levels are read, one more is not."""
    assert list(json_object(nested(limit), **given)) == ["a"]
    with pytest.raises(Malformed, match=r"^nested too deeply$"):
        json_object(nested(limit + 1), **given)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES, max_size=4))
def test_every_json_object_is_read(value: dict[str, object]) -> None:
    """RFC 8259 section 9: a JSON parser MUST accept all texts that conform to the JSON grammar."""
    assert json_object(json.dumps(value).encode()) == value
    assert json_object(json.dumps(value, ensure_ascii=False).encode()) == value


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(f'{{"{CANARY}":', id="no-json"),
        pytest.param(f'{{"{CANARY}":1,"{CANARY}":1}}', id="duplicate"),
        pytest.param(f'{{"{CANARY}":NaN}}', id="nan"),
        pytest.param(f'{{"{CANARY}":"\\ud800"}}', id="surrogate"),
        pytest.param(f'["{CANARY}"]', id="no-object"),
    ],
)
def test_the_reason_holds_no_input(data: str) -> None:
    """The error names the fault in a fixed text, and it has no decoder's error as its cause."""
    with pytest.raises(Malformed) as caught:
        json_object(data.encode())
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_arrays_and_objects_are_counted() -> None:
    """1,024 of them are a document, one more is none; what stands in strings is no bracket."""
    most = b'{"a":[' + b",".join([b"{}"] * (MAX_CONTAINERS - 2)) + b"]}"
    assert len(json_object(most)["a"]) == MAX_CONTAINERS - 2
    with pytest.raises(Malformed, match=r"^too many arrays and objects$"):
        json_object(most[:-2] + b",[]]}")
    quoted = b'{"a":"' + b'[{\\"' * MAX_CONTAINERS + b'\\\\","b":[]}'
    assert json_object(quoted)["b"] == []


def test_depth_is_found_beside_other_brackets() -> None:
    """Nesting counts wherever it stands, and one level less is a document."""

    def beside(levels: int) -> bytes:
        return b'{"a":[],"b":' + b"[" * levels + b"]" * levels + b"}"

    assert json_object(beside(MAX_DEPTH - 1))["a"] == []
    for levels in (MAX_DEPTH, MAX_DEPTH + 1, 500):
        with pytest.raises(Malformed, match=r"^nested too deeply$"):
            json_object(beside(levels))
