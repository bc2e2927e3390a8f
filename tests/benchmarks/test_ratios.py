"""Nothing that verification does costs several times what it should; benchmarks/ratios.py guards it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "ratios.py"


@pytest.mark.parametrize(
    ("scale", "status"), [("1", 0), ("0.02", 1)], ids=["the limits", "impossible limits"]
)
def test_no_verification_costs_several_times_what_it_should(scale: str, status: int) -> None:
    """Never seen, seen before, async, forged, 1 MB of dots: each as a ratio, in one process."""
    # Without coverage, which traces our lines and none of OpenSSL's.
    environment = {name: text for name, text in os.environ.items() if "COV" not in name}
    script = [sys.executable, str(SCRIPT), "--scale", scale]
    done = subprocess.run(script, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    assert done.stderr == ""
    attempts = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(attempts) == 3 if status else attempts
    assert all(ratio > 0 for found in attempts for name, ratio in found.items() if name != "python")
