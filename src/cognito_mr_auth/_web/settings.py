"""The settings of a guard: their types, and which values are wrong.

This module has the checks that need no verifier. `guard.Guard` says what each setting does, because users
read it there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Literal, TypedDict

from cognito_mr_auth._base.checks import HOST, TEXT, TOKEN
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.policy import Policy

from .bearer import Sources

__all__ = [
    "DEFAULT_REALM",
    "Options",
    "Preflight",
    "SocketOptions",
    "check_name",
    "check_names",
    "check_preflight",
    "check_realm",
    "check_timeout",
    "refuse_options",
    "sources",
]

# By then, every load balancer has given up on the request.
_MAX_TIMEOUT_SECONDS = 60.0
DEFAULT_REALM = "api"

_NAME = re.compile(TOKEN)
_REALM = re.compile(f"[{TEXT}]+")
# RFC 6454 6.2, as browsers send it: lower case, no path, no default port.
_ORIGIN = re.compile(rf"(?!https:.*:443$|http:.*:80$)https?://(?:{HOST}|\[[0-9a-f:.]+\])(?::[0-9]{{1,5}})?")

Preflight = Literal["refuse", "pass"]


class Options(TypedDict, total=False):
    """The keyword options of every adapter, beside its verifier. `guard.Guard` says what each does."""

    require: Policy | None
    optional: bool
    preflight: Preflight
    exclude: Collection[str]
    cookie: str | None
    allowed_origins: Collection[str]
    header: str
    scheme: Literal["Bearer"] | None
    realm: str
    resource: str | None
    resource_scopes: Collection[str]
    resource_name: str | None
    resource_metadata: str | None
    authorization_servers: Collection[str] | None
    timeout: float


class SocketOptions(Options, total=False):
    """The options of an adapter that serves WebSockets."""

    subprotocol: str | None
    close_at_expiry: bool


def check_names(adapter: str, given: Iterable[str], known: Collection[str]) -> None:
    """Raises TypeError for an option that the adapter does not have. The message suggests the nearest one."""
    for name in given:
        if name not in known:
            from difflib import get_close_matches  # only a mistake pays for it

            near = get_close_matches(name, known, 1)
            hint = f": did you mean {near[0]}=?" if near else ""
            raise TypeError(f"{adapter} has no option {name}={hint}")


def refuse_options(given: Iterable[str], refused: Collection[str], why: str) -> None:
    """Raises ConfigurationError for an option that only other adapters have. `why` gives the reason."""
    for name in given:
        if name in refused:
            raise ConfigurationError(f"{name}= {why}")


def check_timeout(timeout: float) -> None:
    """Raises ConfigurationError if `timeout` is no number of seconds that a request may wait."""
    if type(timeout) not in (int, float) or not 0 < timeout <= _MAX_TIMEOUT_SECONDS:
        raise ConfigurationError(
            f"timeout={timeout!r}: give seconds, above 0 and at most {_MAX_TIMEOUT_SECONDS:.0f}"
        )


def check_preflight(preflight: object) -> None:
    """Raises ConfigurationError for anything but "pass" and "refuse"."""
    if preflight not in ("pass", "refuse"):
        raise ConfigurationError(f"preflight={preflight!r}: give 'pass' or 'refuse'")


def check_realm(realm: object) -> None:
    """Raises ConfigurationError for a realm that cannot be a quoted string (RFC 9110 5.6.4)."""
    if type(realm) is not str or not _REALM.fullmatch(realm):
        raise ConfigurationError(f"realm={realm!r}: give printable ASCII without quotes and backslashes")


def check_name(name: str, value: object) -> None:
    """Raises ConfigurationError if `value` cannot name a header, a cookie or the like (RFC 9110 5.6.2)."""
    if type(value) is not str or not _NAME.fullmatch(value):
        raise ConfigurationError(f"{name}={value!r}: give a name without spaces and separators")


def sources(
    cookie: str | None,
    allowed_origins: Collection[str],
    subprotocol: str | None,
    query: str | None = None,
    header: str = "Authorization",
    scheme: str | None = "Bearer",
) -> Sources:
    """The places where a token may be, according to the settings.

    Raises:
        ConfigurationError: a name or an origin is wrong.
    """
    for name, value in (("cookie", cookie), ("subprotocol", subprotocol), ("query", query)):
        if value is not None:
            check_name(name, value)
    check_name("header", header)
    if header.lower() in ("cookie", "sec-websocket-protocol"):
        raise ConfigurationError(f"header={header!r}: cookie= and subprotocol= read that header")
    if scheme not in ("Bearer", None):
        raise ConfigurationError(f"scheme={scheme!r}: give 'Bearer', or None for a token without a scheme")
    if isinstance(allowed_origins, (str, bytes)):
        raise ConfigurationError(f"allowed_origins={allowed_origins!r}: give a list of origins")
    for origin in allowed_origins:
        if type(origin) is not str or not _ORIGIN.fullmatch(origin):
            raise ConfigurationError(
                f"allowed_origins holds {origin!r}: give origins such as 'https://app.example.com'"
            )
    if (cookie is None) != (not allowed_origins):
        raise ConfigurationError(
            "cookie= and allowed_origins= need each other, because browsers send cookies unasked"
        )
    return Sources(cookie, frozenset(allowed_origins), subprotocol, query, header.lower(), scheme)
