"""Counts: each verification ends in one row, and no row is ever made of what a client sends."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections import Counter
from typing import Any

import pytest
from support.forks import in_child

from cognito_mr_auth import UserPool, Verifier, errors, policy
from cognito_mr_auth._runtime.outcomes import REASONS, Tally, reason_of
from cognito_mr_auth._runtime.refusals import located, settle
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.outcomes import Outcome
from cognito_mr_auth.testing import FakeClock, FakeUserPool

POOL_ID = FakeUserPool().user_pool_id
ZERO = {(POOL_ID, kind, "accepted"): 0 for kind in ("original", "replica", "updated")}


def attempt(verifier: Verifier, token: Any, way: str = "verify", **options: Any) -> None:
    """One verification, whatever comes of it."""
    try:
        if way == "verify":
            verifier.verify(token, **options)
        else:
            asyncio.run(verifier.averify(token, **options))
    except errors.AuthError:
        return


def test_before_the_first_verification(pool: FakeUserPool) -> None:
    """Acceptances are there at zero, so that a dashboard has a row; refusals are not."""
    verifier = pool.offline_verifier()
    assert verifier.counts() == ZERO
    assert verifier.newest_iat() == dict.fromkeys([row[:2] for row in ZERO])


def test_a_count_is_a_fresh_dict(pool: FakeUserPool) -> None:
    """Who changes it changes nothing; a key is a plain tuple and has names, too."""
    verifier = pool.offline_verifier()
    verifier.verify(pool.access_token())
    counts = verifier.counts()
    assert type(counts) is dict
    assert counts[Outcome(POOL_ID, "original", "accepted")] == 1
    assert {type(each) for each in counts} == {Outcome}
    counts.clear()
    verifier.newest_iat().clear()
    assert verifier.counts()[Outcome(POOL_ID, "original", "accepted")] == 1
    assert verifier.newest_iat()[POOL_ID, "original"] is not None


TOKENS: dict[str, tuple[Any, dict[str, Any], dict[str, Any], tuple[str | None, str | None, str]]] = {
    "good": (lambda p: p.access_token(), {}, {}, (POOL_ID, "original", "accepted")),
    "good, replica": (lambda p: p.access_token(issuer="replica"), {}, {}, (POOL_ID, "replica", "accepted")),
    "good, updated": (lambda p: p.access_token(issuer="updated"), {}, {}, (POOL_ID, "updated", "accepted")),
    "good, with hooks": (
        lambda p: p.access_token(),
        {"revoked": lambda _: False},
        {"require": policy.check(lambda _: True)},
        (POOL_ID, "original", "accepted"),
    ),
    "none": (lambda p: None, {}, {}, (None, None, "token_malformed")),
    "garbage": (lambda p: "a.b.c", {}, {}, (None, None, "token_malformed")),
    "another pool's": (
        lambda p: FakeUserPool("us-west-2_Other", clock=p.clock).access_token(),
        {},
        {},
        (None, None, "issuer_unknown"),
    ),
    "forged": (
        lambda p: p.access_token(signed_by="foreign", issuer="replica"),
        {},
        {},
        (POOL_ID, "replica", "signature_invalid"),
    ),
    "unknown key": (
        lambda p: p.access_token(signed_by="unknown"),
        {},
        {},
        (POOL_ID, "original", "key_unknown"),
    ),
    "expired": (lambda p: p.access_token(expires_in=-60), {}, {}, (POOL_ID, "original", "token_expired")),
    "ID token": (lambda p: p.id_token(), {}, {}, (POOL_ID, "original", "claim_rejected")),
    "revoked": (
        lambda p: p.access_token(),
        {"revoked": lambda _: True},
        {},
        (POOL_ID, "original", "token_revoked"),
    ),
    "revocation unknown": (
        lambda p: p.access_token(),
        {"revoked": lambda _: None},
        {},
        (POOL_ID, "original", "revocation_unavailable"),
    ),
    "policy": (
        lambda p: p.access_token(),
        {},
        {"require": policy.groups("a")},
        (POOL_ID, "original", "policy_denied"),
    ),
}


@pytest.mark.parametrize("cache_size", [0, 1024], ids=["no-cache", "cache"])
@pytest.mark.parametrize("way", ["verify", "averify"])
@pytest.mark.parametrize("row", TOKENS)
def test_a_verification_adds_one(row: str, way: str, cache_size: int, pool: FakeUserPool) -> None:
    """To one row alone, from the cache or not; the hook gets the same."""
    make, options, named, expected = TOKENS[row]
    heard: list[Outcome] = []
    for hook in ({}, {"on_outcome": heard.append}):
        verifier, token = pool.offline_verifier(cache_size=cache_size, **hook, **options), make(pool)
        for _ in range(3):
            attempt(verifier, token, way, **named)
        assert verifier.counts() == {**ZERO, expected: 3}
    assert heard == [expected] * 3


@pytest.mark.outside
def test_what_waits_for_keys_adds_one(pool: FakeUserPool) -> None:
    """A first token that waits, an outage, and an unknown key while a Region is away."""
    heard: list[Outcome] = []
    with pool.serve() as endpoints, pool.verifier(on_outcome=heard.append) as verifier:
        endpoints.fail("refuse")
        attempt(verifier, pool.access_token(), timeout=0.2)
        endpoints.heal()
        verifier.warm()
        attempt(verifier, pool.access_token(issuer="replica"))
        endpoints.original.fail("refuse")
        attempt(verifier, pool.access_token(signed_by="unknown"), timeout=0.5)
        assert verifier.counts() == ZERO | dict(Counter(heard))
    assert heard == [
        (POOL_ID, "original", "keys_unavailable"),
        (POOL_ID, "replica", "accepted"),
        (POOL_ID, "original", "key_unconfirmed"),
    ]


def test_a_cancelled_caller_adds_none(pool: FakeUserPool) -> None:
    """It has received no outcome."""

    async def revoked(_principal: object) -> bool:
        await asyncio.Event().wait()
        return False

    async def scenario() -> dict[Outcome, int]:
        verifier = pool.offline_verifier(revoked=revoked)
        task = asyncio.ensure_future(verifier.averify(pool.access_token()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return verifier.counts()

    assert asyncio.run(scenario()) == ZERO


def test_a_routes_policy_adds_its_refusal(pool: FakeUserPool) -> None:
    """After a verification of its own, which was accepted; who only asks adds nothing."""
    verifier = pool.offline_verifier()
    principal = verifier.verify(pool.access_token())
    assert not verifier._permits(principal, policy.groups("a"))
    verifier.require(principal, policy.max_age(300))
    for need in (verifier.require, lambda *given: asyncio.run(verifier.arequire(*given))):
        with pytest.raises(errors.PolicyDenied):
            need(principal, policy.groups("a"))
    rows = {(POOL_ID, "original", "accepted"): 1, (POOL_ID, "original", "policy_denied"): 2}
    assert verifier.counts() == ZERO | rows


def test_several_pools_and_regions(pool: FakeUserPool) -> None:
    """Each pool has its rows; two replicas of a pool are one kind."""
    other = UserPool("eu-west-1_Other", client_ids=["a"], replica_regions=["eu-central-1", "eu-north-1"])
    verifier = Verifier(pool.user_pool(offline=True), other)
    kinds = ("original", "replica", "updated")
    assert set(verifier.counts()) == {
        (each, kind, "accepted") for each in (POOL_ID, "eu-west-1_Other") for kind in kinds
    }
    shared = {id(entry.tally) for entry in verifier._entries.values()}
    assert (len(verifier._entries), len(shared)) == (7, 6)


# --- Bounded


class Tenant(errors.PolicyDenied):
    """An application's own."""

    reason = "tenant_4711"


