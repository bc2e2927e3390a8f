"""The verifier as its users meet it: whose token passes, which errors others get, what a cache hit skips."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.emulators import MOTO
from support.fetches import landed
from support.network import Networked
from support.refusals import CANARY, refused
from support.verdicts import at_once

from cognito_mr_auth import ANY_CLIENT, Principal, UserPool, Verifier, errors, events, policy
from cognito_mr_auth._runtime.token_cache import MAX_CACHED_CHARS
from cognito_mr_auth.testing import MALFORMED, REMOVE, FakeClock, FakeUserPool, SigningKey


def both(verifier: Verifier, token: str, **options: Any) -> Principal:
    """The principal, the same from verify and averify."""
    principal = verifier.verify(token, **options)
    assert asyncio.run(verifier.averify(token, **options)) == principal
    return principal


# --- Who passes


@pytest.mark.parametrize("kind", ["original", "replica", "updated"])
def test_every_issuer_of_the_pool(kind: Any, pool: FakeUserPool) -> None:
    """One pool has one identity, whichever of its issuers signed."""
    principal = both(pool.offline_verifier(), pool.access_token(issuer=kind, username="bob"))
    assert (principal.username, principal.issuer.kind) == ("bob", kind)
    assert (principal.user_pool_id, principal.issuer.url) == (pool.user_pool_id, pool.issuer(kind))


@pytest.mark.parametrize(
    ("use", "accepted"),
    [("access", {"access", "machine"}), ("id", {"id"}), ("any", {"access", "machine", "id"})],
)
def test_the_uses_of_tokens(use: Any, accepted: set[str], pool: FakeUserPool) -> None:
    """Access and ID tokens are distinguished, and the refusal says which one was sent."""
    verifier = pool.offline_verifier(use)
    tokens = {"access": pool.access_token(), "machine": pool.machine_token(), "id": pool.id_token()}
    for name, token in tokens.items():
        if name in accepted:
            assert verifier.verify(token).is_machine == (name == "machine")
        else:
            error = refused(errors.ClaimRejected, verifier.verify, token)
            assert (error.claim, "send the" in (error.hint or "")) == ("token_use", True)


def test_tokens_are_dispatched_by_issuer(clock: FakeClock) -> None:
    """A verifier of several pools knows each pool's tokens, and each pool's clients."""
    pools = [FakeUserPool(f"us-west-2_Pool{n}", client_id=f"client{n}", clock=clock) for n in range(3)]
    verifier = Verifier(*(each.user_pool(offline=True) for each in pools), token_use="access", clock=clock)
    for each in pools:
        assert verifier.verify(each.access_token()).user_pool_id == each.user_pool_id
        refused(errors.ClaimRejected, verifier.verify, each.access_token(client_id="another"))
    assert set(verifier.health()["providers"]) == {each.user_pool_id for each in pools}


def test_one_pools_key_is_no_other_pools() -> None:
    """Two pools that list one kid never take each other's key, not even from the cache (T2)."""
    one, other = (FakeUserPool(f"us-west-2_{name}") for name in ("One", "Other"))
    kid = one.access_key.kid
    twin = other.impostor(kid)
    verifier = Verifier(
        one.user_pool(offline=True),
        other.user_pool(offline=True, jwks={"keys": [twin.jwk()]}),
        token_use="access",
    )
    for _ in range(2):
        assert verifier.verify(one.access_token()).user_pool_id == one.user_pool_id
        assert verifier.verify(other.access_token(signed_by=twin)).user_pool_id == other.user_pool_id
        refused(errors.SignatureInvalid, verifier.verify, one.access_token(signed_by=twin))
        refused(errors.SignatureInvalid, verifier.verify, other.access_token(signed_by=one.access_key))


# --- Who does not

