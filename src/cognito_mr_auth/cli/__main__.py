"""`python -m cognito_mr_auth.cli`: the same as the console script."""

from __future__ import annotations

from . import main

main(prog_name="cognito-mr-auth")
