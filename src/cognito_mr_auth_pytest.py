"""The pytest plugin: fixtures around cognito_mr_auth.testing.

Owns the fixtures alone. pytest imports every installed plugin in every test run, also in those of
other projects. So this module must never import anything of ours before a fixture is used; that is also
why it stands outside the package.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cognito_mr_auth import Verifier
    from cognito_mr_auth.testing import FakeClock, FakeEndpoints, FakeUserPool


@pytest.fixture
def cognito_clock() -> FakeClock:
    """A clock that only the test moves; it begins at the real time."""
    from cognito_mr_auth.testing import FakeClock

    return FakeClock(wall=time.time())


@pytest.fixture
def cognito_user_pool(request: pytest.FixtureRequest) -> FakeUserPool:
    """A fake user pool with keys of its own; it follows `cognito_clock` if the test uses that.

    Override it in your conftest.py to give it your pool ID, client or Regions.
    """
    from cognito_mr_auth.testing import FakeUserPool

    if "cognito_clock" in request.fixturenames:
        return FakeUserPool(clock=request.getfixturevalue("cognito_clock"))
    return FakeUserPool()


@pytest.fixture
def cognito_endpoints(cognito_user_pool: FakeUserPool) -> Iterator[FakeEndpoints]:
    """The pool's endpoints, serving on loopback until the test ends."""
    with cognito_user_pool.serve() as endpoints:
        yield endpoints


@pytest.fixture
def cognito_verifier(cognito_user_pool: FakeUserPool) -> Iterator[Verifier]:
    """An offline verifier of the pool's access tokens."""
    with cognito_user_pool.offline_verifier() as verifier:
        yield verifier
