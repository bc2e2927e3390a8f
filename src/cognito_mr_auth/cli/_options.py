"""Options that several commands take, and how refusals become an exit status.

Owns the exit statuses and the reading of a pool from options. Decides nothing about tokens or keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, TypeVar

import click

from cognito_mr_auth import errors

from ._text import safe

__all__ = ["Exit", "json_option", "pool_options", "usage_errors"]

Command = TypeVar("Command", bound=Callable[..., Any])


class Exit(IntEnum):
    """Exit statuses of every command."""

    WELL = 0
    REFUSED = 1
    USAGE = 2  # click's own for a UsageError
    KEYS_UNAVAILABLE = 3


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")

_POOL_OPTIONS = [
    click.option("--user-pool-id", required=True, help='Such as "us-west-2_EXAMPLE".'),
    click.option(
        "--replica-region",
        "replica_regions",
        multiple=True,
        metavar="REGION",
        help="A Region that the pool is replicated to; may be repeated.",
    ),
    click.option(
        "--jwks-url",
        metavar="URL",
        help="Ask this endpoint alone: https, or http to loopback.",
    ),
]


def pool_options(command: Command) -> Command:
    """The options that say which pool it is and where its keys are."""
    for option in reversed(_POOL_OPTIONS):
        command = option(command)
    return command


@contextmanager
def usage_errors() -> Iterator[None]:
    """Make a usage error (exit status 2) of a ConfigurationError inside."""
    try:
        yield
    except errors.ConfigurationError as error:
        raise click.UsageError(safe(str(error))) from error
