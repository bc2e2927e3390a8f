"""What commands take from their process: variables, clock, time zone. Tests give their own as click's `obj`.

Owns these, and whether output may be coloured. Asks nobody at import.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import NamedTuple

__all__ = ["Surroundings", "may_be_coloured"]


class Surroundings(NamedTuple):
    """The variables, the clock in seconds since the epoch, the zone of local times (None: the machine's)."""

    environ: Mapping[str, str] = os.environ
    now: Callable[[], float] = time.time
    zone: tzinfo | None = None


def may_be_coloured(environ: Mapping[str, str]) -> bool:
    """Whether a terminal may get colours; a pipe or a file never gets any, which click sees to.

    NO_COLOR forbids them (no-color.org: set, and not empty), whatever else is set. FORCE_COLOR makes a
    coloured terminal of a dumb one, and no terminal of a pipe, because programs read what comes out of it.
    """
    if environ.get("NO_COLOR"):
        return False
    return environ.get("TERM") not in ("dumb", "unknown") or bool(environ.get("FORCE_COLOR"))
