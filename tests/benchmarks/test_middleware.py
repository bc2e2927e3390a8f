"""A cached token costs a request next to nothing; benchmarks/middleware.py measures it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "middleware.py"


@pytest.mark.parametrize(
    ("limit", "status"), [("0.8", 0), ("0.01", 1)], ids=["the limit", "an impossible limit"]
)
def test_the_asgi_middleware_adds_at_most_eight_tenths_of_a_verification(limit: str, status: int) -> None:
    """Inside the process, over one bare RSA-2048 verification of the same token."""
    script = [sys.executable, str(SCRIPT), "--samples", "15", "--limit", limit]
    # Without coverage, which traces our lines and none of OpenSSL's.
    environment = {name: text for name, text in os.environ.items() if "COV" not in name}
    done = subprocess.run(script, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
