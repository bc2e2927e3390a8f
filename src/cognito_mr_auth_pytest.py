"""The pytest plugin: fixtures around cognito_mr_auth.testing.

Owns the fixtures alone. pytest imports every installed plugin in every test run, also in those of
other projects. So this module must never import anything of ours before a fixture is used; that is also
why it stands outside the package.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from cognito_mr_auth import Verifier
    from cognito_mr_auth.testing import FakeClock, FakeEndpoints, FakeUserPool


@pytest.fixture
def cognito_clock() -> FakeClock:
    """A clock that only the test moves; it begins at the real time."""
    from cognito_mr_auth.testing import FakeClock

    return FakeClock(wall=time.time())


@pytest.fixture
def cognito_user_pool(request: pytest.FixtureRequest) -> FakeUserPool:
    """A fake user pool: that of `FakeUserPool.in_environ()`, or else one for this test.

    It follows `cognito_clock` if the test uses that, and is then this test's own in any case. Override it in
    your conftest.py to give it your pool ID, client or Regions.
    """
    from cognito_mr_auth.testing import FakeUserPool
    from cognito_mr_auth.testing._environment import entered

    if "cognito_clock" in request.fixturenames:
        return FakeUserPool(clock=request.getfixturevalue("cognito_clock"))
    pool: FakeUserPool = entered() or FakeUserPool()
    return pool


@pytest.fixture
def cognito_headers(cognito_user_pool: FakeUserPool) -> Callable[..., dict[str, str]]:
    """A function that gives a request's headers: `cognito_headers(scopes=[...], groups=[...])`.

    It takes what `FakeUserPool.access_token` takes.
    """
    return cognito_user_pool.headers


@pytest.fixture
def cognito_endpoints(cognito_user_pool: FakeUserPool) -> Iterator[FakeEndpoints]:
    """The pool's endpoints, serving on loopback until the test ends; those of `in_environ()` serve on."""
    if cognito_user_pool.endpoints is not None:
        yield cognito_user_pool.endpoints
        cognito_user_pool.endpoints.heal()
        return
    with cognito_user_pool.serve() as endpoints:
        yield endpoints


@pytest.fixture
def cognito_verifier(cognito_user_pool: FakeUserPool) -> Iterator[Verifier]:
    """An offline verifier of the pool's access tokens."""
    with cognito_user_pool.offline_verifier() as verifier:
        yield verifier


@pytest.fixture
def cognito_django_client(cognito_user_pool: FakeUserPool) -> Iterator[Callable[..., Client]]:
    """A function that gives Django's test client of a user: `cognito_django_client(scopes=[...])`.

    It takes what `FakeUserPool.access_token` takes. While the test runs, COGNITO_AUTH has a verifier with the
    pool's keys as they are at its start.
    """
    from django.test import Client

    from cognito_mr_auth.testing.django import offline

    with offline(cognito_user_pool):
        yield lambda **options: Client(headers=cognito_user_pool.headers(**options))
