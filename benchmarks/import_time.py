"""What importing the library costs, as a ratio: our import and a built Verifier over RSA's import alone.

    .venv/bin/python benchmarks/import_time.py --runs 25 --limit 1.6

Both are whole processes of this interpreter, started in turn without site packages' start-up hooks, so
that a noisy machine and an installed coverage tool weigh on both alike. Prints medians and the ratio;
exit status 1 when the ratio is above the limit in each of three attempts.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from importlib.util import find_spec
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


def measure(runs: int) -> dict[str, float]:
    """Medians in milliseconds, and their ratio; the two take turns."""
    seconds(OURS)  # writes the byte code
    pairs = [(seconds(RSA), seconds(OURS)) for _ in range(runs)]
    rsa, ours = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
    return {"rsa_ms": round(rsa, 1), "ours_ms": round(ours, 1), "ratio": round(ours / rsa, 2)}


def main() -> int:
    """Measure until an attempt keeps the limit."""
    options = arguments(__doc__, runs=25, limit=1.6).parse_args()
    return attempt(lambda: measure(options.runs), lambda found: found["ratio"] <= options.limit)


if __name__ == "__main__":
    sys.exit(main())
