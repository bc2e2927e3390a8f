"""The parts that the small benchmarks share: arguments, and attempts until one keeps the limit.

If a ratio is too high in one attempt, the machine may be busy; if it is too high in all, the library is slow.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["arguments", "attempt"]

ATTEMPTS = 3

Found = Mapping[str, Any]


def arguments(description: str | None, **numbers: float) -> argparse.ArgumentParser:
    """Return a parser with these options, whose types are those of their defaults."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    return parser


def line(found: Found) -> None:
    """Print an attempt as one line of JSON."""
    print(json.dumps({"python": sys.version.split()[0], **found}))


def attempt(
    measure: Callable[[], Found], keeps: Callable[[Found], bool], show: Callable[[Found], None] = line
) -> int:
    """Return the exit status: 0 as soon as an attempt keeps the limit, else 1."""
    for _ in range(ATTEMPTS):
        found = measure()
        show(found)
        if keeps(found):
            return 0
    return 1
