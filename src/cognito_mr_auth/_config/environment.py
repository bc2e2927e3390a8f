"""A verifier from environment variables, for Lambda functions and containers.

This module has the variables' names and forms. It reads a mapping that it is given. An empty variable is an
error and never ANY_CLIENT. No variable alone sends key requests to another host than loopback.

    COGNITO_USER_POOL_ID     required, such as us-west-2_EXAMPLE
    COGNITO_CLIENT_IDS       required, separated by commas; or ANY_CLIENT
    COGNITO_REPLICA_REGIONS  separated by commas
    COGNITO_ISSUER_KINDS     of original, replica, updated, separated by commas
    COGNITO_AUDIENCE         resource identifiers of access tokens (RFC 8707), separated by commas
    COGNITO_UNBOUND_MACHINES with COGNITO_AUDIENCE, true also accepts machines' tokens without an audience
    COGNITO_KEY_FILE         path of the file that keeps the key set across restarts
    COGNITO_BAKED_KEY_FILE   path of a key set that is shipped with the code
    COGNITO_JWKS_URLS        for tests: a URL on loopback, or an emulator's; or a JSON object of issuers' URLs
    COGNITO_INSECURE_EMULATOR  true allows that URL to name an emulator beyond loopback

    COGNITO_USER_POOLS       several pools, in place of all above: a JSON array of objects

    COGNITO_TOKEN_USE        access (default), id or any
    COGNITO_LEEWAY, COGNITO_CACHE_SIZE, COGNITO_REFRESH_AFTER, COGNITO_REVALIDATE_AFTER, COGNITO_MAX_STALE,
    COGNITO_MAX_TOKEN_LENGTH  numbers
    COGNITO_TOKEN_TYPES      separated by commas
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from cognito_mr_auth._base import encoding
from cognito_mr_auth._base.encoding import Malformed
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.pool import ANY_CLIENT, UserPool

from .near_names import nearest_name

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
    "number",
    "option_of",
    "refuse_unknown",
    "string_list",
    "text",
    "unset",
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
    "INSECURE_EMULATOR": "insecure_emulator",
}
_MEMBERS = (*_POOL.values(), "token_use")
_LISTS = frozenset({"client_ids", "replica_regions", "issuer_kinds", "audience"})
_FLAGS = frozenset({"unbound_machines", "insecure_emulator"})
_REQUIRED = ("user_pool_id", "client_ids")
# Variable -> the option of Verifier that it sets.
_VERIFIER = {
    "TOKEN_USE": "token_use",
    "LEEWAY": "leeway",
    "CACHE_SIZE": "cache_size",
    "REFRESH_AFTER": "refresh_after",
    "REVALIDATE_AFTER": "revalidate_after",
    "MAX_STALE": "max_stale",
    "TOKEN_TYPES": "token_types",
    "MAX_TOKEN_LENGTH": "max_token_length",
}
# The constructor checks these together, so a message about one may be due to another.
_LIFETIMES = ("refresh_after", "revalidate_after", "max_stale")
_NUMBERS = frozenset({"leeway", "cache_size", *_LIFETIMES, "max_token_length"})
_POOLS = "USER_POOLS"
# Many applications have a COGNITO_JWKS_URL of their own, and leaving ours out weakens no check.
_OTHERS_TOO = frozenset({"JWKS_URLS"})

FLAGS: Mapping[str, bool] = {"true": True, "false": False}
"""The values of a variable that is a flag."""

VARIABLES = frozenset(PREFIX + name for name in (*_POOL, _POOLS, *_VERIFIER))
"""Every variable that is read here."""

# A variable's former name is an error, because ignoring it would accept every kind of issuer.
_FORMER = {"ISSUERS": "ISSUER_KINDS"}
FORMER = {PREFIX + former: PREFIX + name for former, name in _FORMER.items()}
"""A variable's former name, and the name that replaced it."""