class Teapot(errors.AuthError):
    """One without a kind of ours."""

    reason = "teapot"


def instance(reason: Any) -> errors.AuthError:
    """An error with a reason of its own."""
    error = errors.TokenExpired()
    error.reason = reason
    return error


REASONED: dict[str, tuple[errors.AuthError, str]] = {
    "ours": (errors.OriginDenied(), "origin_denied"),
    "ours, of the object": (errors.KeysUnavailable(reason="key_unconfirmed"), "key_unconfirmed"),
    "derived": (Tenant(), "policy_denied"),
    "derived from the root": (Teapot(), "auth_error"),
    "of the object": (instance("user-4711"), "token_expired"),
    "accepted": (instance("accepted"), "token_expired"),
    "a list": (instance(["x"]), "token_expired"),
    "None": (instance(None), "token_expired"),
}


@pytest.mark.parametrize("row", REASONED)
def test_a_reason_is_one_of_ours(row: str, pool: FakeUserPool) -> None:
    """Whatever an application raises, there is no row more."""
    error, expected = REASONED[row]
    verifier = pool.offline_verifier()
    for _ in range(2):
        Guard(verifier).response(error)
    assert reason_of(error) == expected
    assert verifier.counts() == ZERO | {(None, None, expected): 2}


def test_every_reason_is_there() -> None:
    """Those of all errors, which the list follows by itself."""
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    ours = {each.reason for each in kinds if issubclass(each, errors.AuthError)}
    assert set(REASONS) == ours | {"key_unconfirmed"}
    assert len(REASONS) == len(set(REASONS)) == 21


def test_another_verifiers_pool_makes_no_row(pool: FakeUserPool) -> None:
    """An error that comes from elsewhere stands under no pool."""
    verifier = pool.offline_verifier()
    settle(located(errors.TokenExpired(), ("us-west-2_Foreign", "original")), verifier._outcomes)
    assert verifier.counts() == ZERO | {(None, None, "token_expired"): 1}


# --- The newest iat


