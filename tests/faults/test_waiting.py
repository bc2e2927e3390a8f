"""Who waits for keys, how long, and what is heard meanwhile (R1, R3, W7).

Real threads and tasks over real loopback endpoints, in real time. test_matrix.py has the faults,
test_many_pools.py what pools have to do with each other.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple

import pytest
from faults.cell import (
    BRIEFLY,
    DAY,
    HOUR,
    PATIENTLY,
    RESTED,
    SOON,
    Paced,
    at_once,
    eventually,
    refusal,
    said,
)
from faults.endpoints import act
from support.fetches import landed

from cognito_mr_auth import Verifier
from cognito_mr_auth._jwks.schedule import CALLER_WAIT_SECONDS, SILENCE_SECONDS
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool
from cognito_mr_auth.testing._endpoints.exchange import Exchange, head
from cognito_mr_auth.testing._endpoints.faults import jwks_body
from cognito_mr_auth.testing._endpoints.release import Release

THREADS = 8
# "At once" on a busy machine; a caller that waits for anything waits longer.
AT_ONCE = 0.1
# How long a crowd is watched after the second of silence, and the pause of a thread after an answer.
WATCHED, PAUSE = 0.4, 0.02
# After a cure callers have their keys within this time.
CURED = 2.0
UNCONFIRMED, UNAVAILABLE, UNKNOWN = "503 key_unconfirmed", "503 keys_unavailable", "401 key_unknown"


class Clock:
    """Real time, plus the seconds that the test lets pass on all clocks at once."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> tuple[float, float]:
        ahead = self.ahead
        return time.time() + ahead, time.monotonic() + ahead

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def go_by(self, seconds: float) -> None:
        """Time passes."""
        self.ahead += seconds


class Scene:
    """One pool for all tests of this file, since its keys take a while; verifiers of it, and their clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.pool = FakeUserPool(clock=self.clock)

    @contextmanager
    def serving(self, *, warm: bool = True) -> Iterator[tuple[FakeEndpoints, Verifier]]:
        """Its endpoints, all well, and a verifier that has answers of them all, or none yet."""
        with self.pool.serve() as endpoints, self.verifier() as verifier:
            if warm:
                verifier.warm(timeout=SOON)
                landed()
            yield endpoints, verifier

    def verifier(self) -> Verifier:
        """One that asks the endpoints that are served now."""
        return Paced(
            self.pool.user_pool(),
            monotonic=self.clock.monotonic,
            clock=self.clock,
            token_use="access",
            cache_size=0,
        )

    def token(self) -> str:
        """A valid one, for days."""
        return self.pool.access_token(expires_in=3 * DAY)

    def forged(self, count: int) -> list[str]:
        """Each of another kid, which no endpoint lists."""
        return [self.pool.access_token(signed_by="unknown", expires_in=3 * DAY) for _ in range(count)]

    def health(self, verifier: Verifier) -> dict[str, Any]:
        """Of the pool."""
        found: dict[str, Any] = verifier._health()["providers"][self.pool.user_pool_id]
        return found

    def failures(self, verifier: Verifier) -> list[tuple[int, str | None]]:
        """In a row, and the last error, by endpoint."""
        found = self.health(verifier)["endpoints"]
        return [(each["failures"], each["last_error"]) for each in found]


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A pool that is not served yet."""
    return Scene()


# --- A crowd


class Answer(NamedTuple):
    """When a call began, in seconds after its crowd, how long it took, and what it heard."""

    begun: float
    seconds: float
    said: str


class Crowd:
    """Eight threads that verify one token after the other until an event stops them."""

    def __init__(self, verifier: Verifier, tokens: Sequence[str]) -> None:
        self._verifier, self._tokens = verifier, tokens
        self._begun, self._over, self._turn = time.monotonic(), threading.Event(), count()
        self.answers: list[Answer] = []
        self._threads = ThreadPoolExecutor(THREADS)
        self._jobs = [self._threads.submit(self._run) for _ in range(THREADS)]

    def _run(self) -> None:
        while not self._over.is_set():
            token, begun = self._tokens[next(self._turn) % len(self._tokens)], time.monotonic()
            found = said(self._verifier, token, CALLER_WAIT_SECONDS)
            self.answers.append(Answer(begun - self._begun, time.monotonic() - begun, found))
            self._over.wait(PAUSE)

    @property
    def seconds(self) -> float:
        """Since its beginning."""
        return time.monotonic() - self._begun

    def watch(self, seconds: float) -> list[Answer]:
        """Let it run until so many seconds after its beginning; the answers so far."""
        self._over.wait(max(0.0, seconds - self.seconds))
        return list(self.answers)

    def all_hear(self, said: str, seconds: float) -> bool:
        """Whether the last answers are all this one, so many seconds from now at the latest."""
        return eventually(lambda: {each.said for each in self.answers[-2 * THREADS :]} == {said}, seconds)

    def stop(self) -> list[Answer]:
        """The answers, once every thread has ended well."""
        self._over.set()
        self._threads.shutdown()
        for job in self._jobs:
            job.result()
        return self.answers


