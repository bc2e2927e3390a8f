"""A compact JWS: splitting it into its parts, and its RS256 signature (RFC 7515; O, S, T3).

This module checks the form of a token and its header, and its signature. Pure. Cheap checks come before
expensive ones, and nothing here reads a claim. Errors are raised without the decoder's exception, because it
holds the payload.
"""

from __future__ import annotations

from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from cognito_mr_auth._base.checks import MAX_KID_CHARS
from cognito_mr_auth._base.digest import sha256
from cognito_mr_auth._base.encoding import Malformed, b64url_decode, json_object
from cognito_mr_auth._base.named_tuple import NamedTuple
from cognito_mr_auth.errors import AlgorithmNotAllowed, SignatureInvalid, TokenMalformed

__all__ = [
    "MAX_HEADER_CHARS",
    "MAX_TOKEN_CHARS",
    "TOKEN_TYPES",
    "CompactJWS",
    "HeaderCache",
    "TokenForm",
    "open_jws",
    "parse",
    "verify_signature",
]

# Cognito's tokens have 1 to 4 KB. Claims and scopes added in one sign-in have 5,000 characters at most. API
# Gateway passes 10,240 bytes of headers, most servers 8 or 16 KiB. A verifier may set another limit.
MAX_TOKEN_CHARS = 16 * 1024
# The longest kid, alg and typ take 450 characters; Cognito's take 110. A longer header is not decoded.
MAX_HEADER_CHARS = 2048

# Members that would change what is verified, or with which key. None is ever read (T3). Sources: RFC 7515
# 4.1.2 to 4.1.6 (keys) and 4.1.11 (crit), RFC 7797 (b64), RFC 7516 4.1 (zip, enc), RFC 7518 4.8.1 (p2c),
# RFC 7519 5.2 (cty, for a nested token).
_FORBIDDEN = frozenset({"jku", "x5u", "x5c", "jwk", "crit", "b64", "zip", "enc", "p2c", "cty"})

# RFC 8725 3.11, RFC 9068 2.1.
TOKEN_TYPES = ("JWT", "at+jwt")

_PADDING = PKCS1v15()
_HASHED = Prehashed(SHA256())
_DOT, _SPACE = b". "
_tuple = tuple.__new__  # the constructor of a NamedTuple takes twice as long


class TokenForm(NamedTuple):
    """The allowed form of a token: the accepted values of `typ`, in lower case, and the longest length.

    A `typ` without "/" means the same with "application/" in front (RFC 7515 4.1.9), so both forms are here.
    """

    types: frozenset[str] = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})
    max_chars: int = MAX_TOKEN_CHARS


_USUAL = TokenForm()


class CompactJWS(NamedTuple):
    """The parts of a token, none of them verified yet. `header` is the segment as it was received."""

    kid: str
    payload: dict[str, Any]
    signed: bytes
    signature: bytes
    header: bytes = b""

    def __repr__(self) -> str:
        """Show nothing of the token, because error trackers print the variables of frames."""
        return "CompactJWS()"


# The tokens of one pool have two different headers, and four during a rotation.
MAX_HEADERS = 64


class HeaderCache:
    """The kid of each header that was read before, by the header's segment (RFC 7515 4.1).

    Equal octets mean the same to one verifier, so they are not parsed again. Only headers of tokens with a
    valid signature are kept, so forged tokens cannot fill it. It is emptied when it is full. `kids` is
    replaced and never changed, so a reader needs no lock.
    """

    __slots__ = ("kids",)

    def __init__(self) -> None:
        self.kids: dict[bytes, str] = {}

    def keep(self, jws: CompactJWS) -> None:
        """Keep the header of a token whose signature is valid."""
        if jws.header not in self.kids:
            self.kids = {**(self.kids if len(self.kids) < MAX_HEADERS else {}), jws.header: jws.kid}


