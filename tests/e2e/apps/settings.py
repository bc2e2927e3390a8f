"""The settings of the apps: a JSON file named by E2E_SETTINGS, written by support/servers.py."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from cognito_mr_auth import UserPool, Verifier, policy

SETTINGS: dict[str, Any] = json.loads(Path(os.environ["E2E_SETTINGS"]).read_text("utf-8"))

# The table's apps all have the same.
EXCLUDED = ["/health", "/static/*"]
MARKER = "bearer"
READ = policy.scopes("orders/read")


def verifier(name: str) -> Verifier:
    """The verifier that one entry of the settings describes."""
    entry = SETTINGS[name]
    return Verifier(UserPool(**entry["pool"]), token_use="access", **entry.get("verifier", {}))
