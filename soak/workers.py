"""gunicorn with two preloaded workers: started, watched by its log, ended with all that it started.

Owns the child processes. Nothing outlives the `with`, nor this process.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

__all__ = ["Workers", "gunicorn"]

HOST = "127.0.0.1"
COUNT = 2
START_SECONDS = 60.0
STOP_SECONDS = 20.0
PROJECT = Path(__file__).resolve().parents[1]
_LISTENS = re.compile(rf"Listening at: http://{HOST}:([0-9]+)")
_BOOTED = re.compile(r"Booting worker with pid: ([0-9]+)")
COMMAND: tuple[str, ...] = (
    "-m",
    "gunicorn",
    "--bind",
    f"{HOST}:0",
    "--workers",
    str(COUNT),
    "--worker-class",
    "sync",
)
COMMAND += ("--preload", "--no-control-socket", "--graceful-timeout", "5", "--log-level", "info")
COMMAND += ("soak.app:application",)


class Workers:
    """The server's URL and its workers' pids, the dead ones left out."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._news = threading.Condition()
        self._booted: list[int] = []
        self._killed: set[int] = set()
        self._log: list[str] = []
        self.url = ""
        self._reader = threading.Thread(target=self._read, name="soak: gunicorn's log", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            with self._news:
                self._log = [*self._log[-200:], line]
                if listens := _LISTENS.search(line):
                    self.url = f"http://{HOST}:{listens[1]}"
                if booted := _BOOTED.search(line):
                    self._booted.append(int(booted[1]))
                self._news.notify_all()

    def until_booted(self, count: int) -> None:
        """Wait until so many workers have been started in all.

        Raises:
            RuntimeError: they were not.
        """
        with self._news:
            if not self._news.wait_for(lambda: len(self._booted) >= count and self.url, START_SECONDS):
                raise RuntimeError("gunicorn does not start its workers:\n" + "".join(self._log))

    @property
    def pids(self) -> list[int]:
        """The workers that should be alive."""
        with self._news:
            return [pid for pid in self._booted if pid not in self._killed]

    def kill(self, pid: int) -> None:
        """As the kernel does when memory is short; gunicorn starts a successor."""
        with self._news:
            booted = len(self._booted)
            self._killed.add(pid)
        os.kill(pid, signal.SIGKILL)
        self.until_booted(booted + 1)

    @property
    def unasked_restarts(self) -> int:
        """How many workers were started beyond the first and those that took a killed one's place."""
        with self._news:
            return len(self._booted) - COUNT - len(self._killed)

    def stop(self) -> bool:
        """End it and whatever it started; whether all went by themselves, and none is left."""
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        by_itself = True
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            by_itself = False
        with suppress(ProcessLookupError):  # its own session: nobody else is in this group
            os.killpg(self._process.pid, signal.SIGKILL)
            by_itself = False
        self._process.wait(STOP_SECONDS)
        self._reader.join(STOP_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()
        return by_itself


@contextmanager
def gunicorn(folder: Path, settings: Mapping[str, Any]) -> Iterator[Workers]:
    """The server with its first two workers."""
    config = folder / "app.json"
    config.write_text(json.dumps(settings), "utf-8")
    foreign = ("COGNITO_", "AWS_", "COVERAGE", "COV_", "GUNICORN_", "PYTHON")
    environment = {name: text for name, text in os.environ.items() if not name.startswith(foreign)}
    environment |= {
        "SOAK_APP": str(config),
        "PYTHONPATH": f"{PROJECT / 'src'}{os.pathsep}{PROJECT}",
        "PYTHONUNBUFFERED": "1",
    }
    workers = Workers(
        subprocess.Popen(
            [sys.executable, *COMMAND],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    )
    try:
        workers.until_booted(COUNT)
        yield workers
    finally:
        workers.stop()