SECRET = {"email": CANARY, "custom:x": CANARY}


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        pytest.param(lambda p: "", errors.TokenMalformed, id="empty"),
        pytest.param(lambda p: None, errors.TokenMalformed, id="none"),
        pytest.param(lambda p: p.access_token().encode(), errors.TokenMalformed, id="bytes"),
        pytest.param(lambda p: f"Bearer {p.access_token()}", errors.TokenMalformed, id="bearer"),
        pytest.param(lambda p: f"{CANARY}\ud800", errors.TokenMalformed, id="lone-surrogate"),
        pytest.param(
            lambda p: p.access_token(header={"alg": "none"}),
            errors.AlgorithmNotAllowed,
            id="none-alg",
        ),
        pytest.param(
            lambda p: p.access_token(header={"alg": "HS256"}),
            errors.AlgorithmNotAllowed,
            id="hs256",
        ),
        pytest.param(
            lambda p: FakeUserPool("us-west-2_Other").access_token(claims=SECRET),
            errors.IssuerUnknown,
            id="issuer",
        ),
        pytest.param(lambda p: p.access_token(claims={"iss": REMOVE}), errors.IssuerUnknown, id="no-issuer"),
        pytest.param(
            lambda p: p.access_token(claims={"iss": [p.issuer()]}), errors.IssuerUnknown, id="issuer-list"
        ),
        pytest.param(
            lambda p: p.access_token(claims={"iss": p.issuer() + "/"}),
            errors.IssuerUnknown,
            id="issuer-slash",
        ),
        pytest.param(
            lambda p: p.access_token(signed_by="unknown", claims=SECRET), errors.KeyUnknown, id="unknown-key"
        ),
        pytest.param(
            lambda p: p.access_token(signed_by="unknown", expires_in=-60),
            errors.KeyUnknown,
            id="unknown-and-expired",
        ),
        pytest.param(
            lambda p: p.access_token(signed_by="foreign", claims=SECRET), errors.SignatureInvalid, id="forged"
        ),
        pytest.param(
            lambda p: p.access_token(signed_by="foreign", expires_in=-60),
            errors.SignatureInvalid,
            id="forged-and-expired",
        ),
        pytest.param(
            lambda p: p.access_token(signed_by="foreign", client_id="another"),
            errors.SignatureInvalid,
            id="forged-for-another-client",
        ),
        pytest.param(
            lambda p: p.access_token(expires_in=-60, claims=SECRET),
            errors.TokenExpired,
            id="expired",
        ),
        pytest.param(
            lambda p: p.access_token(expires_in=-60, client_id="another"),
            errors.TokenExpired,
            id="times-before-client",
        ),
        pytest.param(
            lambda p: p.access_token(not_before=p.clock.wall + 60), errors.TokenNotYetValid, id="not-before"
        ),
        pytest.param(
            lambda p: p.access_token(issued_at=p.clock.wall + 60), errors.TokenNotYetValid, id="issued-later"
        ),
        pytest.param(lambda p: p.access_token(claims={"exp": REMOVE}), errors.ClaimRejected, id="no-exp"),
        pytest.param(lambda p: p.access_token(client_id=CANARY), errors.ClaimRejected, id="client"),
        pytest.param(lambda p: p.id_token(email=CANARY), errors.ClaimRejected, id="id-token"),
        pytest.param(lambda p: p.access_token(audience=CANARY), errors.ClaimRejected, id="audience"),
    ],
)
def test_each_refusal(make: Callable[[Any], Any], kind: type[errors.AuthError], pool: FakeUserPool) -> None:
    """Exactly one error for each fault, in the order of rule O, twice, and with nothing of the token."""
    verifier = pool.offline_verifier()
    token = make(pool)
    for _ in range(2):
        refused(kind, verifier.verify, token)
        refused(kind, lambda: asyncio.run(verifier.averify(token)))
    assert len(verifier._token_cache) == 0  # C3


@pytest.mark.parametrize("name", MALFORMED)
def test_every_malformed_token(name: str, pool: FakeUserPool) -> None:
    """Whatever is damaged is refused as the token's fault."""
    with pytest.raises(errors.TokenRejected):
        pool.offline_verifier().verify(pool.access_token(malformed=name))


def test_the_errors_cover_the_tree() -> None:
    """No subclass of TokenRejected is without a row here (TokenRevoked has its own test)."""
    rows = test_each_refusal.pytestmark[0].args[1]
    kinds = {row.values[1] for row in rows} | {errors.TokenRevoked}
    assert kinds == set(errors.TokenRejected.__subclasses__())


# --- What a verifier may be set to


@pytest.mark.parametrize("cache_size", [0, 1024])
def test_the_types_and_the_length_of_a_token_are_settings(cache_size: int, pool: FakeUserPool) -> None:
    """S3, O: `typ` is one of the verifier's or absent, on a hit too; the length is the verifier's."""
    usual = pool.offline_verifier(cache_size=cache_size)
    own = pool.offline_verifier(cache_size=cache_size, token_types={"access+jwt"}, max_token_length=64 * 1024)
    special = pool.access_token(header={"typ": "Access+JWT"})
    plain, absent = pool.access_token(header={"typ": "JWT"}), pool.access_token(header={"typ": REMOVE})
    long = pool.access_token(header={"typ": REMOVE}, claims={"x": "y" * 40_000})
    for _ in range(2):
        both(own, special)
        refused(errors.TokenMalformed, own.verify, plain)
        both(usual, plain)
        refused(errors.TokenMalformed, usual.verify, special)
        both(own, absent)
        both(usual, absent)
        both(own, long)
        assert "16384" in str(refused(errors.TokenMalformed, usual.verify, long))


