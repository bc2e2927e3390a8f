"""Starts `python -m cognito_mr_auth.testing` as users do, and sees to it that nothing outlives a test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]

# No run takes a tenth of it; a machine that does must fail, not hang.
DEADLINE_S = 60.0


class Runner:
    """The runner in a session of its own. What it and its child print, errors included, is `lines`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def until(self, beginning: str) -> str:
        """Read on to the line that begins so; its rest."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith(beginning):
                return line.removeprefix(beginning).rstrip("\n")
        raise AssertionError(f"no line begins with {beginning!r}: {self.lines}")

    def tell(self, line: str) -> None:
        """Write one line to the child's standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def signal(self, number: int) -> None:
        """To the runner alone, not to its child."""
        os.kill(self.process.pid, number)

    def end(self) -> int:
        """Read all that is left and wait for the end; the exit status."""
        assert self.process.stdout is not None
        self.lines += [line.rstrip("\n") for line in self.process.stdout]
        return self.process.wait(DEADLINE_S)

    @property
    def alone(self) -> bool:
        """Whether no process of the session is left."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False


@contextmanager
def running(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[Runner]:
    """The runner with these arguments, started in the project's directory."""
    command = [sys.executable, "-m", "cognito_mr_auth.testing", *arguments]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COGNITO_")}
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env={**inherited, **(environment or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )

    def kill() -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    watchdog = threading.Timer(DEADLINE_S, kill)
    watchdog.start()
    try:
        with process:
            try:
                yield Runner(process)
            finally:
                kill()
    finally:
        watchdog.cancel()
        watchdog.join()
