"""Whether a change made verification slower: two versions of the package, measured in turn.

    .venv/bin/python benchmarks/compare.py old.whl new.whl --runs 15 --limit 1.03

OLD and NEW are wheels, or folders that hold `cognito_mr_auth`, such as `src`. Each round starts one process
of each with the same interpreter and the same dependencies, in changing order. Prints the medians in
microseconds and the median of the rounds' ratios, for unseen tokens and for a cached one. The exit status is
1 if a ratio is above the limit in each of three attempts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

from _attempts import arguments, attempt

MEASURE = """
import json, statistics, sys, time
import cognito_mr_auth
from cognito_mr_auth.testing import FakeUserPool

assert cognito_mr_auth.__file__.startswith(sys.argv[1]), cognito_mr_auth.__file__

def per_call(verify, tokens):
    samples = []
    for _ in range(9):
        started = time.perf_counter()
        for token in tokens:
            verify(token)
        samples.append((time.perf_counter() - started) / len(tokens) * 1e6)
    return statistics.median(samples)

pool = FakeUserPool()
tokens = [pool.access_token(username=f"user-{n}", scopes=["orders/read"]) for n in range(300)]
uncached, cached = pool.offline_verifier(cache_size=0), pool.offline_verifier()
uncached.verify(tokens[0]), cached.verify(tokens[0])
print(json.dumps([per_call(uncached.verify, tokens), per_call(cached.verify, tokens[:1] * 2000)]))
"""
KINDS = ("never seen", "again")


def one(version: Path) -> list[float]:
    """Microseconds of each kind, from one process that imports this version."""
    path = str(version.resolve(strict=True))
    command = [sys.executable, "-c", MEASURE, path]
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: list[float] = json.loads(done.stdout)
    return found


def measure(old: Path, new: Path, runs: int) -> dict[str, dict[str, float]]:
    """Medians of each kind, and the median of the rounds' ratios."""
    rounds = []
    for number in range(runs):
        first, second = (old, new) if number % 2 else (new, old)
        pair = one(first), one(second)
        rounds.append(pair if number % 2 else pair[::-1])
    return {
        kind: {
            "old_us": round(median(before[each] for before, _ in rounds), 2),
            "new_us": round(median(after[each] for _, after in rounds), 2),
            "ratio": round(median(after[each] / before[each] for before, after in rounds), 3),
        }
        for each, kind in enumerate(KINDS)
    }


def main() -> int:
    """Measure until an attempt keeps the limit."""
    parser = arguments(__doc__, runs=15, limit=1.03)
    parser.add_argument("old", type=Path, help="a wheel or a folder")
    parser.add_argument("new", type=Path, help="the same of the changed version")
    options = parser.parse_args()
    return attempt(
        lambda: measure(options.old, options.new, options.runs),
        lambda found: all(kind["ratio"] <= options.limit for kind in found.values()),
    )


if __name__ == "__main__":
    sys.exit(main())
