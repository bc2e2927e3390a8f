"""Rebuilds the principal that an authorizer in front of a function has verified.

Owns the conversion of flattened claims to a Principal. Verifies nothing, and guesses nothing: an ambiguous
claim is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, NoReturn

from cognito_mr_auth._base.checks import HOST_NAME, POOL_ID, is_client_id
from cognito_mr_auth._base.clock import MAX_TIME
from cognito_mr_auth._base.partitions import REGION, partition
from cognito_mr_auth._config.options import MAX_LEEWAY
from cognito_mr_auth._remote.clocks import wall_clock
from cognito_mr_auth.aws_lambda._authorizer.context import DEFAULT, RESERVED
from cognito_mr_auth.aws_lambda._raw_event import mapping, raw_event
from cognito_mr_auth.errors import ClaimRejected, ConfigurationError
from cognito_mr_auth.principal import Issuer, IssuerKind, Principal, _as_partial

__all__ = ["principal_from_authorizer", "still_valid"]

_OURS: Final = "ours"
_JWT: Final = "jwt"  # the built-in JWT authorizer of HTTP APIs
_COGNITO: Final = "cognito"  # the built-in Cognito authorizer of REST APIs

_NOTHING = (
    "no principal in the event: the route has no authorizer, or one that passes on none of the names in "
    "Authorizer(context=); a function behind a function URL or a load balancer guards itself with CognitoAuth"
)
_GROUPS = "cognito:groups"
# The form of the three kinds of issuer. The authorizer has decided whose tokens pass.
_ISSUER = re.compile(
    rf"https://(?P<updated>issuer-)?cognito-idp\.(?P<region>{REGION.pattern})\."
    rf"{HOST_NAME}/(?P<pool>{POOL_ID})"
)
# A text that cannot be an array of several names.
_SINGLE = re.compile(r"[^\s,]+")

# Seconds as API Gateway writes them. Go and Java write large numbers with an exponent.
_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?(?:[eE]\+?[0-9]{1,2})?", re.ASCII)
# "Tue Jul 16 02:55:29 UTC 2019": java.util.Date, which the Cognito authorizer of REST APIs prints.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DATE = re.compile(
    rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ({'|'.join(_MONTHS)}) ([0-9]{{1,2}}) "
    r"([0-9]{2}):([0-9]{2}):([0-9]{2}) (?:UTC|GMT) ([0-9]{4})"
)


class _AuthorizerClaims(NamedTuple):
    """The claims that one authorizer has passed on, and their form."""

    form: str
    claims: Mapping[str, Any]

    def __repr__(self) -> str:
        """Show no claim."""
        return f"_AuthorizerClaims({self.form!r})"


def principal_from_authorizer(event: Any, *, group_separator: str | None = None) -> Principal:
    """Return the principal that an authorizer in front of this function has verified.

    **This function verifies nothing.** It is safe only behind API Gateway, on a route that has that
    authorizer. Only API Gateway may have the right to invoke the function. A direct caller can write any
    event, and so any principal. Never use it behind a function URL or a load balancer.

    It recognises the form of `Authorizer` (REST, HTTP and WebSocket APIs), the JWT authorizer of HTTP APIs,
    and the Cognito authorizer of REST APIs. An authorization may have been cached: see `still_valid`.

    Args:
        event: a dict, or an object with `.raw_event`.
        group_separator: the text that joins the names of several groups, if no name contains it. It is " "
            for the JWT authorizer of HTTP APIs, and "," for the Cognito authorizer of REST APIs. Without it,
            "a,b" is refused, because it may be one group or two.

    Returns:
        A Principal. `iat`, `exp`, `nbf` and `auth_time` are numbers and `cognito:groups` is an array. Other
        claims are unchanged, most of them strings. Scopes are those of the `scope` claim; `jwt.scopes` is
        not read.

    Raises:
        LookupError: none of these authorizers has passed on claims.
        ClaimRejected: several have, or a claim is absent or ambiguous; `hint` says how to fix it.
        ConfigurationError: `group_separator` has another value.
    """
    if group_separator not in (None, *_JOINED.values()):
        raise ConfigurationError(f"group_separator={group_separator!r}: give ' ' or ',', or nothing")
    given = _authorizer_claims(event)
    claims = _as_signed(given.claims) if given.form == _OURS else dict(given.claims)
    use = _text(claims, "token_use", given)
    if use not in ("access", "id"):
        _refuse("token_use", 'token_use of the authorizer is neither "access" nor "id"')
    _text(claims, "sub", given)
    if not is_client_id(_text(claims, "aud" if use == "id" else "client_id", given)):
        _refuse("aud" if use == "id" else "client_id", "the authorizer's app client is not an app client ID")
    issuer, pool_id = _issuer(_text(claims, "iss", given))
    for name in ("exp", "iat"):
        claims[name] = _moment(given, name)
    for name in ("auth_time", "nbf"):
        if name in claims:
            claims[name] = _moment(given, name)
    if _GROUPS in claims:
        claims[_GROUPS] = _groups(claims[_GROUPS], given.form, group_separator)
    principal = Principal(claims, issuer=issuer, user_pool_id=pool_id)
    return _checked(principal, given.claims) if given.form == _OURS else principal


def still_valid(event: Any, *, leeway: float = 5, clock: Callable[[], float] = wall_clock) -> bool:
    """Whether the token behind an event has not expired since its authorizer verified it.

    It is for WebSockets, where nothing checks the token again after `$connect`, and for cached
    authorizations. It reads `exp` where `principal_from_authorizer` does, and is only as safe as that.

    Args:
        event: a dict, or an object with `.raw_event`.
        leeway: the tolerated difference of the clocks in seconds, 0 to 300.
        clock: returns the seconds since the epoch.

    Raises:
        LookupError, ClaimRejected: as `principal_from_authorizer` does.
        ConfigurationError: `leeway` has another value.
    """
    if type(leeway) not in (int, float) or not 0 <= leeway <= MAX_LEEWAY:
        raise ConfigurationError(f"leeway={leeway!r}: seconds, 0 to {MAX_LEEWAY:.0f}")
    return clock() < _moment(_authorizer_claims(event), "exp") + leeway


# -- where the claims are -----------------------------------------------------------------------


def _authorizer_claims(event: Any) -> _AuthorizerClaims:
    raw = mapping(raw_event(event))
    authorizer = mapping(mapping(raw.get("requestContext")).get("authorizer"))
    # An HTTP API with payload 1.0 has `claims` at the same place as REST APIs, in its own form.
    flat = _JWT if raw.get("version") == "1.0" else _COGNITO
    candidates = (
        _AuthorizerClaims(_JWT, _present(mapping(authorizer.get("jwt")).get("claims"))),
        _AuthorizerClaims(flat, _present(authorizer.get("claims"))),
        _AuthorizerClaims(_OURS, _context(authorizer.get("lambda"))),
        _AuthorizerClaims(_OURS, _context(authorizer)),
    )
    found = [each for each in candidates if each.claims]
    if not found:
        raise LookupError(_NOTHING)
    if len(found) > 1:
        raise ClaimRejected(
            "the event has the claims of more than one authorizer",
            hint="API Gateway never writes such an event; check who may invoke the function",
        )
    return found[0]


def _present(claims: object) -> dict[str, Any]:
    # Null groups are kept, and refused later. Without them, the user would seem to be in no group.
    given = mapping(claims).items()
    return {name: value for name, value in given if value is not None or name == _GROUPS}


def _context(context: object) -> dict[str, Any]:
    """Return the context of our `Authorizer`, if this is one; else an empty dict."""
    given = _present(context)
    if given.keys().isdisjoint(DEFAULT):
        return {}
    return {name: value for name, value in given.items() if name not in RESERVED}


def _as_signed(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims under their names in a token."""
    is_id = context.get("token_use") == "id"
    names = {
        "client_id": "aud" if is_id else "client_id",
        "username": "cognito:username" if is_id else "username",
        "groups": _GROUPS,
    }
    # A claim chosen under its own name may have been a string, so groups are read from `groups` alone.
    ours = (*names, "kind", "user_pool_id", _GROUPS)
    claims = {name: value for name, value in context.items() if name not in ours}
    return claims | {signed: context[name] for name, signed in names.items() if name in context}


