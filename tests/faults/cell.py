"""One cell of the fault matrix: a fault, a state of the keys, and everything that must hold in it.

Owns the check that is the same for every cell (R, K4, E, F; the global invariants of the fault list). It also
owns how each state is reached by an injected clock. Knows no fault by name.
"""

from __future__ import annotations

import os
import stat
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, NamedTuple, cast

import pytest
from faults.endpoints import How
from support.fetches import alive, landed
from support.network import Networked

from cognito_mr_auth import UserPool, Verifier, events
from cognito_mr_auth._jwks.attempts import Attempts
from cognito_mr_auth._remote.cancel_scope import CancelScope
from cognito_mr_auth._remote.remote_key_set import RemoteKeySet
from cognito_mr_auth._runtime.run import run_sync
from cognito_mr_auth.errors import AuthError, KeysUnavailable
from cognito_mr_auth.testing import FakeClock, FakeEndpoints, FakeUserPool

HOUR = 3600.0
DAY = 24 * HOUR
# The timeout of a caller whose keys may not come: less than the shortest back-off (R6), so that it hears of a
# failure as soon as nothing can begin any more before its deadline (W7).
BRIEFLY = 0.1
# Enough to join an attempt that hangs.
A_MOMENT = 0.02
# Twice the default of `verify`, for a busy machine; a caller waits so long only if something is broken.
PATIENTLY = 4.0
# By how much a deadline may be missed on a busy machine.
MARGIN = 1.0
# Whatever has not ended after this time hangs.
SOON = 10.0
# close() shuts connections down, so fetches end at once; without that, one would take up to 15 s.
CLOSED = 3.0
# R1 and R6: an attempt that was silent for so long has failed and goes on; so much later it has had its time;
# past any back-off.
SILENT, LATE, RESTED = 6.0, 10.0, 61.0
# I6 of the fault list.
MEMORY = 5 << 20

HANGS = "answer-timeout"
"""The reason of a fault that never ends by itself; in an earlier phase, such as "tls-timeout"."""
SERVED = ""
"""In place of a reason: the good keys are found in spite of the fault."""


class Fault(NamedTuple):
    """A row: what one endpoint does, and the reason in its events."""

    row: str
    name: str
    how: How
    reason: str

    def __str__(self) -> str:
        return f"{self.row}-{self.name}"


class State(NamedTuple):
    """How old the key set is, what health calls it, and what a known kid gets.

    `usable`: its key is served; `at_once`: without waiting; `asked`: how many endpoints it causes to be
    asked at least.
    """

    name: str
    age: float
    health: str
    usable: bool
    at_once: bool
    asked: int


STATES = (
    State("cold", 0.0, "empty", usable=False, at_once=False, asked=1),
    State("fresh", 0.0, "fresh", usable=True, at_once=True, asked=0),
    State("aged", HOUR / 3, "aged", usable=True, at_once=True, asked=3),
    State("stale", 2 * HOUR, "stale", usable=True, at_once=False, asked=1),
    State("stale-if-error", 2 * HOUR, "stale", usable=True, at_once=True, asked=3),
    State("expired", 25 * HOUR, "expired", usable=False, at_once=False, asked=1),
)
states = pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)


class EventRecorder:
    """An `on_event` hook that keeps the events."""

    def __init__(self) -> None:
        self.all: list[events.Event] = []

    def __call__(self, event: events.Event) -> None:
        self.all.append(event)

    def reasons(self, pool: FakeUserPool) -> set[str]:
        """Why fetches of this pool failed, with the status where that is the reason."""
        return {
            f"{each.reason} {each.status}" if each.status not in (None, 200) else each.reason
            for each in list(self.all)
            if isinstance(each, events.FetchFailed) and each.provider == pool.user_pool_id
        }


