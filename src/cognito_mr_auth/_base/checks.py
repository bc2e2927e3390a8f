"""Grammars and checks that several modules share, each with its source.

This module defines each of them once, and is pure. Grammars that only adapters use are text here, because
compiling them would slow every import of the library.
"""

from __future__ import annotations

import re
from typing import Final

from cognito_mr_auth.errors import ConfigurationError

from .partitions import REGION

__all__ = [
    "HOST",
    "HOST_NAME",
    "LABEL",
    "LOOPBACK",
    "LOOPBACK_IPV6",
    "MAX_KID_CHARS",
    "POOL_ID",
    "TEXT",
    "TOKEN",
    "TOKEN_USES",
    "check_flag",
    "check_token_use",
    "is_client_id",
    "is_loopback",
    "is_pool_id",
]

# Cognito's kids look like base64. A thumbprint with SHA-512 (RFC 7638) has 86 characters.
MAX_KID_CHARS: Final = 256

# "UserPoolIdType" of Cognito's API. The Region before the underscore is the pool's primary Region.
_MAX_POOL_NAME = 45
POOL_ID: Final = rf"{REGION.pattern}_[0-9A-Za-z]{{1,{_MAX_POOL_NAME}}}"
# "ClientIdType" of Cognito's API.
_CLIENT_ID = re.compile(r"[\w+]{1,128}", re.ASCII)

# RFC 1123 2.1, in lower case.
LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
HOST: Final = rf"{LABEL}(?:\.{LABEL})*"
# At least two labels, and a top-level label of letters, so an IP address never matches.
HOST_NAME: Final = rf"(?:{LABEL}\.)+[a-z]{{2,63}}"
# Hosts of this machine as a URL names them (RFC 6761 6.3, RFC 1122 3.2.1.3, RFC 4291 2.5.3).
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
LOOPBACK: Final = rf"localhost|127(?:\.{_OCTET}){{3}}"
LOOPBACK_IPV6: Final = "::1"

# The values of Cognito's `token_use`, and "any" for both.
TOKEN_USES: Final = ("access", "id", "any")

# RFC 9110 5.6.2: the name of a scheme, a header, a cookie or a subprotocol.
TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# RFC 6750 3: the characters that a realm, an `error_description` and a scope may hold, as a set's content.
TEXT: Final = r"\x20-\x21\x23-\x5b\x5d-\x7e"


def is_client_id(value: object) -> bool:
    """Whether the value has the form of an app client's ID."""
    return type(value) is str and _CLIENT_ID.fullmatch(value) is not None


def is_pool_id(value: str) -> bool:
    """Whether the value has the form of a user pool's ID, `POOL_ID`, without compiling a second pattern."""
    region, _, name = value.partition("_")
    letters = name.isascii() and name.isalnum() and len(name) <= _MAX_POOL_NAME
    return letters and REGION.fullmatch(region) is not None


def is_loopback(host: str) -> bool:
    """Whether a URL's host name, without brackets, names this machine."""
    return re.fullmatch(f"{LOOPBACK}|{LOOPBACK_IPV6}", host, re.ASCII) is not None


def check_flag(name: str, value: object) -> None:
    """Raises ConfigurationError if the value is neither True nor False."""
    if value is not True and value is not False:
        raise ConfigurationError(f"{name}={value!r}: give True or False")


def check_token_use(value: object) -> None:
    """Raises ConfigurationError if the value is not one of `TOKEN_USES`."""
    if value.__class__ is not str or value not in TOKEN_USES:
        raise ConfigurationError(f'token_use={value!r}: give "access", "id" or "any"')
