"""SHA-256 by two libraries: the same digest from both."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from cognito_mr_auth._sha256 import EARLY, sha256

# In a process of its own: which library hashes is decided once.
_FIRST_AND_LATER = """
from cognito_mr_auth import _sha256
sizes = [0, 1, 63, 64, 1000, 9000]
rounds = [[_sha256.sha256(bytes(size)).hex() for size in sizes] for _ in range(6)]
assert len(rounds) * len(sizes) > _sha256.EARLY
assert rounds == [rounds[0]] * len(rounds)
print(*rounds[0])
"""
_EARLY = """
import sys
from cognito_mr_auth import Verifier, _sha256
there = "hashlib" in sys.modules  # whatever watches this process may have brought it
for _ in range(_sha256.EARLY - 1):
    _sha256.sha256(b"")
assert ("hashlib" in sys.modules) == there and _sha256._fresh is None
_sha256.sha256(b"")
assert "hashlib" in sys.modules and _sha256._fresh is not None
"""


def _run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


def test_both_libraries_give_the_same() -> None:
    """From the first digest to those after hashlib has come in."""
    expected = [hashlib.sha256(bytes(size)).hexdigest() for size in (0, 1, 63, 64, 1000, 9000)]
    assert _run(_FIRST_AND_LATER).split() == expected


def test_the_first_few_need_no_hashlib() -> None:
    """A cold start does not pay for its import."""
    assert _run(_EARLY) == ""


@pytest.mark.parametrize("octets", [b"", b"abc", bytes(8192)])
def test_one_digest_leaves_no_trace_in_the_next(octets: bytes) -> None:
    """Copies of one fresh state."""
    for _ in range(2 * EARLY):
        assert sha256(octets) == hashlib.sha256(octets).digest()
