"""What a Lambda@Edge function costs before its first answer: time, processor and memory of a new process.

    .venv/bin/python benchmarks/edge.py [ROUNDS]

Each process imports `aws_lambda.edge`, makes a verifier with local keys (`jwks=`, no network), and answers
one viewer request. It does so with byte code, and without, as at the first start of a deployed zip. Prints
medians.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from cognito_mr_auth.testing import FakeUserPool

ROUNDS = 9
CHILD_SECONDS = 60

FUNCTION = """
import json, os, resource, time
began = float(os.environ["BEGAN"])
from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth.aws_lambda.edge import CognitoAuth
settings = json.load(open(os.environ["SETTINGS"]))
pool = UserPool(settings["pool"], client_ids=[settings["client"]], jwks=settings["jwks"], offline=True)
handler = CognitoAuth(Verifier(pool))
said = handler(settings["event"], None)
assert said["uri"] == "/", said
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps([time.time() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


def event_with(token: str) -> dict[str, object]:
    """A viewer request."""
    headers = {"authorization": [{"key": "Authorization", "value": f"Bearer {token}"}]}
    request = {"method": "GET", "uri": "/", "querystring": "", "headers": headers}
    return {"Records": [{"cf": {"config": {"eventType": "viewer-request"}, "request": request}}]}


def run(settings: Path, *, bytecode: bool) -> list[float]:
    """Seconds until the answer, seconds of processor, MiB at most; of one new process."""
    flags = [] if bytecode else ["-B", "-X", "pycache_prefix=" + str(settings.parent / "none")]
    import time

    environment = {**os.environ, "SETTINGS": str(settings), "BEGAN": repr(time.time())}
    done = subprocess.run(
        [sys.executable, *flags, "-c", FUNCTION],
        env=environment,
        capture_output=True,
        text=True,
        timeout=CHILD_SECONDS,
        check=True,
    )
    found: list[float] = json.loads(done.stdout)
    return found


def main(rounds: int = ROUNDS) -> None:
    """Print the two rows."""
    pool = FakeUserPool()
    given = {"pool": pool.user_pool_id, "client": pool.client_id, "jwks": pool.jwks()}
    with tempfile.TemporaryDirectory() as directory:
        settings = Path(directory) / "settings.json"
        settings.write_text(json.dumps({**given, "event": event_with(pool.access_token())}))
        for bytecode in (True, False):
            results = [run(settings, bytecode=bytecode) for _ in range(rounds)]
            wall, processor, memory = (statistics.median(column) for column in zip(*results, strict=True))
            what = "with byte code" if bytecode else "without byte code"
            print(f"{what:18} {wall:6.3f} s, {processor:6.3f} s of processor, {memory:5.1f} MiB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
