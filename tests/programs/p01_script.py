"""Verify a token in a script, with one except."""

import sys

from cognito_mr_auth import Verifier, errors

with Verifier.from_env() as verifier:
    try:
        print(verifier.verify(sys.argv[1]).subject)
    except errors.AuthError as error:
        sys.exit(f"{error.reason}: {error}")