def test_the_newest_iat(pool: FakeUserPool, clock: FakeClock) -> None:
    """Of valid tokens alone, by kind; an older one moves nothing, nor does one that a hit accepts."""
    verifier = pool.offline_verifier(revoked=lambda _: True)
    wall = clock.wall
    attempt(verifier, pool.access_token())
    clock.advance(100)
    young = pool.access_token(issuer="updated")
    attempt(verifier, young)
    attempt(verifier, pool.access_token(issuer="updated", claims={"iat": int(wall) + 20}))
    for bad in ({"signed_by": "foreign"}, {"expires_in": -60}, {"client_id": "2another3456789"}):
        attempt(verifier, pool.access_token(issuer="replica", **bad))
    attempt(verifier, young)
    assert verifier.newest_iat() == {
        (POOL_ID, "original"): int(wall),
        (POOL_ID, "replica"): None,
        (POOL_ID, "updated"): int(wall) + 100,
    }


# --- The hook


def test_what_the_hook_raises_changes_nothing(pool: FakeUserPool) -> None:
    """H3: it is counted with what other hooks raise; the caller gets its outcome."""

    def broken(_outcome: Outcome) -> None:
        raise ValueError("no disk")

    verifier = pool.offline_verifier(on_outcome=broken)
    assert verifier.verify(pool.access_token()).subject
    with pytest.raises(errors.TokenMalformed) as caught:
        verifier.verify("garbage")
    assert caught.value.__context__ is None
    assert verifier.health()["hook_failures"] == 2
    assert sum(verifier.counts().values()) == 2


@pytest.mark.parametrize("hook", ["print", 5, True, []], ids=repr)
def test_a_hook_is_callable(hook: Any, pool: FakeUserPool) -> None:
    """S7."""
    with pytest.raises(errors.ConfigurationError, match="on_outcome"):
        pool.offline_verifier(on_outcome=hook)


def test_a_hook_is_no_coroutine_function(pool: FakeUserPool) -> None:
    """No caller would await it."""

    async def hook(_outcome: Outcome) -> None: ...

    with pytest.raises(errors.ConfigurationError, match="on_outcome= is a coroutine function"):
        pool.offline_verifier(on_outcome=hook)


# --- Threads and forks


def test_no_addition_is_lost(pool: FakeUserPool) -> None:
    """Eight threads, switched after a microsecond: every acceptance and every refusal is there."""
    verifier, good, bad = pool.offline_verifier(), pool.access_token(), pool.access_token(expires_in=-60)
    each, threads = 500, 8

    def work() -> None:
        for _ in range(each):
            attempt(verifier, good)
            attempt(verifier, bad)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        running = [threading.Thread(target=work) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    rows = {(POOL_ID, "original", result): each * threads for result in ("accepted", "token_expired")}
    assert verifier.counts() == ZERO | rows


@pytest.mark.outside
@pytest.mark.skipif(sys.platform == "win32", reason="this system cannot fork")
def test_a_child_counts_what_it_does_itself(pool: FakeUserPool) -> None:
    """F: from zero, hook failures and the newest iat included; the parent's stand."""

    def broken(_outcome: Outcome) -> None:
        raise ValueError

    verifier, token = pool.offline_verifier(on_outcome=broken), pool.access_token()
    for each in (token, token, "garbage"):
        attempt(verifier, each)

    def child() -> bool:
        clean = (verifier.counts(), verifier.health()["hook_failures"], set(verifier.newest_iat().values()))
        attempt(verifier, token)
        after = verifier.counts()
        return clean == (ZERO, 0, {None}) and after == ZERO | {(POOL_ID, "original", "accepted"): 1}

    assert in_child(child) == "True"
    assert sum(verifier.counts().values()) == 3


def test_a_tally_begins_anew() -> None:
    """All of it."""
    tally = Tally("a-pool", "original")
    tally.saw(7.0)
    share = tally.share
    share.accepted, share.refused["token_expired"] = 5, 3
    assert (tally.accepted, tally.newest_iat, tally.refused) == (5, 7.0, {"token_expired": 3})
    tally.reset()
    assert (tally.accepted, tally.newest_iat, tally.refused) == (0, None, {})


def test_a_tally_adds_its_threads_up() -> None:
    """What each thread has seen counts, also after its end; of the newest `iat` the newest."""
    tally = Tally("a-pool", "original")

    def work(iat: float) -> None:
        share = tally.share
        share.accepted += 2
        share.refused["token_expired"] += 1
        share.refused["origin_denied"] += 1
        tally.saw(iat)

    work(7.0)
    for iat in (9.0, 8.0):
        thread = threading.Thread(target=work, args=(iat,))
        thread.start()
        thread.join()
    assert (tally.accepted, tally.newest_iat) == (6, 9.0)
    assert list(tally.refused.items()) == [("origin_denied", 3), ("token_expired", 3)]


@pytest.mark.outside
def test_what_first_fails_loads_nothing() -> None:
    """A process without a free descriptor could load no module, and would raise OSError for an outage."""
    program = """
import sys
from cognito_mr_auth import errors
from cognito_mr_auth.testing import FakeUserPool
def broken(_value):
    raise ValueError
pool = FakeUserPool()
verifier = pool.offline_verifier(revoked=broken, on_outcome=broken, on_event=broken)
token = pool.access_token()
verifier.issuers, sys.modules.setdefault("logging", __import__("logging"))
before = set(sys.modules)
try:
    verifier.verify(token)
except errors.RevocationUnavailable:
    print(sorted(set(sys.modules) - before))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]", done.stdout
