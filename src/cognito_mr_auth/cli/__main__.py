"""`python -m cognito_mr_auth.cli`: the same as the console script."""

from __future__ import annotations

from . import main

if __name__ == "__main__":
    main(prog_name="cognito-mr-auth")
