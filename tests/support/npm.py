"""What tests need beyond Python's packages: programs on the path, and npm packages at a pinned version.

Owns the installation, once and below .venvs; no script of a package is run. What is missing skips the test.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

VENVS = Path(__file__).resolve().parents[2] / ".venvs"
# Installing takes two seconds; a machine that hangs must fail.
DEADLINE_SECONDS = 120.0


def program(name: str) -> str:
    """Where a program is."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"not installed: {name}")
    return found


def install(manifest: Path, library: str, name: str) -> Path:
    """The folder .venvs/`name`, whose node_modules hold the library as this package.json pins it."""
    place = VENVS / name
    wanted = json.loads(manifest.read_text("utf-8"))["dependencies"][library]
    installed = place / "node_modules" / library / "package.json"
    if not installed.exists() or json.loads(installed.read_text("utf-8"))["version"] != wanted:
        npm = program("npm")
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(manifest, place)
        quiet = ("--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund")
        command = [npm, "install", "--prefix", str(place), *quiet]
        subprocess.run(command, cwd=place, check=True, timeout=DEADLINE_SECONDS)
    return place
