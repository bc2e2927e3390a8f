"""Threads, sockets and memory of this process and of the workers, as Linux reports them.

Owns the readings and their drift, and no limit.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

__all__ = ["MIN_READINGS", "Meter", "Reading", "library_threads", "read"]

PAUSE = 1.0
# A process with fewer readings is too young to show a drift.
MIN_READINGS = 16


class Reading(NamedTuple):
    """One process at one moment."""

    memory_mb: float
    threads: int
    sockets: int


def library_threads() -> int:
    """The library's own threads in this process."""
    return sum(each.name.startswith("cognito-mr-auth") for each in threading.enumerate())


def read(pid: int) -> Reading | None:
    """A process's reading; None once it is gone, or where there is no /proc."""
    place = Path(f"/proc/{pid}")
    sockets = 0
    try:
        status = (place / "status").read_text("utf-8")
        for entry in os.scandir(place / "fd"):
            with suppress(OSError):  # closed since it was listed
                sockets += os.readlink(entry.path).startswith("socket:")
    except OSError:
        return None
    lines = dict(line.split(":", 1) for line in status.splitlines())
    if "VmRSS" not in lines:
        return None
    return Reading(int(lines["VmRSS"].split()[0]) / 1024, int(lines["Threads"]), sockets)


class Meter:
    """Reads once a second, on a thread of its own."""

    def __init__(self, pids: Callable[[], list[int]]) -> None:
        self._pids = pids
        self.readings: dict[int, list[Reading]] = {}
        self.most_threads = 0

    def run(self, over: threading.Event) -> None:
        """Until it is over."""
        while not over.wait(PAUSE):
            self.most_threads = max(self.most_threads, library_threads())
            for pid in (os.getpid(), *self._pids()):
                if found := read(pid):
                    self.readings.setdefault(pid, []).append(found)

    def drift_mb(self, pid: int) -> float:
        """How much more memory in the last quarter of its life than in the second."""
        found = [each.memory_mb for each in self.readings.get(pid, [])]
        if len(found) < MIN_READINGS:
            return 0.0
        quarter = len(found) // 4
        return median(found[-quarter:]) - median(found[quarter : 2 * quarter])

    def most(self, pid: int) -> Reading:
        """The largest of each."""
        found = self.readings.get(pid) or [Reading(0.0, 0, 0)]
        return Reading(*(max(column) for column in zip(*found, strict=True)))
