"""The configuration with which a token is checked, from options or from the COGNITO_ variables.

Owns the choice of that source, and that a command never writes an application's key file. The library makes
every check.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import click

from cognito_mr_auth import ANY_CLIENT, UserPool
from cognito_mr_auth._config import environment
from cognito_mr_auth._config.options import check_options, token_form
from cognito_mr_auth._jwt.compact import MAX_TOKEN_CHARS, TOKEN_TYPES, TokenForm
from cognito_mr_auth.pool import TokenUse, _rebuild
from cognito_mr_auth.principal import IssuerKind

__all__ = ["Configuration", "any_given", "configuration", "from_variables", "pool_of", "read_only"]

# Without one of these no pool is configured. COGNITO_KEY_FILE and others alone may belong to other software.
_NAMES_A_POOL = (f"{environment.PREFIX}USER_POOL_ID", f"{environment.PREFIX}USER_POOLS")


class Configuration(NamedTuple):
    """The settings that a Verifier would check a token against."""

    pools: tuple[UserPool, ...]
    token_use: TokenUse
    leeway: float
    form: TokenForm


def configuration(
    *pools: UserPool,
    token_use: TokenUse = "access",
    leeway: float = 5.0,
    cache_size: int = 1024,
    token_types: Collection[str] = TOKEN_TYPES,
    max_token_length: int = MAX_TOKEN_CHARS,
    **_lifetimes: float,
) -> Configuration:
    """Return the arguments of a Verifier, checked as it checks them. The lifetime of keys is not included.

    Raises:
        ConfigurationError: a setting is invalid; the message names it and its value.
    """
    check_options(pools, token_use, leeway, cache_size)
    return Configuration(pools, token_use, float(leeway), token_form(token_types, max_token_length))


def any_given(settings: Mapping[str, Any]) -> bool:
    """Whether an option is given.

    An empty string counts, because a script whose variable is not set must not get the result of another
    pool.
    """
    return any(value not in (None, False, ()) for value in settings.values())


def from_variables(asked: bool, settings: Mapping[str, Any], environ: Mapping[str, str]) -> bool:
    """Whether the variables configure: with --from-env, or without any option if they name a pool.

    Raises:
        UsageError: --from-env and other options were given.
    """
    given = any_given(settings)
    if asked and given:
        raise click.UsageError("--from-env takes all of it from the environment; leave the other options out")
    return asked or (not given and any(name in environ for name in _NAMES_A_POOL))


def pool_of(
    *,
    user_pool_id: str | None,
    client_ids: Sequence[str],
    any_client: bool,
    issuer_kinds: Sequence[IssuerKind],
    audiences: Sequence[str],
    jwks_url: str | None = None,
    **settings: Any,
) -> UserPool:
    """Return the pool that options describe.

    Raises:
        UsageError: no pool is named, or app clients are given in two ways.
        ConfigurationError: a value is invalid.
    """
    if user_pool_id is None:
        raise click.UsageError(
            "name the pool with --user-pool-id, or use --from-env to take it from the COGNITO_ variables"
        )
    if client_ids and any_client:
        raise click.UsageError("--client-id and --any-client exclude each other")
    return UserPool(
        user_pool_id,
        client_ids=client_ids or ANY_CLIENT,
        jwks_urls=jwks_url,
        issuer_kinds=issuer_kinds or None,
        audience=audiences or None,
        **settings,
    )


def read_only(pool: UserPool) -> UserPool:
    """Return the pool with key files that are read and never written.

    A command often runs as another user than the application, which could not read a new file then.
    """
    config = pool._key_set_config
    if config.key_file is None:
        return pool
    # A pool reads only one such file. The application's own file is the newer one, if it exists.
    use_own = config.baked_key_file is None or os.path.exists(config.key_file)
    path = config.key_file if use_own else config.baked_key_file
    changed = {
        "key_file": None,
        "baked_key_file": path,
        "_key_set_config": config._replace(key_file=None, baked_key_file=path),
    }
    return _rebuild(type(pool), pool._settings | changed)