# The only value that means ANY_CLIENT here. It must be the whole value.
_ANY_CLIENT = "ANY_CLIENT"
# How many characters of a value a message shows: enough to see a mistake, too few for a secret.
_SHOWN_CHARS = 20
_OPTION = re.compile(r"[a-z_]+")
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_A_PREFIX = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def verifier_from(
    kind: Callable[..., V],
    environment: Mapping[str, str],
    *,
    prefix: str = PREFIX,
    options: Mapping[str, Any] | None = None,
) -> V:
    """The verifier that the variables describe; `options` are settings from code.

    Raises:
        ConfigurationError: a variable is missing or wrong. The message names it.
    """
    if not isinstance(environment, Mapping):
        raise ConfigurationError(f"environ is a {type(environment).__name__}; give a mapping of variables")
    if prefix.__class__ is not str or not _A_PREFIX.fullmatch(prefix):
        raise ConfigurationError(f"prefix={prefix!r}: give the beginning of the names, such as {PREFIX!r}")
    for former, name in _FORMER.items():
        if prefix + former in environment:
            raise ConfigurationError(f"{prefix}{former} is not read any more; the variable is {prefix}{name}")
    several = prefix + _POOLS in environment
    pools = _several(environment, prefix) if several else [_one(environment, prefix)]
    named = {prefix + name: option for name, option in _VERIFIER.items() if prefix + name in environment}
    _refuse_slips(environment, prefix)
    given = dict(options or {})
    for variable, option in named.items():
        if option in given:
            raise ConfigurationError(f"{variable}: {option}= is given in code too; set it in one place")
        given[option] = _form(option)(environment, variable)
    problem = ""
    try:
        return kind(*pools, **given)
    except ConfigurationError as error:
        problem = str(error)
    raise ConfigurationError(_blamed(problem, named, f"{prefix}{_POOLS if several else '* variables'}"))


def _blamed(problem: str, named: Mapping[str, str], otherwise: str) -> str:
    """A message of the constructor, with the variable that it concerns in front."""
    option = option_of(problem)
    about = _LIFETIMES if option in _LIFETIMES else (option,)
    found = [variable for variable, each in named.items() if each in about]
    if not found and option in (*_VERIFIER.values(), "on_event", "revoked", "clock"):
        return problem  # it concerns a setting from code
    return f"{', '.join(found) or otherwise}: {problem}"


def _one(environment: Mapping[str, str], prefix: str) -> UserPool:
    """The pool that the variables for one pool describe."""
    options: dict[str, Any] = {}
    for name, option in _POOL.items():
        if prefix + name in environment:
            options[option] = _form(option)(environment, prefix + name)
        elif option in _REQUIRED:
            raise ConfigurationError(f"{prefix}{name} is not set{_near_miss(environment, prefix, name)}")
    if options["client_ids"] == [_ANY_CLIENT]:
        options["client_ids"] = ANY_CLIENT
    variables = {option: prefix + name for name, option in _POOL.items()}
    return _pool(options, lambda option: variables.get(option, f"{prefix}* variables"))


# -- mistakes in a name ----------------------------------------------------------------------------


def _near_miss(environment: Mapping[str, str], prefix: str, name: str) -> str:
    """An addition to the message that a required variable is missing: a variable that has nearly its name."""
    known = {prefix + each for each in (*_POOL, _POOLS, *_VERIFIER)}
    for each in environment:
        if each not in known and nearest_name(each, [prefix + name]) is not None:
            return f" ({each} is set; check its name)"
    return ""


def unset(environment: Mapping[str, str], prefix: str = PREFIX) -> list[str]:
    """The variables that are not set and could be. A name that is near to one may mean it."""
    names = _VERIFIER if prefix + _POOLS in environment else [*_POOL, *_VERIFIER]
    return [prefix + name for name in names if prefix + name not in environment and name not in _OTHERS_TOO]


def _refuse_slips(environment: Mapping[str, str], prefix: str) -> None:
    """Refuse a variable whose name is nearly that of one of ours which is not set.

    Ignoring it would leave out a setting. Other names are ignored, because the application may have some.
    """
    known = {prefix + name for name in (*_POOL, _POOLS, *_VERIFIER)}
    meanings = unset(environment, prefix)
    for name in environment:
        if name not in known and name[: len(prefix)].upper() == prefix.upper():
            meant = nearest_name(name, meanings)
            if meant is not None:
                raise ConfigurationError(f"{name}: there is no such variable; did you mean {meant}?")


# -- pools ------------------------------------------------------------------------------------------


def _form(option: str) -> Callable[[Mapping[str, str], str], Any]:
    """The function that reads a variable's value, for the option that it sets."""
    if option in _FLAGS:
        return flag
    if option in _LISTS or option == "token_types":
        return items
    if option == "jwks_urls":
        return _urls
    return number if option in _NUMBERS else text


def _several(environment: Mapping[str, str], prefix: str) -> list[UserPool]:
    """The pools that COGNITO_USER_POOLS lists."""
    variable = prefix + _POOLS
    for name in _POOL:
        if prefix + name in environment:
            raise ConfigurationError(f"{variable}: {prefix}{name} is set too; set one of the two")
    found = json_value(variable, text(environment, variable))
    if not isinstance(found, list) or not found:
        raise ConfigurationError(f"{variable}: give a JSON array of objects, one for each user pool")
    return [_member(f"{variable}[{place}]", each) for place, each in enumerate(found)]


