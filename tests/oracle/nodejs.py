"""aws-jwt-verify under Node as one of the judges: installed once, started once for a test module.

Owns the child process and its lines. What it is asked, and how it is set up, stands in node/judge.cjs.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cognito_mr_auth.testing import FakeUserPool

HERE = Path(__file__).resolve().parent / "node"
INSTALLED = Path(__file__).resolve().parents[2] / ".venvs" / "oracle-node"
LIBRARY = "aws-jwt-verify"
# Installing takes two seconds, and everything after it less; a machine that hangs must fail.
DEADLINE_SECONDS = 120.0

Token = tuple[str, str]
Reading = dict[str, Any] | str
"""The payload, or why the token was refused."""


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"not installed: {name}")
    return found


def install() -> Path:
    """The folder whose node_modules hold the library at the pinned version."""
    wanted = json.loads((HERE / "package.json").read_text("utf-8"))["dependencies"][LIBRARY]
    told = INSTALLED / "node_modules" / LIBRARY / "package.json"
    if not told.exists() or json.loads(told.read_text("utf-8"))["version"] != wanted:
        npm = _program("npm")
        INSTALLED.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "package.json", INSTALLED)
        quiet = ("--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund")
        command = [npm, "install", "--prefix", str(INSTALLED), *quiet]
        subprocess.run(command, cwd=INSTALLED, check=True, timeout=DEADLINE_SECONDS)
    return INSTALLED


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
    node = _program("node")
    command = [node, str(HERE / "judge.cjs"), str(install())]
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
