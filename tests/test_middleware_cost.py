"""A cached token costs a request next to nothing; benchmarks/middleware.py measures it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "benchmarks" / "middleware.py"


@pytest.mark.parametrize(
    ("limit", "status"), [("0.8", 0), ("0.05", 1)], ids=["the limit", "an impossible limit"]
)
def test_the_asgi_middleware_adds_at_most_eight_tenths_of_a_verification(limit: str, status: int) -> None:
    """Inside the process, over one bare RSA-2048 verification of the same token."""
    script = [sys.executable, str(SCRIPT), "--samples", "15", "--limit", limit]
    assert subprocess.run(script, check=False, capture_output=True).returncode == status