class Paced(Networked):
    """A Verifier whose monotonic clock the test may advance: an attempt is then late, not frozen (R6)."""

    def __init__(self, *pools: UserPool, monotonic: Callable[[], float], **options: Any) -> None:
        self._monotonic = monotonic
        super().__init__(*pools, **options)

    def _add(self, pool: UserPool, dependencies: Any, token_use: str, leeway: float) -> None:
        super()._add(pool, dependencies._replace(monotonic=self._monotonic), token_use, leeway)


class Place:
    """Two pools and their endpoints: the first gets the faults, its neighbour stays well."""

    def __init__(self, *, tls: bool = False) -> None:
        self.clock = FakeClock()
        self.ahead = 0.0
        self.pool = FakeUserPool(clock=self.clock, tls=tls)
        self.neighbour = FakeUserPool(
            "eu-west-1_Fake00002", replica_regions=[], client_id="2example", clock=self.clock, tls=tls
        )
        self.endpoints = FakeEndpoints(self.pool)

    @contextmanager
    def serving(self) -> Iterator[Place]:
        """The endpoints of both pools are up, and the HTTP client is loaded."""
        with self.pool.serve() as self.endpoints, self.neighbour.serve():
            with self.verifier() as first:
                first.warm(timeout=SOON)
            yield self

    def verifier(self, **options: Any) -> Verifier:
        """A verifier of both pools."""
        pools = self.pool.user_pool(), self.neighbour.user_pool()
        settings: dict[str, Any] = {"ssl_context": self.endpoints.ssl_context, "clock": self.clock}
        return Paced(
            *pools, monotonic=self.monotonic, token_use="access", cache_size=0, **(settings | options)
        )

    def monotonic(self) -> float:
        """The monotonic clock, plus the seconds that the test let pass."""
        return time.monotonic() + self.ahead

    def go_by(self, seconds: float) -> None:
        """Time passes on every clock."""
        self.clock.advance(seconds)
        self.ahead += seconds

    def heal(self) -> None:
        """Every endpoint is well again, and no connection of before is left."""
        self.endpoints.heal()
        for endpoint in self.endpoints:
            for handler in list(endpoint._handlers):
                handler.join(SOON)