# -- the values ---------------------------------------------------------------------------------


def _refuse(name: str, message: str, hint: str | None = None) -> NoReturn:
    raise ClaimRejected(message, claim=name, hint=hint)


def _text(claims: Mapping[str, Any], name: str, given: _AuthorizerClaims) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        _refuse(name, f"the authorizer has passed on no {name}", _missing(name, given.form))
    return value


def _missing(name: str, form: str) -> str:
    if form == _OURS:
        return f"add {'client_id' if name == 'aud' else name!r} to context= of the Authorizer"
    return "every token of a Cognito user pool has it; check which issuer the authorizer accepts"


def _moment(given: _AuthorizerClaims, name: str) -> float:
    value: object = given.claims.get(name)
    if value is None:
        _refuse(name, f"the authorizer has passed on no {name}", _missing(name, given.form))
    seconds = _seconds(value) if isinstance(value, str) else value
    # bool is a subclass of int, and NaN fails the comparison.
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= MAX_TIME:
        _refuse(name, f"the authorizer's {name} is not a known form of time")
    return seconds


def _seconds(text: str) -> float | None:
    if _SECONDS.fullmatch(text):
        return int(text) if text.isdigit() else float(text)
    date = _DATE.fullmatch(text)
    if date is None:
        return None
    from datetime import UTC, datetime  # imported here, because only one kind of authorizer writes dates

    month, *numbers, year = date.groups()
    try:
        day, hour, minute, second = map(int, numbers)
        moment = datetime(int(year), 1 + _MONTHS.index(month), day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp())


