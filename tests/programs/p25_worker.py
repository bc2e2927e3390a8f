"""A worker that retries outages alone."""

import sys
import time

from cognito_mr_auth import Verifier, errors

verifier = Verifier.from_env()
while True:
    try:
        print(verifier.verify(sys.argv[1]).subject)
        break
    except errors.Unavailable as error:
        time.sleep(error.retry_after)
    except errors.AuthError as error:
        sys.exit(error.reason)
