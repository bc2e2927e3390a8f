"""Checks of a verifier's settings. A wrong setting fails in the constructor, which names the value (S7).

This module has these checks and their limits. It does no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping

from cognito_mr_auth._base.checks import check_token_use
from cognito_mr_auth._jwks.model import CacheLifetimes
from cognito_mr_auth._jwt.compact import TOKEN_TYPES, TokenForm
from cognito_mr_auth.errors import ConfigurationError
from cognito_mr_auth.pool import UserPool

__all__ = ["check_callables", "check_options", "lifetimes", "token_form"]

# S4: Cognito's shortest token life is 5 min, and more leeway would more than double it.
MAX_LEEWAY = 300.0
# S7: if no endpoint has answered for a week, it is no outage any more.
MAX_STALE_LIMIT = 7 * 86400.0
# Thirty million years. A larger int might not fit a float.
MAX_SECONDS = 1e15
# O: a token with 2,048-bit RSA and a few claims takes 800 characters. No server passes a header of 64 KiB.
MIN_TOKEN_LENGTH, MAX_TOKEN_LENGTH = 1024, 64 * 1024

# RFC 6838 4.2: a subtype, with or without its type in front. It is compiled at use, because most verifiers
# keep the default and the import should not pay for it.
_MEDIA_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_TOKEN_TYPE = rf"(?:{_MEDIA_NAME}/)?{_MEDIA_NAME}"


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
    # In Python a bool is an int. Infinity and NaN fail the comparison.
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MAX_SECONDS:
        return float(value)
    raise ConfigurationError(f"{name}={value!r}: give a number of seconds, 0 or more")


def token_form(token_types: object, max_token_length: object) -> TokenForm:
    """The accepted values of a token's `typ`, and its length (S3, O).

    Raises:
        ConfigurationError: a setting is wrong. The message names the setting and its value.
    """
    if isinstance(token_types, (str, bytes, Mapping)) or not isinstance(token_types, Iterable):
        raise ConfigurationError(f'token_types={token_types!r}: give a list, such as token_types=["JWT"]')
    given = tuple(token_types)
    if not given:
        raise ConfigurationError("token_types is empty, so no token with a typ could be accepted")
    for each in given:
        if each not in TOKEN_TYPES and not (type(each) is str and re.fullmatch(_TOKEN_TYPE, each)):
            raise ConfigurationError(f"token_types holds {each!r}; a type looks like 'JWT' or 'at+jwt'")
    # RFC 7515 4.1.9: "application/" may be left out only if no other "/" follows.
    short = {each.lower().removeprefix("application/") for each in given}
    types = short | {f"application/{each}" for each in short if "/" not in each}
    if isinstance(max_token_length, bool) or not isinstance(max_token_length, int):
        raise ConfigurationError(f"max_token_length={max_token_length!r}: give a number of characters")
    if not MIN_TOKEN_LENGTH <= max_token_length <= MAX_TOKEN_LENGTH:
        raise ConfigurationError(
            f"max_token_length={max_token_length!r}: {MIN_TOKEN_LENGTH:,} to {MAX_TOKEN_LENGTH:,} characters"
        )
    return TokenForm(frozenset(types), max_token_length)


def check_callables(**hooks: object) -> None:
    """Refuse a hook that was given and is not callable."""
    for name, hook in hooks.items():
        if hook is not None and not callable(hook):
            raise ConfigurationError(f"{name}={hook!r} is not callable")


def check_options(pools: tuple[object, ...], token_use: object, leeway: object, cache_size: object) -> None:
    """Check the other settings of a Verifier.

    Raises:
        ConfigurationError: a setting is wrong. The message names the setting and its value.
    """
    _check_pools(pools)
    check_token_use(token_use)
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
            raise ConfigurationError(f"{pool.user_pool_id!r} is given twice; give each pool once")
        ids.add(pool.user_pool_id)
        if pool.key_file in paths:
            raise ConfigurationError(f"two pools share key_file={pool.key_file!r}")
        if pool.key_file is not None:
            paths.add(pool.key_file)
        if pool.baked_key_file is not None:
            baked.add(pool.baked_key_file)
    if paths & baked:
        raise ConfigurationError(f"{min(paths & baked)!r} is one pool's key_file, another's baked_key_file")
