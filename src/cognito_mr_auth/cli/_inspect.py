"""`cognito-mr-auth inspect`: what a token says, marked as unverified.

Owns only the command. It reads as strictly as the verifier does, and must never show the signature. So what
it prints can be shared without sharing a valid token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import IO, Any, Final, NamedTuple

import click

from cognito_mr_auth import UserPool, errors
from cognito_mr_auth._base.encoding import Malformed, b64url_decode, json_object
from cognito_mr_auth._config import environment
from cognito_mr_auth._config.options import MAX_TOKEN_LENGTH
from cognito_mr_auth._jwt import compact
from cognito_mr_auth.pool import TokenUse

from ._configuration import Configuration, any_given, configuration, from_variables, pool_of
from ._input import read_token, token_argument
from ._options import Exit, configuration_options, json_option, usage_errors
from ._refusal import do_of, refusal_fields, show_refusal, why_of
from ._surroundings import Surroundings
from ._text import echo_json, quoted, safe, to_json
from ._times import ago, local_time, plausible, remaining
from ._unverified import Bearer, Match, bearer_of, provenance_of, refusals

__all__ = ["inspect"]

BANNER: Final = "UNVERIFIED"
_WARNING: Final = "anybody could have written this. The signature was not checked; verify does that."
_NOTHING_SEEN: Final = "inspect sees no reason to refuse it; only verify can tell whether it is genuine"

# The text that follows the name of the issuer's pool.
_MATCHES: Final[Mapping[Match, str]] = {
    "accepted-issuer": "one of those given",
    "issuer-kind": "one of those given, but its configuration leaves out this kind of issuer",
    "region": "one of those given, but its configuration does not name this Region",
    "another-pool": "none of those given: {given}",
    "no-pool": "given: {given}",
}


class _Said(NamedTuple):
    """A token as it was read, and what it is compared with. `note` says why there is nothing to compare."""

    token: str
    header: dict[str, Any]
    claims: dict[str, Any]
    configured: Configuration | None
    note: str

    @property
    def pools(self) -> tuple[UserPool, ...]:
        """The pools to compare with."""
        return self.configured.pools if self.configured else ()


@click.command()
@configuration_options
@json_option
@token_argument
@click.pass_obj
def inspect(
    given: Surroundings | None, /, *, token_file: IO[bytes], from_env: bool, as_json: bool, **settings: Any
) -> None:
    """Show what the token in FILE or on standard input says, unverified.

    Whose it is, for whom, until when, from which of the configured pools, and what a verifier would refuse.
    Exit status: 0 shown, 1 no token, 2 wrong usage.
    """
    surroundings = given or Surroundings()
    with usage_errors():
        configured, note = _configured(from_env, settings, surroundings.environ)
    token = read_token(token_file)
    try:
        header, payload, _, _ = compact.split(token, MAX_TOKEN_LENGTH)
        said = _Said(token, _part(header, "header"), _part(payload, "payload"), configured, note)
    except errors.TokenRejected as error:
        show_refusal(error, as_json=as_json)
        raise SystemExit(Exit.REFUSED) from None
    if as_json:
        echo_json(_document(said, surroundings.now()))
    else:
        _show(said, surroundings)


def _configured(
    asked: bool, settings: dict[str, Any], environ: Mapping[str, str]
) -> tuple[Configuration | None, str]:
    """Return what to compare with, or why there is nothing to compare with."""
    if from_variables(asked, settings, environ):
        try:
            return environment.verifier_from(configuration, environ), ""
        except errors.ConfigurationError as error:
            if asked:
                raise
            return None, f"the COGNITO_ variables cannot be used: {error}"
    if not any_given(settings):
        return None, "give them with --user-pool-id or --from-env"
    use: TokenUse = settings.pop("token_use") or "access"
    return configuration(pool_of(**settings), token_use=use), ""


def _part(segment: bytes, name: str) -> dict[str, Any]:
    try:
        return json_object(b64url_decode(segment))
    except Malformed as error:
        reason = str(error)
    raise errors.TokenMalformed(f"the {name} is unreadable: {reason}")


# -- for people ------------------------------------------------------------------------------------


def _show(said: _Said, surroundings: Surroundings) -> None:
    now = surroundings.now()
    click.echo(f"{click.style(BANNER, fg='yellow')}: {_WARNING}")
    bearer = bearer_of(said.claims)
    rows = {
        "whose": _whose(bearer),
        "for": _for(bearer),
        "kind": {"access": "access token", "id": "ID token"}.get(
            str(bearer.token_use), f"neither: token_use {_value(bearer.token_use)}"
        ),
        "issued": _moment(said.claims.get("iat"), surroundings, ago),
        "until": _moment(said.claims.get("exp"), surroundings, remaining),
        "issuer": _value(said.claims.get("iss")),
        "pool": _pool(said),
        "signing": f"alg {_value(said.header.get('alg'))}, kid {_value(said.header.get('kid'))}",
    }
    for name, value in rows.items():
        click.echo(f"  {name:<8} {value}")
    found = refusals(said.token, said.claims, said.configured, now)
    for error in found:
        click.echo(f"{click.style('would be refused', fg='red')}: {safe(error.reason)}")
        click.echo(f"  why: {safe(why_of(error))}")
        click.echo(f"  do:  {safe(do_of(error))}")
    if not found:
        click.echo(_NOTHING_SEEN)
    for name, part in {"header": said.header, "claims": said.claims}.items():
        click.echo(f"{name} (unverified)\n{to_json(part)}")


def _value(value: Any) -> str:
    return "absent" if value is None else quoted(value)


def _whose(bearer: Bearer) -> str:
    subject = f"sub {_value(bearer.subject)}"
    if bearer.is_machine:
        return f"the app client itself, no user: {subject}"
    return subject if bearer.username is None else f"user {quoted(bearer.username)}, {subject}"


def _for(bearer: Bearer) -> str:
    audience = "" if bearer.audience is None else f", audience {quoted(bearer.audience)}"
    return f"app client {_value(bearer.client_id)}{audience}"


def _moment(value: Any, surroundings: Surroundings, distance: Callable[[float, float], str]) -> str:
    if not plausible(value):
        return f"no time: {_value(value)}"
    return f"{local_time(value, surroundings.zone)} ({distance(value, surroundings.now())})"


def _pool(said: _Said) -> str:
    match, origin, _ = provenance_of(said.claims.get("iss"), said.pools)
    where = "no user pool has such an issuer"
    if origin is not None:
        where = f"{origin.user_pool_id}, its {origin.kind} issuer in {origin.region}"
    if said.configured is None:
        return f"{where}; not compared with your pools: {safe(said.note)}"
    given = ", ".join(pool.user_pool_id for pool in said.pools)
    return f"{where}; {_MATCHES[match].format(given=given)}"


# -- for programs ----------------------------------------------------------------------------------


def _document(said: _Said, now: float) -> dict[str, Any]:
    issuer, expires = said.claims.get("iss"), said.claims.get("exp")
    match, origin, _ = provenance_of(issuer, said.pools)
    found = refusals(said.token, said.claims, said.configured, now)
    return {
        "verified": False,
        **bearer_of(said.claims)._asdict(),
        "issued_at": said.claims.get("iat"),
        "expires_at": expires,
        "expires_in": int(expires - now) if plausible(expires) else None,
        "issuer": issuer,
        "names": None if origin is None else origin._asdict(),
        "compared_with": [pool.user_pool_id for pool in said.pools],
        "match": None if said.configured is None else match,
        "note": said.note or None,
        "would_be_refused": [refusal_fields(error) for error in found],
        "header": said.header,
        "claims": said.claims,
    }
