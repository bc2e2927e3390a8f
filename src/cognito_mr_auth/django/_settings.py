"""The setting COGNITO_AUTH: its keys, and the guard that is made from them.

Owns the one guard of a project. It is made at its first use, and dropped when a test overrides the setting.
It is looked up at every request, because a test client keeps its middleware.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import RLock
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from cognito_mr_auth._base.checks import check_flag
from cognito_mr_auth._config.near_names import nearest_name
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth._web.settings import Options
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.pool import UserPool
from cognito_mr_auth.verifier import Verifier

from ._users import UserSource

__all__ = ["NAME", "OF_THE_VERIFIER", "Configured", "configured", "guard", "loaded", "read_settings"]

NAME: Final = "COGNITO_AUTH"

# The keys that only this adapter has.
_OWN = ("CSRF_EXEMPT", "PROTECT_ALL", "USER", "VERIFIER")
# The other keys are options of UserPool, Verifier and the guard in upper case. Hooks need a VERIFIER.
_POOL = (
    *("user_pool_id", "client_ids", "replica_regions", "issuer_kinds", "audience", "unbound_machines"),
    *("jwks_urls", "jwks", "key_file", "baked_key_file", "offline", "dns_suffix", "insecure_emulator"),
)
_VERIFIER = (
    *("token_use", "leeway", "cache_size", "refresh_after", "revalidate_after", "max_stale"),
    *("token_types", "max_token_length"),
)
OF_THE_VERIFIER: Final = frozenset({"VERIFIER", *(name.upper() for name in (*_POOL, *_VERIFIER))})
"""The keys that describe the verifier."""
_GUARD = tuple(sorted(Options.__optional_keys__))
_KEYS = (*_OWN, *(name.upper() for name in (*_POOL, *_VERIFIER, *_GUARD)))

# Options of a project's Guard that are ignored in MIDDLEWARE, because it sees no WebSocket.
_IGNORED = ("subprotocol", "close_at_expiry")


class Configured(NamedTuple):
    """The content of COGNITO_AUTH.

    `csrf_exempt`: a valid token replaces Django's CSRF token. `protect_all`: a view without a mark is closed.
    `user`: the source of a principal's user. `vary_on`: the request headers that may hold a token.
    """

    guard: RequestGuard
    csrf_exempt: bool
    protect_all: bool
    user: UserSource | None
    vary_on: str


def read_settings() -> Mapping[str, Any]:
    """Return the dict COGNITO_AUTH, or an empty one if it is not set.

    Raises:
        ConfigurationError: it is not a dict.
        TypeError: it has an unknown key.
    """
    given = getattr(settings, NAME, {})
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{NAME} is a {type(given).__name__}; give a dict")
    for key in given:
        if key not in _KEYS:
            near = nearest_name(str(key), _KEYS)
            hint = f": did you mean {near!r}?" if near else f"; there are {', '.join(_KEYS)}"
            raise TypeError(f"{NAME} has no key {key!r}{hint}")
    return given


def _configure() -> Configured:
    given = read_settings()
    csrf_exempt, protect_all = given.get("CSRF_EXEMPT", True), given.get("PROTECT_ALL", False)
    for key, flag in (("CSRF_EXEMPT", csrf_exempt), ("PROTECT_ALL", protect_all)):
        check_flag(f'{NAME}["{key}"]', flag)
    user = loaded("USER", given.get("USER"))
    if user is not None and not callable(user):
        raise ConfigurationError(f'{NAME}["USER"] is a {type(user).__name__}; name a function of a principal')
    options = {name: given[name.upper()] for name in _GUARD if name.upper() in given}
    made = RequestGuard.of(NAME, _verifier(given), options, ignored=_IGNORED)
    source = None if user is None else UserSource(user)
    return Configured(made, csrf_exempt, protect_all, source, ", ".join(made.sources.headers))


def _verifier(given: Mapping[str, Any]) -> object:
    """Return the project's own Verifier or Guard, or one for the pool of settings and environment."""
    described = [name.upper() for name in (*_POOL, *_VERIFIER) if name.upper() in given]
    if "VERIFIER" in given:
        if described:
            raise ConfigurationError(f'{NAME}: {described[0]} belongs to the verifier that "VERIFIER" names')
        return loaded("VERIFIER", given["VERIFIER"])
    if not described:
        return Verifier.from_env()
    for name in ("USER_POOL_ID", "CLIENT_IDS"):
        if name not in given:
            raise ConfigurationError(f'{NAME}["{name}"] is missing, and "{described[0]}" is there')
    of_pool = {name: given[name.upper()] for name in _POOL if name.upper() in given}
    of_verifier = {name: given[name.upper()] for name in _VERIFIER if name.upper() in given}
    return Verifier(UserPool(**of_pool), **of_verifier)


def loaded(key: str, value: object) -> Any:
    """Import the object that a dotted path names; return any other value unchanged.

    Raises:
        ConfigurationError: there is no object of that name.
    """
    if not isinstance(value, str):
        return value
    problem = ""
    try:
        return import_string(value)
    except ImportError as error:
        problem = str(error)
    raise ConfigurationError(f'{NAME}["{key}"]: {problem}')


_lock = RLock()  # reentrant, because the module of a VERIFIER may call guard() while it is imported
_current: list[Configured] = []


def configured() -> Configured:
    """Return the current content of COGNITO_AUTH.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """
    for found in _current:  # not by index, because a test in another thread may empty the list meanwhile
        return found
    with _lock:
        _current[:] = _current or [_configure()]
        return _current[0]


def guard() -> RequestGuard:
    """Return the guard of the project.

    Raises:
        ConfigurationError, TypeError: a setting is invalid.
    """
    return configured().guard


def _drop(*, setting: str, **_: object) -> None:
    if setting == NAME:
        with _lock:
            _current.clear()


setting_changed.connect(_drop)
