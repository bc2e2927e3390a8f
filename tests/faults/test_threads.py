"""Eight threads that the interpreter switches at nearly every step give the answers of one thread.

Each test is bounded by its work. No exception is undocumented, no capacity is lost, and each principal
belongs to its token. FI-63; test_concurrency.py has the crowds over real sockets.
"""

from __future__ import annotations

import itertools
import json
import pickle
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from typing import Any, TypeVar

import httpx
import pytest
from support.fetches import alive
from support.network import Networked

from cognito_mr_auth import Principal, Verifier, policy
from cognito_mr_auth._base import digest as _digest
from cognito_mr_auth._jwt.compact import MAX_HEADERS
from cognito_mr_auth._remote.threads import (
    MAX_BACKGROUND_PER_HOST,
    MAX_FIRST_PER_HOST,
    MAX_PER_ENDPOINT,
    MAX_PER_HOST,
    FetchThreads,
)
from cognito_mr_auth._runtime.token_cache import TokenCache
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.policy import Policy
from cognito_mr_auth.testing import FakeClock, FakeUserPool, SigningKey

pytestmark = pytest.mark.usefixtures("hurried")

THREADS = 8
JOIN_SECONDS = 60.0
# The threads of three endpoints end one after the other at most; `warm` may join attempts that began before.
MAX_TURNS = 20

Result = TypeVar("Result")


def together(work: Callable[[int], Result], count: int = THREADS) -> list[Result]:
    """The result of each thread's work, all released at once; an exception of one is raised here."""
    gate = threading.Barrier(count)

    def begin(number: int) -> Result:
        gate.wait(JOIN_SECONDS)
        return work(number)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(begin, range(count), timeout=JOIN_SECONDS))


def outcome_of(verifier: Verifier, token: str, **options: Any) -> str:
    """The subject for which a token is accepted, or the error's reason."""
    try:
        return verifier.verify(token, **options).subject
    except AuthError as error:
        return error.reason


# --- Verifying: the snapshot, the token cache, the header cache


def marked(pool: FakeUserPool, count: int) -> dict[str, str]:
    """Tokens and the right outcome of each: half valid, with headers of their own, half refused."""
    ways: list[tuple[str | None, dict[str, Any]]] = [
        (None, {}),
        (None, {"header": {"typ": "JWT"}}),
        ("token_expired", {"expires_in": -60}),
        ("signature_invalid", {"signed_by": "foreign"}),
    ]
    found = {}
    for number, (reason, options) in zip(range(count), itertools.cycle(ways), strict=False):
        subject = f"user {number}"
        header = {**options.get("header", {}), "number": number % (2 * MAX_HEADERS)}
        found[pool.access_token(subject=subject, **options | {"header": header})] = reason or subject
    return found


@pytest.mark.parametrize("size", [0, 1, 16, 1024], ids="cache of {}".format)
def test_each_token_gets_its_own_answer(size: int) -> None:
    """C2, R8: whatever the token cache and the header cache evict, each token gets its own outcome."""
    pool = FakeUserPool()
    expected = marked(pool, 240)
    with pool.offline_verifier(cache_size=size) as verifier:
        assert {token: outcome_of(verifier, token) for token in expected} == expected  # as in one thread

        def work(number: int) -> Counter[str]:
            found: Counter[str] = Counter()
            for token in [*expected][number:] + [*expected][:number]:
                answer = outcome_of(verifier, token)
                found["right" if answer == expected[token] else answer] += 1
            return found

        assert sum(together(work), Counter[str]()) == {"right": THREADS * len(expected)}
        known = verifier._header_cache.kids
        assert 0 < len(known) <= MAX_HEADERS
        assert set(known.values()) == {pool.access_key.kid}
        assert len(verifier._token_cache) <= size


class Answers(httpx.BaseTransport):
    """A network of one document, which the test replaces; every URL serves it."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self.publish(keys)

    def publish(self, keys: Sequence[SigningKey]) -> None:
        """Serve these keys from now on."""
        self.body = json.dumps({"keys": [key.jwk() for key in keys]}).encode()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=self.body)


def fetches_ended() -> bool:
    """Wait for the library's threads, and for those that they start; whether none is left."""
    for _ in range(MAX_TURNS):
        live = alive()
        if not live:
            return True
        for each in live:
            each.join(JOIN_SECONDS)
    return False