def test_a_pool_takes_its_own_kind_of_token(clock: FakeClock) -> None:
    """`UserPool(token_use=)` overrides the verifier's, whose default is "access"."""
    api, site = (FakeUserPool(f"us-west-2_{name}", clock=clock) for name in ("Api", "Site"))
    verifier = Verifier(
        api.user_pool(offline=True), site.user_pool(offline=True, token_use="id"), clock=clock
    )
    assert both(verifier, api.access_token()).token_use == "access"
    assert both(verifier, site.id_token()).token_use == "id"
    refused(errors.ClaimRejected, verifier.verify, api.id_token())
    refused(errors.ClaimRejected, verifier.verify, site.access_token())


def test_bytes_are_reported_by_their_type(pool: FakeUserPool) -> None:
    """An AuthError all the same, since nothing else is raised for a bad token."""
    error = refused(errors.TokenMalformed, pool.offline_verifier().verify, pool.access_token().encode())
    assert error.hint == "these are bytes; give a str: token.decode('ascii')"


# --- The cache


def remembered(verifier: Verifier) -> int:
    """How many tokens the verifier remembers."""
    return len(verifier._token_cache)


def test_a_hit_is_the_same_principal(pool: FakeUserPool) -> None:
    """One immutable value serves all hits, sync or async."""
    verifier = pool.offline_verifier()
    token = pool.access_token()
    principal = verifier.verify(token)
    assert verifier.verify(token) is principal
    assert at_once(verifier.averify(token)) is principal
    assert verifier.verify(pool.access_token()) is not principal
    assert all(token.encode() not in key and len(key) == 32 for key in verifier._token_cache)


def test_a_cached_token_never_yields(pool: FakeUserPool) -> None:
    """Averify of a hit, and of any token whose key is there, ends before the loop is asked."""
    verifier = pool.offline_verifier()
    token = pool.access_token(groups=["ops"])
    for _ in range(2):
        assert at_once(verifier.averify(token, require=policy.any_group("ops"))).groups == ("ops",)


@pytest.mark.parametrize(
    ("cache_size", "characters", "cached"),
    [
        pytest.param(1024, 100, True, id="ordinary"),
        pytest.param(0, 100, False, id="cache-off"),
        pytest.param(1024, MAX_CACHED_CHARS, False, id="large-token"),
    ],
)
def test_what_is_cached(cache_size: int, characters: int, cached: bool, pool: FakeUserPool) -> None:
    """Tokens over 8 KiB are verified each time, and with `cache_size=0` all are."""
    verifier = pool.offline_verifier(cache_size=cache_size)
    token = pool.access_token(claims={"custom": "x" * characters})
    assert (verifier.verify(token) is verifier.verify(token)) == cached
    assert remembered(verifier) == cached


def test_the_cache_is_bounded(pool: FakeUserPool) -> None:
    """The token that was used longest ago makes room."""
    verifier = pool.offline_verifier(cache_size=2)
    first, second, third = (pool.access_token() for _ in range(3))
    held = [verifier.verify(token) for token in (first, second, first, third)]
    assert remembered(verifier) == 2
    assert verifier.verify(first) is held[0]
    assert verifier.verify(second) is not held[1]


@pytest.mark.parametrize(
    ("move", "kind"),
    [
        pytest.param(lambda clock: clock.advance(305), errors.TokenExpired, id="expired"),
        pytest.param(lambda clock: clock.freeze(305), errors.TokenExpired, id="expired-while-frozen"),
        pytest.param(lambda clock: clock.jump_wall(-6), errors.TokenNotYetValid, id="clock-set-back"),
    ],
)
def test_a_hit_is_timed(
    move: Callable[[FakeClock], None], kind: type[errors.AuthError], pool: FakeUserPool, clock: FakeClock
) -> None:
    """A remembered token ends when it ends, leeway included."""
    verifier = pool.offline_verifier()
    token = pool.access_token(expires_in=300)
    verifier.verify(token)
    clock.advance(1)
    clock.jump_wall(-1)
    verifier.verify(token)
    move(clock)
    refused(kind, verifier.verify, token)


