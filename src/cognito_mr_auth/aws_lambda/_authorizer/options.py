"""The options of an Authorizer, checked by its constructor.

Owns the list of settings, which of them go together, and the kinds of API to which each applies.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple, TypedDict

from cognito_mr_auth._base.checks import check_flag
from cognito_mr_auth._jwks.schedule import CALLER_WAIT_SECONDS
from cognito_mr_auth._runtime.hooks import require_policy
from cognito_mr_auth._web.bearer import Sources
from cognito_mr_auth._web.settings import check_name, check_timeout, sources
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.principal import Principal

from .callbacks import require_callable
from .context import DEFAULT, Context, ContextSource
from .events import HTTP, KINDS, REST, Kind, TokenLocation
from .iot import IotPolicy, IotPolicySource
from .responses import Settings

if TYPE_CHECKING:
    from .routes import RouteTable

__all__ = ["AuthorizerOptions", "Options", "RestTokenOptions", "authorizer_options"]

# The default of API Gateway's cache, and the shortest life of a Cognito access token.
DEFAULT_TTL_S = 300
# "Lambda authorizers" (AppSync): a response may be cached for at most an hour.
MAX_TTL_S = 3600

# Settings that apply only to these kinds. They are refused with another `kind`.
_ONLY_FOR: Mapping[str, frozenset[str]] = {
    "iot_policy": frozenset({"iot"}),
    "fields": frozenset({"appsync"}),
    "strip_prefix": frozenset({"appsync"}),
    "strip_suffix": frozenset({"appsync"}),
    "usage_identifier_key": REST,
    "routes": REST | HTTP,
    "escaped_paths": REST | HTTP,
    "resources": REST | HTTP,
    "response": frozenset({"http-2.0"}),
    "subprotocol": frozenset({"websocket"}),
    "cookie": frozenset({"rest-request", "websocket"}) | HTTP,
    "query": frozenset({"rest-request", "websocket", "iot"}) | HTTP,
    "header": frozenset({"rest-request", "websocket", "iot"}) | HTTP,
    "bare_token": REST | HTTP | {"websocket"},
    "context": frozenset(KINDS) - {"iot"},
    "ttl": frozenset({"appsync"}),
}


class RestTokenOptions(TypedDict, total=False):
    """The options that mean something to a TOKEN authorizer of a REST API."""

    require: Policy | None
    routes: Mapping[str, Policy | None] | None
    escaped_paths: Collection[str]
    resources: Literal["stage", "exact"]
    bare_token: bool
    context: ContextSource
    usage_identifier_key: Callable[[Principal], str | None] | None
    warm: bool
    timeout: float


class Options(RestTokenOptions, total=False):
    """The keyword options of an Authorizer, which describes them."""

    kind: Kind | None
    response: Literal["iam", "simple"]
    iot_policy: IotPolicySource | None
    fields: Mapping[str, Policy] | None
    header: str
    cookie: str | None
    allowed_origins: Collection[str]
    query: str | None
    subprotocol: str | None
    strip_prefix: str
    strip_suffix: str
    ttl: int


class AuthorizerOptions(NamedTuple):
    """The settings in the form that the authorizer uses."""

    kind: str | None
    require: Policy | None
    policies: tuple[Policy | None, ...]
    location: TokenLocation
    sources: Sources
    settings: Settings
    warm: bool
    timeout: float


class _Given(NamedTuple):
    """The keywords of `Options` with their defaults, before any check."""

    kind: str | None = None
    require: Policy | None = None
    routes: Mapping[str, Policy | None] | None = None
    escaped_paths: Collection[str] = ()
    resources: Literal["stage", "exact"] = "stage"
    response: Literal["iam", "simple"] = "iam"
    iot_policy: IotPolicySource | None = None
    fields: Mapping[str, Policy] | None = None
    header: str = "authorization"
    bare_token: bool = False
    cookie: str | None = None
    allowed_origins: Collection[str] = ()
    query: str | None = None
    subprotocol: str | None = None
    strip_prefix: str = ""
    strip_suffix: str = ""
    context: ContextSource = DEFAULT
    usage_identifier_key: Callable[[Principal], str | None] | None = None
    ttl: int = DEFAULT_TTL_S
    warm: bool = False
    timeout: float = CALLER_WAIT_SECONDS


def authorizer_options(options: Options) -> AuthorizerOptions:
    """Check the settings.

    Raises:
        ConfigurationError, TypeError: a setting is invalid; the message begins with its name.
    """
    for name in options:
        if name not in _Given._fields:
            raise TypeError(f"Authorizer() got an unexpected keyword argument {name!r}")
    given = _Given(**options)
    _check_forms(given)
    _check_kind(given)
    check_timeout(given.timeout)
    require_policy(given.require)
    location = TokenLocation(given.header.lower(), given.strip_prefix, given.strip_suffix)
    settings = Settings(
        context=Context(given.context),
        exact=given.resources == "exact",
        simple=given.response == "simple",
        routes=_table(given),
        iot=None if given.iot_policy is None else IotPolicy(given.iot_policy),
        fields=_fields(given.fields),
        usage_identifier_key=given.usage_identifier_key,
        ttl=given.ttl,
    )
    places = sources(given.cookie, given.allowed_origins, given.subprotocol, given.query, given.header)
    places = places._replace(bare=given.bare_token)
    policies = (given.require, *(given.routes or {}).values(), *settings.fields.values())
    return AuthorizerOptions(
        given.kind, given.require, policies, location, places, settings, given.warm, given.timeout
    )


def _check_forms(given: _Given) -> None:
    for name, choices in (("resources", ("stage", "exact")), ("response", ("iam", "simple"))):
        if (value := getattr(given, name)) not in choices:
            raise ConfigurationError(f"{name}={value!r}: use {' or '.join(map(repr, choices))}")
    check_flag("bare_token", given.bare_token)
    check_flag("warm", given.warm)
    check_name("header", given.header)
    for name in ("strip_prefix", "strip_suffix"):
        if type(value := getattr(given, name)) is not str:
            raise ConfigurationError(f"{name}={value!r}: give a str")
    if type(given.ttl) is not int or not 0 <= given.ttl <= MAX_TTL_S:
        raise ConfigurationError(f"ttl={given.ttl!r}: whole seconds, 0 to {MAX_TTL_S}")
    if given.usage_identifier_key is not None:
        require_callable("usage_identifier_key", given.usage_identifier_key)


def _check_kind(given: _Given) -> None:
    kind, defaults = given.kind, _Given._field_defaults
    if kind is None:
        return
    if kind not in KINDS:
        raise ConfigurationError(f"kind={kind!r}: one of {', '.join(KINDS)}")
    for name, kinds in _ONLY_FOR.items():
        if getattr(given, name) != defaults[name] and kind not in kinds:
            raise ConfigurationError(
                f"{name} does not apply to {kind!r}; it is for {', '.join(sorted(kinds))}"
            )
    if kind == "iot" and given.iot_policy is None:
        raise ConfigurationError("iot_policy is needed, because no policy fits every device")


def _table(given: _Given) -> RouteTable | None:
    if given.routes is None:
        if given.escaped_paths != ():
            raise ConfigurationError("escaped_paths needs routes=, whose routes it names")
        return None
    if given.response == "simple" or given.resources == "exact":
        raise ConfigurationError("routes needs response='iam' and resources='stage': it makes the document")
    from .routes import RouteTable

    http = None if given.kind is None else given.kind in HTTP
    return RouteTable(given.routes, http=http, escaped=given.escaped_paths)


def _fields(fields: Mapping[str, Policy] | None) -> Mapping[str, Policy]:
    if fields is None:
        return {}
    if not isinstance(fields, Mapping):
        raise ConfigurationError("fields: give a dict of 'Type.field' and policies")
    for field, require in fields.items():
        if type(field) is not str or not all(field.partition(".")):
            raise ConfigurationError(f"fields holds {field!r}: name a field as 'Type.field'")
        if require is None:
            raise ConfigurationError(f"fields[{field!r}] is None: a field without a policy is for everybody")
        require_policy(require)
    return dict(fields)
