"""A verifier from environment variables, for Lambda functions and containers (floor 4).

Owns the variables' names and forms. Reads a mapping that it is given; an empty variable is an error
and never ANY_CLIENT, and no variable sends key requests anywhere but to loopback.

    COGNITO_USER_POOL_ID     required, such as us-west-2_EXAMPLE
    COGNITO_CLIENT_IDS       required, separated by commas; or ANY_CLIENT
    COGNITO_TOKEN_USE        access (default), id or any
    COGNITO_REPLICA_REGIONS  separated by commas
    COGNITO_ISSUERS          of original, replica, updated, separated by commas
    COGNITO_AUDIENCE         resource identifier of access tokens (RFC 8707)
    COGNITO_KEY_FILE         path of the persisted key set
    COGNITO_JWKS_URLS        one URL on loopback, for tests
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import ConfigurationError
from .pool import ANY_CLIENT, UserPool

if TYPE_CHECKING:
    from .verifier import Verifier

    V = TypeVar("V", bound=Verifier)

__all__ = ["PREFIX", "verifier_from"]

PREFIX = "COGNITO_"

# Variable -> the option that it sets, and whether it is a list.
_LISTS = {"CLIENT_IDS": "client_ids", "REPLICA_REGIONS": "replica_regions", "ISSUERS": "issuers"}
_TEXTS = {
    "USER_POOL_ID": "user_pool_id",
    "TOKEN_USE": "token_use",
    "AUDIENCE": "audience",
    "KEY_FILE": "key_file",
    "JWKS_URLS": "jwks_urls",
}
_REQUIRED = frozenset({"USER_POOL_ID", "CLIENT_IDS"})
# The one way to say ANY_CLIENT here: spelled out, and alone.
_ANY_CLIENT = "ANY_CLIENT"


def verifier_from(kind: type[V], environment: Mapping[str, str]) -> V:
    """The verifier that the variables describe.

    Raises:
        ConfigurationError: naming the variable that is missing or wrong.
    """
    options: dict[str, Any] = {"token_use": "access"}
    for name, option in {**_LISTS, **_TEXTS}.items():
        if PREFIX + name in environment or name in _REQUIRED:
            options[option] = (_list if name in _LISTS else _text)(environment, name)
    if options["client_ids"] == [_ANY_CLIENT]:
        options["client_ids"] = ANY_CLIENT
    elif _ANY_CLIENT in options["client_ids"]:
        raise ConfigurationError(f"{PREFIX}CLIENT_IDS: ANY_CLIENT stands alone")
    use = options.pop("token_use")
    problem = ""
    try:
        pool = UserPool(options.pop("user_pool_id"), **options)
        _loopback_only(pool, options)
        return kind(pool, token_use=use)
    except ConfigurationError as error:
        problem = str(error)
    raise ConfigurationError(f"{_variable(problem)}: {problem}")


def _variable(problem: str) -> str:
    """The variable whose option a message begins with."""
    named = (PREFIX + name for name, option in {**_LISTS, **_TEXTS}.items() if problem.startswith(option))
    return next(named, f"{PREFIX}* variables")


def _text(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(PREFIX + name)
    if value is None:
        raise ConfigurationError(f"{PREFIX}{name} is not set")
    if not value.strip():
        raise ConfigurationError(f"{PREFIX}{name} is empty")
    return value.strip()


def _list(environment: Mapping[str, str], name: str) -> list[str]:
    values = [value.strip() for value in _text(environment, name).split(",")]
    if "" in values:
        raise ConfigurationError(f"{PREFIX}{name} has an empty member")
    return values


def _loopback_only(pool: UserPool, options: Mapping[str, Any]) -> None:
    # Whoever can set a variable must not choose whose keys are trusted.
    if "jwks_urls" in options and not all(each.loopback for each in pool.endpoints):
        raise ConfigurationError("jwks_urls may only point to loopback from a variable")
