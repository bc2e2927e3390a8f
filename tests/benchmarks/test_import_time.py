"""Importing the library costs next to nothing; benchmarks/import_time.py measures it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "import_time.py"


def run(limit: str) -> int:
    """The benchmark's exit status with a few runs."""
    script = [sys.executable, str(SCRIPT), "--runs", "15", "--limit", limit]
    return subprocess.run(script, check=False, capture_output=True).returncode


@pytest.mark.parametrize(
    ("limit", "status"), [("1.6", 0), ("0.5", 1)], ids=["the limit", "an impossible limit"]
)
def test_a_built_verifier_costs_little_more_than_an_import_of_rsa(limit: str, status: int) -> None:
    """A whole process that imports us and builds a verifier, over one that imports RSA alone."""
    assert run(limit) == status
