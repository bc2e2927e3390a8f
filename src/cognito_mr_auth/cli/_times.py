"""Formats moments and spans for people.

Owns the wording. Pure: the moment and the time zone are arguments.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from typing import Any, Final, TypeGuard

from cognito_mr_auth._base.clock import MAX_TIME

__all__ = ["ago", "local_time", "plausible", "remaining", "span"]

# Where the next larger unit begins, so that no span is less than one of its unit.
_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400


def plausible(value: Any) -> TypeGuard[float]:
    """Whether a claim, which may be any value, is a time that can be shown."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MAX_TIME


def local_time(moment: float, zone: tzinfo | None) -> str:
    """Format a moment in local time with its offset from UTC; `zone` is None for the machine's own."""
    at = datetime.fromtimestamp(int(moment), UTC)
    # The last hours of the year 9999 have no local time east of UTC, and stay in UTC.
    with suppress(OverflowError, ValueError, OSError):
        at = at.astimezone(zone)
    text = at.isoformat(" ", "seconds")
    return f"{text[:19]} {text[19:]}"


def span(seconds: float) -> str:
    """Format a length of time in its largest units, rounded down: "42 s", "3 min", "1 h 20 min", "2 days"."""
    whole = int(abs(seconds))
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        minutes = whole % _HOUR // _MINUTE
        return f"{whole // _HOUR} h" + (f" {minutes} min" if minutes else "")
    days = whole // _DAY
    return "1 day" if days == 1 else f"{days:,} days"


def remaining(expires: float, now: float) -> str:
    """Format the time until a moment: "for 41 min more", or "expired 3 min ago"."""
    left = expires - now
    return f"for {span(left)} more" if left > 0 else f"expired {span(left)} ago"


def ago(moment: float, now: float) -> str:
    """Format the time since a moment: "12 min ago", or "in 5 min" for a future one."""
    return f"{span(now - moment)} ago" if moment <= now else f"in {span(moment - now)}"
