"""aws-jwt-verify under Node as one of the judges: installed once, started once for a test module.

Owns the child process and its lines. node/judge.cjs has its set-up and what a line means.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.npm import install, program

from cognito_mr_auth.testing import FakeUserPool

HERE = Path(__file__).resolve().parent / "node"
# No list takes two seconds; a process that hangs must fail the test.
DEADLINE_SECONDS = 120.0

Token = tuple[str, str]
Reading = dict[str, Any] | str
"""The payload, or why the token was refused."""


class Node:
    """The child: a list of tokens goes in, a list of readings comes out."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, asked: object) -> list[Reading]:
        """One line there, one line back."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"node ended with status {self._process.wait(DEADLINE_SECONDS)}"
        found: list[Reading] = json.loads(line)
        return found

    def read(self, tokens: Sequence[Token]) -> list[Reading]:
        """What it reads of each token, or why it refuses it."""
        return self.ask(tokens)


@contextmanager
def judging(pool: FakeUserPool, leeway: float) -> Iterator[Node]:
    """The library with the keys, issuers, client and leeway of one pool."""
    node = program("node")
    installed = install(HERE / "package.json", "aws-jwt-verify", "oracle-node")
    command = [node, str(HERE / "judge.cjs"), str(installed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            judge = Node(process)
            judge.ask(
                {
                    "userPoolId": pool.user_pool_id,
                    "clientId": pool.client_id,
                    "jwks": pool.jwks(),
                    "replicas": [pool.issuer("replica", region) for region in pool.replica_regions],
                    "graceSeconds": leeway,
                }
            )
            yield judge
        finally:
            process.kill()
