"""Ten thousand machines in simulated time: what the endpoints are sent, who waits, who is refused.

    make fleet                                       # everything: tables, JSON and plots
    .venvs/bench/bin/python -m benchmarks.fleet rotation  # what has this in its name, to the terminal alone

Each machine is a process with the real key set of one pool, which gets a request every two seconds. Clocks,
threads and network are simulated, so an hour takes seconds (`_fleet.machine`). Machines do not know each
other and endpoints have capacity for all, so the fleet is simulated in parts. The seed of a part is the
scenario's name and the part's number, so the same sources give the same figures. Scenarios that are long, or
full of decisions, are simulated with fewer machines, and their counts are scaled to the fleet's. Chance then
makes peaks look higher than they are. The requests to an endpoint are the connections that machines begin.
They include those into a black hole, though the endpoint does not see them.

Exit status 1 if a limit is missed. Results go to benchmarks/results/ and docs/performance/; then
`_document` puts the tables into docs/performance.md.
"""

from __future__ import annotations

import platform
import resource
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import cache

from benchmarks._fleet import figures
from benchmarks._fleet.scenarios import Record, Scenario, combined, run, scenarios
from benchmarks.suite._report import circumstances, number, table, write_json
from benchmarks.suite._result import Result, Row, missed

# Machines simulated by the beginning of a scenario's name; a day, an hour without answers and a flood are
# full of decisions.
MACHINES = {"all are": 1_000, "all refuse": 2_000, "flood": 50, "one Region": 2_000}
# Machines simulated at once: few enough that they fit the processor's cache.
PART = {"flood": 25, "all are": 125, "all refuse": 250}
WHOLE_PART = 500

Runs = Mapping[str, tuple[Scenario, Record]]


@cache
def known() -> dict[str, Scenario]:
    """The scenarios by name, in a worker as here."""
    return scenarios()


def _sized(name: str, sizes: Mapping[str, int], otherwise: int) -> int:
    return next((size for begin, size in sizes.items() if name.startswith(begin)), otherwise)


def part(name: str, number_of_part: int, machines: int) -> Record:
    """One part of the fleet, on a worker."""
    return run(known()[name], machines, f"{name}, {number_of_part}")


def simulate(names: list[str]) -> Runs:
    """Run these scenarios, two or more parts at a time."""
    with ProcessPoolExecutor() as executor:
        jobs = {}
        # What takes longest first, so that no processor is idle at the end.
        for name in sorted(names, key=lambda name: -name.startswith(tuple(MACHINES))):
            size = _sized(name, PART, WHOLE_PART)
            parts = range(_sized(name, MACHINES, figures.FLEET) // size)
            jobs[name] = [executor.submit(part, name, each, size) for each in parts]
        return {name: (known()[name], combined(each.result() for each in jobs[name])) for name in names}


def write(rows: list[Row], runs: Runs) -> None:
    """The JSON file, the plots and the page."""
    from benchmarks.suite import __main__ as suite
    from benchmarks.suite import _document
    from benchmarks.suite._plots import plot  # the one that needs Matplotlib

    about = circumstances(smoke=False)
    path = suite.RESULTS / f"{'.'.join(platform.python_version_tuple()[:2])}.json"
    drawn = figures.lines(runs)
    for section in (figures.SECTION, figures.CALLERS, figures.LIMITS):
        series = drawn.series if section == figures.SECTION else {}
        write_json(path, section, Result([row for row in rows if row.section == section], series), about)
    plot(figures.SECTION, drawn, suite.PLOTS, caption="simulated")
    _document.main()


def main() -> int:
    """Simulate, and say which limits are missed."""
    started = time.monotonic()
    names = [name for name in known() if not sys.argv[1:] or any(word in name for word in sys.argv[1:])]
    runs = simulate(names)
    rows = [row for scenario, record in runs.values() for row in figures.rows(scenario, record)]
    rows.sort(key=lambda row: row.section)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processors = f"{used.ru_utime + used.ru_stime:.0f} s of processors"
    print(table(rows), f"\n(fleet: {time.monotonic() - started:.0f} s, {processors})\n")
    if len(names) == len(known()):
        write(rows, runs)
    over = missed(rows)
    for row in over:
        print(f"limit missed: {row.name}: {number(row.value)} {row.unit}, limit {row.limit}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
