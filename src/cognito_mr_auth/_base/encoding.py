"""Strict base64url and strict JSON. A text has exactly one reading, or is refused (S2).

This module turns bytes into values for tokens, JWKS documents and key files. It never guesses an encoding
and never repairs. It raises `Malformed` alone, with a fixed reason and nothing of the input.
"""

from __future__ import annotations

import json
from binascii import Error, a2b_base64
from collections.abc import Callable
from typing import Any, NoReturn

__all__ = ["MAX_DEPTH", "Malformed", "b64url_decode", "json_object", "json_value"]

# The nesting levels of a document, the document included. Cognito's deepest documented claim is an array of
# objects (3 levels), and triggers add a few. RFC 8259 section 9 lets the reader choose the bound.
MAX_DEPTH = 32

# The number of arrays and objects in a document. Claims and scopes of triggers have 5,000 characters at most.
# The bound is needed because empty arrays side by side cost a reader the most time for each byte.
MAX_CONTAINERS = 1024

# The last character of a group of 2 or 3 has 4 or 2 bits that belong to no octet. The text is canonical only
# if they are zero (RFC 4648 3.5). Otherwise several texts would decode to one value.
_LAST_OF_TWO = frozenset(b"AQgw")
_LAST_OF_THREE = frozenset(b"AEIMQUYcgkosw048")
_PLUS, _SLASH, _EQUALS = b"+/="


class Malformed(ValueError):  # noqa: N818 - it never leaves the library
    """The text is not what the standard allows. The message is fixed and holds no input."""


def b64url_decode(text: bytes) -> bytes:
    """The octets of canonical, unpadded base64url (RFC 7515 section 2, RFC 4648 3.5 and 5).

    Raises:
        Malformed: another character, padding, an impossible length, or unused bits that are set.
    """
    spare = len(text) & 3
    if spare == 0:
        padded = text
    elif spare == 2 and text[-1] in _LAST_OF_TWO:
        padded = text + b"=="
    elif spare == 3 and text[-1] in _LAST_OF_THREE:
        padded = text + b"="
    else:
        raise Malformed("not canonical base64url")
    # The decoder accepts the standard alphabet and padding, so these characters are refused first; it refuses
    # all others itself. Two passes for one character each are five times as fast as one of translate().
    if not (_PLUS in text or _SLASH in text or _EQUALS in text):
        try:
            return a2b_base64(padded.replace(b"-", b"+").replace(b"_", b"/"), strict_mode=True)
        except Error:
            pass
    raise Malformed("not base64url")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # RFC 7515 section 4 and RFC 7519 section 4 let a reader refuse duplicate names. Two readers could choose
    # different ones, and the signed token would have two meanings.
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("duplicate member")
    return members


def _finite(digits: str) -> float:
    value = float(digits)
    if value - value != 0.0:  # 1e400 becomes infinity, and parse_constant is not called for it
        raise Malformed("number out of range")
    return value


def _no_constant(_name: str) -> NoReturn:
    raise Malformed("NaN or infinity")


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant)
_decode = _decoder.decode
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once  # type: ignore[attr-defined]


def _value(text: str) -> Any:
    """The value of a JSON text. A compact text, as issuers write it, needs no search for white space."""
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return _decode(text)
    return value if end == len(text) else _decode(text)


def json_value(data: bytes, max_depth: int = MAX_DEPTH) -> Any:
    """The JSON value in `data`: UTF-8 without a byte order mark, unique names, finite numbers (RFC 8259).

    Raises:
        Malformed: anything else, including lone surrogates, nesting beyond `max_depth`, and more than 1,024
            arrays and objects.
    """
    reason: str | None = None
    value: Any = None
    try:
        text = data.decode()
        # Most tokens are flat, so one search for each kind of bracket saves two counts.
        if "[" in text or text.find("{", 1) > 0:
            reason = _excess(data, max_depth)
        if reason is None:
            value = _value(text)
            if "\\" in text:  # only an escape can produce a lone surrogate after the UTF-8 decoder
                json.dumps(value, ensure_ascii=False).encode("utf-8")
    except Malformed as error:
        reason = error.args[0]
    except ValueError:  # JSONDecodeError, UnicodeError, and an int of over 4,300 digits
        reason = "not JSON in UTF-8"
    # Raised outside the `except`, so that its context is no decoder's exception, which would hold the text.
    if reason is not None:
        raise Malformed(reason)
    return value


def json_object(data: bytes, max_depth: int = MAX_DEPTH) -> dict[str, Any]:
    """The JSON object in `data`.

    Raises:
        Malformed: the value is no object, or `json_value` raises it.
    """
    value = json_value(data, max_depth)
    if value.__class__ is not dict:
        raise Malformed("not a JSON object")
    found: dict[str, Any] = value
    return found


_NOT_BRACKET = bytes(set(range(256)) - set(b"[]{}"))
_TO_SQUARE = bytes.maketrans(b"{}", b"[]")


def _excess(data: bytes, limit: int) -> str | None:
    """Why the brackets outside strings are too many: nested beyond `limit`, or too many in all; None if not.

    Broken nesting counts as too deep. After escapes are removed, strings begin and end at the quotes, so
    every second piece between quotes is outside. The decoder refuses an escape outside a string. Each pass
    removes the innermost level, so the cost is a few passes in C over the rest. One kind of bracket stands
    for both, because with two kinds a pass could remove two levels. The decoder refuses crossed brackets,
    and does not go deeper than they nest.
    """
    if data.count(b"{") + data.count(b"[") <= limit:
        return None
    outside = data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]
    brackets = b"".join(outside).translate(_TO_SQUARE, _NOT_BRACKET)
    if brackets.count(b"[") > MAX_CONTAINERS:
        return "too many arrays and objects"
    if brackets.startswith(b"[" * (limit + 1)):
        return "nested too deeply"
    for _ in range(limit):
        before = len(brackets)
        brackets = brackets.replace(b"[]", b"")
        if len(brackets) == before:
            break
    return "nested too deeply" if brackets else None