@pytest.mark.outside
def test_a_withdrawn_key_ends_its_hits(clock: FakeClock) -> None:
    """A remembered token falls with its key, as soon as the endpoints no longer list it (C2)."""
    pool = FakeUserPool(clock=clock, replica_regions=[])
    with pool.serve() as endpoints, pool.verifier() as verifier:
        verifier.warm()
        token = pool.access_token(expires_in=86400)
        verifier.verify(token)
        pool.rotate()
        pool.withdraw()
        verifier.warm()
        refused(errors.KeyUnknown, verifier.verify, token)
        assert verifier.verify(pool.access_token()).username == "alice"
        assert endpoints.requests == 2 * len(endpoints) + 2  # and both for the kid that nobody lists


@pytest.mark.outside
def test_a_key_with_other_material_ends_its_hits(clock: FakeClock) -> None:
    """A kid that comes to mean another key makes a remembered token a forgery."""
    pool = FakeUserPool(clock=clock, replica_regions=[])
    with pool.serve() as endpoints, pool.verifier() as verifier:
        verifier.warm()
        token = pool.access_token(expires_in=86400)
        verifier.verify(token)
        endpoints.fail("conflict")
        clock.advance(3601)
        verifier.warm()
        refused(errors.SignatureInvalid, verifier.verify, token)


# --- Hooks and policies


@pytest.mark.parametrize(
    "require", ["ops", ["ops"], lambda p: True, True], ids=["str", "list", "function", "true"]
)
def test_what_is_no_policy(require: Any, pool: FakeUserPool) -> None:
    """A TypeError, before the token is looked at."""
    verifier = pool.offline_verifier()
    with pytest.raises(TypeError, match=r"require= takes a policy"):
        verifier.verify("", require=require)
    with pytest.raises(TypeError, match=r"require= takes a policy"):
        at_once(verifier.averify("", require=require))


def test_a_policy_decides(pool: FakeUserPool) -> None:
    """A policy refuses with 403, on a hit as on a miss."""
    verifier = pool.offline_verifier()
    token = pool.access_token(groups=["dev"])
    for _ in range(2):
        refused(errors.PolicyDenied, verifier.verify, token, require=policy.groups("ops"))
        assert both(verifier, token, require=policy.groups("dev")).groups == ("dev",)


def test_a_policy_about_the_sign_in(pool: FakeUserPool, clock: FakeClock) -> None:
    """How old a sign-in is depends on the verifier's clock."""
    verifier = pool.offline_verifier()
    token = pool.access_token()
    verifier.verify(token, require=policy.max_age(60))
    clock.advance(61)
    refused(errors.AuthenticationTooOld, verifier.verify, token, require=policy.max_age(60))


@pytest.mark.parametrize("leeway", [0, 5, 300])
@pytest.mark.parametrize("later", [False, True], ids=["verify", "require"])
def test_a_sign_in_of_the_future(pool: FakeUserPool, clock: FakeClock, leeway: int, *, later: bool) -> None:
    """The verifier's leeway bounds it too, for `verify`, cached or not, and for `require` alike."""
    verifier = pool.offline_verifier(leeway=leeway)

    def sign_in(ahead: float) -> None:
        token = pool.access_token(claims={"auth_time": clock.wall + ahead})
        for _ in range(2):
            if later:
                verifier.require(verifier.verify(token), policy.max_age(60))
            else:
                verifier.verify(token, require=policy.max_age(60))

    sign_in(leeway)
    refused(errors.AuthenticationTooOld, sign_in, leeway + 1)
    refused(errors.AuthenticationTooOld, sign_in, 10**8)


async def _never(_principal: Principal) -> bool:
    return False


async def _always(_principal: Principal) -> bool:
    await asyncio.sleep(0)
    return True


def test_verify_takes_no_coroutine_function(pool: FakeUserPool) -> None:
    """A coroutine function as a hook is refused by verify at once, and awaited by averify."""
    token = pool.access_token()
    revoking = pool.offline_verifier(revoked=_always)
    with pytest.raises(TypeError, match=r"revoked= is a coroutine function"):
        revoking.verify("")
    refused(errors.TokenRevoked, lambda: asyncio.run(revoking.averify(token)))
    plain = pool.offline_verifier(revoked=_never)
    checked = policy.check(_always) | policy.groups("ops")
    with pytest.raises(TypeError, match=r"check that is a coroutine function"):
        pool.offline_verifier().verify("", require=checked)
    assert asyncio.run(plain.averify(token, require=checked)).username == "alice"
    refused(errors.PolicyDenied, lambda: asyncio.run(plain.averify(token, require=policy.check(_never))))


