"""How long a caller is ready to wait: `timeout=` of a verifier's methods.

Owns which values are a number of seconds. A wrong one fails with the call, whether keys are due or not,
because it would else be found in the first outage.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["MAX_WAIT_SECONDS", "Remaining", "checked_timeout"]

# A lock takes no longer wait than threading.TIMEOUT_MAX, which is 49 days on some systems. No request lives
# for a day, so that much stands for "as long as it takes" (math.inf).
MAX_WAIT_SECONDS = 86400.0


class Remaining:
    """A host's own deadline in place of a number: called, it gives the seconds when the waiting begins."""

    __slots__ = ("_seconds",)

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds

    def __call__(self) -> float:
        """The seconds that are left."""
        return self._seconds()


def checked_timeout(timeout: object) -> float | Remaining:
    """The timeout; infinity and a number beyond a day become a day.

    Raises:
        TypeError: it is no number.
        ValueError: it is negative or NaN.
    """
    if isinstance(timeout, Remaining):
        return timeout
    if not isinstance(timeout, (int, float)) or isinstance(timeout, bool):
        raise TypeError(f"timeout= takes a number of seconds, not {type(timeout).__name__}")
    if not timeout >= 0:  # NaN too
        raise ValueError(f"timeout={timeout!r}: give a number of seconds, 0 or more")
    return min(timeout, MAX_WAIT_SECONDS)
