"""What Python's GIL used to keep together holds when threads switch between any two bytecodes.

Each test runs the same code on several threads (support/interleaving.py). The section "Without a GIL" of
docs/architecture.md lists the places.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from support.interleaving import at_bytecode, interleave

from cognito_mr_auth import errors, events
from cognito_mr_auth._exporters import readings
from cognito_mr_auth._jwks import attempts, refresh
from cognito_mr_auth._jwks.key_set import KeySet
from cognito_mr_auth._jwks.model import CacheLifetimes
from cognito_mr_auth._jwks.rate_limit import RateLimit
from cognito_mr_auth._jwt import compact
from cognito_mr_auth._remote.remote_key_set import RemoteKeySet
from cognito_mr_auth._runtime import event_log, outcomes, recall, token_cache
from cognito_mr_auth._runtime.recall import Recalling
from cognito_mr_auth._runtime.token_cache import TokenCache
from cognito_mr_auth.testing import FakeClock, FakeUserPool

THREADS = 4


# --- The bed


def test_the_bed_shows_a_lost_addition() -> None:
    """Plain additions to one attribute are lost here; so a test that loses none says something."""
    counter = SimpleNamespace(value=0)

    def work() -> None:
        for _ in range(200):
            counter.value += 1

    interleave([work] * THREADS, [__file__])
    assert counter.value < 200 * THREADS


def test_the_bed_hears_what_a_thread_raises() -> None:
    """An exception in a thread fails its test."""
    with pytest.raises(ZeroDivisionError):
        interleave([lambda: 1 // 0, lambda: None], [__file__])


# --- Counts


def test_no_outcome_is_lost() -> None:
    """Acceptances and refusals without a GIL, while another thread reads them; counts never fall."""
    kept = outcomes.Outcomes(None, lambda *_: None, has_gil=False)
    tally = kept.tally("a-pool", "original")
    seen: list[int] = []

    def work() -> None:
        for _ in range(40):
            list(kept.accepting(tally, (each for each in ())))
            error = errors.TokenExpired()
            error._origin = tally.origin
            kept.refused(error)

    def read() -> None:
        seen.extend(sum(kept.counts().values()) for _ in range(40))

    interleave([*[work] * THREADS, read], [outcomes])
    assert kept.counts() == {
        ("a-pool", "original", "accepted"): 40 * THREADS,
        ("a-pool", "original", "token_expired"): 40 * THREADS,
    }
    assert seen == sorted(seen)


def test_with_a_gil_the_counts_have_one_share() -> None:
    """It is the verifier's own choice, by the interpreter; the newest iat is never there."""
    assert getattr(sys, "_is_gil_enabled", lambda: True)() is outcomes.HAS_GIL
    for has_gil in (True, False):
        tally = outcomes.Outcomes(None, lambda *_: None, has_gil=has_gil).tally("a-pool", "original")
        shares = [tally.share]
        thread = threading.Thread(target=lambda: shares.append(tally.share))  # noqa: B023 - joined here
        thread.start()
        thread.join()
        assert (shares[0] is shares[1]) is has_gil


def test_no_newest_iat_is_lost() -> None:
    """The newest of all threads' tokens stays the newest, whenever the other thread sees its own."""
    for number in count():
        tally = outcomes.Tally("a-pool", "original")
        began = at_bytecode(number, outcomes.Tally.saw.__code__, partial(tally.saw, 5), partial(tally.saw, 9))
        if not began:
            break
        assert tally.newest_iat == 9
    assert number > 5


# --- Caches


def test_the_token_cache_keeps_its_size_and_its_entries() -> None:
    """Under floods of entries none is another token's, and there are never more than its size."""
    cache: TokenCache[int] = TokenCache(16)
    sizes: list[int] = []

    def work(first: int) -> None:
        for number in range(first, first + 60):
            digest = number.to_bytes(32, "big")
            cache.keep(digest, number)
            for each in range(number - 20, number + 1):
                assert cache.find(each.to_bytes(32, "big", signed=True)) in (None, each)
            sizes.append(len(cache))

    interleave([partial(work, each * 30) for each in range(THREADS)], [token_cache])
    assert max(sizes) <= 16
    assert len(list(cache)) == len(cache) >= 14


