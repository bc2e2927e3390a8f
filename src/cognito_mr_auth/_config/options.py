"""A verifier's settings, checked: nonsense fails in the constructor and names the value (S7).

Owns these checks and their limits. Does no I/O.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from cognito_mr_auth._jwks.model import CacheLifetimes
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.pool import UserPool

__all__ = ["TOKEN_USES", "check_callables", "check_options", "lifetimes"]

TOKEN_USES: Final = ("access", "id", "any")
# S4: Cognito's shortest token life is 5 min, so more leeway would double it.
MAX_LEEWAY = 300.0
# S7: where no endpoint has answered for a week, that is no outage any more.
MAX_STALE_LIMIT = 7 * 86400.0
# Thirty million years: beyond it, an int might not fit a float.
MAX_SECONDS = 1e15


def lifetimes(refresh_after: object, revalidate_after: object, max_stale: object) -> CacheLifetimes:
    """The ages at which keys are renewed, waited for and dropped, in seconds.

    Raises:
        ConfigurationError: unless 0 < refresh_after <= revalidate_after <= max_stale <= 7 days.
    """
    found = CacheLifetimes(
        _seconds("refresh_after", refresh_after),
        _seconds("revalidate_after", revalidate_after),
        _seconds("max_stale", max_stale),
    )
    if not 0 < found[0] <= found[1] <= found[2] <= MAX_STALE_LIMIT:
        raise ConfigurationError(
            f"refresh_after={refresh_after!r}, revalidate_after={revalidate_after!r}, "
            f"max_stale={max_stale!r}: they must rise from above 0 to at most 7 days"
        )
    return found


def _seconds(name: str, value: object) -> float:
    # bool is an int to Python; infinity and NaN fail the comparison.
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MAX_SECONDS:
        return float(value)
    raise ConfigurationError(f"{name}={value!r}: give a number of seconds, 0 or more")


def check_callables(**hooks: object) -> None:
    """Refuse a hook that is given and cannot be called."""
    for name, hook in hooks.items():
        if hook is not None and not callable(hook):
            raise ConfigurationError(f"{name}={hook!r} is not callable")


def check_options(pools: tuple[object, ...], token_use: object, leeway: object, cache_size: object) -> None:
    """The other settings of a Verifier.

    Raises:
        ConfigurationError: naming the setting and its value.
    """
    _check_pools(pools)
    if token_use not in TOKEN_USES:
        raise ConfigurationError(f'token_use={token_use!r}: give "access", "id" or "any"')
    if _seconds("leeway", leeway) > MAX_LEEWAY:
        raise ConfigurationError(f"leeway={leeway!r}: at most {MAX_LEEWAY:.0f} seconds")
    if not isinstance(cache_size, int) or isinstance(cache_size, bool) or cache_size < 0:
        raise ConfigurationError(f"cache_size={cache_size!r}: give a number of tokens, 0 or more")


def _check_pools(pools: tuple[object, ...]) -> None:
    """Refuse a pool that is given twice, and a `key_file` that another pool uses too (P)."""
    if not pools:
        raise ConfigurationError("a Verifier needs at least one UserPool")
    ids: set[str] = set()
    paths: set[str] = set()
    baked: set[str] = set()
    for pool in pools:
        if isinstance(pool, (list, tuple, set, frozenset, Generator)):
            raise ConfigurationError("give the pools one by one: Verifier(a, b), or Verifier(*[...])")
        if not isinstance(pool, UserPool):
            raise ConfigurationError(f"Verifier({pool!r}): give UserPool objects")
        if pool.user_pool_id in ids:
            raise ConfigurationError(f"{pool.user_pool_id!r} is given twice: one issuer, one pool")
        ids.add(pool.user_pool_id)
        if pool.key_file in paths:
            raise ConfigurationError(f"two pools share key_file={pool.key_file!r}")
        if pool.key_file is not None:
            paths.add(pool.key_file)
        if pool.baked_key_file is not None:
            baked.add(pool.baked_key_file)
    if paths & baked:
        raise ConfigurationError(f"{min(paths & baked)!r} is one pool's key_file, another's baked_key_file")
