"""SHA-256 by two libraries: the same digest from both."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from cognito_mr_auth._base.digest import sha256

# In a process of its own: which library hashes is decided once.
_BEFORE_AND_AFTER = """
from cognito_mr_auth._base import digest as _sha256
sizes = [0, 1, 63, 64, 1000, 9000]
first = [_sha256.sha256(bytes(size)).hex() for size in sizes]
import hashlib
rounds = [[_sha256.sha256(bytes(size)).hex() for size in sizes] for _ in range(3)]
assert _sha256._fresh is not None and rounds == [first] * 3
print(*first)
"""
_NOTHING_IMPORTED = """
import sys
from cognito_mr_auth import Verifier
from cognito_mr_auth._base import digest as _sha256
there = set(sys.modules)  # whatever watches this process may have brought more
for _ in range(100):
    _sha256.sha256(b"")
assert set(sys.modules) == there
assert (_sha256._fresh is not None) == ("hashlib" in there)
"""
_HALF_IMPORTED = """
import sys, types
sys.modules["hashlib"] = types.ModuleType("hashlib")
from cognito_mr_auth._base import digest as _sha256
assert _sha256.sha256(b"").hex().startswith("e3b0c442") and _sha256._fresh is None
"""


def _run(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


@pytest.mark.outside
def test_both_libraries_give_the_same() -> None:
    """From the first digest to those after hashlib has come in."""
    expected = [hashlib.sha256(bytes(size)).hexdigest() for size in (0, 1, 63, 64, 1000, 9000)]
    assert _run(_BEFORE_AND_AFTER).split() == expected


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(_NOTHING_IMPORTED, id="not-there"),
        pytest.param(_HALF_IMPORTED, id="being-imported-by-another-thread"),
    ],
)
@pytest.mark.outside
def test_a_digest_imports_nothing(program: str) -> None:
    """A cold start does not pay for hashlib, and a fork finds no thread in the middle of an import."""
    assert _run(program) == ""


@pytest.mark.parametrize("octets", [b"", b"abc", bytes(8192)])
def test_one_digest_leaves_no_trace_in_the_next(octets: bytes) -> None:
    """Copies of one fresh state."""
    for _ in range(32):
        assert sha256(octets) == hashlib.sha256(octets).digest()