def test_no_caller_awaits_an_event(pool: FakeUserPool) -> None:
    """H3: a coroutine function as `on_event` would silently get nothing."""

    async def hear(_event: object) -> None: ...

    with pytest.raises(errors.ConfigurationError, match="on_event= is a coroutine function"):
        pool.offline_verifier(on_event=hear)


def test_verify_takes_no_hidden_coroutine(pool: FakeUserPool) -> None:
    """A plain function that gives a coroutine is found out when it does."""

    def hiding(principal: Principal) -> object:
        return _never(principal)

    verifier = pool.offline_verifier(revoked=hiding)
    token = pool.access_token()
    with pytest.raises(TypeError, match=r"call averify"):
        verifier.verify(token)
    assert asyncio.run(verifier.averify(token)).username == "alice"


@pytest.mark.parametrize("cold", [True, False], ids=["waiting-for-keys", "keys-there"])
@pytest.mark.outside
def test_hooks_run_each_time(cold: bool, pool: FakeUserPool) -> None:
    """Revocation is asked on every verification, hits included, and with keys yet to come."""
    asked: list[str] = []

    def revoked(principal: Principal) -> bool:
        asked.append(principal.subject)
        return len(asked) > 2

    with pool.serve(), pool.verifier(revoked=revoked) as verifier:
        if not cold:
            verifier.warm()
        token = pool.access_token()
        assert verifier.verify(token) is verifier.verify(token)
        refused(errors.TokenRevoked, verifier.verify, token)
    assert len(asked) == 3


# --- Waiting for keys


@pytest.mark.outside
def test_a_cold_start_fetches(pool: FakeUserPool) -> None:
    """The first token makes the verifier fetch, sync or async; without hooks and with."""
    with pool.serve() as endpoints:
        with pool.verifier() as verifier:
            assert verifier.verify(pool.access_token()).username == "alice"
        with pool.verifier() as verifier:
            assert asyncio.run(verifier.averify(pool.access_token())).username == "alice"
        assert endpoints.requests == 2


@pytest.mark.outside
def test_an_outage_is_no_fault_of_the_token(pool: FakeUserPool) -> None:
    """Without keys and endpoints it is 503, with a time to come back."""
    with pool.serve() as endpoints, pool.verifier() as verifier:
        endpoints.fail("refuse")
        error = refused(errors.KeysUnavailable, verifier.verify, pool.access_token(), timeout=0.1)
        assert (error.status, error.retry_after >= 1) == (503, True)
        refused(errors.KeysUnavailable, verifier.verify, pool.access_token(), timeout=0.0)


@pytest.mark.outside
def test_an_implausible_token_fetches_nothing(pool: FakeUserPool) -> None:
    """A token that could not pass anyway asks no endpoint for its unknown key (R5)."""
    with pool.serve() as endpoints, pool.verifier() as verifier:
        verifier.warm()
        before = endpoints.requests
        refused(errors.KeyUnknown, verifier.verify, pool.access_token(signed_by="unknown", expires_in=-60))
        assert endpoints.requests == before
        refused(errors.KeyUnknown, verifier.verify, pool.access_token(signed_by="unknown"))
        assert endpoints.requests > before


def test_a_broken_transport_is_an_outage(pool: FakeUserPool) -> None:
    """Whatever a fetch raises, callers get 503 and the hook gets a fixed reason."""
    received: list[Any] = []

    def broken(_request: httpx.Request) -> httpx.Response:
        raise ValueError("a bug")

    verifier = Networked(
        pool.user_pool(offline=False, jwks=None),
        token_use="access",
        transport=httpx.MockTransport(broken),
        on_event=received.append,
        clock=pool.clock,  # type: ignore[arg-type]
    )
    with verifier:
        refused(errors.KeysUnavailable, verifier.verify, pool.access_token(), timeout=0.1)
    assert {each.reason for each in received if isinstance(each, events.FetchFailed)} == {"broken-transport"}


# --- Life


