"""Warm the keys, verify under asyncio, close."""

import asyncio
import sys

from cognito_mr_auth import Verifier


async def main() -> None:
    async with Verifier.from_env() as verifier:
        await verifier.awarm()
        print((await verifier.averify(sys.argv[1])).subject)


asyncio.run(main())
