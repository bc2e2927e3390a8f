"""Runs the tests that all adapters share (tests/adapters/test_outcomes.py) and prints a table of the results.

usage: .venv/bin/python scripts/contract_table.py

A line for each driver, a column for each promise: how many rows of it the driver kept; "2!" for two that it
broke; a dot if the promise does not apply to it. Exit status 1 if any is broken.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
TABLE = "tests/adapters/test_outcomes.py"

# (promise, driver) -> rows kept, rows broken.
Cells = Mapping[tuple[str, str], tuple[int, int]]


def drivers() -> list[str]:
    """The name of every driver."""
    folder = PROJECT / "tests" / "support" / "drivers"
    named = {path.stem for path in folder.glob("*.py")}
    return sorted(name for name in named - {"client"} if not name.startswith("_"))


def cells(report: Path, known: list[str]) -> Cells:
    """Count the results of each promise and driver in pytest's JUnit report; a test's ID names the driver."""
    kept: Counter[tuple[str, str]] = Counter()
    broken: Counter[tuple[str, str]] = Counter()
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - pytest wrote it just now
        promise, _, parameters = case.get("name", "").rstrip("]").partition("[")
        for driver in set(parameters.split("-")) & set(known):
            failed = case.find("failure") is not None or case.find("error") is not None
            (broken if failed else kept)[promise, driver] += 1
    return {cell: (kept[cell], broken[cell]) for cell in kept | broken}


def table(found: Cells, known: list[str]) -> str:
    """Return the promises by letter, then a line for each driver."""
    promises = list(dict.fromkeys(promise for promise, _ in found))
    letters = [chr(ord("A") + at) for at in range(len(promises))]
    said = [f"{letter}  {words(promise)}" for letter, promise in zip(letters, promises, strict=True)]
    rows = [["", *letters]]
    rows += [[driver, *(cell(found.get((promise, driver))) for promise in promises)] for driver in known]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [" ".join(map(str.rjust, row[1:], widths[1:])) for row in rows]
    named = [row[0].ljust(widths[0]) for row in rows]
    return "\n".join([*said, "", *map(" ".join, zip(named, lines, strict=True))])


def words(promise: str) -> str:
    """A test's name without underscores."""
    return re.sub("_", " ", promise.removeprefix("test_"))


def cell(counts: tuple[int, int] | None) -> str:
    """Format one figure."""
    if counts is None:
        return "."
    kept, broken = counts
    return f"{broken}!" if broken else str(kept)


def main() -> int:
    """Print the table and return the exit status."""
    known = drivers()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "--numprocesses=2", f"--junitxml={report}", TABLE]
        status = subprocess.run(command, cwd=PROJECT, stdout=subprocess.DEVNULL, check=False).returncode
        print(table(cells(report, known), known))
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