def _member(where: str, given: object) -> UserPool:
    if not isinstance(given, dict):
        raise ConfigurationError(f"{where}: give a JSON object")
    refuse_unknown(where, given, _MEMBERS)
    for option in _REQUIRED:
        if option not in given:
            raise ConfigurationError(f"{where}: {option} is missing")
    options = {option: _value(where, option, value) for option, value in given.items()}
    return _pool(options, lambda _: where)


def _value(where: str, option: str, value: object) -> Any:
    if option == "client_ids" and value == _ANY_CLIENT:
        return ANY_CLIENT
    if option in _FLAGS:
        if isinstance(value, bool):
            return value
        raise ConfigurationError(f"{where}: {option} is neither true nor false")
    if option in _LISTS and not (option == "audience" and isinstance(value, str)):
        return string_list(f"{where}: {option}", value)
    if isinstance(value, str) or (option == "jwks_urls" and isinstance(value, dict)):
        return value
    raise ConfigurationError(f"{where}: {option} is no JSON string")


def _pool(options: Mapping[str, Any], variable: Callable[[str], str]) -> UserPool:
    """The pool of these options. `variable` returns the variable that a message names for an option."""
    problem = ""
    try:
        return _checked(options)
    except ConfigurationError as error:
        problem = str(error)
    raise ConfigurationError(f"{variable(option_of(problem))}: {problem}")


def _checked(options: Mapping[str, Any]) -> UserPool:
    if options["client_ids"] is not ANY_CLIENT and _ANY_CLIENT in options["client_ids"]:
        raise ConfigurationError("client_ids: ANY_CLIENT must be the only value")
    pool = UserPool(**options)
    # Whoever can set this one variable must not choose whose keys are trusted. An emulator needs two, and
    # each start reports it.
    elsewhere = "jwks_urls" in options and not all(each.loopback for each in pool._key_set_config.endpoints)
    if elsewhere and not pool.insecure_emulator:
        raise ConfigurationError(
            "jwks_urls may only point to loopback from a variable; insecure_emulator allows an emulator too"
        )
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
    if not isinstance(value, str):  # a user's own mapping may hold anything
        raise ConfigurationError(f"{variable} is no string")
    if not value.strip():
        raise ConfigurationError(f"{variable} is empty")
    return value.strip()


def _urls(environment: Mapping[str, str], variable: str) -> Any:
    """One URL, or the object of a JSON text. UserPool checks the content."""
    value = text(environment, variable)
    return json_value(variable, value) if value.startswith("{") else value


def flag(environment: Mapping[str, str], variable: str) -> bool:
    """Whether a variable is "true".

    Raises:
        ConfigurationError: it is neither "true" nor "false", or is not set.
    """
    value = text(environment, variable)
    if value not in FLAGS:
        raise ConfigurationError(f"{variable}={excerpt(value)}: give true or false")
    return FLAGS[value]


def number(environment: Mapping[str, str], variable: str) -> int | float:
    """A variable's number. It is an int if the number is whole.

    Raises:
        ConfigurationError: it is no such number, or is not set.
    """
    value = text(environment, variable)
    found = _NUMBER.fullmatch(value)
    if found is None:
        raise ConfigurationError(f"{variable}={excerpt(value)}: give a number such as 300 or 1.5")
    return float(value) if found[1] else int(value)


def items(environment: Mapping[str, str], variable: str) -> list[str]:
    """The members of a variable's value, separated by commas.

    Raises:
        ConfigurationError: it is not set or empty, or a member is empty.
    """
    values = [value.strip() for value in text(environment, variable).split(",")]
    if "" in values:
        raise ConfigurationError(f"{variable} has an empty member")
    return values


def json_value(where: str, value: str) -> Any:
    """The value of a JSON text, which is read as strictly as a token (S2).

    Raises:
        ConfigurationError: the text is not such JSON. The message has `where` and the fault, not the text.
    """
    try:
        return encoding.json_value(value.encode("utf-8", "surrogatepass"))
    except Malformed as error:
        fault = f"{error} (names and strings in double quotes, no comma at an end)"
    raise ConfigurationError(f"{where}: {fault}")


def string_list(where: str, value: object) -> list[str]:
    """A JSON array of strings.

    Raises:
        ConfigurationError: the value is something else.
    """
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return value
    raise ConfigurationError(f"{where} is no JSON array of strings")


def refuse_unknown(where: str, given: Mapping[str, Any], known: Collection[str]) -> None:
    """Refuse an unknown name, because a mistake in a name must not leave out a requirement.

    Raises:
        ConfigurationError: a member is unknown. The message names the first one.
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
