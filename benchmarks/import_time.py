"""The cost of an import of the library: our import and a built Verifier, as a ratio to RSA's import alone.

    .venv/bin/python benchmarks/import_time.py --runs 25 --limit 1.6

Both are whole processes of this interpreter. They start in turn without site packages' start-up hooks, so
that an installed coverage tool does not slow them. The two of a pair run on one processor, one after the
other. Two processors can differ by a third if others use the machine. Prints medians, and the median of the
pairs' ratios. The exit status is 1 if that is above the limit in each of three attempts.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path

from _attempts import arguments, attempt

RSA = "from cryptography.hazmat.primitives.asymmetric import padding, rsa"
OURS = """
from cognito_mr_auth import ANY_CLIENT, Principal, UserPool, Verifier, errors, policy
pool = UserPool("us-west-2_EXAMPLE", client_ids=["1example23456789"], replica_regions=["us-east-1"])
Verifier(pool, token_use="access")
"""


def command(code: str) -> list[str]:
    """A process that sees the packages and nothing else: no .pth file, no environment."""
    places = [find_spec(name) for name in ("cognito_mr_auth", "cryptography")]
    paths = sorted({str(Path(spec.origin).parent.parent) for spec in places if spec and spec.origin})
    return [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {paths!r}\n{code}"]


def seconds(code: str) -> float:
    """One process, from start to end."""
    started = time.perf_counter()
    subprocess.run(command(code), check=True)
    return time.perf_counter() - started


def pairs(runs: int) -> Iterator[tuple[float, float]]:
    """RSA's seconds and ours, each pair on one processor, the processors in turn (where an OS allows it)."""
    seconds(OURS)  # writes the byte code
    if not hasattr(os, "sched_setaffinity"):
        yield from ((seconds(RSA), seconds(OURS)) for _ in range(runs))
        return
    allowed = os.sched_getaffinity(0)
    try:
        for processor in islice(cycle(sorted(allowed)), runs):
            os.sched_setaffinity(0, {processor})
            yield seconds(RSA), seconds(OURS)
    finally:
        os.sched_setaffinity(0, allowed)


def measure(runs: int) -> dict[str, float]:
    """Medians in milliseconds, and the median of the ratios."""
    measured = list(pairs(runs))
    rsa, ours = (statistics.median(column) * 1000 for column in zip(*measured, strict=True))
    ratio = statistics.median(ours / rsa for rsa, ours in measured)
    return {"rsa_ms": round(rsa, 1), "ours_ms": round(ours, 1), "ratio": round(ratio, 2)}


def main() -> int:
    """Measure until an attempt keeps the limit."""
    options = arguments(__doc__, runs=25, limit=1.6).parse_args()
    return attempt(lambda: measure(options.runs), lambda found: found["ratio"] <= options.limit)


if __name__ == "__main__":
    sys.exit(main())
