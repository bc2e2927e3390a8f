"""The configuration that a token is held against: from options, or from the COGNITO_ variables.

Owns where it comes from, and that a command never writes an application's key file. Every check is the
library's.
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

# Without one of them no pool is configured; COGNITO_KEY_FILE and others alone may be somebody else's.
_NAMES_A_POOL = (f"{environment.PREFIX}USER_POOL_ID", f"{environment.PREFIX}USER_POOLS")


class Configuration(NamedTuple):
    """What a verifier of these settings would hold a token against."""

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
    """The arguments of a Verifier, checked as it checks them; how long keys live has no part in it.

    Raises:
        ConfigurationError: naming the setting and its value.
    """
    check_options(pools, token_use, leeway, cache_size)
    return Configuration(pools, token_use, float(leeway), token_form(token_types, max_token_length))


def any_given(settings: Mapping[str, Any]) -> bool:
    """Whether an option says anything.

    An empty string does: a script whose variable is not set must not get another pool for it.
    """
    return any(value not in (None, False, ()) for value in settings.values())


def from_variables(asked: bool, settings: Mapping[str, Any], environ: Mapping[str, str]) -> bool:
    """Whether the variables configure: because that was asked for, or no option does and they name a pool.

    Raises:
        UsageError: it was asked for, and options were given as well.
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
    """The pool that options describe.

    Raises:
        UsageError: no pool is named, or app clients in two ways.
        ConfigurationError: a value cannot be right.
    """
    if user_pool_id is None:
        raise click.UsageError(
            "name the pool with --user-pool-id, or say --from-env to take it from the COGNITO_ variables"
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
    """The pool with its key files as files that are read and never written.

    A command often runs as another user than the application, who could not read the file any more.
    """
    config = pool._key_set_config
    if config.key_file is None:
        return pool
    # A pool reads one such file. The application's own is the newer of the two, if it is there yet.
    use_own = config.baked_key_file is None or os.path.exists(config.key_file)
    path = config.key_file if use_own else config.baked_key_file
    changed = {
        "key_file": None,
        "baked_key_file": path,
        "_key_set_config": config._replace(key_file=None, baked_key_file=path),
    }
    return _rebuild(type(pool), pool._settings | changed)
