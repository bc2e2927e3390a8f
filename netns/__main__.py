"""The network bed: lays it, runs the rows, prints what each found.

    python -m netns [--only NAME,...] [--brief] [--list]

--brief runs the rows that `make test-all` runs. Exit status 0: all as promised, or skipped where there is no
root or no namespace to be had; 1: a row failed, or, with COGNITO_MR_AUTH_REQUIRE=all, a tool is missing.
"""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import signal
import sys
import time
from collections.abc import Mapping
from types import FrameType

from .bed import Bed, is_root, missing, unavailable
from .judge import Finding
from .rows import ROWS, Row
from .web_rows import WEB_ROWS

ENDINGS = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


def main(arguments: list[str]) -> int:
    """The run; its exit status."""
    options = argparse.ArgumentParser(prog="python -m netns", description=__doc__)
    options.add_argument("--only", default="", metavar="NAME,...", help="these rows alone")
    options.add_argument("--brief", action="store_true", help="one row or two of each kind")
    options.add_argument("--list", action="store_true", help="print the rows and end")
    chosen = options.parse_args(arguments)
    rows = {**ROWS, **WEB_ROWS}
    names = [each for each in chosen.only.split(",") if each]
    if unknown := set(names) - rows.keys():
        options.error(f"no such row: {', '.join(sorted(unknown))}")
    rows = {
        name: row
        for name, row in rows.items()
        if (not names or name in names) and (row.brief or not chosen.brief)
    }
    if chosen.list:
        for name, row in rows.items():
            _say(f"{name:32} {row.promise}")
        return 0
    if not is_root():
        _say("skipped: network namespaces need root on Linux")
        return 0
    if lacking := missing():
        required = os.environ.get("COGNITO_MR_AUTH_REQUIRE") == "all"
        _say(f"{'FAIL' if required else 'skipped'}: not installed: {', '.join(lacking)}")
        return int(required)
    if reason := unavailable():
        _say(f"skipped: no network namespaces here: {reason}")
        return 0
    for number in ENDINGS:
        signal.signal(number, _stop)
    return run(rows)


def run(rows: Mapping[str, Row]) -> int:
    """All rows on one bed, in order."""
    _load()
    failed = 0
    with Bed() as bed:
        try:
            for name, row in rows.items():
                begun = time.monotonic()
                finding = _find(bed, row)
                _report(name, row, finding, time.monotonic() - begun)
                failed += bool(finding.wrong)
        finally:
            _let_nothing_interrupt()
    _say(f"{len(rows) - failed} of {len(rows)} rows as promised")
    return int(failed > 0)


def _find(bed: Bed, row: Row) -> Finding:
    """What the row found; what kept it from running is a failure, and no reason to leave out the others."""
    try:
        with bed.row():
            return row.work(bed)
    except (EOFError, OSError, RuntimeError) as error:
        finding = Finding()
        finding.none(f"{type(error).__name__}: {error}", 1)
        return finding


def _load() -> None:
    """Import what a first fetch imports, so that each forked client measures the network alone."""
    import cognito_mr_auth._remote as remote

    for each in pkgutil.iter_modules(remote.__path__, f"{remote.__name__}."):
        importlib.import_module(each.name)
    for name in ("httpx", "httpcore", "encodings.idna"):
        importlib.import_module(name)


def _report(name: str, row: Row, finding: Finding, seconds: float) -> None:
    _say(f"{'FAIL' if finding.wrong else 'ok  '} {name} ({seconds:.0f} s): {row.promise}")
    for each in finding.wrong:
        _say(f"     NOT {each}")
    _say(f"     {'; '.join(each for each in finding.figures if each not in finding.wrong)}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _stop(number: int, _frame: FrameType | None) -> None:
    _let_nothing_interrupt()
    sys.exit(128 + number)


def _let_nothing_interrupt() -> None:
    """From here on the bed is being removed."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
