"""The root command, which refuses tokens as arguments.

Owns the list of commands. No argument that looks like a token may get past `Guarded`. Every parser behind it
repeats what it does not understand, and other users of the machine can read argument lists.
"""

from __future__ import annotations

import logging
import os

import click

from ._completion import PROGRAM, completion
from ._demo.command import demo
from ._doctor.command import doctor
from ._input import looks_like_token
from ._inspect import inspect
from ._keys_fetch import keys
from ._surroundings import may_be_coloured
from ._verify import verify

__all__ = ["main"]


class Guarded(click.Group):
    """A group that refuses tokens on the command line, without repeating them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Check every argument of every command before anything else reads it.

        While a shell completes a line, nothing is refused, because completion repeats no argument.
        """
        if not ctx.resilient_parsing and any(looks_like_token(argument) for argument in args):
            raise click.UsageError(
                "an argument looks like a token. Other users can read argument lists, and shells "
                "keep them: give the token on standard input or in a file. "
                "Treat this token as compromised.",
                ctx,
            )
        return super().parse_args(ctx, args)


@click.group(cls=Guarded, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=PROGRAM, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Verify Amazon Cognito tokens of multi-Region user pools, also while a Region is away.

    Exit status: 0 well, 1 refused, 2 wrong usage, 3 keys unavailable.
    """
    # None lets click decide, by whether the output is a terminal.
    ctx.color = None if may_be_coloured(getattr(ctx.obj, "environ", os.environ)) else False
    # Each command prints its own report. Without a handler, the library's log would appear between its lines
    # on standard error.
    logging.getLogger("cognito_mr_auth").addHandler(logging.NullHandler())


for _command in (demo, doctor, verify, inspect, keys, completion):
    main.add_command(_command)