def slow(answers: Iterable[Answer]) -> list[Answer]:
    """Those that began after the second of silence, and waited."""
    return [each for each in answers if each.begun > SILENCE_SECONDS + AT_ONCE and each.seconds > AT_ONCE]


# --- A new key whose only holder is down


def asking(verifier: Verifier, tokens: Sequence[str], seconds: float) -> set[str]:
    """The results of threads for these tokens, each with so much time."""
    with ThreadPoolExecutor(len(tokens)) as threads:
        return set(threads.map(lambda token: said(verifier, token, seconds), tokens))


def tasks_asking(verifier: Verifier, tokens: Sequence[str], seconds: float) -> set[str]:
    """The same for tasks of one loop."""

    async def one(token: str) -> str:
        try:
            await verifier.averify(token, timeout=seconds)
        except AuthError as error:
            return refusal(error)
        return "accepted"

    async def crowd() -> set[str]:
        return set(await asyncio.gather(*(one(token) for token in tokens)))

    return asyncio.run(crowd())


Ask = Callable[[Verifier, Sequence[str], float], set[str]]
both = pytest.mark.parametrize("ask", [asking, tasks_asking], ids=["threads", "asyncio"])


@both
@pytest.mark.parametrize("fault", ["refuse", "hang"])
def test_a_new_key_whose_only_holder_is_down_is_never_unknown(fault: str, ask: Ask, scene: Scene) -> None:
    """The others lag: no valid token gets 401, nor does a forged one, until all have answered (R3)."""
    with scene.serving() as (endpoints, verifier):
        endpoints.original.fail("old_keys")
        endpoints.replica.fail("old_keys")
        endpoints.updated.fail(fault)
        scene.pool.rotate()
        tokens = [*(scene.token() for _ in range(4)), *scene.forged(4)]
        # Within the budget (R4) and beyond, in the silence, and where the answers of the others are old.
        for seconds in (0.0, 1.5, 4.0, 20.0):
            scene.clock.go_by(seconds)
            assert ask(verifier, tokens, BRIEFLY) == {UNCONFIRMED}
            assert ask(verifier, tokens, 0.0) == {UNCONFIRMED}
        endpoints.updated.heal()
        landed()
        scene.clock.go_by(RESTED)
        assert ask(verifier, tokens[:4], PATIENTLY) == {"accepted"}
        assert ask(verifier, tokens[4:], PATIENTLY) == {UNKNOWN}


@pytest.mark.parametrize("patience", [0.0, 0.03])
def test_callers_without_patience_have_every_endpoint_asked(patience: float, scene: Scene) -> None:
    """Each leaves before the next endpoint's turn, and their refreshes reach the only holder (R4)."""
    with scene.serving() as (endpoints, verifier):
        endpoints.original.fail("old_keys")
        endpoints.replica.fail("old_keys")
        endpoints.updated.fail("503")
        scene.pool.rotate()
        token = scene.token()
        for _ in range(8):
            assert asking(verifier, [token], patience) == {UNCONFIRMED}
            landed()
            scene.clock.go_by(1.0)
        endpoints.updated.heal()
        scene.clock.go_by(RESTED)
        heard = []
        while heard[-1:] != ["accepted"] and len(heard) < 8:
            heard += asking(verifier, [token], patience)
            landed()
            scene.clock.go_by(1.0)
        assert set(heard) == {UNCONFIRMED, "accepted"} or heard == ["accepted"]


# --- Silence


def test_a_flood_of_forged_kids_holds_one_worker_while_a_region_hangs(scene: Scene) -> None:
    """After the second of silence every caller but one is answered at once, with 503 (R3, W7)."""
    with scene.serving() as (endpoints, verifier):
        endpoints.original.fail("hang")
        crowd = Crowd(verifier, scene.forged(64))
        answers = crowd.watch(SILENCE_SECONDS + WATCHED)
        known = [at_once(verifier, scene.token()) for _ in range(THREADS)]
        endpoints.heal()
        crowd.stop()
    assert set(known) == {"accepted"}  # who has a key never stands behind those who have none
    assert {each.said for each in answers} == {UNCONFIRMED}
    assert len(slow(answers)) <= 1
    assert len([each for each in answers if each.begun > SILENCE_SECONDS]) > 5 * THREADS
    assert max(each.seconds for each in crowd.answers) < CALLER_WAIT_SECONDS + AT_ONCE


OUTAGES = {
    "cold-hang": (None, "hang"),
    "cold-refuse": (None, "refuse"),
    "expired-503": (25 * HOUR, "503"),
}


