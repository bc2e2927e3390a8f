"""Shows a refusal to a person or a program: the verdict, why, and what to do.

Owns the advice for the command line; the library owns reason, message and hint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from cognito_mr_auth import errors

from ._text import echo_json, safe

__all__ = ["do_of", "refusal_fields", "show_refusal", "why_of"]

# The advice, by reason, or by reason and claim. If there is no row, the library's hint is the advice. If
# there is one, the hint belongs to the explanation.
_DO: Final[Mapping[str, str]] = {
    "token_malformed": 'give the whole access token or ID token, without quotes and without "Bearer "',
    "algorithm_not_allowed": "use the token of the sign-in, because Cognito signs only with RS256",
    "issuer_unknown": "compare the issuer that inspect shows with --user-pool-id and --replica-region, "
    "or with the COGNITO_ variables",
    "key_unknown": "try again in a minute, because the key may be new; if it stays, do not trust the token",
    "signature_invalid": "do not trust this token; copy it again in case it was cut or changed on the way",
    "claim_rejected": "look at the claim with inspect; a trigger may have changed it, or it is not Cognito's",
    "claim_rejected client_id": "if this app client may call you, add it: --client-id, COGNITO_CLIENT_IDS",
    "claim_rejected aud": "compare aud with --client-id for an ID token, with --audience for an access token",
    "claim_rejected token_use": "send the other kind of token, or set the kind that you expect: --token-use",
    "keys_unavailable": "try again in {retry_after} s; doctor shows which endpoints answer",
    "key_unconfirmed": "try again in {retry_after} s; doctor shows which endpoints answer",
}
_OTHERWISE: Final = "look at the token with inspect"


def _own(error: errors.AuthError) -> str | None:
    # Without a hint the claim is absent or malformed, so no setting would help.
    found = _DO.get(f"{error.reason} {getattr(error, 'claim', None)}") if error.hint else None
    found = found or _DO.get(error.reason)
    return None if found is None else found.format(retry_after=getattr(error, "retry_after", 1))


def do_of(error: errors.AuthError) -> str:
    """Return the advice."""
    return _own(error) or error.hint or _OTHERWISE


def why_of(error: errors.AuthError) -> str:
    """Return the library's explanation: its message, and its hint unless that is the advice."""
    return f"{error.message}; {error.hint}" if error.hint and _own(error) else error.message


def refusal_fields(error: errors.AuthError) -> dict[str, Any]:
    """Return the same for a program."""
    names = ["reason", "message", "hint", "status", "retryable"]
    names += ["retry_after"] * isinstance(error, errors.Unavailable)
    return {name: getattr(error, name) for name in names} | {"do": do_of(error)}


def show_refusal(error: errors.AuthError, *, as_json: bool) -> None:
    """Print verdict, reason and advice. An outage is "unavailable", because it is not the token's fault."""
    unavailable = isinstance(error, errors.Unavailable)
    outcome = "unavailable" if unavailable else "refused"
    if as_json:
        echo_json({"outcome": outcome} | refusal_fields(error))
        return
    click.echo(f"{click.style(outcome, fg='yellow' if unavailable else 'red')}: {safe(error.reason)}")
    click.echo(f"  why: {safe(why_of(error))}")
    click.echo(f"  do:  {safe(do_of(error))}")
