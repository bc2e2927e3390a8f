"""Reads a token from standard input or a file, never from the argument list.

Owns reading it, and recognising one where it must not be. Never repeats it. It removes only the white space
around it, which `echo` and editors add.
"""

from __future__ import annotations

import re
from typing import IO, Final

import click

__all__ = ["looks_like_token", "read_token", "token_argument"]

# More than the longest token that any verifier accepts (64 KiB), so that a longer token is refused for its
# length. A wrong file (a log, a device) is not read to its end.
MAX_INPUT_BYTES: Final = 128 * 1024

# "eyJ" is the base64url of '{"'. Three long parts are a token whose header begins otherwise. No host name has
# three such long labels in a row, and no other argument has dots.
_TOKEN: Final = re.compile(
    r"eyJ[\w-]{8,}\. | eyJ[\w-]{20,} | [\w-]{20,}\.[\w-]{20,}\.[\w-]{20,}", re.ASCII | re.VERBOSE
)

token_argument = click.argument("token_file", metavar="[FILE]", default="-", type=click.File("rb"))
"""The file that holds the token; `-`, the default, is standard input."""


def looks_like_token(argument: str) -> bool:
    """Whether an argument is or contains what could be a token, or a large part of one."""
    return _TOKEN.search(argument) is not None


def read_token(file: IO[bytes]) -> str:
    """Return the token in a file, without the white space around it.

    Octets that are not UTF-8 become U+FFFD, which no token contains.

    Raises:
        UsageError: there is no token.
    """
    if file.isatty():
        click.echo("Paste the token, then press Enter and Ctrl-D.", err=True)
    token = file.read(MAX_INPUT_BYTES).decode("utf-8", "replace").strip()
    if not token:
        raise click.UsageError("there is no token on standard input or in the file")
    return token
