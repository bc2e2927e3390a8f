"""The ready-made handler: an authorizer that environment variables describe, without any code of the user.

Owns the names and forms of the COGNITO_AUTHORIZER_* variables. The authorizer checks the options; this module
adds the variable's name to its errors. It reads the given mapping, and the one file that the mapping names. A
name that resembles one of ours is an error, because a typing error in "SCOPES" must not leave the API open.
Other names belong to other software, even if they begin with COGNITO.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from cognito_mr_auth import policy
from cognito_mr_auth._config import environment as variables
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.verifier import Verifier

from .authorizer import Authorizer

__all__ = ["PREFIX", "VARIABLES", "build"]

PREFIX: Final = f"{variables.PREFIX}AUTHORIZER_"
_COGNITO: Final = variables.PREFIX.rstrip("_")
# A name that begins with most of these letters is examined, such as COGNTIO. This test is cheap for every
# name.
_LETTERS: Final = frozenset(_COGNITO)

# API Gateway accepts only far smaller policy documents. Reading stops here if the path names a wrong file.
MAX_FILE_BYTES = 256 * 1024
# "Configuring environment variables": a reserved variable. With these values no caller waits for the init.
_INITIALIZATION = "AWS_LAMBDA_INITIALIZATION_TYPE"
_AHEAD_OF_CALLS = frozenset({"provisioned-concurrency", "snap-start"})
# States of a key set whose keys may be served (R).
_USABLE = frozenset({"fresh", "aged", "stale"})

_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


# -- forms of a value -------------------------------------------------------------------------------


def _as_written(environment: Mapping[str, str], variable: str) -> str:
    variables.text(environment, variable)
    return environment[variable]  # not stripped: white space may belong to what clients put around the token


def _number(environment: Mapping[str, str], variable: str) -> int | float:
    value = variables.text(environment, variable)
    found = _NUMBER.fullmatch(value)
    if found is None:
        raise ConfigurationError(f"{variable}={variables.excerpt(value)}: give a number such as 300 or 1.5")
    return float(value) if found[1] else int(value)


def _template(environment: Mapping[str, str], variable: str) -> object:
    found = variables.json_value(variable, variables.text(environment, variable))
    if not isinstance(found, (dict, list)):
        raise ConfigurationError(f"{variable}: give a JSON object, or an array of them")
    return found


Form = Callable[[Mapping[str, str], str], object]

# Variable -> the option of Authorizer that it sets, and the form of its value.
_OPTIONS: Mapping[str, tuple[str, Form]] = {
    "KIND": ("kind", variables.text),
    "RESPONSE": ("response", variables.text),
    "RESOURCES": ("resources", variables.text),
    "ESCAPED_PATHS": ("escaped_paths", variables.items),
    "CONTEXT": ("context", variables.items),
    "HEADER": ("header", variables.text),
    "BARE_TOKEN": ("bare_token", variables.flag),
    "COOKIE": ("cookie", variables.text),
    "ALLOWED_ORIGINS": ("allowed_origins", variables.items),
    "QUERY": ("query", variables.text),
    "SUBPROTOCOL": ("subprotocol", variables.text),
    "STRIP_PREFIX": ("strip_prefix", _as_written),
    "STRIP_SUFFIX": ("strip_suffix", _as_written),
    "IOT_POLICY": ("iot_policy", _template),
    "TTL": ("ttl", _number),
    "TIMEOUT": ("timeout", _number),
}
# Variable, and in lower case the member of a route -> the function that makes the policy. All must be met.
_POLICIES: Mapping[str, Callable[..., Policy]] = {
    "SCOPES": policy.scopes,
    "ANY_SCOPE": policy.any_scope,
    "GROUPS": policy.groups,
    "ANY_GROUP": policy.any_group,
}
_ROUTES, _ROUTES_FILE, _WARM = f"{PREFIX}ROUTES", f"{PREFIX}ROUTES_FILE", f"{PREFIX}WARM"

VARIABLES = frozenset({PREFIX + name for name in (*_OPTIONS, *_POLICIES)} | {_ROUTES, _ROUTES_FILE, _WARM})
"""Every variable that this module reads, beside those of `_config.environment`."""

# Each of these adds a requirement. So a misspelt one removes a requirement even if the right one is set.
_REQUIREMENTS = frozenset({PREFIX + each for each in _POLICIES} | {_ROUTES, _ROUTES_FILE})
_WITHOUT_PREFIX = {variables.PREFIX + name.removeprefix(PREFIX): name for name in sorted(_REQUIREMENTS)}
# Variables that deployment templates commonly set for an authorizer of API Gateway.
_OF_TEMPLATES = frozenset({f"{PREFIX}ID", f"{PREFIX}ARN", f"{PREFIX}NAME"})


def build(environment: Mapping[str, str]) -> Authorizer:
    """Build the authorizer that the variables describe.

    Raises:
        ConfigurationError: a variable is missing or invalid; the message names it.
    """
    verifier = variables.verifier_from(Verifier, environment)  # raises first if variables are missing
    for name in environment:
        if len(_LETTERS.intersection(name[:9].upper())) >= 4:
            _refuse_slip(name, environment)
    options: dict[str, Any] = {
        option: form(environment, PREFIX + name)
        for name, (option, form) in _OPTIONS.items()
        if PREFIX + name in environment
    }
    _check_use(environment)
    options["require"] = _requirement(environment)
    options["routes"] = _routes(environment)
    options["warm"] = _warm(environment, verifier)
    problem = ""
    try:
        return Authorizer(verifier, **options)
    except ConfigurationError as error:
        problem = str(error)
    raise ConfigurationError(f"{_variable(problem, environment)}: {problem}")


def _refuse_slip(name: str, environment: Mapping[str, str]) -> None:
    """Refuse a name that is not ours but resembles one that is not set, or one that adds a requirement.

    No other software uses the prefix COGNITO_AUTHORIZER, except for three names.
    """
    if name in VARIABLES or name in variables.VARIABLES or name.upper() in _OF_TEMPLATES:
        return
    from cognito_mr_auth._config.near_names import nearest_name  # most environments never need it

    is_ours = name.upper().startswith(PREFIX.rstrip("_"))
    meanings = {*variables.unset(environment), *VARIABLES.difference(environment), *_REQUIREMENTS}
    near = nearest_name(name, meanings | VARIABLES if is_ours else meanings | _WITHOUT_PREFIX.keys())
    if near is None and not is_ours:
        return
    hint = "" if near is None else f"; did you mean {_WITHOUT_PREFIX.get(near, near)}?"
    raise ConfigurationError(f"{name}: there is no such variable{hint}; see docs/configuration.md")


def _variable(problem: str, environment: Mapping[str, str]) -> str:
    """Return the variable of the option with which a message of the authorizer begins."""
    names = {option: PREFIX + name for name, (option, _) in _OPTIONS.items()}
    names["routes"] = _ROUTES_FILE if _ROUTES_FILE in environment else _ROUTES
    return names.get(variables.option_of(problem), f"{PREFIX}* variables")


# -- policies -----------------------------------------------------------------------------------------


def _requirement(environment: Mapping[str, str]) -> Policy | None:
    """Return the policies of all variables, combined."""
    named = {PREFIX + name: make for name, make in _POLICIES.items() if PREFIX + name in environment}
    return _together(
        _policy(variable, make, variables.items(environment, variable)) for variable, make in named.items()
    )


def _check_use(environment: Mapping[str, str]) -> None:
    """Refuse scopes for ID tokens, which have none, because no principal would ever pass."""
    for name in ("SCOPES", "ANY_SCOPE"):
        if environment.get(f"{variables.PREFIX}TOKEN_USE") == "id" and PREFIX + name in environment:
            raise ConfigurationError(
                f"{PREFIX}{name}: ID tokens have no scopes; see {variables.PREFIX}TOKEN_USE"
            )


def _policy(where: str, make: Callable[..., Policy], names: list[str]) -> Policy:
    problem = ""
    try:
        return make(*names)
    except ConfigurationError as error:
        problem = str(error)
    raise ConfigurationError(f"{where}: {problem}")


def _together(policies: Iterable[Policy]) -> Policy | None:
    whole: Policy | None = None
    for each in policies:
        whole = each if whole is None else whole & each
    return whole


def _routes(environment: Mapping[str, str]) -> dict[str, Policy | None] | None:
    """Return the route table, from its variable or from the file that the other variable names."""
    if _ROUTES_FILE in environment:
        if _ROUTES in environment:
            raise ConfigurationError(f"{_ROUTES}: {_ROUTES_FILE} is set too; set only one of them")
        variable, text = _ROUTES_FILE, _read(environment)
    elif _ROUTES in environment:
        variable, text = _ROUTES, variables.text(environment, _ROUTES)
    else:
        return None
    found = variables.json_value(variable, text)
    if not isinstance(found, dict) or not found:
        # An empty table would count as no table, and without a table the response covers the whole stage.
        raise ConfigurationError(f"{variable}: give a JSON object with a member for each route")
    return {key: _route(f"{variable}: {key!r}", each) for key, each in found.items()}


def _route(where: str, given: object) -> Policy | None:
    if not isinstance(given, dict):
        raise ConfigurationError(f"{where}: give an object; {{}} lets every valid token pass")
    makers = {name.lower(): make for name, make in _POLICIES.items()}
    variables.refuse_unknown(where, given, makers)
    return _together(
        _policy(where, makers[name], variables.string_list(f"{where}: {name}", names))
        for name, names in given.items()
    )


def _read(environment: Mapping[str, str]) -> str:
    """Return the content of the route file, which is deployed with the function's code."""
    given = variables.text(environment, _ROUTES_FILE)
    path = os.path.join(environment.get("LAMBDA_TASK_ROOT", ""), given)
    problem = ""
    data = b""
    try:
        with open(path, "rb", opener=_at_once) as file:
            data = file.read(MAX_FILE_BYTES + 1) or b""
    except (OSError, ValueError) as error:
        problem = f"{path!r} cannot be read ({type(error).__name__})"
    if len(data) > MAX_FILE_BYTES:
        problem = f"{path!r} is larger than {MAX_FILE_BYTES // 1024} KiB"
    if problem:
        raise ConfigurationError(f"{_ROUTES_FILE}: {problem}")
    return data.decode("utf-8", "surrogateescape")  # the JSON parser then refuses octets that are not UTF-8


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # otherwise a FIFO would make the init wait for a writer


# -- when to fetch keys ----------------------------------------------------------------------------------


def _warm(environment: Mapping[str, str], verifier: Verifier) -> bool:
    """Whether to fetch keys now.

    The default is yes in two cases: no caller waits for this init, or the first caller would have to wait for
    keys anyway. One fetch at init then serves all callers.
    """
    value = variables.text(environment, _WARM) if _WARM in environment else "auto"
    if value in variables.FLAGS:
        return variables.FLAGS[value]
    if value != "auto":
        raise ConfigurationError(f"{_WARM}={variables.excerpt(value)}: use true, false or auto")
    states = {each["state"] for each in verifier._health()["providers"].values()}
    return environment.get(_INITIALIZATION) in _AHEAD_OF_CALLS or not states <= _USABLE
