"""What a token's claims must say: times, use, client, audience (DESIGN O, S4 to S6).

Owns these checks and their order. Pure: the moment comes in as an argument. Used on verified claims,
and by R5 on unverified ones, where a refusal only saves a fetch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from .errors import AuthError, ClaimRejected, TokenExpired, TokenNotYetValid

__all__ = ["Expectations", "Span", "check_claims", "check_span", "time_span"]

# 9999-12-31T23:59:59Z, the last second that datetime knows; milliseconds and garbage lie beyond.
MAX_TIME = 253402300799

_CLOCKS = "the token is from the future: compare this machine's clock with the issuer's"


class Expectations(NamedTuple):
    """What one pool of one verifier accepts. `client_ids` is None for ANY_CLIENT."""

    token_use: str
    client_ids: frozenset[str] | None
    audience: str | None
    leeway: float


class Span(NamedTuple):
    """The moments between which a token is valid, leeway included: from `start`, before `end`."""

    start: float
    end: float


def time_span(claims: Mapping[str, Any], leeway: float) -> Span:
    """The span that `exp`, `iat` and `nbf` leave (RFC 7519 4.1.4 to 4.1.6, S4).

    Raises:
        ClaimRejected: one of them is absent or no NumericDate; `nbf` may be absent.
    """
    issued, expires = _moment(claims, "iat"), _moment(claims, "exp")
    start = max(issued, _moment(claims, "nbf")) if "nbf" in claims else issued
    return Span(start - leeway, expires + leeway)


def _moment(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    # bool is an int to Python, and a comparison with NaN would be False for "expired?".
    if value.__class__ is not int and value.__class__ is not float:
        _refuse(name, "is required and must be a number")
    if not 0 <= value <= MAX_TIME:
        _refuse(name, "is not a plausible time")
    return value


def check_span(span: Span, now: float) -> None:
    """RFC 7519 4.1.4: on or after `exp` a token must not be accepted; before `nbf` neither.

    Raises:
        TokenExpired, TokenNotYetValid: as the names say.
    """
    if now >= span.end:
        raise TokenExpired(hint="get a new one with the refresh token")
    if now < span.start:
        raise TokenNotYetValid(hint=_CLOCKS)


def in_time(claims: Mapping[str, Any], leeway: float, now: float) -> bool:
    """Whether the claims' times, of the right form, allow the token now."""
    try:
        check_span(time_span(claims, leeway), now)
    except AuthError:
        return False
    return True


def check_claims(claims: Mapping[str, Any], expected: Expectations, now: float) -> Span:
    """Every check that does not need the signature, in DESIGN's order; gives the time span.

    Raises:
        TokenExpired, TokenNotYetValid: by the clock `now`, in seconds since the epoch.
        ClaimRejected: naming the claim.
    """
    span = time_span(claims, expected.leeway)
    check_span(span, now)
    _text(claims, "sub")
    use = _text(claims, "token_use")
    if use not in ("access", "id"):
        _refuse("token_use", 'is neither "access" nor "id"')
    if expected.token_use not in (use, "any"):
        sent = "an ID token" if use == "id" else "an access token"
        wanted = "access" if use == "id" else "ID"
        raise ClaimRejected(
            "the token's token_use is not the expected one",
            claim="token_use",
            hint=f"this is {sent}; send the {wanted} token",
        )
    if "jti" in claims and claims["jti"].__class__ is not str:
        _refuse("jti", "must be a string")  # RFC 7519 4.1.7
    client_claim = "client_id" if use == "access" else "aud"
    client = _text(claims, client_claim)
    if expected.client_ids is not None and client not in expected.client_ids:
        raise ClaimRejected(
            f"the token's {client_claim} is none of the configured app clients",
            claim=client_claim,
            hint="the token is for another app client of the user pool",
        )
    if use == "access":
        _check_audience(claims, expected.audience, client)
    return span


def _check_audience(claims: Mapping[str, Any], audience: str | None, client: str) -> None:
    """S6: the configured resource, or, where a token names an audience unasked, its own client."""
    held = claims.get("aud")
    if audience is None:
        if "aud" in claims and held != client:
            raise ClaimRejected(
                "the token is bound to an audience",
                claim="aud",
                hint="the token is bound to a resource (RFC 8707): configure audience=",
            )
        return
    members = held if isinstance(held, list) else [held]
    if any(member.__class__ is not str for member in members) or audience not in members:
        raise ClaimRejected(
            "the token's aud does not hold the configured audience",
            claim="aud",
            hint="request the token with this API as its resource (RFC 8707)",
        )


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if value.__class__ is not str or not value:
        _refuse(name, "is required and must be a non-empty string")
    return value


def _refuse(name: str, what: str) -> NoReturn:
    raise ClaimRejected(f"the token's {name} {what}", claim=name)