class Cell:
    """A verifier in a state, before a fault."""

    def __init__(self, place: Place, state: State, verifier: Verifier, recorder: EventRecorder) -> None:
        self.place = place
        self.state = state
        self.verifier = verifier
        self.recorder = recorder
        self.token = ""

    def reach(self) -> None:
        """Reach the state by the clock; for stale-if-error also by one refresh that fails at once."""
        if self.state.name != "cold":
            self.verifier.warm(timeout=SOON)
            landed()
        self.place.clock.advance(self.state.age)
        self.token = self.place.pool.access_token()
        if self.state.name == "stale-if-error":
            self.place.endpoints.fail("refuse")
            assert said(self.verifier, self.token, PATIENTLY) == "accepted"
            landed()
            self.place.endpoints.heal()
            self.place.go_by(RESTED)
        assert self.health["state"] == self.state.health
        self.recorder.all.clear()

    @property
    def health(self) -> dict[str, Any]:
        """The health of the pool with the faults."""
        found: dict[str, Any] = self.verifier._health()["providers"][self.place.pool.user_pool_id]
        return found

    def inflict(self, how: How) -> None:
        """Every endpoint of the one pool misbehaves."""
        for endpoint in self.place.endpoints:
            how(endpoint)

    # ---- what holds in each cell

    def check(self, reason: str) -> None:
        """All of it, for a fault that ends with `reason`."""
        hangs, served = reason.endswith("-timeout"), reason == SERVED
        usable = self.state.usable or served
        known = "accepted" if usable else "503 keys_unavailable"
        forged = "401 signature_invalid" if usable else "503 keys_unavailable"
        unknown = "503 key_unconfirmed" if usable else "503 keys_unavailable"
        if served:
            unknown = "401 key_unknown"
        before = self.connections()
        # Where every endpoint fails at once, usable keys are served at once, however patient the caller is.
        self.known(known, forged, PATIENTLY if usable and not hangs else BRIEFLY)
        # Later callers of what hangs wait only for a moment, which is enough to join its attempt.
        timeout = A_MOMENT if hangs else PATIENTLY if usable else BRIEFLY
        assert said(self.verifier, self.mint(signed_by="foreign"), timeout) == forged
        # A patient one would wait for the end of a back-off.
        assert said(self.verifier, self.mint(signed_by="unknown"), timeout if served else A_MOMENT) == unknown
        self.few_threads(1 if hangs else 2)
        if hangs:
            self.late(reason.removesuffix("-timeout"), unknown)
        self.neighbour_is_well()
        if not hangs:
            landed()
        assert self.recorder.reasons(self.place.pool) == ({reason} - {SERVED})
        connected = [after - then for after, then in zip(self.connections(), before, strict=True)]
        assert max(connected) <= (3 if served or hangs else 2), "a storm of retries"
        self.nothing_is_lost(reason)

    def known(self, known: str, forged: str, timeout: float) -> None:
        """A known kid is served without a wait if the state says so, and causes the right requests."""
        asked = self.attempts.begun
        if self.state.at_once:
            assert at_once(self.verifier, self.token) == known
            assert self.attempts.begun - asked == self.state.asked
            assert at_once(self.verifier, self.mint(signed_by="foreign")) == forged
        assert said(self.verifier, self.token, timeout) == known
        assert self.attempts.begun - asked >= self.state.asked

    @property
    def attempts(self) -> Attempts:
        """The attempts at the endpoints of the pool with the faults."""
        return self.key_set._coordinator.machine.attempts

    @property
    def key_set(self) -> RemoteKeySet:
        """The key set of the pool with the faults."""
        return self.verifier._key_sets[self.place.pool.user_pool_id]

    def mint(self, **options: Any) -> str:
        """A token of the pool with the faults."""
        return self.place.pool.access_token(**options)

    def connections(self) -> list[int]:
        """Connections so far, by endpoint."""
        return [each.connections for each in self.place.endpoints]

    def few_threads(self, limit: int) -> None:
        """At most `limit` threads live for each endpoint (F), except one that is about to end."""
        assert eventually(lambda: max(threads().values(), default=0) <= limit, MARGIN)

    def neighbour_is_well(self) -> None:
        """The other pool of the same verifier verifies, and none of its endpoints has failed."""
        pool = self.place.neighbour
        assert said(self.verifier, pool.access_token(), PATIENTLY) == "accepted"
        found = self.verifier._health()["providers"][pool.user_pool_id]["endpoints"]
        assert [each["failures"] for each in found] == [0] * len(found)

    def late(self, phase: str, unknown: str) -> None:
        """Silent in this phase, an attempt has failed after 5 s and goes on; it ends after 15 s (R1, F).

        However long it hangs, each endpoint has at most two threads.
        """
        with suppress(KeysUnavailable):
            run_sync(self.key_set.warming(A_MOMENT))  # every endpoint of this pool is asked
        scopes = [
            cast("CancelScope", each.first.connection) for each in self.attempts if each.first is not None
        ]
        assert list(threads().values()) == [1] * len(self.place.endpoints)
        self.reached(phase)
        before = [each["failures"] for each in self.health["endpoints"]]
        self.place.go_by(SILENT)
        assert said(self.verifier, self.mint(signed_by="unknown"), A_MOMENT) == unknown
        after = [each["failures"] for each in self.health["endpoints"]]
        assert [now - then for now, then in zip(after, before, strict=True)] == [1] * len(scopes)
        assert [each.cancelled for each in scopes] == [False] * len(scopes)
        self.few_threads(2)
        self.reached(phase)
        self.place.go_by(LATE)
        assert said(self.verifier, self.mint(signed_by="unknown"), A_MOMENT) == unknown
        assert [each.cancelled for each in scopes] == [True] * len(scopes)
        self.few_threads(2)

    def reached(self, phase: str) -> None:
        """Every pending connection has come as far as this phase, and through a handshake before it."""
        secured = phase == "answer" and self.place.endpoints.ssl_context is not None
        pending = [each for both in self.attempts for each in (both.first, both.second) if each is not None]
        watched = [each.connection for each in pending]
        assert eventually(lambda: all(each.phase == phase for each in watched))
        assert not secured or eventually(lambda: all(each.first_byte for each in watched))

    def nothing_is_lost(self, reason: str) -> None:
        """Failures evict no key (K1); no event holds a token (H3); health reports an outage (R)."""
        if self.state.usable:
            assert self.health["keys"] == len(self.place.pool.keys)
            timeout = A_MOMENT if reason == HANGS else PATIENTLY
            assert said(self.verifier, self.mint(), timeout) == "accepted"
        elif reason != SERVED:
            assert self.health["keys"] == 0
            assert self.health["healthy"] is False
        shown = repr(self.recorder.all) + repr(self.verifier._health())
        assert not any(part in shown for part in self.token.split("."))


