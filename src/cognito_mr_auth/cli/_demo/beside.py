"""Runs an ordinary verifier beside ours, with the same tokens and as many callers, on threads that may hang.

Owns these threads. They are daemons, because a call that waits for a dead Region must not keep the process
alive.
"""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue
from typing import NamedTuple

from .losses import Losses
from .ordinary import Accepts
from .tokens import Shot

__all__ = ["Beside"]


class _Request(NamedTuple):
    shot: Shot
    phase: int


class Beside:
    """One ordinary verifier with up to `callers` callers at once; further requests wait for one of them."""

    def __init__(self, accepts: Accepts, losses: Losses, callers: int) -> None:
        self._accepts = accepts
        self._losses = losses
        self._callers = callers
        self._requests: SimpleQueue[_Request | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def send(self, shot: Shot, index: int) -> None:
        """Have this token verified. A valid one is counted in the phase of this index."""
        if not shot.forged:
            self._losses.sent(index)
        self._requests.put(_Request(shot, index))
        if len(self._threads) < self._callers:
            thread = threading.Thread(target=self._work, name="demo ordinary caller", daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self, seconds: float) -> None:
        """Drop the requests that no caller has begun, and wait up to `seconds` for the callers to end."""
        deadline = time.monotonic() + seconds
        try:
            while True:
                self._requests.get_nowait()
        except Empty:
            pass
        for _ in self._threads:
            self._requests.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self) -> None:
        while (request := self._requests.get()) is not None:
            accepted = False
            try:
                accepted = self._accepts(request.shot.token)
            finally:
                if not request.shot.forged:
                    self._losses.answered(request.phase, accepted=accepted)
