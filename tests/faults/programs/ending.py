"""A process that ends while a fetch hangs.

    python ending.py idle|thread|asyncio|atexit '{issuer URL: JWKS URL}' TOKEN

Says "leaving" when its last line is reached.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import sys
import threading

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.testing import FakeUserPool


def said(verifier: Verifier, token: str) -> str:
    """How it ends."""
    try:
        verifier.verify(token, timeout=0.2)
    except AuthError as error:
        return f"{error.status} {error.reason}"
    return "accepted"


async def cancelled(verifier: Verifier, token: str) -> None:
    """A task that waits for keys when its loop ends."""
    task = asyncio.create_task(verifier.averify(token))
    await asyncio.sleep(0.1)
    task.cancel()


def main(how: str, urls: str, token: str) -> None:
    """Begin a fetch that hangs, and leave."""
    pool_id = FakeUserPool().user_pool_id
    pool = UserPool(
        pool_id, client_ids=["1example23456789"], replica_regions=["us-east-1"], jwks_urls=json.loads(urls)
    )
    verifier = Verifier(pool, token_use="access")
    if how == "asyncio":
        asyncio.run(cancelled(verifier, token))
    else:
        said(verifier, token)
    if how == "thread":
        threading.Thread(target=verifier.verify, args=(token,), daemon=True).start()
    if how == "atexit":
        atexit.register(lambda: print(said(verifier, token), flush=True))  # noqa: T201
    print("leaving", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
