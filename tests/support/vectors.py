"""Where the shared test vectors are: beside the project, or where COGNITO_MR_AUTH_VECTORS points.

The vectors stay there; they are never copied into the project.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def find() -> Path | None:
    """The directory of the vectors, or None where there is none."""
    named = os.environ.get("COGNITO_MR_AUTH_VECTORS")
    place = Path(named) if named else PROJECT.parent / "shared" / "vectors"
    return place if place.is_dir() else None


def require() -> Path:
    """The directory of the vectors; skips the test, or the whole module, where there is none."""
    place = find()
    if place is None:
        pytest.skip("no vectors: set COGNITO_MR_AUTH_VECTORS", allow_module_level=True)
    return place
