"""A section on its own: `python -m benchmarks.suite.<section> [--smoke] [--json]`."""

from __future__ import annotations

import argparse
import json
import sys
from typing import NoReturn, Protocol

from ._report import as_json, table
from ._result import Result, missed

__all__ = ["main"]


class Measure(Protocol):
    """Every section's one function."""

    def __call__(self, *, smoke: bool) -> Result:
        """Measure, briefly or properly."""


def main(measure: Measure, description: str | None) -> NoReturn:
    """Print the section's table; exit status 1 if a limit is missed, but not in a smoke run."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--smoke", action="store_true", help="a few seconds: that it runs, not how fast")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    options = parser.parse_args()
    result = measure(smoke=options.smoke)
    print(json.dumps(as_json(result), indent=1) if options.json else table(result.rows))
    sys.exit(1 if missed(result.rows) and not options.smoke else 0)
