"""Flask, for the table of requests; a second application, whose pool is out of reach, below /dark."""

from __future__ import annotations

from typing import Any

from e2e.apps.settings import EXCLUDED, READ, verifier
from flask import Flask

from cognito_mr_auth.flask import CognitoAuth, current_principal

main = Flask("main", static_folder=None)
auth = CognitoAuth(verifier("main"), app=main, protect_all=True, exclude=EXCLUDED)
dark = Flask("dark", static_folder=None)
CognitoAuth(verifier("dark"), app=dark, protect_all=True)


@main.get("/orders")
@auth.require(READ)
def orders() -> dict[str, str | None]:
    """Needs the scope."""
    return {"subject": current_principal.subject}


@main.route("/<path:path>", methods=["GET", "OPTIONS"])
@dark.get("/dark/<path:path>")
def everything(path: str) -> dict[str, str | None]:
    """Any valid token, or an excluded path."""
    return {"subject": current_principal.subject if current_principal else None}


def app(environ: dict[str, Any], start_response: Any) -> Any:
    """One of the two, by path."""
    chosen = dark if environ["PATH_INFO"].startswith("/dark/") else main
    return chosen(environ, start_response)
