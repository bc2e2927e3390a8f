"""Every adapter gives every request the same status, challenge and body (issue "Web adapters", 1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from support.drivers import NEEDS, Ask, Asker, Reply, build

from cognito_mr_auth import Verifier, policy
from cognito_mr_auth.testing import FakeClock, FakeUserPool

T0 = 1_790_000_000.0
APP = "https://app.example.com"

DRIVERS = [
    pytest.param(name, marks=[pytest.mark.needs(*needs)] if needs else [], id=name)
    for name, needs in NEEDS.items()
]


class World(NamedTuple):
    """A pool at a fixed time, and an offline verifier of its access tokens."""

    pool: FakeUserPool
    clock: FakeClock
    verifier: Verifier


@pytest.fixture(scope="module")
def world() -> World:
    """One pool and verifier for every row: rows change neither."""
    clock = FakeClock(wall=T0)
    pool = FakeUserPool(clock=clock)
    return World(pool, clock, pool.offline_verifier())


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("Authorization", f"Bearer {token}"),)


# --- The outcome table: what goes wrong -> status, challenge, body


class Outcome(NamedTuple):
    status: int
    challenge: str | None
    detail: str | None


MISSING = Outcome(401, 'Bearer realm="api"', "no access token was sent")
SCOPES_HINT = (
    "the token lacks a scope; users who sign in through the SDK get only aws.cognito.signin.user.admin "
    "unless a pre-token-generation trigger adds scopes"
)


def _error(code: str, description: str, more: str = "") -> str:
    return f'Bearer realm="api", error="{code}", error_description="{description}"{more}'


OUTCOMES: dict[str, tuple[Callable[[FakeUserPool], Any], Any, Outcome]] = {
    "good": (lambda pool: bearer(pool.access_token()), None, Outcome(200, None, None)),
    "no token": (lambda pool: (), None, MISSING),
    "forged": (
        lambda pool: bearer(pool.access_token(signed_by="foreign")),
        None,
        Outcome(
            401,
            _error("invalid_token", "the token's signature is invalid"),
            "the token's signature is invalid",
        ),
    ),
    "expired": (
        lambda pool: bearer(pool.access_token(expires_in=-60)),
        None,
        Outcome(
            401,
            _error("invalid_token", "the token has expired"),
            "the token has expired: get a new one with the refresh token",
        ),
    ),
    "missing scope": (
        lambda pool: bearer(pool.access_token()),
        policy.scopes("orders/read", "orders/write"),
        Outcome(
            403,
            _error(
                "insufficient_scope",
                "the token does not permit this request",
                ', scope="orders/read orders/write"',
            ),
            f"the token does not permit this request: {SCOPES_HINT}",
        ),
    ),
    "missing group": (
        lambda pool: bearer(pool.access_token()),
        policy.any_group("ops"),
        Outcome(
            403,
            _error("insufficient_scope", "the token does not permit this request"),
            "the token does not permit this request",
        ),
    ),
    "too old": (
        lambda pool: bearer(pool.access_token(claims={"auth_time": int(T0) - 3600})),
        policy.max_age(300),
        Outcome(
            401,
            _error(
                "insufficient_user_authentication", "a more recent sign-in is required", ', max_age="300"'
            ),
            "a more recent sign-in is required: sign in again, then retry",
        ),
    ),
}


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("row", OUTCOMES)
def test_every_adapter_says_the_same(world: World, driver: str, row: str) -> None:
    """Same status, same challenge, same body; the application runs for a good token alone."""
    headers, require, expected = OUTCOMES[row]
    reply = build(driver, world.verifier, require=require)(Ask(headers(world.pool)))
    _check(reply, expected)


def _check(reply: Reply, expected: Outcome) -> None:
    assert reply.status == expected.status
    assert reply.reached is (expected.status == 200)
    if expected.status == 200:
        return
    assert reply.headers.get("www-authenticate") == expected.challenge
    assert reply.body == b'{"detail":"%s"}' % (expected.detail or "").encode()
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["content-length"] == str(len(reply.body))
    assert reply.headers["cache-control"] == "no-store"
