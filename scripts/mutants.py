"""Plants bugs that break each rule of docs/architecture.md in a copy of src/, and runs tests that must fail.

    python scripts/mutants.py [name or rule ...]

The bugs are data, in scripts/mutants/*.toml. The tests must pass on the unchanged copy and fail on each copy
with a bug. Exit status 1 names every bug that no test found, and every one whose place in the code is gone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[1]
RECORDS = Path(__file__).with_suffix("")
# The quick tests of one bug take about 4 s. One that hangs must not block the others.
TIMEOUT_SECONDS = 120
PARALLEL = 2
# Exit codes of pytest (its ExitCode).
PASSED, FAILED = 0, 1


class Bug(NamedTuple):
    """One bug: in `file`, below src/cognito_mr_auth, `old` (once) becomes `new`."""

    name: str
    rule: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def bugs(records: Path = RECORDS) -> list[Bug]:
    """Every record, in the order of the files."""
    tables = [tomllib.loads(path.read_text("utf-8")) for path in sorted(records.glob("*.toml"))]
    return [Bug(**each | {"tests": tuple(each["tests"])}) for table in tables for each in table["bug"]]


def plant(bug: Bug, src: Path) -> bool:
    """Put the bug into a copy of src/. Return False if its place is missing, or occurs twice."""
    path = src / "cognito_mr_auth" / bug.file
    text = path.read_text("utf-8")
    if text.count(bug.old) != 1:
        return False
    path.write_text(text.replace(bug.old, bug.new), "utf-8")
    return True


def run(tests: Sequence[str], src: Path, seconds: float = TIMEOUT_SECONDS) -> int | None:
    """Return pytest's exit code with that src/; None if it took too long."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    # The same examples each time, and no memory of earlier ones, so that the result is reproducible.
    environment = os.environ | {
        "PYTHONPATH": str(src),
        "PYTHONDONTWRITEBYTECODE": "1",
        "COGNITO_MR_AUTH_PLANTED": "1",
    }
    try:
        done = subprocess.run(
            command, cwd=PROJECT, env=environment, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    return done.returncode


def healthy(tests: Sequence[str]) -> int | None:
    """Return pytest's exit code without any bug."""
    return run(tests, PROJECT / "src", 5 * TIMEOUT_SECONDS)


def verdict(bug: Bug) -> tuple[str, float]:
    """Return the outcome of one bug, which should be "found", and the seconds that it took."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        src = Path(folder) / "src"
        shutil.copytree(PROJECT / "src", src, ignore=shutil.ignore_patterns("__pycache__"))
        if not plant(bug, src):
            return "its place is gone", 0.0
        answer = run(bug.tests, src)
    found = {FAILED: "found", PASSED: "SURVIVES", None: "hangs"}
    return found.get(answer, f"pytest ended with {answer}"), time.monotonic() - began


def main(wanted: Sequence[str]) -> int:
    """Run them, two at a time, and print the table."""
    every = bugs()
    chosen = [bug for bug in every if not wanted or bug.name in wanted or bug.rule in wanted]
    if not chosen:
        print(f"no such bug: {', '.join(wanted)}", file=sys.stderr)
        return 2
    began = time.monotonic()
    tests = dict.fromkeys(test for bug in chosen for test in bug.tests)
    machines = [test for test in tests if "/models/" in test]
    halves = [half for half in (machines, [test for test in tests if test not in machines]) if half]
    left = []
    with ThreadPoolExecutor(PARALLEL) as threads:
        for half, answer in zip(halves, threads.map(healthy, halves), strict=True):
            if answer != PASSED:
                print(f"without any bug, pytest ends with {answer}: {' '.join(half)}", file=sys.stderr)
                return 1
        for bug, (said, seconds) in zip(chosen, threads.map(verdict, chosen), strict=True):
            print(f"{bug.rule:4} {bug.name:44} {said:20} {seconds:5.1f} s", flush=True)
            if said != "found":
                left.append(bug.name)
    print(f"{len(chosen) - len(left)} of {len(chosen)} found in {time.monotonic() - began:.0f} s")
    if left:
        print(f"not found: {', '.join(left)}", file=sys.stderr)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