@pytest.mark.parametrize("asynchronous", [False, True], ids=["warm", "awarm"])
@pytest.mark.outside
def test_warming(asynchronous: bool, pool: FakeUserPool) -> None:
    """Every endpoint is asked; only a pool left without any key is an error."""

    def warm(verifier: Verifier) -> None:
        if asynchronous:
            asyncio.run(verifier.awarm())
        else:
            verifier.warm()

    with pool.serve() as endpoints, pool.verifier() as verifier:
        endpoints.original.fail("refuse")
        warm(verifier)
        assert [endpoints.updated.requests, endpoints.replica.requests] == [1, 1]
        assert verifier.health()["healthy"] is True
        endpoints.fail("refuse")
        with pool.verifier() as cold:
            refused(errors.KeysUnavailable, warm, cold)
            assert cold.health()["healthy"] is False


@pytest.mark.outside
def test_warming_many_pools() -> None:
    """Pools are warmed together, each of them, and one that fails keeps no other from it."""
    pools = [FakeUserPool(f"us-west-2_Pool{n}", replica_regions=[]) for n in range(8)]
    broken = pools[1]
    serving = [each.serve().start() for each in pools]
    try:
        serving[1].fail("refuse")
        with Verifier(*(each.user_pool() for each in pools), token_use="access") as verifier:
            refused(errors.KeysUnavailable, verifier.warm)
            health = verifier.health()
            unhealthy = {pool_id for pool_id, found in health["providers"].items() if not found["healthy"]}
            assert (health["healthy"], unhealthy) == (False, {broken.user_pool_id})
    finally:
        for each in serving:
            each.stop()


@pytest.mark.outside
def test_health(pool: FakeUserPool, clock: FakeClock) -> None:
    """Healthy, and per pool its state; events that a hook failed to take are counted."""

    def broken(_event: object) -> None:
        raise ValueError("a bug")

    with pool.serve(), pool.verifier(on_event=broken) as verifier:
        assert verifier.health()["providers"][pool.user_pool_id]["state"] == "empty"
        verifier.warm()
        health = verifier.health()
        assert (health["healthy"], health["hook_failures"] > 0) == (True, True)
        assert health["providers"][pool.user_pool_id]["state"] == "fresh"
        clock.advance(7200)
        assert verifier.health()["healthy"] is False


# --- Whether it is ready


@pytest.mark.outside
def test_the_life_of_a_pod_that_is_only_probed(pool: FakeUserPool, clock: FakeClock) -> None:
    """It starts in an outage, gets its keys, lives through another one, loses them, and gets them back."""
    steps: list[tuple[str, float, bool, bool]] = [
        # What the endpoints do, what time has passed; ready, and ready once they have answered.
        ("refuse", 0, False, False),
        ("heal", 1, False, True),
        ("heal", 1800, True, True),
        ("refuse", 7200, True, True),
        ("refuse", 86400 - 7201, True, True),
        ("refuse", 1, False, False),
        ("heal", 2, False, True),
    ]
    with pool.serve() as endpoints, pool.verifier() as verifier:
        for at, (what, seconds, ready, then) in enumerate(steps):
            endpoints.heal() if what == "heal" else endpoints.fail(what)
            clock.advance(seconds)
            # Both start the refresh; the report of an expired or stale pool is never healthy.
            first = verifier.health()["ready"] if at % 2 else verifier.ready()
            landed()
            assert (first, verifier.ready(), verifier.health()["ready"]) == (ready, then, then), at
            landed()


@pytest.mark.outside
def test_a_crowd_of_probes_causes_one_refresh(pool: FakeUserPool) -> None:
    """From any number of threads, while the keys are on their way; no probe waits for them."""
    with pool.serve() as endpoints, pool.verifier() as verifier:
        endpoints.fail("slow")
        gate = threading.Barrier(8)

        def probe(_number: int) -> list[bool]:
            gate.wait(10)
            return [verifier.ready() for _ in range(50)]

        with ThreadPoolExecutor(8) as threads:
            assert not any(any(each) for each in threads.map(probe, range(8)))
        endpoints.heal()
        landed()
        assert verifier.ready()
        assert endpoints.requests == 3


@pytest.mark.outside
def test_the_pools_of_a_verifier_are_ready_one_by_one() -> None:
    """A pool whose Regions are away makes the verifier not ready, and no other pool."""
    pools = [FakeUserPool(f"us-west-2_Pool{n}") for n in range(3)]
    one, away, other = pools
    with one.serve(), away.serve() as endpoints, other.serve():
        endpoints.fail("refuse")
        with Verifier(*(each.user_pool() for each in pools)) as verifier:
            assert not verifier.ready()
            landed()
            ids = [each.user_pool_id for each in pools]
            assert [verifier.ready(each) for each in ids] == [True, False, True]
            assert verifier.ready(one.user_pool(), other.user_pool_id)
            assert not verifier.ready(one.user_pool(), away.user_pool_id)
            report = verifier.health()
            assert (report["ready"], report["providers"][ids[1]]["state"]) == (False, "empty")


