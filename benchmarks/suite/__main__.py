"""All benchmarks, or the ones named: a table, a JSON file and plots.

    make bench                                            # everything, for tens of minutes
    .venvs/bench/bin/python -m benchmarks.suite uncached  # one section
    .venvs/bench/bin/python -m benchmarks.suite --smoke   # that each runs, not how fast

Results go to benchmarks/results/, one file for each Python. There a section replaces its own
earlier results; plots go to docs/performance/, and `_document` puts the figures into docs/performance.md. A
smoke run leaves nothing behind, and runs two sections at once, because it measures no time. Exit status 1 if
a limit is missed (not in a smoke run) or a section could not be measured.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from ._report import circumstances, number, table, write_json
from ._result import Result, Row, missed

PROJECT = Path(__file__).resolve().parents[2]
RESULTS, PLOTS = PROJECT / "benchmarks" / "results", PROJECT / "docs" / "performance"
SECTIONS = ("uncached", "parts", "again", "refusals", "cold-start", "requests", "region", "growth")
# Sections of a smoke run that are under way at once; much of their time is waiting.
SIDE_BY_SIDE = 2


def measure(section: str, *, smoke: bool) -> Result:
    """One section; its module is loaded only now, because each needs other packages."""
    module = importlib.import_module(f"benchmarks.suite.{section.replace('-', '_')}")
    result: Result = module.measure(smoke=smoke)
    if not result.rows:
        raise RuntimeError(f"{section} measured nothing")
    return result


@contextmanager
def folders(options: argparse.Namespace) -> Iterator[tuple[Path, Path]]:
    """Where results and plots go."""
    if options.smoke:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            yield Path(folder), Path(folder)
    else:
        yield options.results, options.plots


def run(sections: Sequence[str], results: Path, plots: Path, *, smoke: bool) -> tuple[list[Row], list[str]]:
    """Measure and write one section after the other: the rows, and the sections that failed."""
    from ._plots import plot  # the one that needs Matplotlib

    rows, failed = [], []
    python = ".".join(platform.python_version_tuple()[:2])
    for section in sections:
        started = time.monotonic()
        try:
            result = measure(section, smoke=smoke)
            write_json(results / f"{python}.json", section, result, circumstances(smoke=smoke))
            plot(section, result, plots, caption=f"Python {platform.python_version()}")
        except Exception:  # noqa: BLE001 - the other sections are worth having all the same
            traceback.print_exc()
            failed.append(section)
            continue
        print(table(result.rows), f"\n({section}: {time.monotonic() - started:.0f} s)\n", flush=True)
        rows += result.rows
    return rows, failed


def smoke_run(sections: Sequence[str]) -> list[str]:
    """Each section in a process of its own, its table as soon as its turn has come: those that failed."""

    def alone(section: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "benchmarks.suite", section, "--smoke"]
        pipe, merged = subprocess.PIPE, subprocess.STDOUT
        return subprocess.run(command, cwd=PROJECT, check=False, stdout=pipe, stderr=merged, text=True)

    failed = []
    with ThreadPoolExecutor(SIDE_BY_SIDE) as executor:
        for section, done in zip(sections, executor.map(alone, sections), strict=True):
            print(done.stdout, end="", flush=True)
            failed += [section] if done.returncode else []
    return failed


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.suite",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--smoke", action="store_true", help="briefly: that it runs, not how fast")
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    parser.add_argument("--plots", type=Path, default=PLOTS, metavar="FOLDER")
    options = parser.parse_args()
    unknown = [name for name in options.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"no such section: {', '.join(unknown)}; there are {', '.join(SECTIONS)}")
    return options


def main() -> int:
    """Measure, and say which limits are missed."""
    options = parsed()
    # SIGTERM runs the `finally` of code that has started servers.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    sections = options.sections or SECTIONS
    if options.smoke and len(sections) > 1:
        failed = smoke_run(sections)
        print(f"ran {len(sections) - len(failed)} of {len(sections)} sections", *failed, sep=", not ")
        return 1 if failed else 0
    with folders(options) as (results, plots):
        rows, failed = run(sections, results, plots, smoke=options.smoke)
    for section in failed:
        print(f"could not be measured: {section}")
    over = [] if options.smoke else missed(rows)
    for row in over:
        print(f"limit missed: {row.section}: {row.name}: {number(row.ratio)}, limit {row.limit}")
    return 1 if failed or over else 0


if __name__ == "__main__":
    sys.exit(main())