def _issuer(url: str) -> tuple[Issuer, str]:
    """Return the issuer of an already verified `iss`, and the pool's ID."""
    parts = _ISSUER.fullmatch(url)
    if parts is None:
        _refuse("iss", "the authorizer's iss is not an issuer of a Cognito user pool")
    region, primary = parts["region"], parts["pool"].partition("_")[0]
    kind: IssuerKind = "updated" if parts["updated"] else "original" if region == primary else "replica"
    if (kind == "updated" and region != primary) or partition(region) != partition(primary):
        _refuse("iss", "the authorizer's iss has a Region that its user pool cannot have")
    return Issuer(url, kind, region), parts["pool"]


def _checked(principal: Principal, context: Mapping[str, Any]) -> Principal:
    """Return the principal of our authorizer, or refuse it if the context contradicts its claims.

    It is marked as partial, because `context=` chooses the claims and malformed claims are left out. So
    absent groups do not mean that the user is in no group.
    """
    if context.get("user_pool_id", principal.user_pool_id) != principal.user_pool_id:
        _refuse("iss", "the authorizer's user_pool_id is not that of iss")
    kind = "machine" if principal.is_machine else "user"
    if context.get("kind", kind) != kind:
        _refuse("username", "the authorizer's kind contradicts the claims", _missing("username", _OURS))
    return _as_partial(principal)


# -- groups -------------------------------------------------------------------------------------

# How an authorizer of API Gateway joins an array. `group_separator` confirms that no member contains it.
_JOINED: Final = {_JWT: " ", _COGNITO: ","}


def _groups(value: object, form: str, separator: str | None) -> list[str]:
    """Return the group names, if they can be read in only one way."""
    names: object = value
    if isinstance(value, str):
        names = _READERS[form](value, separator if separator == _JOINED.get(form) else None)
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        hint = None
        if form in _JOINED:
            hint = f"set group_separator={_JOINED[form]!r} if no group's name contains it"
        _refuse(_GROUPS, "the authorizer's groups can be read in more than one way", hint)
    return list(names)


def _from_context(text: str, _separator: str | None) -> object:
    """Invert `_authorizer.context.flat_groups`."""
    if not text.startswith("["):
        return _split(text, " ")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _from_jwt(text: str, separator: str | None) -> list[str] | None:
    """Read the form of HTTP APIs' JWT authorizer, which prints an array as "[a b]", and a string unchanged.

    Cognito's group names hold no white space (CreateGroup), but a pre-token-generation trigger may add
    others. Then "[a b]" is one name or two.
    """
    if text[:1] != "[" or text[-1:] != "]" or text[1:2] == '"':  # with quotes it is JSON, not this form
        return None
    return _members(text[1:-1], separator)


def _from_cognito(text: str, separator: str | None) -> list[str] | None:
    """Read the form of REST APIs' Cognito authorizer, which joins names with commas. A name may have one."""
    bracketed = text[:1] == "[" and text[-1:] == "]"  # the array of another form
    return None if bracketed or (not text and separator is None) else _members(text, separator)


_READERS: Mapping[str, Callable[[str, str | None], object]] = {
    _OURS: _from_context,
    _JWT: _from_jwt,
    _COGNITO: _from_cognito,
}


def _members(text: str, separator: str | None) -> list[str] | None:
    if separator is not None:
        return _split(text, separator)
    return [text] if _SINGLE.fullmatch(text) else None if text else []


def _split(text: str, separator: str) -> list[str] | None:
    """Return the names between separators; None if one is empty or holds white space."""
    if not text:
        return []
    names = text.split(separator)
    return names if all(name.split() == [name] for name in names) else None
