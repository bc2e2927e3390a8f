"""`cognito-mr-auth verify`: would this verifier accept this token?

Owns the command alone; every decision is the Verifier's. Claims appear only when asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import IO, Any, Final

import click

from cognito_mr_auth import ANY_CLIENT, Principal, UserPool, Verifier, errors
from cognito_mr_auth._base.checks import TOKEN_USES
from cognito_mr_auth._jwks.schedule import WARM_SECONDS
from cognito_mr_auth.pool import _KINDS

from ._input import read_token, token_argument
from ._options import Exit, json_option, pool_options, usage_errors
from ._refusal import show_refusal
from ._text import echo_json, safe, to_json

__all__ = ["verify"]

# As long as one refresh: a person would rather wait than ask twice.
TIMEOUT_SECONDS: Final = WARM_SECONDS


@click.command()
@pool_options
@click.option(
    "--client-id",
    "client_ids",
    multiple=True,
    metavar="ID",
    help="An app client whose tokens are accepted; may be repeated.",
)
@click.option("--any-client", is_flag=True, help="Accept every app client of the pool.")
@click.option(
    "--token-use",
    default="access",
    show_default=True,
    type=click.Choice(TOKEN_USES),
    help="The kind of token that is accepted.",
)
@click.option(
    "--issuer-kind",
    "issuer_kinds",
    multiple=True,
    type=click.Choice(_KINDS),
    help="A kind of issuer that is accepted; may be repeated. Default: all that the pool has.",
)
@click.option(
    "--audience",
    "audiences",
    multiple=True,
    metavar="ID",
    help="The resource that an access token must be bound to; may be repeated.",
)
@click.option(
    "--unbound-machines", is_flag=True, help="Beside --audience: accept machines' tokens without aud, too."
)
@click.option("--key-file", type=click.Path(dir_okay=False), help="The pool's persisted key set.")
@click.option("--offline", is_flag=True, help="Use the key file alone, never the network.")
@click.option("--claims", "with_claims", is_flag=True, help="Print the claims of an accepted token.")
@json_option
@token_argument
def verify(token_file: IO[bytes], with_claims: bool, as_json: bool, token_use: str, **settings: Any) -> None:
    """Verify the token in FILE or on standard input.

    Says accepted, or the reason and its hint. Exit status: 0 accepted, 1 refused, 2 wrong usage, 3
    keys unavailable.
    """
    with usage_errors():
        verifier = Verifier(_pool(**settings), token_use=token_use)
    with verifier:
        token = read_token(token_file)
        try:
            principal = verifier.verify(token, timeout=TIMEOUT_SECONDS)
        except errors.AuthError as error:
            show_refusal(error, as_json=as_json)
            unavailable = isinstance(error, errors.Unavailable)
            raise SystemExit(Exit.KEYS_UNAVAILABLE if unavailable else Exit.REFUSED) from None
    _show_acceptance(principal, as_json, with_claims)


def _pool(
    *,
    user_pool_id: str,
    client_ids: Sequence[str],
    any_client: bool,
    jwks_url: str | None,
    issuer_kinds: Sequence[str],
    audiences: Sequence[str],
    **settings: Any,
) -> UserPool:
    if bool(client_ids) is any_client:
        raise click.UsageError("name the app clients with --client-id, or say --any-client")
    return UserPool(
        user_pool_id,
        client_ids=ANY_CLIENT if any_client else client_ids,
        jwks_urls=jwks_url,
        issuer_kinds=issuer_kinds or None,
        audience=audiences or None,
        **settings,
    )


def _show_acceptance(principal: Principal, as_json: bool, with_claims: bool) -> None:
    if as_json:
        whole = principal.to_dict()
        names = ["provider", "user_pool_id", "issuer", "token_use", "is_machine", "issued_at", "expires_at"]
        names += ["claims"] * with_claims
        echo_json({"outcome": "accepted"} | {name: whole[name] for name in names})
        return
    click.echo("accepted")
    rows = {
        "provider": principal.provider,
        "issuer": f"{principal.issuer.kind}, {principal.issuer.url}",
        "token use": principal.token_use,
        "expires": datetime.fromtimestamp(principal.expires_at, UTC).isoformat(" ", "seconds"),
    }
    for name, value in rows.items():
        click.echo(f"  {name:<10} {safe(value)}")
    if with_claims:
        click.echo(f"claims\n{to_json(principal.to_dict()['claims'])}")