@pytest.mark.parametrize(
    ("function", "hits"),
    [
        (Recalling._recall, 0),
        (Recalling._recall, 1),
        (Recalling._decide, 0),
        (recall._result, 0),
        (RemoteKeySet.safe_until, 0),
    ],
)
def test_a_known_token_ends_with_its_key(function: Any, hits: int, pool: FakeUserPool) -> None:
    """Another thread withdraws the key at any moment of a hit; no later hit has the old result (C2)."""
    octets = pool.access_token().encode()
    for number in count():
        verifier = pool.offline_verifier()
        verifier.verify(octets.decode())
        for _ in range(hits):
            assert verifier._recall(octets) is not None
        [key_set] = verifier._key_sets.values()

        def withdraw(held: KeySet = key_set._key_set) -> None:
            held.snapshot = held.snapshot._replace(keys={})

        if not at_bytecode(number, function.__code__, partial(verifier._recall, octets), withdraw):
            break
        assert verifier._recall(octets) is None
    assert number > 20


def test_the_header_cache_mixes_nothing() -> None:
    """A reader finds the kid of its own header, or none, and the cache stays bounded."""
    cache = compact.HeaderCache()

    def work(first: int) -> None:
        for number in range(first, first + 80):
            header = b"%d" % number
            cache.keep(compact.CompactJWS(str(number), {}, b"", b"", header))
            assert cache.kids.get(header) in (None, str(number))

    interleave([partial(work, each * 40) for each in range(THREADS)], [compact])
    assert len(cache.kids) <= compact.MAX_HEADERS


# --- Waiters


def test_waiters_come_and_leave_while_the_machine_looks(pool: FakeUserPool, clock: FakeClock) -> None:
    """Callers join and leave without the lock; none is lost, and no look fails."""
    config = pool.user_pool()._key_set_config
    now = clock()
    key_set = KeySet(
        config, CacheLifetimes(900.0, 3600.0, 86400.0), lambda: 0.5, region=None, entries=(), now=now
    )
    connection = SimpleNamespace(phase="dns", proxy=None, first_byte=None, last_byte=None)
    machine = refresh.RefreshMachine(key_set, RateLimit(now), lambda: connection)
    moment = attempts.Moment(now, 1.0)
    stays = machine.join("k", "wait", 9.0)

    def come_and_go() -> None:
        for _ in range(40):
            waiter = machine.join("k", "wait", 9.0)
            assert waiter in machine.waiters
            machine.leave(waiter)

    def look() -> None:
        for _ in range(40):
            machine.poll(moment, [])

    interleave([come_and_go, come_and_go, look], [refresh])
    assert list(machine.waiters) == [stays]


# --- Said once, seen by all


def test_a_replica_that_is_not_enabled_is_told_once() -> None:
    """Of the same event on several threads one is the first, and so a WARNING."""
    for seed in range(20):
        log = event_log.EventLog({}, sys.modules)
        event = events.EndpointDisabled("a-pool", "https://1.example/", 403, "replica")
        first: list[bool] = []

        def ask(log: event_log.EventLog = log, first: list[bool] = first) -> None:
            # Not `write`, whose other lock would let the threads come here one by one.
            first.append(log._is_news(event))  # noqa: B023 - run before the next round

        interleave([ask] * THREADS, [event_log], seed=seed, bytecodes=(1,))
        assert sorted(first) == [False] * (THREADS - 1) + [True]


@pytest.mark.needs("starlette")
def test_an_endpoint_that_is_opened_late_is_seen() -> None:
    """A look between any two bytecodes of the mark looks again afterwards."""
    from starlette.routing import Route, Router

    from cognito_mr_auth._starlette import look_ahead
    from cognito_mr_auth._web import marks

    for number in count():

        def endpoint(_request: object) -> None: ...

        looks = look_ahead.LookAhead(Router([Route("/x", endpoint)]), Any)
        mark, look = partial(marks.mark_open, "public", endpoint), partial(looks.all_closed, {})
        began = at_bytecode(number, marks.mark_open.__code__, mark, look)
        assert not looks.all_closed({})
        if not began:
            break
    assert number > 5


def test_verifiers_come_and_go_while_they_are_read(pool: FakeUserPool) -> None:
    """A scrape meets a verifier that is added, and one whose last use ends."""
    for seed in range(10):
        read = readings.Readings()
        kept, brief = ([pool.offline_verifier() for _ in range(5)] for _ in range(2))

        def add(read: readings.Readings = read, kept: list[Any] = kept, brief: list[Any] = brief) -> None:
            for each in kept:
                read.add(each)
                read.add(brief[-1])
                brief.pop()

        def scrape(of: Callable[[], Any]) -> None:
            for _ in range(5):
                of()

        interleave([add, partial(scrape, read.gauges), partial(scrape, read.total)], [readings], seed=seed)
        for each in kept[1:]:
            read._reported.pop(each)
        again = partial(list, map(read.add, kept[1:]))
        interleave([again, partial(scrape, read._living)], [readings], seed=seed, bytecodes=(1,))
        gc.collect()
        assert {id(each) for each in read._living()} == {id(each) for each in kept}
