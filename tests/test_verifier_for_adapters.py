"""What adapters ask a verifier beyond tokens: a policy alone, the time left."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cognito_mr_auth import Principal, Verifier, errors, policy
from cognito_mr_auth.testing import FakeClock, FakeUserPool

T0 = 1_790_000_000.0


@pytest.fixture
def pool() -> FakeUserPool:
    """A pool on a clock of its own."""
    return FakeUserPool(clock=FakeClock(wall=T0))


async def _yes(_principal: Principal) -> bool:
    return True


def _broken(_principal: Principal) -> bool:
    raise RuntimeError


SCOPES = policy.scopes("orders/read")
ROWS: dict[str, tuple[Any, type[Exception] | None]] = {
    "passes": (SCOPES, None),
    "refused": (policy.scopes("orders/write"), errors.PolicyDenied),
    "too old": (policy.max_age(60), errors.AuthenticationTooOld),
    "check passes": (policy.check(lambda _principal: True), None),
    "check broken": (policy.check(_broken), errors.CheckUnavailable),
    "a function": (_broken, TypeError),
}


@pytest.mark.parametrize("row", ROWS)
def test_a_policy_is_judged_alone(pool: FakeUserPool, row: str) -> None:
    """`require` and `arequire` judge a verified principal, and give it back."""
    require, expected = ROWS[row]
    verifier = pool.offline_verifier()
    token = pool.access_token(scopes=["orders/read"], claims={"auth_time": int(T0) - 3600})
    principal = verifier.verify(token)
    calls = (
        lambda: verifier.require(principal, require),
        lambda: asyncio.run(verifier.arequire(principal, require)),
    )
    for call in calls:
        if expected is None:
            assert call() is principal
        else:
            with pytest.raises(expected):
                call()


@pytest.mark.parametrize(
    "value", [None, object(), "5f0c", True, Principal], ids=["None", "object", "str", "bool", "class"]
)
def test_what_is_no_principal_is_refused(pool: FakeUserPool, value: Any) -> None:
    """A check that never looks at what it is given admits no stand-in for a principal."""
    verifier, admitted = pool.offline_verifier(), policy.check(lambda _anything: True)
    with pytest.raises(TypeError, match="Principal"):
        verifier.require(value, admitted)
    with pytest.raises(TypeError, match="Principal"):
        asyncio.run(verifier.arequire(value, admitted))


def test_a_coroutine_needs_the_awaited_way(pool: FakeUserPool) -> None:
    """H2: a check that is a coroutine function works with `arequire` and is a TypeError with `require`."""
    verifier = pool.offline_verifier()
    principal = verifier.verify(pool.access_token())
    assert asyncio.run(verifier.arequire(principal, policy.check(_yes))) is principal
    with pytest.raises(TypeError):
        verifier.require(principal, policy.check(_yes))


def test_a_policy_alone_asks_no_revocation(pool: FakeUserPool) -> None:
    """The `revoked` hook has answered when the token was verified; it is not asked again."""
    asked: list[Principal] = []
    verifier = pool.offline_verifier(revoked=lambda principal: bool(asked.append(principal)))
    principal = verifier.verify(pool.access_token(scopes=["orders/read"]))
    verifier.require(principal, SCOPES)
    assert asked == [principal]


def test_the_time_left_is_by_the_verifiers_clock(pool: FakeUserPool) -> None:
    """Seconds until `exp`, without leeway, negative once it has passed."""
    clock = pool.clock
    assert isinstance(clock, FakeClock)
    verifier = pool.offline_verifier()
    principal = verifier.verify(pool.access_token(expires_in=300))
    assert verifier._seconds_left(principal) == 300
    clock.advance(302)
    assert verifier._seconds_left(principal) == -2


def test_the_issuers_are_listed(pool: FakeUserPool) -> None:
    """Every accepted `iss`, of every pool."""
    other = FakeUserPool("eu-west-1_Other0001", replica_regions=(), clock=pool.clock)
    pools = [pool.user_pool(issuer_kinds={"original", "replica"}), other.user_pool()]
    verifier = Verifier(*pools, token_use="access")
    assert set(verifier.issuers) == {
        pool.issuer("original"),
        pool.issuer("replica"),
        other.issuer("original"),
        other.issuer("updated"),
    }
