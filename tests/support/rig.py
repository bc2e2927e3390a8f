"""A `RemoteKeySet` whose dependencies the test controls: clocks, threads, network, random numbers, hooks.

Owns no promise. Whole scenarios run on the test's own thread: an attempt is "out" until the test lands it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from cognito_mr_auth import UserPool
from cognito_mr_auth._jwks.attempt import Attempt
from cognito_mr_auth._jwks.model import (
    CacheLifetimes,
    Endpoint,
    FetchError,
    Key,
    KeyFileContents,
    KeyFileEntry,
    KeySetConfig,
)
from cognito_mr_auth._remote.cancel_scope import CancelScope
from cognito_mr_auth._remote.dependencies import Dependencies
from cognito_mr_auth._remote.remote_key_set import RemoteKeySet, Timeout, Wait
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.events import Event
from cognito_mr_auth.testing import FakeClock, FakeUserPool

LIFETIMES = CacheLifetimes(900.0, 3600.0, 86400.0)
DOWN = FetchError("connect")

Answer = bytes | BaseException | Callable[[], bytes]


class Threads:
    """Threads that do not run: `out` holds their work until the test takes it."""

    def __init__(self) -> None:
        self.out: list[tuple[str, Callable[[], None]]] = []
        self.asked: list[str] = []
        self.background: list[bool] = []
        self.refuse: set[str] = set()
        self.full = False
        self.full_for_background = False
        self.waiting: list[Callable[[], None]] = []

    def start(
        self,
        host: str,
        endpoint: Any,
        name: str,
        work: Callable[[], None],
        *,
        background: bool,
        on_room: Callable[[], None],
    ) -> bool:
        url: str = endpoint[1]
        assert host == url.split("/")[2]
        if self.full or url in self.refuse or (background and self.full_for_background):
            self.waiting.append(on_room)
            return False
        self.asked.append(url)
        self.background.append(background)
        self.out.append((url, work))
        return True

    def make_room(self) -> None:
        """A thread has ended."""
        self.full = self.full_for_background = False
        self.refuse.clear()
        while self.waiting:
            self.waiting.pop(0)()


class Fetch:
    """A network of a few answers, by URL."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.prepared: list[tuple[str, ...]] = []
        self.unready: Exception | None = None
        self.loading: Callable[[], None] = lambda: None
        self.steps = 0
        self.seconds: list[float] = []

    def prepare_steps(self, urls: Iterable[str]) -> Iterable[None]:
        for _ in range(self.steps):
            yield
        if self.unready is not None:
            raise self.unready
        self.loading()
        self.prepared.append(tuple(urls))

    def __call__(self, url: str, scope: CancelScope) -> bytes:
        self.seconds.append(scope.deadline - time.monotonic())
        answer = self.answers[url]
        if isinstance(answer, BaseException):
            raise answer
        return answer if isinstance(answer, bytes) else answer()


class Caller:
    """One caller in `resolve` or `warming`, which takes a step whenever the test says so."""

    def __init__(self, steps: Generator[Wait | None, None, Any]) -> None:
        self.steps = steps
        self.wait: Wait | None = None
        self.outcome: Any = None
        self.step()

    def step(self) -> Any:
        """Judge again, as after a wake-up; gives the key, the error, or None while waiting."""
        try:
            while (wait := next(self.steps)) is None:
                """A turn of others while the client is loaded."""
            self.wait = wait
        except StopIteration as done:
            self.wait, self.outcome = None, done.value
        except AuthError as error:
            self.wait, self.outcome = None, error
        return self.outcome

    @property
    def waiting(self) -> bool:
        return self.wait is not None

    @property
    def woken(self) -> bool:
        """Whether what this caller waits for has happened."""
        return self.wait is not None and self.wait[0].done()

    @property
    def seconds(self) -> float:
        """How long this caller would wait at most."""
        assert self.wait is not None
        return self.wait[1]


