"""What a verifier does with the keys of all its pools at once: warm them, and report on them.

This module chooses the pools, and makes one verdict of several. The verdict on one pool is its key set's.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping
from typing import TYPE_CHECKING, Any

from cognito_mr_auth._base.clock import Instant
from cognito_mr_auth._remote.remote_key_set import RemoteKeySet
from cognito_mr_auth._runtime.run import gather
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.pool import UserPool

if TYPE_CHECKING:
    from cognito_mr_auth.health import Health

__all__ = ["are_ready", "chosen", "health_of", "warming"]

KeySets = Mapping[str, RemoteKeySet]


def chosen(key_sets: KeySets, providers: Collection[UserPool | str]) -> Collection[RemoteKeySet]:
    """The key sets of these pools, which are given as pools or IDs; all key sets, if none is given.

    Raises:
        ConfigurationError: the verifier does not have one of them.
        TypeError: an argument is neither a pool nor an ID.
    """
    if not providers:
        return key_sets.values()
    found = []
    for each in providers:
        name = each.user_pool_id if isinstance(each, UserPool) else each
        if not isinstance(name, str):
            raise TypeError(f"give user pools or their IDs one by one, not {type(name).__name__}")
        if name not in key_sets:
            raise ConfigurationError(f"this verifier has no pool {name!r}; it has {', '.join(key_sets)}")
        found.append(key_sets[name])
    return found


def are_ready(key_sets: Collection[RemoteKeySet], now: Instant) -> bool:
    """Whether each has a usable key. All are asked, so that the refresh of each begins (B3)."""
    return all([each.ready(now) for each in key_sets])  # noqa: C419 - a generator would stop at the first no


def health_of(key_sets: KeySets, now: Instant, hook_failures: int) -> Health:
    """The report on all pools."""
    providers = {name: key_set.health(now) for name, key_set in key_sets.items()}
    return {
        "ready": all(each["ready"] for each in providers.values()),
        "healthy": all(each["healthy"] for each in providers.values()),
        "providers": providers,
        "hook_failures": hook_failures,
    }


def warming(key_sets: KeySets, timeout: Any) -> Generator[Any, Any, None]:
    """Ask every endpoint of every pool.

    Raises:
        KeysUnavailable: a pool has no usable key at the end.
    """
    failure = yield from gather([each.warming(timeout) for each in key_sets.values()])
    if failure is not None:
        raise failure
