"""aws-jwt-verify under Node: the same tokens in a JSON file, measured inside Node.

Owns how Node is found and asked. What npm installed lies in `.venvs/bench-node`, or where BENCH_NODE says.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cognito_mr_auth.testing import FakeUserPool

__all__ = ["NODE_BARE", "NODE_CHECKS", "NODE_PEER", "home", "node_missing", "node_seconds"]

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "benchmarks" / "peers" / "node" / "verify.cjs"
NODE_PEER, NODE_BARE = "aws-jwt-verify", "Node's bare crypto.verify"
NODE_CHECKS = "signature, exp, iss, client_id, token_use"
NODE_SECONDS = 600


def home() -> Path:
    """Where npm installed the peer."""
    return Path(os.environ.get("BENCH_NODE") or ROOT / ".venvs" / "bench-node")


def node_missing() -> str:
    """Why Node cannot be used; empty if it can."""
    if shutil.which("node") is None:
        return "no node on the path"
    if not (home() / "node_modules" / NODE_PEER / "package.json").is_file():
        return f"{NODE_PEER} is not installed"
    return ""


def node_seconds(
    pool: FakeUserPool, tokens: Mapping[str, Sequence[str]], rounds: int
) -> tuple[dict[str, float], str]:
    """Medians in seconds by "library, size", and which versions measured them.

    The script proves that the verifier refuses what is forged, expired or of another issuer.
    """
    bad = [
        pool.access_token(signed_by="foreign"),
        pool.access_token(expires_in=-3600),
        pool.access_token(claims={"iss": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_Other"}),
    ]
    asked = {
        "userPoolId": pool.user_pool_id,
        "clientId": pool.client_id,
        "jwks": pool.jwks(),
        "publicKey": pool.access_key.public_pem().decode(),
        "tokens": tokens,
        "bad": bad,
        "rounds": rounds,
    }
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / "tokens.json"
        path.write_text(json.dumps(asked))
        command = ["node", str(SCRIPT), str(home()), str(path)]
        done = subprocess.run(command, check=True, timeout=NODE_SECONDS, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout)
    return found["seconds"], f"{NODE_PEER} {found['library']}, Node {found['node']}"
