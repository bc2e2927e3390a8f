"""Two versions of the package side by side; benchmarks/compare.py measures them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("limit", "status"), [("10", 0), ("0.01", 1)], ids=["a generous limit", "an impossible limit"]
)
def test_a_version_is_held_to_another(tmp_path: Path, limit: str, status: int) -> None:
    """This version as a folder against itself as an archive, which is what a wheel is."""
    archive = shutil.make_archive(str(tmp_path / "old"), "zip", ROOT / "src")
    script = [sys.executable, str(ROOT / "benchmarks" / "compare.py"), archive, str(ROOT / "src")]
    done = subprocess.run([*script, "--runs", "1", "--limit", limit], check=False, capture_output=True)
    assert done.returncode == status, done.stderr.decode()
