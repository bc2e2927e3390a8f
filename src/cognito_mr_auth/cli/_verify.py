"""`cognito-mr-auth verify`: would this verifier accept this token?

Owns only the command; the Verifier makes every decision. Claims are printed only on request.
"""

from __future__ import annotations

from typing import IO, Any, Final

import click

from cognito_mr_auth import Principal, UserPool, Verifier, errors, events
from cognito_mr_auth._config import environment
from cognito_mr_auth._jwks.schedule import WARM_SECONDS
from cognito_mr_auth.pool import TokenUse

from ._configuration import configuration, from_variables, pool_of, read_only
from ._input import read_token, token_argument
from ._options import Exit, configuration_options, json_option, jwks_url_option, usage_errors
from ._refusal import show_refusal
from ._surroundings import Surroundings
from ._text import echo_json, safe, to_json
from ._times import local_time, remaining

__all__ = ["verify"]

# As long as one refresh, because a person would rather wait than ask twice.
TIMEOUT_SECONDS: Final = WARM_SECONDS


@click.command()
@configuration_options
@jwks_url_option
@click.option("--key-file", type=click.Path(dir_okay=False), help="The pool's persisted keys; never written.")
@click.option("--offline", is_flag=True, help="Use the key file alone, never the network.")
@click.option("--claims", "with_claims", is_flag=True, help="Print the claims of an accepted token.")
@json_option
@token_argument
@click.pass_obj
def verify(
    given: Surroundings | None,
    /,
    *,
    token_file: IO[bytes],
    from_env: bool,
    with_claims: bool,
    as_json: bool,
    **settings: Any,
) -> None:
    """Verify the token in FILE or on standard input.

    Says accepted or refused, why, and what to do. Exit status: 0 accepted, 1 refused, 2 wrong usage, 3
    keys unavailable.
    """
    surroundings = given or Surroundings()
    with usage_errors():
        if from_variables(from_env, settings, surroundings.environ):
            verifier = environment.verifier_from(_verifier, surroundings.environ)
        else:
            verifier = _from_options(**settings)
    with verifier:
        token = read_token(token_file)
        try:
            principal = verifier.verify(token, timeout=TIMEOUT_SECONDS)
        except errors.AuthError as error:
            show_refusal(error, as_json=as_json)
            unavailable = isinstance(error, errors.Unavailable)
            raise SystemExit(Exit.KEYS_UNAVAILABLE if unavailable else Exit.REFUSED) from None
    if as_json:
        _show_document(principal, with_claims, surroundings)
    else:
        _show_acceptance(principal, with_claims, surroundings)


def _verifier(*pools: UserPool, **options: Any) -> Verifier:
    """Return the application's verifier, except that it writes no key files."""
    checked = configuration(*pools, **options)
    return Verifier(*map(read_only, checked.pools), **options, on_event=_note)


def _note(event: events.Event) -> None:
    """Print on standard error why a key file is not used, which the result does not show."""
    if isinstance(event, events.KeyFileProblem):
        click.echo(f"note: key file: {safe(event.reason)}", err=True)


def _from_options(*, token_use: TokenUse | None, **settings: Any) -> Verifier:
    pool = pool_of(**settings)
    if not settings["client_ids"] and not settings["any_client"]:
        raise click.UsageError("name the app clients with --client-id, or use --any-client")
    return _verifier(pool, token_use=token_use or "access")


def _show_document(principal: Principal, with_claims: bool, surroundings: Surroundings) -> None:
    whole = principal.to_dict()
    names = ["provider", "user_pool_id", "issuer", "token_use", "is_machine", "issued_at", "expires_at"]
    names += ["claims"] * with_claims
    expires_in = int(principal.expires_at - surroundings.now())
    chosen = {name: whole[name] for name in names}
    echo_json({"outcome": "accepted", "expires_in": expires_in} | chosen)


def _show_acceptance(principal: Principal, with_claims: bool, surroundings: Surroundings) -> None:
    click.echo(click.style("accepted", fg="green"))
    click.echo("  why: a key of the pool signed it; issuer, times, token use and app client are right")
    click.echo("  do:  nothing until it expires")
    until = local_time(principal.expires_at, surroundings.zone)
    rows = {
        "provider": principal.provider,
        "issuer": f"{principal.issuer.kind}, {principal.issuer.url}",
        "token use": principal.token_use,
        "expires": f"{until} ({remaining(principal.expires_at, surroundings.now())})",
    }
    for name, value in rows.items():
        click.echo(f"  {name:<10} {safe(value)}")
    if with_claims:
        click.echo(f"claims\n{to_json(principal.to_dict()['claims'])}")
