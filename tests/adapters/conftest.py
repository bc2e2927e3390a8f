"""What the adapters' tests share: one pool for each file, whose clock stands still, and its verifier.

No row changes them; a file that needs another pool makes its own.
"""

from __future__ import annotations

import pytest

from cognito_mr_auth import Verifier
from cognito_mr_auth.testing import FakeClock, FakeUserPool


@pytest.fixture(scope="module")
def pool() -> FakeUserPool:
    """A pool whose clock stands still."""
    return FakeUserPool(clock=FakeClock())


@pytest.fixture(scope="module")
def verifier(pool: FakeUserPool) -> Verifier:
    """Of the pool's access tokens."""
    return pool.offline_verifier()
