"""A clock that moves only when a test moves it.

Owns the pair (wall, monotonic) that a Verifier reads. It never reads a real clock and never sleeps.
"""

from __future__ import annotations

import threading

# An arbitrary, round moment (2026-09-21T14:13:20Z) after the introduction of the updated issuer, so that
# printed dates look like those of current tokens.
START_WALL_S = 1_790_000_000.0
# Not zero, so that tests find code that treats 0 as "never".
START_MONOTONIC_S = 1_000.0


class FakeClock:
    """A callable that returns ``(wall seconds since the epoch, monotonic seconds)``.

    Pass it as ``Verifier(clock=...)`` and as ``FakeUserPool(clock=...)``; it is safe to move it
    from another thread.
    """

    def __init__(self, wall: float = START_WALL_S, monotonic: float = START_MONOTONIC_S) -> None:
        self._lock = threading.Lock()
        self._now = (float(wall), float(monotonic))

    def __call__(self) -> tuple[float, float]:
        return self._now

    @property
    def wall(self) -> float:
        """Seconds since the epoch."""
        return self._now[0]

    @property
    def monotonic(self) -> float:
        """Seconds since an arbitrary moment."""
        return self._now[1]

    def advance(self, seconds: float) -> None:
        """Let time pass: both clocks move forward. A negative value raises ValueError."""
        self._move(_forward(seconds), seconds)

    def jump_wall(self, seconds: float) -> None:
        """Step only the wall clock, forward or back, as NTP or an administrator does."""
        self._move(seconds, 0.0)

    def freeze(self, seconds: float) -> None:
        """Suspend the process, as AWS Lambda does: only the wall clock moves on."""
        self._move(_forward(seconds), 0.0)

    def _move(self, wall: float, monotonic: float) -> None:
        with self._lock:
            self._now = (self._now[0] + wall, self._now[1] + monotonic)

    def __repr__(self) -> str:
        return f"FakeClock(wall={self.wall}, monotonic={self.monotonic})"


def _forward(seconds: float) -> float:
    if not seconds >= 0:
        raise ValueError(f"time passes forward, not by {seconds} s; jump_wall() steps back")
    return seconds