def check_cell(
    place: Place, fault: Fault, state: State, unblock: Callable[[], object] = tuple, **options: Any
) -> None:
    """Reach the state, inflict the fault on every endpoint of one pool, and check everything.

    `unblock` ends, after close(), a thread that no library could end; `options` are the verifier's.
    """
    recorder = EventRecorder()
    before = sockets()
    verifier = place.verifier(on_event=recorder, **options)
    try:
        cell = Cell(place, state, verifier, recorder)
        cell.reach()
        # A body is read alike in every state, and to trace memory costs a third of the row's time.
        with bounded_memory() if state is STATES[0] else nullcontext():
            cell.inflict(fault.how)
            cell.check(fault.reason)
    finally:
        verifier.close()
        unblock()
        ended = eventually(lambda: not alive(), CLOSED)
        landed()
        place.heal()
    assert ended, "close() left a thread behind"
    assert eventually(lambda: sockets() <= before), "a socket is left"


# --- How a verification ends


def refusal(error: AuthError) -> str:
    """Status and reason; 503 must mean KeysUnavailable, and the error must have no cause (E)."""
    assert isinstance(error, KeysUnavailable) == (error.status == 503)
    assert error.__cause__ is error.__context__ is None
    assert "://" not in f"{error} {error.hint}"
    return f"{error.status} {error.reason}"


def said(verifier: Verifier, token: str, timeout: float) -> str:
    """How it ends, which must be in time (R1): "accepted", or status and reason of the refusal."""
    begun = time.monotonic()
    try:
        verifier.verify(token, timeout=timeout)
    except AuthError as error:
        found = refusal(error)
    else:
        found = "accepted"
    assert time.monotonic() - begun < timeout + MARGIN
    return found


def at_once(verifier: Verifier, token: str) -> str:
    """The same, of a verification that must not wait: it ends without a single yield (R8)."""
    steps = verifier.averify(token)
    try:
        steps.send(None)
    except StopIteration:
        return "accepted"
    except AuthError as error:
        return refusal(error)
    finally:
        steps.close()
    raise AssertionError("it waits")


# --- What is left behind


def threads() -> Counter[str]:
    """How many of the library's threads are alive, by endpoint."""
    return Counter(each.name for each in alive())


def sockets() -> int:
    """How many sockets this process has open."""
    count = 0
    for name in os.listdir("/dev/fd"):
        with suppress(OSError):  # the directory's own descriptor is closed by now
            count += stat.S_ISSOCK(os.fstat(int(name)).st_mode)
    return count


def eventually(holds: Callable[[], bool], seconds: float = SOON) -> bool:
    """Whether it holds soon; the kernel or another thread may need a moment."""
    pause, deadline = threading.Event(), time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.005)
    return True


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Python's memory in the block stays below the limit, whatever a body claims to hold."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY
