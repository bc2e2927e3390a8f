"""A verifier from environment variables, for Lambda functions and containers.

Owns the variables' names and forms. Reads a mapping that it is given; an empty variable is an error
and never ANY_CLIENT, and no variable sends key requests anywhere but to loopback.

    COGNITO_USER_POOL_ID     required, such as us-west-2_EXAMPLE
    COGNITO_CLIENT_IDS       required, separated by commas; or ANY_CLIENT
    COGNITO_REPLICA_REGIONS  separated by commas
    COGNITO_ISSUER_KINDS     of original, replica, updated, separated by commas
    COGNITO_AUDIENCE         resource identifiers of access tokens (RFC 8707), separated by commas
    COGNITO_UNBOUND_MACHINES true accepts machines' tokens without an audience, beside COGNITO_AUDIENCE
    COGNITO_KEY_FILE         path of the persisted key set
    COGNITO_BAKED_KEY_FILE   path of a key set that is shipped with the code
    COGNITO_JWKS_URLS        one URL on loopback, for tests

    COGNITO_USER_POOLS       several pools, in place of all above: a JSON array of objects
    COGNITO_TOKEN_USE        access (default), id or any
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from cognito_mr_auth._base import encoding
from cognito_mr_auth._base.encoding import Malformed
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.pool import ANY_CLIENT, UserPool

V = TypeVar("V")

__all__ = [
    "FLAGS",
    "FORMER",
    "PREFIX",
    "VARIABLES",
    "excerpt",
    "flag",
    "items",
    "json_value",
    "option_of",
    "refuse_unknown",
    "string_list",
    "text",
    "verifier_from",
]

PREFIX = "COGNITO_"

# Variable -> the option of UserPool that it sets, which is also the name of a member of COGNITO_USER_POOLS.
_POOL = {
    "USER_POOL_ID": "user_pool_id",
    "CLIENT_IDS": "client_ids",
    "REPLICA_REGIONS": "replica_regions",
    "ISSUER_KINDS": "issuer_kinds",
    "AUDIENCE": "audience",
    "UNBOUND_MACHINES": "unbound_machines",
    "KEY_FILE": "key_file",
    "BAKED_KEY_FILE": "baked_key_file",
    "JWKS_URLS": "jwks_urls",
}
_LISTS = frozenset({"client_ids", "replica_regions", "issuer_kinds", "audience"})
_REQUIRED = ("user_pool_id", "client_ids")
_POOLS, _TOKEN_USE = f"{PREFIX}USER_POOLS", f"{PREFIX}TOKEN_USE"

FLAGS: Mapping[str, bool] = {"true": True, "false": False}
"""How a variable says yes and no."""

VARIABLES = frozenset({_POOLS, _TOKEN_USE} | {PREFIX + name for name in _POOL})
"""Every variable that is read here."""

FORMER = {f"{PREFIX}ISSUERS": f"{PREFIX}ISSUER_KINDS"}
"""A variable's former name: an error, since ignored it would let every kind of issuer in."""

# The one way to say ANY_CLIENT here: spelled out, and alone.
_ANY_CLIENT = "ANY_CLIENT"
# How many characters of a value a message shows: enough for a slip, too few for a secret.
_SHOWN_CHARS = 20
_OPTION = re.compile(r"[a-z_]+")


def verifier_from(kind: Callable[..., V], environment: Mapping[str, str]) -> V:
    """The verifier that the variables describe.

    Raises:
        ConfigurationError: naming the variable that is missing or wrong.
    """
    for former, name in FORMER.items():
        if former in environment:
            raise ConfigurationError(f"{former} is not read any more; the variable is {name}")
    several = _POOLS in environment
    pools = _several(environment) if several else [_one(environment)]
    use = text(environment, _TOKEN_USE) if _TOKEN_USE in environment else "access"
    problem = ""
    try:
        return kind(*pools, token_use=use)
    except ConfigurationError as error:
        problem = str(error)
    blamed = {"token_use": _TOKEN_USE}.get(option_of(problem))
    raise ConfigurationError(f"{blamed or (_POOLS if several else f'{PREFIX}* variables')}: {problem}")


def _one(environment: Mapping[str, str]) -> UserPool:
    """The pool that the variables for one pool describe."""
    options: dict[str, Any] = {}
    for name, option in _POOL.items():
        if PREFIX + name in environment or option in _REQUIRED:
            options[option] = _form(option)(environment, PREFIX + name)
    if options["client_ids"] == [_ANY_CLIENT]:
        options["client_ids"] = ANY_CLIENT
    variables = {option: PREFIX + name for name, option in _POOL.items()}
    return _pool(options, lambda option: variables.get(option, f"{PREFIX}* variables"))


def _form(option: str) -> Callable[[Mapping[str, str], str], Any]:
    """How a variable's value is read, for the option that it sets."""
    if option == "unbound_machines":
        return flag
    return items if option in _LISTS else text


