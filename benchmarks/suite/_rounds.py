"""Interleaved rounds of small samples, in processes of their own, kept as pyperf benchmarks.

    python -m benchmarks.suite._rounds uncached --rounds 40 --out values.json

pyperf's Runner measures one benchmark after the other, so that a machine that slows down in between
moves the ratios. Here the variants of a section take turns: each round takes one sample of each, in an
order that turns with the round. Several processes do so, as pyperf's do, since hash seeds and addresses
differ between them. Samples are stored and summed up with pyperf.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import pyperf

from ._result import Result, Row, missing, plain

__all__ = ["Bench", "Found", "Sample", "each_of", "measured"]

ROOT = Path(__file__).resolve().parents[2]
WORKER_SECONDS = 1800
# Processes, rounds of each, and rounds before that are not counted.
FULL, SMOKE = (5, 60, 5), (1, 3, 1)

Sample = Callable[[int], float]
"""Given the round's number: seconds for one operation, over a sample."""


class Bench(NamedTuple):
    """What a section's worker measures, and its notes on each variant."""

    samples: dict[str, Sample]
    notes: dict[str, str] = {}  # noqa: RUF012 - never changed
    absent: dict[str, str] = {}  # noqa: RUF012
    """Why a peer is missing."""
    afterwards: Callable[[int], Mapping[str, float]] = lambda _rounds: {}
    """Seconds of variants that are measured in a process of another kind."""


class Found(NamedTuple):
    """Medians in microseconds by variant, notes, and what is missing with the reason."""

    section: str
    medians: dict[str, float]
    notes: dict[str, str]
    absent: dict[str, str]
    spread: dict[str, dict[str, float]]

    def row(self, name: str, yardstick: str, *, against: str = "bare RSA") -> Row:
        """A variant's figure, as a ratio to another's."""
        of, note = self.medians[yardstick], self.notes.get(name, "")
        return plain(self.section, name, self.medians[name], "us", of=of, against=against, note=note)

    def times_as_fast(self, ours: str, peer: str, *, against: str) -> Row:
        """How often ours is done while the peer is done once."""
        factor = self.medians[peer] / self.medians[ours]
        return Row(self.section, f"{ours}: times as fast as {against}", factor, "x", factor, against)

    def result(self, rows: Sequence[Row]) -> Result:
        """These rows, the missing ones, and how far the samples lie apart."""
        gone = [missing(self.section, name, "us", why) for name, why in self.absent.items()]
        return Result([*rows, *gone], {f"{self.section}-spread": self.spread})


def each_of(call: Callable[[Any], object], arguments: Sequence[Any], batch: int) -> Sample:
    """Calls with the next `batch` arguments of a ring; where it goes on follows from the round."""
    if len(arguments) % batch:
        raise ValueError("the ring must hold whole batches")
    slices = [arguments[first : first + batch] for first in range(0, len(arguments), batch)]

    def sample(number: int) -> float:
        chosen = slices[number % len(slices)]
        started = perf_counter()
        for argument in chosen:
            call(argument)
        return (perf_counter() - started) / batch

    return sample


def measured(section: str, *, smoke: bool) -> Found:
    """Every process's samples, summed up."""
    processes, rounds, warm_up = SMOKE if smoke else FULL
    found: dict[str, pyperf.Benchmark] = {}
    for _ in range(processes):
        suite = _process(section, rounds, warm_up)
        for bench in suite.get_benchmarks():
            if bench.get_name() in found:
                found[bench.get_name()].add_runs(bench)
            else:
                found[bench.get_name()] = bench
    notes = {name: bench.get_metadata().get("note", "") for name, bench in found.items()}
    return Found(
        section,
        {name: bench.median() * 1e6 for name, bench in found.items() if notes[name][:8] != "missing:"},
        notes,
        {name: note[9:] for name, note in notes.items() if note.startswith("missing: ")},
        {name: _spread(bench) for name, bench in found.items() if notes[name][:8] != "missing:"},
    )


def _spread(bench: pyperf.Benchmark) -> dict[str, float]:
    """Microseconds, and the number of samples."""
    tenth, ninetieth = (round(bench.percentile(each) * 1e6, 3) for each in (10, 90))
    return {"p10": tenth, "p90": ninetieth, "samples": bench.get_nvalue(), "processes": bench.get_nrun()}


def _process(section: str, rounds: int, warm_up: int) -> pyperf.BenchmarkSuite:
    """One worker's samples."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        out = Path(folder) / "values.json"
        counts = ["--rounds", str(rounds), "--warm-up", str(warm_up), "--out", str(out)]
        command = [sys.executable, "-m", "benchmarks.suite._rounds", section, *counts]
        # Without coverage, which traces our lines and none of OpenSSL's.
        environment = {name: text for name, text in os.environ.items() if "COV" not in name}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=WORKER_SECONDS)
        return pyperf.BenchmarkSuite.load(str(out))


def _take_turns(bench: Bench, rounds: int, warm_up: int) -> dict[str, list[float]]:
    """Seconds by variant; the first of a round is another one each time."""
    names = list(bench.samples)
    values: dict[str, list[float]] = {name: [] for name in names}
    for number in range(warm_up + rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            seconds = bench.samples[name](number)
            if number >= warm_up:
                values[name].append(seconds)
    return values


def _kept(values: Mapping[str, list[float]], bench: Bench) -> pyperf.BenchmarkSuite:
    """Store the values as pyperf does. A missing variant has a dummy value, because pyperf requires one."""
    notes = {**bench.notes, **{name: f"missing: {why}" for name, why in bench.absent.items()}}
    everything = {**values, **{name: [1.0] for name in bench.absent}}
    benchmarks = []
    for name, seconds in everything.items():
        metadata = {"name": name, "unit": "second", **({"note": notes[name]} if notes.get(name) else {})}
        run = pyperf.Run(seconds, metadata=metadata, collect_metadata=False)
        benchmarks.append(pyperf.Benchmark([run]))
    return pyperf.BenchmarkSuite(benchmarks)


def main() -> int:
    """Measure one section's variants, once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", choices=["uncached", "again", "refusals"])
    parser.add_argument("--rounds", type=int, default=FULL[1])
    parser.add_argument("--warm-up", type=int, default=FULL[2])
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    module = importlib.import_module(f"benchmarks.suite.{options.section}")
    variants: AbstractContextManager[Bench] = module.variants()
    with variants as bench:
        values = _take_turns(bench, options.rounds, options.warm_up)
        other = {name: [seconds] for name, seconds in bench.afterwards(options.rounds).items()}
    _kept({**values, **other}, bench).dump(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
