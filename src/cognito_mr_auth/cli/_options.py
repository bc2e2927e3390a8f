"""Options that several commands share, and the exit status of each kind of refusal.

Owns the exit statuses and the options of a configuration. Decides nothing about tokens or keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, TypeVar

import click

from cognito_mr_auth import errors
from cognito_mr_auth._base.checks import TOKEN_USES
from cognito_mr_auth.pool import _KINDS

from ._text import safe

__all__ = ["Exit", "configuration_options", "json_option", "jwks_url_option", "pool_options", "usage_errors"]

Command = TypeVar("Command", bound=Callable[..., Any])


class Exit(IntEnum):
    """Exit statuses of every command."""

    WELL = 0
    REFUSED = 1
    USAGE = 2  # click's own status for a UsageError
    KEYS_UNAVAILABLE = 3


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
jwks_url_option = click.option(
    "--jwks-url",
    metavar="URL",
    help="Ask this endpoint alone: https, or http to loopback.",
)

_replica_regions = click.option(
    "--replica-region",
    "replica_regions",
    multiple=True,
    metavar="REGION",
    help="A Region that the pool is replicated to; may be repeated.",
)
_POOL_ID_HELP = 'Such as "us-west-2_EXAMPLE".'
_POOL_OPTIONS = [
    click.option("--user-pool-id", required=True, help=_POOL_ID_HELP),
    _replica_regions,
    jwks_url_option,
]
_CONFIGURATION_OPTIONS = [
    click.option(
        "--from-env",
        is_flag=True,
        help="Take the configuration from the COGNITO_ variables. "
        "Default, if they are set and no option gives one.",
    ),
    click.option("--user-pool-id", help=_POOL_ID_HELP),
    _replica_regions,
    click.option(
        "--client-id",
        "client_ids",
        multiple=True,
        metavar="ID",
        help="An app client whose tokens are accepted; may be repeated.",
    ),
    click.option("--any-client", is_flag=True, help="Accept every app client of the pool."),
    click.option(
        "--token-use",
        type=click.Choice(TOKEN_USES),
        help="The kind of token that is accepted.  [default: access]",
    ),
    click.option(
        "--issuer-kind",
        "issuer_kinds",
        multiple=True,
        type=click.Choice(_KINDS),
        help="A kind of issuer that is accepted; may be repeated. Default: all that the pool has.",
    ),
    click.option(
        "--audience",
        "audiences",
        multiple=True,
        metavar="ID",
        help="The resource that an access token must be bound to; may be repeated.",
    ),
    click.option(
        "--unbound-machines",
        is_flag=True,
        help="Beside --audience: accept machines' tokens without aud, too.",
    ),
]


def pool_options(command: Command) -> Command:
    """The options that name the pool and the source of its keys."""
    return _with(_POOL_OPTIONS, command)


def configuration_options(command: Command) -> Command:
    """The options that say which tokens a verifier accepts. None of them is required."""
    return _with(_CONFIGURATION_OPTIONS, command)


def _with(options: Sequence[Callable[[Command], Command]], command: Command) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


@contextmanager
def usage_errors() -> Iterator[None]:
    """Turn a ConfigurationError inside into a usage error (exit status 2)."""
    try:
        yield
    except errors.ConfigurationError as error:
        raise click.UsageError(safe(str(error))) from error