class Rig:
    """A FakeUserPool (its endpoints: updated, original, replica) and a RemoteKeySet for it."""

    def __init__(
        self,
        *,
        region: str | None = None,
        entries: Collection[KeyFileEntry] = (),
        exposed: Mapping[str, float] = MappingProxyType({}),
        lifetimes: CacheLifetimes = LIFETIMES,
        fake: FakeUserPool | None = None,
        **pool: Any,
    ) -> None:
        self.fake = fake or FakeUserPool()
        self.clock = FakeClock()
        self.now_monotonic = 50.0
        self.threads, self.fetch = Threads(), Fetch()
        self.events: list[Event] = []
        self.saved: list[list[KeyFileEntry]] = []
        self.saved_exposed: list[Mapping[str, float]] = []
        self.log: list[str] = []
        self.save_events: list[Event] = []
        pool = {"client_ids": ["client1"], "replica_regions": ["us-east-1"]} | pool
        self.pool = UserPool(self.fake.user_pool_id, **pool)
        dependencies = Dependencies(
            lifetimes=lifetimes,
            clock=self.clock,
            fetch=self.fetch,
            threads=self.threads,
            emit=self._emit,
            region=region,
            save=self._save,
            rng=lambda: 0.5,
            monotonic=lambda: self.now_monotonic,
        )
        self.dependencies = dependencies
        self.keys = RemoteKeySet(self.pool._key_set_config, dependencies, KeyFileContents(entries, exposed))
        self.coordinator, self.key_set = self.keys._coordinator, self.keys._key_set
        by_kind = {each.kind: each for each in self.pool._key_set_config.endpoints}
        self.updated: Endpoint = by_kind.get("updated", self.pool._key_set_config.endpoints[0])
        self.original: Endpoint | None = by_kind.get("original")
        self.replica: Endpoint | None = by_kind.get("replica")

    def _emit(self, events: Collection[Event]) -> None:
        if hasattr(self, "coordinator"):  # the events of its files come while it is made
            self._unlocked("emit")
        self.events.extend(events)

    def _save(self, config: KeySetConfig, contents: KeyFileContents) -> Collection[Event]:
        self._unlocked("save")
        assert config is self.pool._key_set_config
        self.saved.append(list(contents.entries))
        self.saved_exposed.append(contents.exposed)
        return self.save_events

    def _unlocked(self, what: str) -> None:
        free = self.coordinator.lock.acquire(blocking=False)
        if free:
            self.coordinator.lock.release()
        self.log.append(what if free else f"{what} under the lock")

    # ---- time

    def later(self, seconds: float) -> None:
        """Time passes, on all clocks."""
        self.clock.advance(seconds)
        self.now_monotonic += seconds

    # ---- the end

    def fork(self) -> None:
        """This process is a forked child from now on."""
        self.keys.reset_after_fork()

    def close(self) -> None:
        self.keys.close()

    # ---- callers

    def call(self, kid: str, *, timeout: Timeout = 2.0, plausible: bool = True) -> Caller:
        return Caller(self.keys.resolve(kid, lambda: plausible, timeout))

    def warm(self, timeout: float = 2.0) -> Caller:
        return Caller(self.keys.warming(timeout))

    # ---- endpoints

    def jwks(self) -> bytes:
        return json.dumps(self.fake.jwks()).encode()

    @property
    def kid(self) -> str:
        """The kid of the key that signs access tokens now."""
        return self.fake.access_key.kid

    def out(self) -> list[str]:
        """The kinds of the endpoints whose attempts are out, in the order of asking."""
        kinds = {each.url: each.kind for each in self.pool._key_set_config.endpoints}
        return [kinds[url] for url, _ in self.threads.out]

    def out_kind(self) -> str:
        """The kind of a pool's only endpoint."""
        [endpoint] = self.pool._key_set_config.endpoints
        return endpoint.kind

    def attempts(self, kind: str) -> list[Attempt]:
        """The attempts that are out to that endpoint, the oldest first."""
        works: list[Any] = [work for url, work in self.threads.out if url == self._url(kind)]
        return [work._attempt for work in works]

    def receive(self, kind: str) -> None:
        """A byte comes to the oldest attempt that is out to that endpoint."""
        scope: Any = self.attempts(kind)[0].connection
        scope.first_byte = scope.first_byte or self.now_monotonic
        scope.last_byte = self.now_monotonic

    def hung_up(self) -> list[str]:
        """The kinds of the endpoints to whose attempts that are out the machine has hung up."""
        works: list[Any] = [work for _, work in self.threads.out]
        return [work._attempt.endpoint.kind for work in works if work._attempt.connection.hung_up]

    def _url(self, kind: str) -> str:
        return next(each.url for each in self.pool._key_set_config.endpoints if each.kind == kind)

    def land(self, kind: str, answer: Answer | None = None) -> None:
        """The oldest attempt that is out to that endpoint ends (default: with today's JWKS)."""
        url = self._url(kind)
        self.fetch.answers[url] = self.jwks() if answer is None else answer
        index = next(at for at, (where, _) in enumerate(self.threads.out) if where == url)
        _, work = self.threads.out.pop(index)
        work()

    def fill(self) -> Key:
        """The pool gets its keys by one ordinary refresh; all three endpoints have answered."""
        caller = self.warm()
        for kind in self.out():
            self.land(kind)
        assert not caller.waiting or caller.step() is None
        self.events.clear()
        self.log.clear()
        self.threads.asked.clear()
        self.threads.background.clear()
        key = self.key()
        assert key is not None
        return key

    def key(self, kid: str | None = None) -> Key | None:
        return self.keys.key_now(kid or self.kid, self.clock())

    def events_of(self, kind: type[Event]) -> list[Any]:
        """The events of one type, so far."""
        return [event for event in self.events if isinstance(event, kind)]
