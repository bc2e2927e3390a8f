"""What counting costs is measured against a copy that counts nothing; benchmarks/counting.py does that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_benchmark_runs() -> None:
    """With one round and a generous limit: it finds in the source what it takes away."""
    script = [sys.executable, str(ROOT / "benchmarks" / "counting.py"), "--runs", "1", "--limit", "2"]
    done = subprocess.run(script, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"again"' in done.stdout