def test_the_real_clock_is_the_default() -> None:
    """Without a clock, now is now."""
    pool = FakeUserPool()
    assert pool.offline_verifier().verify(pool.access_token()).username == "alice"
    refused(errors.TokenExpired, pool.offline_verifier().verify, pool.access_token(expires_in=-60))


@pytest.mark.outside
def test_closing(pool: FakeUserPool) -> None:
    """After close nothing is fetched; keys at hand go on verifying; closing twice is no error."""
    with pool.serve() as endpoints:
        with pool.verifier() as verifier:
            verifier.warm()
        before = endpoints.requests
        verifier.close()
        assert verifier.verify(pool.access_token()).username == "alice"
        with pytest.raises((errors.KeyUnknown, errors.KeysUnavailable)):
            verifier.verify(pool.access_token(signed_by="unknown"))
        assert endpoints.requests == before


@pytest.mark.outside
def test_both_kinds_of_with_close(pool: FakeUserPool) -> None:
    """Neither warms anything, and leaving closes: no fetch begins, stored keys go on verifying."""
    token, unknown = pool.access_token(), pool.access_token(signed_by="unknown")
    with pool.serve() as endpoints:

        async def main(verifier: Verifier) -> None:
            async with verifier as entered:
                assert entered is verifier
                assert endpoints.requests == 0
                await entered.averify(token)

        left = [pool.verifier(), pool.verifier()]
        asyncio.run(main(left[0]))
        asked = endpoints.requests
        with left[1] as entered:
            assert entered is left[1]
            assert endpoints.requests == asked
            entered.verify(token)
        asked = endpoints.requests
        for verifier in left:
            assert verifier.verify(token).username == "alice"
            with pytest.raises(errors.KeysUnavailable):
                verifier.verify(unknown)
        assert endpoints.requests == asked


@pytest.mark.outside
def test_close_releases_a_waiter(pool: FakeUserPool) -> None:
    """A caller that waits for keys gets KeysUnavailable at once."""
    with pool.serve() as endpoints, pool.verifier() as verifier:
        endpoints.fail("hang")

        async def wait_and_close() -> None:
            waiter = asyncio.create_task(verifier.averify(pool.access_token(), timeout=30.0))
            while not endpoints.requests:  # noqa: ASYNC110 - it is another thread that counts
                await asyncio.sleep(0.001)
            verifier.close()
            async with asyncio.timeout(5.0):
                with pytest.raises(errors.KeysUnavailable):
                    await waiter

        asyncio.run(wait_and_close())


def test_what_a_verifier_looks_like(pool: FakeUserPool) -> None:
    """The repr names the pools; a copy or pickle of locks and keys is refused."""
    verifier = pool.offline_verifier()
    assert repr(verifier) == f"<Verifier of {pool.user_pool_id}>"
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="build one in each process"):
            duplicate(verifier)


