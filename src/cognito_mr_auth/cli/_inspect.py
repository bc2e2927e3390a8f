"""`cognito-mr-auth inspect`: what a token says, marked as unverified.

Owns the command alone. It reads as strictly as the verifier does, and must never show the
signature: what it prints can be shared without sharing a token that works.
"""

from __future__ import annotations

from typing import IO, Any, Final

import click

from cognito_mr_auth import errors
from cognito_mr_auth._base.encoding import Malformed, b64url_decode, json_object
from cognito_mr_auth._config.options import MAX_TOKEN_LENGTH
from cognito_mr_auth._jwt import compact

from ._input import read_token, token_argument
from ._options import Exit, json_option
from ._refusal import show_refusal
from ._text import echo_json, to_json

__all__ = ["inspect"]

BANNER: Final = "UNVERIFIED: anybody could have written this. Nothing below was checked."


@click.command()
@json_option
@token_argument
def inspect(token_file: IO[bytes], as_json: bool) -> None:
    """Show header and claims of the token in FILE or on standard input, unverified.

    Exit status: 0 shown, 1 no token, 2 wrong usage.
    """
    token = read_token(token_file)
    try:
        header, payload, _, _ = compact.split(token, MAX_TOKEN_LENGTH)
        parts = {"header": _part(header, "header"), "claims": _part(payload, "payload")}
    except errors.TokenRejected as error:
        show_refusal(error, as_json=as_json)
        raise SystemExit(Exit.REFUSED) from None
    if as_json:
        echo_json({"verified": False, **parts})
        return
    click.echo(BANNER)
    for name, value in parts.items():
        click.echo(f"{name} (unverified)\n{to_json(value)}")


def _part(segment: bytes, name: str) -> dict[str, Any]:
    try:
        return json_object(b64url_decode(segment))
    except Malformed as error:
        reason = str(error)
    raise errors.TokenMalformed(f"the {name} is unreadable: {reason}")
