"""A `RefreshMachine` on one thread: the test moves the clocks, lands each attempt, and reads each step.

Owns no promise. Nothing runs by itself: an attempt is "out" until the test lands it.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from cognito_mr_auth import UserPool
from cognito_mr_auth._jwks.attempt import Attempt, EndpointAttempts, Moment, Step, Waiter
from cognito_mr_auth._jwks.key_set import KeySet
from cognito_mr_auth._jwks.model import CacheLifetimes, FetchError, KeyFileEntry
from cognito_mr_auth._jwks.rate_limit import RateLimit
from cognito_mr_auth._jwks.refresh import RefreshMachine
from cognito_mr_auth._jwks.schedule import FETCH, FETCH_UNKNOWN, REVALIDATE
from cognito_mr_auth.events import Event
from cognito_mr_auth.testing import FakeClock, FakeUserPool

LIFETIMES = CacheLifetimes(900.0, 3600.0, 86400.0)
DOWN = FetchError("connect")
NOT_ENABLED = FetchError("status", status=403)
KINDS = ("updated", "original", "replica")


def busy(seconds: float) -> FetchError:
    """An HTTP answer that is no key set, and says how long to wait."""
    return FetchError("status", status=503, retry_after=seconds)


class FakeConnection:
    """A connection that has received what the test says."""

    def __init__(self) -> None:
        self.phase = "connect"
        self.proxy: str | None = None
        self.first_byte: float | None = None
        self.last_byte: float | None = None


class Machine:
    """A FakeUserPool (its order without a Region: updated, replica, original) and a machine for it.

    `kinds` leaves endpoints out.
    """

    def __init__(
        self,
        *,
        region: str | None = None,
        lifetimes: CacheLifetimes = LIFETIMES,
        entries: Collection[KeyFileEntry] = (),
        kinds: Collection[str] = KINDS,
    ) -> None:
        self.fake = FakeUserPool()
        self.clock, self.monotonic = FakeClock(), 50.0
        pool = UserPool(self.fake.user_pool_id, client_ids=["client1"], replica_regions=["us-east-1"])
        whole = pool._key_set_config
        config = whole._replace(endpoints=tuple(each for each in whole.endpoints if each.kind in kinds))
        self.key_set = KeySet(
            config, lifetimes, lambda: 0.5, region=region, entries=entries, now=self.clock()
        )
        self.limit = RateLimit(self.clock())
        self.machine = RefreshMachine(self.key_set, self.limit, FakeConnection)
        self.pending: list[Attempt] = []  # what the test has not landed yet, hung up or not
        self.begun: list[str] = []  # the kind of each attempt so far
        self.hung_up: list[Attempt] = []
        self.events: list[Event] = []
        self.full: set[str] = set()  # kinds for which there is no thread

    # -- time

    @property
    def moment(self) -> Moment:
        return Moment(self.clock(), self.monotonic)

    def later(self, seconds: float) -> None:
        """Time passes, on all clocks."""
        self.clock.advance(seconds)
        self.monotonic += seconds

    # -- looks

    def poll(self, waiter: Waiter | None = None, *, background: bool = False) -> Step:
        """One step of the driver: refused attempts are reported, and it looks again."""
        while True:
            step = self.machine.poll(self.moment, self.events, waiter, background=background)
            self.hung_up += step.hang_ups
            refused = [each for each in step.starts if each.endpoint.kind in self.full]
            for each in step.starts:
                if each in refused:
                    self.machine.refused(each, self.moment)
                else:
                    self.pending.append(each)
                    self.begun.append(each.endpoint.kind)
            if not refused:
                return step

    def join(self, need: str, kid: str = "unknown", timeout: float = 2.0) -> Waiter:
        return self.machine.join(kid, need, self.monotonic + timeout)

    def cold(self, timeout: float = 2.0) -> tuple[Waiter, Step]:
        """A caller without a usable set, and its first look."""
        waiter = self.join(FETCH, self.kid, timeout)
        return waiter, self.poll(waiter)

    def unknown(self, kid: str = "unknown", timeout: float = 2.0) -> tuple[Waiter, Step]:
        """A caller with an unknown kid, and its first look."""
        waiter = self.join(FETCH_UNKNOWN, kid, timeout)
        return waiter, self.poll(waiter)

    def revalidating(self, timeout: float = 2.0) -> tuple[Waiter, Step]:
        """A caller of a stale set, and its first look."""
        waiter = self.join(REVALIDATE, self.kid, timeout)
        return waiter, self.poll(waiter)

    def hear(self, waiter: Waiter) -> str | None:
        """Its verdict now; it leaves with one."""
        verdict = self.poll(waiter).verdict
        if verdict is not None:
            self.machine.leave(waiter)
        return verdict

    # -- endpoints

    @property
    def kid(self) -> str:
        return self.fake.access_key.kid

    def jwks(self) -> bytes:
        return json.dumps(self.fake.jwks()).encode()

    def of(self, kind: str) -> EndpointAttempts:
        return next(each for each in self.machine.attempts if each.endpoint.kind == kind)

    def state(self, kind: str) -> Any:
        return self.key_set.states[self.of(kind).endpoint.url]

    def out(self) -> list[str]:
        """The kinds of the endpoints whose attempts are out and not hung up, in the order of asking."""
        return [each.endpoint.kind for each in self.pending if each not in self.hung_up]

    def connection(self, kind: str) -> FakeConnection:
        """The connection of the first attempt that is out at that endpoint."""
        first = self.of(kind).first
        assert first is not None
        assert isinstance(first.connection, FakeConnection)
        return first.connection

    def receive(self, kind: str, *, second: bool = False) -> None:
        """A byte comes to an attempt."""
        attempt = self.of(kind).second if second else self.of(kind).first
        assert attempt is not None
        assert isinstance(attempt.connection, FakeConnection)
        attempt.connection.first_byte = attempt.connection.first_byte or self.monotonic
        attempt.connection.last_byte = self.monotonic

    def land(self, kind: str, answer: bytes | FetchError | None = None, *, last: bool = False) -> Step:
        """The oldest (or last) attempt that the test has not landed ends; then the driver looks."""
        found = [each for each in self.pending if each.endpoint.kind == kind]
        attempt = found[-1 if last else 0]
        self.pending.remove(attempt)
        raw, document, failure = b"", None, None
        if isinstance(answer, FetchError):
            failure = answer
        else:
            raw = self.jwks() if answer is None else answer
            try:
                document = self.key_set.read(raw, local=False)
            except FetchError as error:
                failure = error
        _, hang_ups = self.machine.attempts.on_result(
            attempt, raw, document, failure, self.moment, self.events
        )
        self.hung_up += hang_ups
        return self.poll()

    def land_all(self, answer: bytes | FetchError | None = None) -> None:
        """Whatever is out ends so, and what follows it too."""
        while self.out():
            self.land(self.out()[0], answer)

    def fill(self) -> None:
        """Every endpoint answers, in the background."""
        self.machine.warm(self.moment)
        self.poll()
        self.land_all()
        self.begun.clear()
        self.events.clear()

    def stale(self) -> None:
        """A set that is just stale."""
        self.fill()
        self.later(3601.0)

    def events_of(self, kind: type[Event]) -> list[Any]:
        return [each for each in self.events if isinstance(each, kind)]

    def all_ask(self, waiter: Waiter) -> Step:
        """The hedging delays pass, until every endpoint that may be asked has been."""
        step = self.poll(waiter)
        for _ in range(len(KINDS) - 1):
            self.later(0.2)
            step = self.poll(waiter)
        return step
