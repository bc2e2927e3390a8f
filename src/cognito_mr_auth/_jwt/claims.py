"""The checks of a token's claims: times, use, client, audience (O, S4 to S6).

This module has these checks and their order. Pure: the moment is an argument. The verifier checks verified
claims with it. R5 checks unverified claims with it, where a refusal only saves a fetch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from cognito_mr_auth._base.clock import MAX_TIME
from cognito_mr_auth._base.named_tuple import NamedTuple
from cognito_mr_auth.errors import AuthError, ClaimRejected, TokenExpired, TokenNotYetValid

__all__ = [
    "ClaimRequirements",
    "ValidityPeriod",
    "check_bearer",
    "check_claims",
    "check_span",
    "in_time",
    "time_span",
]

_NO_TEXT = "is required and must be a non-empty string"
_CLOCKS = "the token's times lie in the future; compare this machine's clock with the issuer's"


class ClaimRequirements(NamedTuple):
    """What one verifier requires of one pool's tokens. `client_ids` is None for ANY_CLIENT.

    An access token's `aud` must hold one of `audience`. With `unbound_machines`, a machine's may be absent.
    """

    token_use: str
    client_ids: frozenset[str] | None
    audience: frozenset[str] | None
    leeway: float
    unbound_machines: bool = False


ValidityPeriod = tuple[float, float]
"""The period in which a token is valid, leeway included: from the first moment until before the second."""


def time_span(claims: Mapping[str, Any], leeway: float) -> ValidityPeriod:
    """The period that `exp`, `iat` and `nbf` allow (RFC 7519 4.1.4 to 4.1.6, S4).

    Raises:
        ClaimRejected: one of them is no NumericDate, or is absent. Only `nbf` may be absent.
    """
    issued: Any = claims.get("iat")
    expires: Any = claims.get("exp")
    if issued.__class__ is not int or not 0 <= issued <= MAX_TIME:
        _check_moment("iat", issued)
    if expires.__class__ is not int or not 0 <= expires <= MAX_TIME:
        _check_moment("exp", expires)
    if "nbf" in claims:
        _check_moment("nbf", claims["nbf"])
        issued = max(issued, claims["nbf"])
    return issued - leeway, expires + leeway


def _check_moment(name: str, value: Any) -> None:
    # In Python a bool is an int, and a comparison with NaN would never say "expired".
    if value.__class__ is not int and value.__class__ is not float:
        _refuse(name, "is required and must be a number")
    if not 0 <= value <= MAX_TIME:
        _refuse(name, "is not a plausible time")


def check_span(span: ValidityPeriod, now: float) -> None:
    """Check a period (RFC 7519 4.1.4): a token is not accepted on or after `exp`, nor before `nbf`.

    Raises:
        TokenExpired, TokenNotYetValid: as the names say.
    """
    start, end = span
    if not now < end:  # this form refuses every token if a broken clock gives NaN
        raise TokenExpired(hint="get a new one with the refresh token")
    if now < start:
        raise TokenNotYetValid(hint=_CLOCKS)


def in_time(claims: Mapping[str, Any], leeway: float, now: float) -> bool:
    """Whether the claims' times have the right form and allow the token now."""
    try:
        check_span(time_span(claims, leeway), now)
    except AuthError:
        return False
    return True


def check_claims(claims: Mapping[str, Any], expected: ClaimRequirements, now: float) -> ValidityPeriod:
    """Check all that needs no signature, in the order of O; return the validity period.

    Raises:
        TokenExpired, TokenNotYetValid: the clock `now`, in seconds since the epoch, is outside the period.
        ClaimRejected: a claim is wrong. The error names it.
    """
    span = time_span(claims, expected.leeway)
    check_span(span, now)
    check_bearer(claims, expected)
    return span


def check_bearer(claims: Mapping[str, Any], expected: ClaimRequirements) -> None:
    """Check who the token belongs to and for whom it is: all of `check_claims` except the times.

    Raises:
        ClaimRejected: a claim is wrong. The error names it.
    """
    subject, use = claims.get("sub"), claims.get("token_use")
    if subject.__class__ is not str or not subject:
        _refuse("sub", _NO_TEXT)
    if use != expected.token_use or use == "any":
        _check_use(use, expected.token_use)
    if "jti" in claims and claims["jti"].__class__ is not str:
        _refuse("jti", "must be a string")  # RFC 7519 4.1.7
    client_claim = "client_id" if use == "access" else "aud"
    client = claims.get(client_claim)
    if client.__class__ is not str or not client:
        _refuse(client_claim, _NO_TEXT)
    if expected.client_ids is not None and client not in expected.client_ids:
        raise ClaimRejected(
            f"the token's {client_claim} is none of the configured app clients",
            claim=client_claim,
            hint="the token is for another app client of the user pool",
        )
    if use == "access" and (expected.audience is not None or "aud" in claims):
        _check_audience(claims, expected, client)


def _check_use(use: object, expected: str) -> None:
    """Refuse a wrong `token_use`. It is called if `use` is not the expected one, or if both are accepted."""
    if use.__class__ is not str or not use:
        _refuse("token_use", _NO_TEXT)
    if use not in ("access", "id"):
        _refuse("token_use", 'is neither "access" nor "id"')
    if expected not in (use, "any"):
        sent = "an ID token" if use == "id" else "an access token"
        wanted = "access" if use == "id" else "ID"
        raise ClaimRejected(
            "the token's token_use is not the expected one",
            claim="token_use",
            hint=f"this is {sent}; send the {wanted} token",
        )


def _check_audience(claims: Mapping[str, Any], expected: ClaimRequirements, client: str) -> None:
    """S6: `aud` holds a configured audience. Where none is configured, `aud` is the token's own client.

    Cognito binds no token of the client-credentials grant. Such a token has no user, and `sub` is its client.
    """
    held = claims.get("aud")
    if expected.audience is None:
        if held != client:
            raise ClaimRejected(
                "the token is bound to an audience",
                claim="aud",
                hint="the token is bound to a resource (RFC 8707): configure audience=",
            )
        return
    members = held if isinstance(held, list) else [held]
    if any(member.__class__ is not str for member in members) or expected.audience.isdisjoint(members):
        is_machine = claims["sub"] == client and "username" not in claims
        if expected.unbound_machines and is_machine and "aud" not in claims:
            return
        raise ClaimRejected(
            "the token's aud does not hold the configured audience",
            claim="aud",
            hint="request the token with this API as its resource (RFC 8707)",
        )


def _refuse(name: str, what: str) -> NoReturn:
    raise ClaimRejected(f"the token's {name} {what}", claim=name)
