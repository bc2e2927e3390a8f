"""Shows a refusal to a person or a program.

Owns the wording alone; the reason and the hint are the library's.
"""

from __future__ import annotations

import click

from cognito_mr_auth import errors

from ._text import echo_json, safe

__all__ = ["show_refusal"]


def show_refusal(error: errors.AuthError, *, as_json: bool) -> None:
    """Print why, and the hint; an outage is "unavailable", which is not the token's fault."""
    unavailable = isinstance(error, errors.Unavailable)
    outcome = "unavailable" if unavailable else "refused"
    if as_json:
        names = ["reason", "message", "hint", "status", "retryable"]
        names += ["retry_after"] * unavailable
        echo_json({"outcome": outcome} | {name: getattr(error, name) for name in names})
        return
    click.echo(f"{outcome}: {safe(error.message)} ({error.reason})")
    if error.hint:
        click.echo(f"  hint: {safe(error.hint)}")
