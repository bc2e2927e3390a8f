"""`python -m cognito_mr_auth.testing`: a fake user pool on loopback, for one command or one terminal."""

from __future__ import annotations

import sys

from ._run import main

sys.exit(main(sys.argv[1:]))
