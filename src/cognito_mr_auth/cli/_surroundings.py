"""What commands use of their process: variables, clock, time zone. Tests pass their own as click's `obj`.

Owns these, and whether output may be coloured. It reads nothing at import.
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
    """Whether a terminal may get colours. click makes sure that a pipe or a file gets none.

    NO_COLOR forbids them (no-color.org: set, and not empty), whatever else is set. FORCE_COLOR enables
    colours on a dumb terminal. It does not enable them on a pipe, because a program reads its output.
    """
    if environ.get("NO_COLOR"):
        return False
    return environ.get("TERM") not in ("dumb", "unknown") or bool(environ.get("FORCE_COLOR"))
