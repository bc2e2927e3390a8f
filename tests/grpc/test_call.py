"""grpc: a call's metadata, its refusal, and where its principal stands."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cognito_mr_auth import Principal, Verifier, errors, policy
from cognito_mr_auth._web.guard import RequestGuard
from cognito_mr_auth.grpc import principal_of
from cognito_mr_auth.grpc._call import Call, current
from cognito_mr_auth.testing import FakeClock, FakeUserPool

# --- Who asks


def call_of(
    verifier: Verifier,
    principal: Principal | None,
    context: object = None,
    *policies: Any,
    timed: bool = False,
) -> Call:
    """A call that was let in."""
    return Call(RequestGuard(verifier), context, principal, policies, timed=timed)


def test_the_principal_is_known_in_its_call_alone(verifier: Verifier, pool: FakeUserPool) -> None:
    """By its own context, or by none; before, after and by another's it is a LookupError."""
    here, there = object(), object()
    alice, bob = (verifier.verify(pool.access_token(subject=name)) for name in ("alice", "bob"))
    with pytest.raises(LookupError, match="no guard has looked at this call"):
        principal_of()
    with call_of(verifier, alice, here):
        assert principal_of() is principal_of(here) is alice
        with pytest.raises(LookupError):
            principal_of(there)
        assert principal_of(there, None) is None
        with call_of(verifier, bob, there):
            assert principal_of(there) is bob
        assert principal_of() is alice
    assert principal_of(default=None) is None
    with pytest.raises(LookupError):
        current()


def test_a_guest_has_no_principal(verifier: Verifier) -> None:
    """None, and no LookupError."""
    with call_of(verifier, None):
        assert principal_of() is None


def test_a_policy_is_asked_once(verifier: Verifier, pool: FakeUserPool) -> None:
    """What was asked when the call was let in is not asked again; a guest passes nothing."""
    asked: list[str] = []
    noted = policy.check(lambda principal: asked.append(principal.subject) or True)  # type: ignore[func-returns-value]
    call = call_of(verifier, verifier.verify(pool.access_token(subject="me")), None, noted)
    call.require(noted)
    asyncio.run(call.arequire(noted))
    assert asked == []
    other = policy.check(noted._function)
    call.require(other)
    asyncio.run(call.arequire(other))
    assert asked == ["me", "me"]
    for guest in (call_of(verifier, None), call_of(verifier, None, None, noted)):
        with pytest.raises(errors.CredentialsMissing):
            guest.require(noted)
        with pytest.raises(errors.CredentialsMissing):
            asyncio.run(guest.arequire(noted))


# --- Its end


@pytest.fixture
def short(clock: FakeClock, pool: FakeUserPool, verifier: Verifier) -> Principal:
    """A principal whose token has a second left."""
    return verifier.verify(pool.access_token(expires_in=1))


def test_no_message_passes_after_the_expiry(clock: FakeClock, verifier: Verifier, short: Principal) -> None:
    """Of a timed call; others end when they end."""
    timed, other, guest = (
        call_of(verifier, short, timed=True),
        call_of(verifier, short),
        call_of(verifier, None, timed=True),
    )
    messages = timed.received(iter("ab"))
    assert next(messages) == "a"
    timed.check_time()
    clock.advance(1)
    for expired in (timed.check_time, lambda: next(messages)):
        with pytest.raises(errors.TokenExpired) as caught:
            expired()
        assert caught.value._origin == (short.provider, "original")
    for untimed in (other, guest):
        untimed.check_time()
        assert list(untimed.received(iter("ab"))) == ["a", "b"]


def test_the_messages_of_a_timed_call_end_with_the_client(verifier: Verifier, short: Principal) -> None:
    """And its one message is no iterator."""
    timed = call_of(verifier, short, timed=True)
    assert list(timed.received(iter("ab"))) == ["a", "b"]
    assert timed.received(b"ab") == b"ab"


def test_what_waits_ends_with_the_token(clock: FakeClock, verifier: Verifier, short: Principal) -> None:
    """Whatever the handler waits for, it is cancelled."""
    heard: list[type[BaseException]] = []

    async def waiting() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except BaseException as error:
            heard.append(type(error))
            raise

    clock.advance(0.98)
    with pytest.raises(errors.TokenExpired):
        asyncio.run(call_of(verifier, short, timed=True).within(waiting()))
    assert heard == [asyncio.CancelledError]


@pytest.mark.parametrize("timed", [True, False])
def test_what_a_handler_gives_and_raises_is_its_own(
    verifier: Verifier, short: Principal, *, timed: bool
) -> None:
    """A TimeoutError of the handler's own says nothing of the token."""

    async def one() -> int:
        return 1

    async def late() -> None:
        raise TimeoutError

    call = call_of(verifier, short, timed=timed)
    assert asyncio.run(call.within(one())) == 1
    with pytest.raises(TimeoutError):
        asyncio.run(call.within(late()))