# The refusals of a key that comes or goes during the verification.
IN_MOTION = {"key_unknown", "key_unconfirmed", "keys_unavailable"}
ROUNDS = 24


class Rotation:
    """A steady key, forgeries under its kid, keys that come and go: tokens and the right outcomes."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.pool = FakeUserPool(clock=self.clock)
        other = SigningKey()
        self.keys = [other.under(f"moving {number}") for number in range(ROUNDS)]
        self.network = Answers(self.pool.keys)
        self.certain = {self._token(f"steady {n}"): f"steady {n}" for n in range(20)}
        self.certain[self._token("forged", signed_by="foreign")] = "signature_invalid"
        self.moving = {self._token(key.kid, signed_by=key): key.kid for key in self.keys}
        self.over = threading.Event()

    def _token(self, subject: str, **options: Any) -> str:
        return self.pool.access_token(subject=subject, expires_in=86_000, **options)

    def verifier(self) -> Verifier:
        """One that asks the network of this test, at three URLs."""
        urls = {issuer: f"http://127.0.0.1:9/{at}" for at, issuer in enumerate(self.pool.user_pool().issuers)}
        settings = self.pool.user_pool(jwks=None, offline=False, jwks_urls=urls)
        return Networked(
            settings, token_use="access", transport=self.network, clock=self.clock, cache_size=32
        )

    def turn(self, verifier: Verifier) -> Counter[str]:
        """List one key after the other; the set becomes aged in between, and callers refresh it.

        After `warm` the key is there (K1), and after the next answers it is gone, whatever other threads do.
        """
        found: Counter[str] = Counter()
        tokens = {subject: token for token, subject in self.moving.items()}
        for key in self.keys:
            self.network.publish([*self.pool.keys, key])
            found["listed"] += self._comes_to(verifier, tokens[key.kid], {key.kid})
            self.clock.advance(1000.0)
            self.network.publish(self.pool.keys)
            found["withdrawn"] += self._comes_to(verifier, tokens[key.kid], IN_MOTION)
        self.over.set()
        return found

    def _comes_to(self, verifier: Verifier, token: str, answers: set[str]) -> bool:
        """Whether the outcome is one of these, once `warm` did more than join an earlier refresh."""
        for _ in range(MAX_TURNS):
            verifier.warm()
            if outcome_of(verifier, token, timeout=0.0) in answers:
                return True
        return False

    def ask(self, verifier: Verifier) -> Counter[str]:
        """Verify everything until the rotation is over, and once more."""
        found: Counter[str] = Counter()
        last = False
        while not last:
            last = self.over.is_set()
            for token, right in self.certain.items():
                answer = outcome_of(verifier, token)
                found["right" if answer == right else f"{right}: {answer}"] += 1
            for token, right in self.moving.items():
                answer = outcome_of(verifier, token, timeout=0.0)
                found["right" if answer in {right, *IN_MOTION} else f"{right}: {answer}"] += 1
        return found


def test_rotation_and_withdrawal_under_load() -> None:
    """K1, R3, R8: a steady key is always served, a forgery never, and no thread slot is lost.

    Seven threads verify while the eighth rotates, withdraws, and lets the set grow old.
    """
    scene = Rotation()
    with scene.verifier() as verifier:
        verifier.warm()
        turned, *found = together(lambda n: scene.ask(verifier) if n else scene.turn(verifier))
        assert set(sum(found, Counter[str]())) == {"right"}
        assert turned == {"listed": ROUNDS, "withdrawn": ROUNDS}
        assert fetches_ended()
        [key_set] = verifier._key_sets.values()
        machine = key_set._coordinator.machine
        assert (machine.waiters, machine._last_waiter) == ({}, None)
        assert [(each.first, each.second) for each in machine.attempts] == [(None, None)] * 3
        assert verifier._threads.live == 0


# --- The parts


@pytest.mark.parametrize("size", [1, 2, 7, 64])
def test_the_cache_keeps_its_bound_and_its_entries_apart(size: int) -> None:
    """C1: an entry is found under its own digest or not at all, and no room for entries is lost."""
    cache: TokenCache[bytes] = TokenCache(size)
    digests = [b"%032d" % number for number in range(3 * size)]

    def work(number: int) -> int:
        misses = 0
        for at in range(1200):
            digest = digests[(at * (2 * number + 1)) % len(digests)]
            entry = cache.find(digest)
            assert entry in (None, digest)
            if entry is None:
                misses += 1
                cache.keep(digest, digest)
            assert len(cache) <= size
        return misses

    assert sum(together(work)) > 0
    for digest in (b"new %028d" % number for number in range(3 * size)):
        cache.keep(digest, digest)
        assert cache.find(digest) == digest
    assert max(1, size // 2) <= len(cache) <= size


def test_a_token_in_steady_use_stays() -> None:
    """C1: tokens that are seen once do not evict a token in steady use."""
    cache: TokenCache[bytes] = TokenCache(64)
    hot = b"%032d" % 0
    cache.keep(hot, hot)

    def work(number: int) -> set[bytes | None]:
        if number:
            return {cache.find(hot) for _ in range(1000)}
        found = set()
        for at in range(4000):  # one new token for each look-up
            cache.keep(b"%032d" % (1 + at), b"")
            found.add(cache.find(hot))
        return found

    assert set[bytes | None]().union(*together(work)) == {hot}


class Room:
    """A caller of `start` that is notified of a free slot, or not."""

    def __init__(self) -> None:
        self.told = 0

    def __call__(self) -> None:
        self.told += 1


def test_fetch_threads_lose_no_slot() -> None:
    """F: never more threads than slots, and when all have ended every slot is free again.

    A refused caller is notified of a free slot once, so none waits for ever.
    """
    fetch_threads = FetchThreads()
    live: Counter[str] = Counter()
    most: Counter[str] = Counter()
    lock = threading.Lock()

    def job(host: str, endpoint: str) -> Callable[[], None]:
        def run() -> None:
            with lock:
                for place in (host, endpoint):
                    live[place] += 1
                    most[place] = max(most[place], live[place])
            with lock:
                live[host] -= 1
                live[endpoint] -= 1

        return run

    def work(number: int) -> tuple[int, list[Room]]:
        started, refused = 0, []
        for place in range(40):
            host = f"host {place % 2}"
            for _ in range(4):
                room, endpoint = Room(), f"endpoint {place} of {host}"
                if fetch_threads.start(
                    host,
                    endpoint,
                    f"cognito-mr-auth test {place}",
                    job(host, endpoint),
                    background=number % 2 == 0,
                    on_room=room,
                ):
                    started += 1
                else:
                    refused.append(room)
        return started, refused

    found = together(work)
    assert fetches_ended()
    assert sum(started for started, _ in found) > 0
    assert {room.told for _, refused in found for room in refused} <= {1}
    assert max(most[place] for place in most if place.startswith("endpoint")) <= MAX_PER_ENDPOINT
    assert max(most[place] for place in most if place.startswith("host")) <= MAX_PER_HOST
    assert fetch_threads.live == 0


def test_background_work_leaves_slots_to_the_foreground() -> None:
    """F: of the twelve slots for first attempts at a host, background work takes eight at most."""
    fetch_threads, over = FetchThreads(), threading.Event()

    def begin(number: int, *, background: bool) -> bool:
        name = "cognito-mr-auth test"
        return fetch_threads.start(
            "host", number, name, lambda: over.wait(JOIN_SECONDS), background=background, on_room=Room()
        )

    try:
        assert sum(together(lambda n: sum(begin(10 * n + k, background=True) for k in range(4)))) == 8
        assert MAX_BACKGROUND_PER_HOST == 8
        assert sum(together(lambda n: sum(begin(100 + 10 * n + k, background=False) for k in range(4)))) == 4
        assert fetch_threads.live == MAX_FIRST_PER_HOST
    finally:
        over.set()
    assert fetches_ended()
    assert fetch_threads.live == 0


# --- Values that are completed at the first look


CLAIMS: dict[str, Any] = {
    "sub": "alice",
    "client_id": "1example23456789",
    "token_use": "access",
    "scope": "orders/read orders/write",
    "cognito:groups": ["ops", "admin"],
    "iat": 1,
    "exp": 2,
    "auth_time": 1,
    "deep": {"a": [{"b": [1, 2, {"c": []}]}]},
}
LOOKS: tuple[Callable[[Principal], object], ...] = (
    lambda one: one.to_dict(),
    lambda one: (one.claims["wide"], one.claims["deep"]["a"][0]["b"][2]["c"]),
    lambda one: sorted(one.scopes),
    lambda one: one.groups,
    hash,
    lambda one: pickle.loads(pickle.dumps(one)) == one,  # noqa: S301 - made a moment ago
    lambda one: (one.subject, one.client_id, one.is_machine, one.expires_at),
    lambda one: (one.claims == one.claims, repr(one)),
)


def test_a_principal_is_the_same_to_all_threads_at_the_first_look() -> None:
    """Claims are frozen at the first look: every thread sees the same, and nothing half frozen."""
    pool = FakeUserPool()
    claims = CLAIMS | {"iat": 1, "exp": 4e9, "wide": [{"n": [n]} for n in range(50)]}
    gate = threading.Barrier(THREADS)
    with pool.offline_verifier(cache_size=0) as verifier:
        token = pool.access_token(claims=claims)
        expected = [look(verifier.verify(token)) for look in LOOKS]
        fresh = [verifier.verify(token) for _ in range(40)]

        def work(number: int) -> list[list[object]]:
            seen = []
            turn = number % 4 * 2  # half of them begin with what another one begins with
            for one in fresh:
                gate.wait(JOIN_SECONDS)
                found = [look(one) for look in LOOKS[turn:] + LOOKS[:turn]]
                seen.append(found[len(LOOKS) - turn :] + found[: len(LOOKS) - turn])
            return seen

        assert all(seen == [expected] * len(fresh) for seen in together(work))


POLICIES: dict[str, tuple[Policy, str]] = {
    "passes": (policy.scopes("orders/read") & policy.any_group("ops", "x"), "alice"),
    "lacks a scope": (policy.scopes("orders/delete") | policy.claim("sub", "bob"), "policy_denied"),
    "not": (~policy.groups("banned") & policy.claim("sub", "alice"), "alice"),
    "check": (policy.check(lambda one: one.subject == "alice") & policy.scopes("orders/write"), "alice"),
    "broken check": (policy.check(lambda one: one.no_such_thing), "check_unavailable"),  # type: ignore[attr-defined]
    "too old": (policy.max_age(1), "authentication_too_old"),
}


def test_policies_are_shared_by_all() -> None:
    """H1: one policy, evaluated by all threads at once, gives each the same answer."""
    pool = FakeUserPool()
    with pool.offline_verifier() as verifier:
        token = pool.access_token(claims=CLAIMS | {"exp": 4e9})

        def answers() -> dict[str, str]:
            return {name: outcome_of(verifier, token, require=each) for name, (each, _) in POLICIES.items()}

        alone = answers()
        assert alone == {name: right for name, (_, right) in POLICIES.items()}
        found = together(lambda _: [answers() for _ in range(60)])
        assert all(each == alone for answered in found for each in answered)


def test_the_switch_of_hash_libraries_changes_no_digest() -> None:
    """SHA-256 is right before, during and after the one change from cryptography's to hashlib's."""
    texts = [b"%d" % number * 50 for number in range(8)]
    right = [sha256(text).digest() for text in texts]

    def digests(function: Callable[[bytes], bytes], _: int) -> list[bytes]:
        return [function(text) for text in texts]

    for _ in range(25):
        loader = SourceFileLoader("a_fresh_copy", _digest.__file__)
        spec = spec_from_loader(loader.name, loader)
        assert spec is not None
        fresh = module_from_spec(spec)  # which has not decided yet
        loader.exec_module(fresh)
        assert together(partial(digests, fresh.sha256)) == [right] * THREADS
        assert fresh._fresh is not None