def parse(token: object, known: HeaderCache | None = None, form: TokenForm = _USUAL) -> CompactJWS:
    """Split and decode a token (RFC 7515 5.2 steps 1 to 6, RFC 7519 7.2).

    A header that `known` holds is not parsed again.

    Raises:
        TokenMalformed: it is no compact JWS of two JSON objects and a signature.
        AlgorithmNotAllowed: `alg` is not "RS256".
    """
    header, payload, signed, signature = split(token, form.max_chars)
    kid = None if known is None else known.kids.get(header)
    if kid is None:
        kid = _kid(header, form.types)
    octets = _decoded(payload, "payload")
    parts = (kid, _object(octets, "payload"), signed, _decoded(signature, "signature"), header)
    return _tuple(CompactJWS, parts)


def open_jws(token: object) -> tuple[str, bytes, bytes, bytes]:
    """Read the JWS layer alone: kid, payload octets (any content), signing input, signature octets.

    Raises:
        TokenMalformed, AlgorithmNotAllowed: as `parse` does.
    """
    header, payload, signed, signature = split(token)
    kid = _kid(header, _USUAL.types)
    return kid, _decoded(payload, "payload"), signed, _decoded(signature, "signature")


def split(token: object, max_chars: int = MAX_TOKEN_CHARS) -> tuple[bytes, bytes, bytes, bytes]:
    """Header, payload, signing input and signature, undecoded. The length and the dots are checked."""
    if not isinstance(token, str):
        raise TokenMalformed(hint=_no_text(token))
    if len(token) > max_chars:
        raise TokenMalformed(f"the token is longer than {max_chars} characters")
    text = str.encode(token, "utf-8", "replace")
    signed, _, signature = text.rpartition(b".")
    header, dot, payload = signed.partition(b".")
    if not dot or _DOT in payload or _SPACE in header:
        _not_compact(text)
    return header, payload, signed, signature


def _no_text(token: object) -> str:
    """Advice if the token is no str. It names the type alone, because the text may be a token."""
    if isinstance(token, (bytes, bytearray)):
        return "these are bytes; give a str: token.decode('ascii')"
    return f"pass the token as a str, not {'None' if token is None else type(token).__name__}"


def _not_compact(text: bytes) -> NoReturn:
    if text.count(b".") == 4:  # RFC 7516 3.1: a JWE has five parts
        raise TokenMalformed(hint="this is an encrypted token, perhaps a refresh token")
    if text[:7].lower() == b"bearer ":
        raise TokenMalformed(hint='pass the token without "Bearer "')
    raise TokenMalformed


def verify_signature(jws: CompactJWS, key: RSAPublicKey) -> None:
    """Check RSASSA-PKCS1-v1_5 with SHA-256 over exactly the received bytes (RFC 7518 3.3).

    Raises:
        SignatureInvalid: the signature does not match this key.
    """
    try:
        # Prehashed gives the same verdict, and saves the slower look-up of the hash in a single call.
        key.verify(jws.signature, sha256(jws.signed), _PADDING, _HASHED)
    except InvalidSignature:
        pass
    else:
        return
    raise SignatureInvalid


def _kid(segment: bytes, types: frozenset[str]) -> str:
    if len(segment) > MAX_HEADER_CHARS:
        raise TokenMalformed(f"the token's header is longer than {MAX_HEADER_CHARS} characters")
    return _check_header(_object(_decoded(segment, "header"), "header"), types)


def _check_header(header: dict[str, Any], types: frozenset[str]) -> str:
    if header.get("alg") != "RS256":
        raise AlgorithmNotAllowed
    if not _FORBIDDEN.isdisjoint(header):
        raise TokenMalformed("the token's header has a member that is never accepted")
    kid = header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_CHARS:
        raise TokenMalformed("the token's header has no usable kid")
    if "typ" in header:
        kind = header["typ"]
        if not isinstance(kind, str) or not kind.isascii() or kind.lower() not in types:
            raise TokenMalformed("the token's typ is none of the accepted token types")
    return kid


def _decoded(segment: bytes, name: str) -> bytes:
    try:
        return b64url_decode(segment)
    except Malformed:
        pass
    raise TokenMalformed(f"the token's {name} is not canonical base64url")


def _object(octets: bytes, name: str) -> dict[str, Any]:
    try:
        return json_object(octets)
    except Malformed:
        pass
    raise TokenMalformed(f"the token's {name} is not a strict JSON object")
