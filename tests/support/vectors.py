"""The shared test vectors: where they are, and how they are read.

They lie beside the project, or where COGNITO_MR_AUTH_VECTORS points; they stay there, and are never copied
into the project. Fuzzing reads them here too, in an environment without pytest.
"""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]


def find() -> Path | None:
    """The directory of the vectors, or None where there is none."""
    named = os.environ.get("COGNITO_MR_AUTH_VECTORS")
    place = Path(named) if named else PROJECT.parent / "shared" / "vectors"
    return place if place.is_dir() else None


def require() -> Path:
    """The directory of the vectors; skips the test, or the whole module, where there is none."""
    import pytest

    place = find()
    if place is None:
        pytest.skip("no vectors: set COGNITO_MR_AUTH_VECTORS", allow_module_level=True)
    return place


def load(path: Path) -> Any:
    """A vector file."""
    return json.loads(path.read_text("utf-8"))


def rs256_profile(place: Path) -> list[dict[str, Any]]:
    """Wycheproof's rows of our profile: a JWS, a key set, and what is expected of them."""
    rows: list[dict[str, Any]] = load(place / "wycheproof" / "rs256_profile_expectations.json")["tests"]
    return rows


def halves(token: str) -> tuple[bytes, bytes] | None:
    """Header and payload octets of a compact JWS, leniently; None for a text without two dots."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        header, payload = (urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts[:2])
    except ValueError:
        return None
    return header, payload
