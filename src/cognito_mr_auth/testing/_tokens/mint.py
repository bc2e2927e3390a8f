"""JWS in compact form, with raw control over every byte.

Owns encoding and signing of one token. It must never refuse a strange header or payload, because the tests
need tokens that the verifier refuses.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple, TypedDict

from cognito_mr_auth.principal import IssuerKind

from .keys import SigningKey
from .malformed_names import MalformedName

Signer = Literal["pool", "foreign", "unknown"]
Part = Mapping[str, object] | bytes


class _Remove:
    """The type of REMOVE."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "REMOVE"


REMOVE: Final = _Remove()
"""A value in ``claims=`` or ``header=`` that removes this member."""


class ClaimOptions(TypedDict, total=False):
    """The options of every FakeUserPool method that makes a token's claims, beside its own arguments."""

    issuer: IssuerKind
    """Which of the pool's issuers `iss` names; default "original"."""
    region: str | None
    """The replica's Region, where the pool has several; default the first."""
    client_id: str
    """The app client; default the pool's."""
    issued_at: float
    """`iat` and `auth_time`, seconds since the epoch; default the pool's clock, in whole seconds.
    """
    expires_in: float
    """Seconds from `issued_at` to `exp`; negative for a token that is expired already; default 3600."""
    not_before: float
    """`nbf`, seconds since the epoch; Cognito sets none."""
    claims: Mapping[str, object]
    """Claims to add or override, as a pre-token-generation trigger would, or a forger; REMOVE deletes
    one.
    """


class UserOptions(ClaimOptions, total=False):
    """The options for the claims of a user's access token; `access_token` explains them."""

    username: str | None
    subject: str | None
    scopes: Iterable[str]
    groups: Iterable[str]
    audience: str | None
    federated: bool | str


class TokenOptions(ClaimOptions, total=False):
    """The options of every minting method of FakeUserPool, beside its own arguments."""

    header: Mapping[str, object]
    """The same for the JOSE header."""
    signed_by: SigningKey | Signer
    """"foreign": another key under the pool's kid; "unknown": another key, a new kid; or a key of
    your own.
    """
    malformed: MalformedName | None
    """A name in MALFORMED: damage the finished token in that way."""


class AccessTokenOptions(UserOptions, TokenOptions, total=False):
    """All options of `access_token`."""


class Draft(NamedTuple):
    """A token before it is signed."""

    header: dict[str, object]
    payload: dict[str, object]
    key: SigningKey

    def token(self) -> str:
        """Sign the draft unchanged."""
        return compact(self.header, self.payload, self.key)


def merged(defaults: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """Return `defaults` updated with `changes`; REMOVE deletes a member."""
    both = {**defaults, **changes}
    return {name: value for name, value in both.items() if value is not REMOVE}


def octets(part: Part) -> bytes:
    """Return the JSON of a mapping, compact and in UTF-8, or the bytes themselves."""
    if isinstance(part, bytes):
        return part
    return json.dumps(part, separators=(",", ":"), ensure_ascii=False).encode()


def base64url(data: bytes) -> str:
    """Encode with the URL-safe alphabet and no padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(header: Part, payload: Part, key: SigningKey) -> str:
    """Return the compact form (RFC 7515 section 7.1), signed with RS256 whatever the header says."""
    return seal(f"{base64url(octets(header))}.{base64url(octets(payload))}", key)


def seal(signing_input: str, key: SigningKey) -> str:
    """Append the RS256 signature over exactly this text."""
    return f"{signing_input}.{base64url(key.sign(signing_input.encode()))}"
