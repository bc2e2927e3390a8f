"""One kid in two pools: a key stays in its pool, in every order, at once, after rotations (ATK-20, T2)."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from support.network import Networked

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.testing import FakeClock, FakeUserPool, SigningKey

# Seconds: keys come at once, but a busy machine may not.
PATIENT = 30.0


def ends(verifier: Verifier, token: str, timeout: float = PATIENT) -> str:
    """The reason of the error, or the ID of the pool whose key verified the token."""
    try:
        return verifier.verify(token, timeout=timeout).user_pool_id
    except AuthError as error:
        return error.reason


class Twins:
    """Two pools whose keys have one kid, served from memory by URL; each can rotate."""

    def __init__(self, *, one_id: str = "us-west-2_Twin", other_id: str = "us-west-2_Other") -> None:
        self.clock = FakeClock()
        self.pools = [FakeUserPool(each, clock=self.clock, replica_regions=[]) for each in (one_id, other_id)]
        self.keys: list[list[SigningKey]] = [[], []]
        self.rotate("kid-1")

    def rotate(self, kid: str) -> None:
        """Both sign with a new key each, under one new kid; the old keys stay listed."""
        for keys in self.keys:
            keys.append(SigningKey(kid))

    def answer(self, request: httpx.Request) -> httpx.Response:
        [index] = [n for n, pool in enumerate(self.pools) if f"/{pool.user_pool_id}/" in request.url.path]
        return httpx.Response(200, json={"keys": [key.jwk() for key in self.keys[index]]})

    def verifier(self, **options: Any) -> Verifier:
        configured = [
            UserPool(
                each.user_pool_id,
                client_ids=[each.client_id],
                jwks_urls=f"https://a.example/{each.user_pool_id}/",
            )
            for each in self.pools
        ]
        transport = httpx.MockTransport(self.answer)
        return Networked(*configured, token_use="access", transport=transport, clock=self.clock, **options)

    def token(self, *, of: int, by: int, key: int = -1) -> str:
        """A token that names pool `of`, signed with a key of pool `by`."""
        return self.pools[of].access_token(signed_by=self.keys[by][key])

    def cases(self, key: int = -1) -> list[tuple[str, str]]:
        """Every token of these keys and its outcome: good ones of both pools, crossed ones."""
        return [
            (
                self.token(of=of, by=by, key=key),
                self.pools[of].user_pool_id if of == by else "signature_invalid",
            )
            for of, by in itertools.product((0, 1), repeat=2)
        ]


@pytest.mark.parametrize("cache_size", [0, 1024])
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_a_key_stays_in_its_pool_in_every_order(order: tuple[int, ...], cache_size: int) -> None:
    """ATK-20: cold or with caches primed by the other pool, before a rotation and after it."""
    with TWINS.verifier(cache_size=cache_size) as verifier:
        for key in (0, 1, 0):
            for number in (*order, *order):
                token, reason = CASES[key][number]
                assert ends(verifier, token) == reason


TWINS = Twins()
TWINS.rotate("kid-2")
CASES = [TWINS.cases(key) for key in (0, 1)]


def test_a_rotation_of_one_pool_is_none_of_the_other() -> None:
    """A kid that one pool has begun to use is unknown in the other, for either's tokens."""
    twins = Twins()
    with twins.verifier() as verifier:
        assert [ends(verifier, token) for token, _ in twins.cases()] == [
            reason for _, reason in twins.cases()
        ]
        twins.keys[0].append(SigningKey("kid-2"))
        assert ends(verifier, twins.token(of=0, by=0)) == twins.pools[0].user_pool_id
        assert ends(verifier, twins.pools[1].access_token(signed_by=twins.keys[0][-1])) == "key_unknown"
        assert ends(verifier, twins.token(of=1, by=1)) == twins.pools[1].user_pool_id


def test_a_pool_that_is_dead_borrows_no_key() -> None:
    """While one pool's endpoints are down its tokens are 503, whatever keys the other pool has."""
    twins = Twins()

    def answer(request: httpx.Request) -> httpx.Response:
        there = f"/{twins.pools[0].user_pool_id}/" in request.url.path
        return twins.answer(request) if there else httpx.Response(503)

    configured = [each.user_pool(offline=False, jwks=None) for each in twins.pools]
    transport = httpx.MockTransport(answer)
    with Networked(*configured, token_use="access", transport=transport, clock=twins.clock) as verifier:
        assert ends(verifier, twins.token(of=0, by=0)) == twins.pools[0].user_pool_id
        for by in (0, 1):
            assert ends(verifier, twins.token(of=1, by=by), timeout=0.3) == "keys_unavailable"


@pytest.mark.parametrize("cache_size", [0, 1024])
def test_crowds_of_two_pools_take_no_key_of_each_other(cache_size: int) -> None:
    """Cold, at once, from 16 threads: the refreshes of two pools with one kid stay apart."""
    with TWINS.verifier(cache_size=cache_size) as verifier:
        gate = threading.Barrier(16)

        def work(number: int) -> list[tuple[str, str]]:
            cases = CASES[number % 2]
            gate.wait(10)
            turned = cases[number % 4 :] + cases[: number % 4]
            return [(ends(verifier, token), reason) for _ in range(5) for token, reason in turned]

        with ThreadPoolExecutor(16) as threads:
            found = [pair for pairs in threads.map(work, range(16)) for pair in pairs]
    assert len(found) == 16 * 20
    assert [pair for pair in found if pair[0] != pair[1]] == []


def test_one_name_in_two_regions_is_two_pools() -> None:
    """Pool IDs that differ in the Region alone are two pools, replicas and updated issuers included."""
    twins = Twins(one_id="us-west-2_Same", other_id="us-east-1_Same")
    with twins.verifier() as verifier:
        for token, reason in twins.cases() * 2:
            assert ends(verifier, token) == reason
        for kind in ("original", "updated"):
            crossed = twins.pools[1].access_token(issuer=kind, signed_by=twins.keys[0][-1])
            assert ends(verifier, crossed) == "signature_invalid"


def test_two_verifiers_share_nothing() -> None:
    """T2: two configurations of one pool ID have keys and caches of their own."""
    one, other = FakeUserPool("us-west-2_Same"), FakeUserPool("us-west-2_Same")
    verifiers = one.offline_verifier(), other.offline_verifier()
    for number, pool in enumerate((one, other, one)):
        token = pool.access_token()
        codes = [ends(each, token) for each in verifiers]
        assert codes[number % 2] == pool.user_pool_id
        assert codes[1 - number % 2] == "key_unknown"