@pytest.mark.parametrize(("age", "fault"), OUTAGES.values(), ids=OUTAGES)
def test_an_outage_holds_one_worker_and_ends_with_its_cure(
    age: float | None, fault: str, scene: Scene
) -> None:
    """All wait for a second, then all but one get 503 at once; keys within 2 s of the cure (W7, R6)."""
    with scene.serving(warm=age is not None) as (endpoints, verifier):
        endpoints.fail(fault)
        scene.clock.go_by(age or 0.0)
        crowd = Crowd(verifier, [scene.token()])
        answers = crowd.watch(SILENCE_SECONDS + WATCHED)
        endpoints.heal()
        cured = crowd.all_hear("accepted", CURED)
        crowd.stop()
    assert {each.said for each in answers} == {UNAVAILABLE}
    assert min(each.begun + each.seconds for each in answers) > SILENCE_SECONDS - AT_ONCE  # nobody before
    assert len(slow(answers)) <= 1
    assert len([each for each in answers if each.begun > SILENCE_SECONDS]) > 5 * THREADS
    assert max(each.seconds for each in crowd.answers) < CALLER_WAIT_SECONDS + AT_ONCE
    assert cured


def test_a_stale_set_in_an_outage_costs_its_callers_one_second_together(scene: Scene) -> None:
    """All are served after the silence, and then nobody waits (R, W7)."""
    with scene.serving() as (endpoints, verifier):
        endpoints.fail("hang")
        scene.clock.go_by(2 * HOUR)
        crowd = Crowd(verifier, [scene.token()])
        crowd.watch(SILENCE_SECONDS + WATCHED / 2)
        answers = crowd.stop()
    assert {each.said for each in answers} == {"accepted"}
    assert max(each.seconds for each in answers) < SILENCE_SECONDS + 2 * AT_ONCE
    assert slow(answers) == []


@pytest.mark.parametrize("fault", ["refuse", "hang", "503"])
def test_a_set_that_turns_an_hour_old_in_an_outage_makes_no_caller_wait(fault: str, scene: Scene) -> None:
    """Its background refreshes have all failed, so the first caller after the hour is served at once (R)."""
    with scene.serving() as (endpoints, verifier):
        token = scene.token()
        endpoints.fail(fault)
        scene.clock.go_by(0.4 * HOUR)
        for seconds in (2.0, RESTED, 0.3 * HOUR, 0.4 * HOUR):
            assert at_once(verifier, token) == "accepted"
            if fault != "hang":
                landed()
            scene.clock.go_by(seconds)
        assert scene.health(verifier)["state"] == "stale"
        for _ in range(3):
            assert at_once(verifier, token) == "accepted"
            foreign = scene.pool.access_token(signed_by="foreign", expires_in=DAY)
            assert at_once(verifier, foreign) == "401 signature_invalid"


# --- Slow, or broken once


def test_an_answer_after_the_callers_time_serves_the_next(scene: Scene) -> None:
    """Every endpoint answers after 3 s: a caller gets 503 at its 2 s, and the next one is served (R1)."""
    with scene.serving(warm=False) as (endpoints, verifier):
        endpoints.fail("slow", delay=3.0)
        begun = time.monotonic()
        assert said(verifier, scene.token(), CALLER_WAIT_SECONDS) == UNAVAILABLE
        assert 0.0 <= time.monotonic() - begun - CALLER_WAIT_SECONDS < 3 * AT_ONCE
        assert said(verifier, scene.token(), CALLER_WAIT_SECONDS) == "accepted"
        assert 0.0 <= time.monotonic() - begun - 3.0 < 5 * AT_ONCE
        assert {failures for failures, _ in scene.failures(verifier)} == {0}


def test_a_body_that_takes_more_than_six_seconds_counts(scene: Scene) -> None:
    """After 5 s of silence it has failed and goes on; its late end serves callers and clears that (R1)."""
    rest = threading.Event()

    def in_two_parts(exchange: Exchange, _release: Release) -> None:
        body = jwks_body(scene.pool.jwks())
        exchange.send(head(200, len(body)) + body[:100])
        rest.wait(SOON)
        exchange.send(body[100:])

    with scene.serving(warm=False) as (endpoints, verifier):
        for endpoint in endpoints:
            act(in_two_parts)(endpoint)
        try:
            assert said(verifier, scene.token(), 0.6) == UNAVAILABLE  # time to ask all three (R2)
            assert all(endpoint.asked(1) for endpoint in endpoints)
            scene.clock.go_by(6.0)
            assert said(verifier, scene.token(), BRIEFLY) == UNAVAILABLE
            assert scene.failures(verifier) == [(1, "answer-timeout")] * 3
        finally:
            rest.set()
        assert said(verifier, scene.token(), PATIENTLY) == "accepted"
        landed()
        assert scene.failures(verifier) == [(0, None)] * 3


@both
def test_a_cold_start_outlives_one_broken_connection_to_each_endpoint(ask: Ask, scene: Scene) -> None:
    """Each endpoint resets its first connection: callers are served within their time (R1, R6)."""
    with scene.serving(warm=False) as (endpoints, verifier):
        for endpoint in endpoints:
            endpoint.fail("reset", times=1)
        begun = time.monotonic()
        assert ask(verifier, [scene.token() for _ in range(4)], CALLER_WAIT_SECONDS) == {"accepted"}
        assert time.monotonic() - begun < SILENCE_SECONDS
