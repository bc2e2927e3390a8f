"""Grammars and checks that several modules share, each with its source.

Owns each of them once. Pure. Grammars that only adapters use stand here as text, since compiling them would
cost every import of the library.
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

# Cognito's look like base64; a thumbprint with SHA-512 (RFC 7638) has 86 characters.
MAX_KID_CHARS: Final = 256

# "UserPoolIdType" of Cognito's API: the Region before the underscore is the pool's primary one.
_MAX_POOL_NAME = 45
POOL_ID: Final = rf"{REGION.pattern}_[0-9A-Za-z]{{1,{_MAX_POOL_NAME}}}"
# "ClientIdType" of Cognito's API.
_CLIENT_ID = re.compile(r"[\w+]{1,128}", re.ASCII)

# RFC 1123 2.1, in lower case.
LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
HOST: Final = rf"{LABEL}(?:\.{LABEL})*"
# Two labels at least, and a top-level one of letters: never an IP address.
HOST_NAME: Final = rf"(?:{LABEL}\.)+[a-z]{{2,63}}"
# What never leaves the machine (RFC 6761 6.3, RFC 1122 3.2.1.3, RFC 4291 2.5.3), as a URL's parts name it.
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
LOOPBACK: Final = rf"localhost|127(?:\.{_OCTET}){{3}}"
LOOPBACK_IPV6: Final = "::1"

# What Cognito writes into `token_use`, and the word for both.
TOKEN_USES: Final = ("access", "id", "any")

# RFC 9110 5.6.2: the name of a scheme, a header, a cookie or a subprotocol.
TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
# RFC 6750 3: the characters that a realm, an `error_description` and a scope may hold, as a set's content.
TEXT: Final = r"\x20-\x21\x23-\x5b\x5d-\x7e"


def is_client_id(value: object) -> bool:
    """Whether this is the ID of an app client in form."""
    return type(value) is str and _CLIENT_ID.fullmatch(value) is not None


def is_pool_id(value: str) -> bool:
    """Whether this is a user pool's ID in form: `POOL_ID`, without a second pattern to compile."""
    region, _, name = value.partition("_")
    letters = name.isascii() and name.isalnum() and len(name) <= _MAX_POOL_NAME
    return letters and REGION.fullmatch(region) is not None


def is_loopback(host: str) -> bool:
    """Whether a URL's host name, without brackets, is this machine."""
    return re.fullmatch(f"{LOOPBACK}|{LOOPBACK_IPV6}", host, re.ASCII) is not None


def check_flag(name: str, value: object) -> None:
    """Raises ConfigurationError for a flag that is neither True nor False."""
    if value is not True and value is not False:
        raise ConfigurationError(f"{name}={value!r}: say True or False")


def check_token_use(value: object) -> None:
    """Raises ConfigurationError for what is no kind of token."""
    if value.__class__ is not str or value not in TOKEN_USES:
        raise ConfigurationError(f'token_use={value!r}: give "access", "id" or "any"')
