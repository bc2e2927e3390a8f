"""A second reading of tokens and key sets, with json and base64 alone: what an accepted one must say.

Owns no line of the library and imports none of it. Slower, and written to be obviously right.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import string
from typing import Any, NamedTuple, NoReturn

__all__ = ["Jws", "Unreadable", "document", "number", "same", "token"]

ALPHABET = frozenset(string.ascii_letters + string.digits + "-_")


class Unreadable(ValueError):  # noqa: N818 - what a reading says
    """Not what RFC 7515, 7517 or 7519 allow; the message says what is wrong."""


class Jws(NamedTuple):
    """A token's parts; `digest` is SHA-256 of what is signed."""

    header: dict[str, Any]
    payload: dict[str, Any]
    digest: bytes
    signature: bytes


def octets(text: str) -> bytes:
    """RFC 7515 section 2: base64url without padding, and in one spelling only."""
    if not ALPHABET.issuperset(text):
        raise Unreadable("a character that is not base64url")
    try:
        found = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise Unreadable("no base64url") from None
    if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != text:
        raise Unreadable("another spelling of the same octets")
    return found


def number(text: object) -> int:
    """RFC 7518 section 2: a Base64urlUInt in the fewest octets."""
    if not isinstance(text, str):
        raise Unreadable("a number that is no text")
    found = octets(text)
    if not found or found[0] == 0:
        raise Unreadable("a number with a leading zero")
    return int.from_bytes(found, "big")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise Unreadable("a name twice")
    return dict(pairs)


def _constant(name: str) -> NoReturn:
    raise Unreadable(name)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise Unreadable("a number out of range")
    return value


def document(data: bytes) -> dict[str, Any]:
    """A JSON object in UTF-8: unique names, finite numbers, no lone surrogate."""
    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_members, parse_constant=_constant, parse_float=_float)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except Unreadable:
        raise
    except (ValueError, RecursionError) as error:
        raise Unreadable(type(error).__name__) from None
    if not isinstance(value, dict):
        raise Unreadable("no object")
    return value


def token(text: str) -> Jws:
    """RFC 7515 7.1: three parts, of which two are JSON objects."""
    parts = text.split(".")
    if len(parts) != 3:
        raise Unreadable("not three parts")
    header, payload, signature = map(octets, parts)
    signed = hashlib.sha256(f"{parts[0]}.{parts[1]}".encode()).digest()
    return Jws(document(header), document(payload), signed, signature)


def same(one: object, other: object) -> bool:
    """Whether two JSON values are alike to the type: 1 is neither True nor 1.0."""
    return bool(_typed(one) == _typed(other))


def _typed(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _typed(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_typed(each) for each in value]
    return type(value), repr(value)