@pytest.mark.parametrize(
    ("options", "accepted"),
    [
        pytest.param({}, False, id="a-pool-of-aws"),
        pytest.param({"jwks_urls": "https://keys.example.com/"}, False, id="of-another-host"),
        pytest.param({"jwks_urls": "http://127.0.0.1:9/"}, True, id="on-loopback"),
        pytest.param({"insecure_emulator": True}, True, id="said-aloud"),
    ],
)
def test_an_emulators_published_key_is_no_key(
    pool: FakeUserPool, options: dict[str, Any], accepted: bool
) -> None:
    """T4: anybody can sign with it, so only a pool that is an emulator's takes it."""
    seed = {"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "any", "e": "AQAB", "n": MOTO}]}
    emulated = pool.user_pool(offline=True, jwks=seed, **options)
    with nullcontext() if accepted else pytest.raises(errors.ConfigurationError, match="emulator-key"):
        Verifier(emulated, token_use="access")


def test_an_insecure_emulator_is_reported(pool: FakeUserPool) -> None:
    """It is one of the first events that the hook gets."""
    received: list[Any] = []
    insecure = pool.user_pool(offline=True, insecure_emulator=True)
    pool.offline_verifier(pool=insecure, on_event=received.append)
    assert events.InsecureEmulator(pool.user_pool_id) in received


# --- The key file


def kept(pool: FakeUserPool, path: Path, received: list[Any], **options: Any) -> Verifier:
    """A verifier of served endpoints with a key file; fetches write it after they have woken the waiters."""
    return pool.verifier(pool=pool.user_pool(key_file=path), on_event=received.append, **options)


def problems(received: list[Any]) -> list[str]:
    """The problems with the key file that the hook got."""
    return [each.reason for each in received if isinstance(each, events.KeyFileProblem)]


@pytest.mark.outside
def test_a_key_file_carries_over_an_outage(pool: FakeUserPool, tmp_path: Path) -> None:
    """What one process has fetched, the next one starts with, though no endpoint answers."""
    received: list[Any] = []
    path = tmp_path / "keys.json"
    with pool.serve() as endpoints:
        with kept(pool, path, received) as verifier:
            verifier.warm()
            landed()
        endpoints.fail("refuse")
        with kept(pool, path, received) as verifier:
            assert verifier.verify(pool.access_token()).username == "alice"
    assert problems(received) == []


@pytest.mark.outside
def test_a_bad_key_file_is_one_event(pool: FakeUserPool, tmp_path: Path) -> None:
    """It is reported, not used, and replaced by the next good answer."""
    received: list[Any] = []
    path = tmp_path / "keys.json"
    path.write_text("junk")
    with pool.serve(), kept(pool, path, received) as verifier:
        assert problems(received) == ["read: malformed"]
        verifier.warm()
        landed()
    assert path.stat().st_size > 1000


@pytest.mark.outside
def test_a_failed_write_is_an_event(pool: FakeUserPool, tmp_path: Path) -> None:
    """Verification does not depend on it."""
    received: list[Any] = []
    (tmp_path / "file").touch()
    with pool.serve(), kept(pool, tmp_path / "file" / "keys.json", received) as verifier:
        verifier.warm()
        assert verifier.verify(pool.access_token()).username == "alice"
        landed()
    assert set(problems(received)) == {"read: unreadable", "write: write"}


def test_any_client() -> None:
    """The explicit opt-out accepts every app client."""
    pool = FakeUserPool()
    verifier = pool.offline_verifier(pool=pool.user_pool(offline=True, client_ids=ANY_CLIENT))
    assert verifier.verify(pool.access_token(client_id="whatever")).client_id == "whatever"


def test_a_key_that_the_pool_does_not_list() -> None:
    """A good signature of a key that the pool does not list is no good."""
    pool = FakeUserPool()
    listed = UserPool(
        pool.user_pool_id, client_ids=[pool.client_id], jwks={"keys": [SigningKey("k").jwk()]}, offline=True
    )
    refused(errors.KeyUnknown, pool.offline_verifier(pool=listed).verify, pool.access_token())


RESOURCE = "https://api.example"
MACHINES: list[tuple[str, dict[str, Any], bool]] = [
    # what mints it, with which options, and whether it passes
    ("access_token", {"audience": RESOURCE}, True),
    ("access_token", {"audience": "https://old.example"}, True),
    ("access_token", {"audience": "https://other.example"}, False),
    ("access_token", {}, False),
    ("access_token", {"claims": {"username": REMOVE}}, False),
    ("machine_token", {}, True),
    ("machine_token", {"claims": {"aud": RESOURCE}}, True),
    ("machine_token", {"claims": {"aud": "https://other.example"}}, False),
    ("machine_token", {"claims": {"aud": None}}, False),
    ("machine_token", {"claims": {"username": "alice"}}, False),
    ("machine_token", {"client_id": "2another3456789"}, False),
]


@pytest.mark.parametrize(("mint", "options", "passes"), MACHINES, ids=repr)
def test_machines_pass_beside_bound_users(
    mint: str, options: dict[str, Any], passes: bool, pool: FakeUserPool
) -> None:
    """S6: Cognito binds no machine's token, so without an audience it passes where the pool says so."""
    audience = [RESOURCE, "https://old.example"]
    both = pool.user_pool(audience=audience, unbound_machines=True)
    bound = pool.user_pool(audience=audience)
    token = getattr(pool, mint)(**options)
    for _ in range(2):  # a hit too
        if passes:
            assert pool.offline_verifier(pool=both).verify(token)
        else:
            assert refused(errors.ClaimRejected, pool.offline_verifier(pool=both).verify, token).claim
    if mint == "machine_token" and "aud" not in options.get("claims", {}):
        refused(errors.ClaimRejected, pool.offline_verifier(pool=bound).verify, token)
