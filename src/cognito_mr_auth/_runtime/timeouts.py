"""How long a caller may wait: `timeout=` of a verifier's methods.

This module checks that the value is a number of seconds. A wrong value fails with the call, even if no keys
must be fetched. Otherwise it would be found only in the first outage.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["MAX_WAIT_SECONDS", "Remaining", "checked_timeout"]

# A lock cannot wait longer than threading.TIMEOUT_MAX, which is 49 days on some systems. No request lives for
# a day, so a day stands for "as long as it takes" (math.inf).
MAX_WAIT_SECONDS = 86400.0


class Remaining:
    """A host's own deadline in place of a number. A call returns the seconds when the wait begins."""

    __slots__ = ("_seconds",)

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds

    def __call__(self) -> float:
        """The seconds that are left."""
        return self._seconds()


def checked_timeout(timeout: object) -> float | Remaining:
    """Check the timeout. Infinity and a number beyond a day become a day.

    Raises:
        TypeError: it is no number.
        ValueError: it is negative or NaN.
    """
    if isinstance(timeout, Remaining):
        return timeout
    if not isinstance(timeout, (int, float)) or isinstance(timeout, bool):
        raise TypeError(f"timeout= takes a number of seconds, not {type(timeout).__name__}")
    if not timeout >= 0:  # refuses NaN too
        raise ValueError(f"timeout={timeout!r}: give a number of seconds, 0 or more")
    return min(timeout, MAX_WAIT_SECONDS)