def _several(environment: Mapping[str, str]) -> list[UserPool]:
    """The pools of COGNITO_USER_POOLS."""
    for name in _POOL:
        if PREFIX + name in environment:
            raise ConfigurationError(f"{_POOLS}: {PREFIX}{name} is set too; set one of the two")
    found = json_value(_POOLS, text(environment, _POOLS))
    if not isinstance(found, list) or not found:
        raise ConfigurationError(f"{_POOLS}: give a JSON array of objects, one for each user pool")
    return [_member(f"{_POOLS}[{number}]", each) for number, each in enumerate(found)]


def _member(where: str, given: object) -> UserPool:
    if not isinstance(given, dict):
        raise ConfigurationError(f"{where}: give a JSON object")
    refuse_unknown(where, given, tuple(_POOL.values()))
    for option in _REQUIRED:
        if option not in given:
            raise ConfigurationError(f"{where}: {option} is missing")
    options = {option: _value(where, option, value) for option, value in given.items()}
    return _pool(options, lambda _: where)


def _value(where: str, option: str, value: object) -> Any:
    if option == "client_ids" and value == _ANY_CLIENT:
        return ANY_CLIENT
    if option == "unbound_machines":
        if isinstance(value, bool):
            return value
        raise ConfigurationError(f"{where}: {option} is neither true nor false")
    if option in _LISTS and not (option == "audience" and isinstance(value, str)):
        return string_list(f"{where}: {option}", value)
    if isinstance(value, str) or (option == "jwks_urls" and isinstance(value, dict)):
        return value
    raise ConfigurationError(f"{where}: {option} is no JSON string")


def _pool(options: Mapping[str, Any], variable: Callable[[str], str]) -> UserPool:
    """The pool of these options; `variable` gives the variable that a message names for an option."""
    problem = ""
    try:
        return _checked(options)
    except ConfigurationError as error:
        problem = str(error)
    raise ConfigurationError(f"{variable(option_of(problem))}: {problem}")


def _checked(options: Mapping[str, Any]) -> UserPool:
    if options["client_ids"] is not ANY_CLIENT and _ANY_CLIENT in options["client_ids"]:
        raise ConfigurationError("client_ids: ANY_CLIENT stands alone")
    pool = UserPool(**options)
    # A party that can set a variable must not choose whose keys are trusted.
    if "jwks_urls" in options and not all(each.loopback for each in pool._key_set_config.endpoints):
        raise ConfigurationError("jwks_urls may only point to loopback from a variable")
    return pool


# -- forms of a value, for the settings of adapters too ------------------------------------------


def text(environment: Mapping[str, str], variable: str) -> str:
    """A variable's value, without white space around it.

    Raises:
        ConfigurationError: it is not set, or empty.
    """
    value = environment.get(variable)
    if value is None:
        raise ConfigurationError(f"{variable} is not set")
    if not value.strip():
        raise ConfigurationError(f"{variable} is empty")
    return value.strip()


def flag(environment: Mapping[str, str], variable: str) -> bool:
    """Whether a variable says true.

    Raises:
        ConfigurationError: it says anything but true and false, or is not set.
    """
    value = text(environment, variable)
    if value not in FLAGS:
        raise ConfigurationError(f"{variable}={excerpt(value)}: say true or false")
    return FLAGS[value]


def items(environment: Mapping[str, str], variable: str) -> list[str]:
    """The members of a variable's value, which commas separate.

    Raises:
        ConfigurationError: it is not set or empty, or a member is empty.
    """
    values = [value.strip() for value in text(environment, variable).split(",")]
    if "" in values:
        raise ConfigurationError(f"{variable} has an empty member")
    return values


def json_value(where: str, value: str) -> Any:
    """The value of a JSON text, read as strictly as a token (S2).

    Raises:
        ConfigurationError: naming `where` and the fault, and nothing of the text.
    """
    try:
        return encoding.json_value(value.encode("utf-8", "surrogatepass"))
    except Malformed as error:
        fault = f"{error} (names and strings in double quotes, no comma at an end)"
    raise ConfigurationError(f"{where}: {fault}")


def string_list(where: str, value: object) -> list[str]:
    """A JSON array of strings.

    Raises:
        ConfigurationError: it is none.
    """
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return value
    raise ConfigurationError(f"{where} is no JSON array of strings")


def refuse_unknown(where: str, given: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse an unknown name, because a slip in it must not leave a requirement out.

    Raises:
        ConfigurationError: naming the first member that is none of the known ones.
    """
    for name in given:
        if name not in known:
            raise ConfigurationError(f"{where}: no member {excerpt(name)}; there are {', '.join(known)}")


def excerpt(value: str) -> str:
    """A value for a message, quoted and shortened."""
    return repr(value if len(value) <= _SHOWN_CHARS else f"{value[:_SHOWN_CHARS]}...")


def option_of(problem: str) -> str:
    """The option that a constructor's message begins with, or a string that is no option."""
    found = _OPTION.match(problem)
    return found[0] if found else ""
