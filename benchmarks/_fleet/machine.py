"""One machine of the fleet: a process with the real key set of one pool, in simulated time.

Owns all use of the library's inner interface: the arguments of a key set (clocks, threads, network, random
numbers) and the state that is read from it. Nothing here waits, and there is no thread: a "thread" is an
event at the moment at which its request ends.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Generator, Iterable
from functools import partial
from math import ceil, floor
from typing import Any, NamedTuple, cast

from cognito_mr_auth import UserPool
from cognito_mr_auth._jwks.model import CacheLifetimes, FetchError, KeySetConfig
from cognito_mr_auth._jwks.schedule import AGED, STALE
from cognito_mr_auth._remote.cancel_scope import CancelScope
from cognito_mr_auth._remote.dependencies import Dependencies
from cognito_mr_auth._remote.remote_key_set import RemoteKeySet
from cognito_mr_auth.errors import KeysUnavailable, KeyUnknown
from cognito_mr_auth.events import Event
from cognito_mr_auth.testing._tokens.keys import SigningKey

from .world import ANSWERS, REFUSES, SILENT, Endpoint, World

__all__ = ["FORGED", "NEW_KID", "OLD_KID", "Machine", "Outcome", "Pool"]

# The library's defaults (`Verifier`).
LIFETIMES = CacheLifetimes(refresh_after=900.0, revalidate_after=3600.0, max_stale=86400.0)
CALLER_SECONDS, WARM_SECONDS = 2.0, 5.0
# The verifier's limit for each endpoint (F); that of a host is never reached by one pool.
MAX_PER_ENDPOINT = 2
# The time from closing a connection until its thread has noticed and ended.
HANG_UP_SECONDS = 0.001

OLD_KID, OTHER_KID, NEW_KID, FORGED = "signs now", "signs ID tokens", "signs next", "forged"


class Pool:
    """The pool that all machines use: three endpoints, as a pool with one replica has them."""

    def __init__(self) -> None:
        keys = {kid: SigningKey(kid).jwk(private=False) for kid in (OLD_KID, OTHER_KID, NEW_KID)}
        self.before = json.dumps({"keys": [keys[OLD_KID], keys[OTHER_KID]]}).encode()
        self.rotated = json.dumps({"keys": list(keys.values())}).encode()
        pool = UserPool("us-west-2_EXAMPLE", client_ids=["1example23456789"], replica_regions=["us-east-1"])
        self.config: KeySetConfig = pool._key_set_config
        self.kinds = {each.url: each.kind for each in self.config.endpoints}
        self.regions = {each.kind: each.region for each in self.config.endpoints}


class Outcome(NamedTuple):
    """The result of a caller that had to wait or was refused: `status` is 200, 401 or 503.

    `without_keys`: its machine had no key at all when the caller came.
    """

    begun: float
    waited: float
    status: int
    kid: str
    without_keys: bool


class Machine:
    """A process that gets a request every `every` seconds, with a token of the current signing key.

    A hit on a fresh set needs no decision, so the simulation continues at the first request after the set has
    aged. `fetched` counts its requests that began in the foreground, by the kind of endpoint.
    """

    def __init__(
        self,
        world: World,
        pool: Pool,
        endpoints: dict[str, Endpoint],
        note: Callable[[Outcome], None],
        every: float,
    ) -> None:
        self.world = world
        self.note = note
        self.fetched: Counter[str] = Counter()
        self._endpoints = endpoints
        self._kinds = pool.kinds
        self._every = every
        self._phase = world.now + world.random.uniform(0.0, every)
        self._next_hit = self._last_hit = -1
        self._alive = True
        self._connections: dict[_Connection, None] = {}
        self._waiting: dict[Callable[[], None], None] = {}  # for room (F)
        self._result: bytes | FetchError = b""
        dependencies = Dependencies(
            lifetimes=LIFETIMES,
            clock=world.clock,
            fetch=self,
            threads=self,
            emit=_drop,
            rng=world.random.random,
            monotonic=world.monotonic,
        )
        self._keys = RemoteKeySet(pool.config, dependencies)
        self._key_set, self._coordinator = self._keys._key_set, self._keys._coordinator  # noqa: SLF001

    # -- requests -------------------------------------------------------------------------------

    def begin(self, *, warm: bool) -> None:
        """Start the process; with `warm` it serves no request before its keys were fetched."""
        if warm:
            _Caller(self, OTHER_KID, self._keys.warming(WARM_SECONDS), self._look_ahead)
        else:
            self._look_ahead()

    def end(self) -> None:
        """End the process and its connections."""
        self._alive = False
        self._keys.close()
        for connection in list(self._connections):
            self._close(connection)

    def request(self, kid: str) -> bool:
        """Make a request with a token of that key. Return whether it is served at once."""
        if self._keys.key_now(kid, self.world.clock()) is not None:
            return True
        _Caller(self, kid, self._keys.resolve(kid, _plausible, CALLER_SECONDS))
        return False

    @property
    def without_keys(self) -> bool:
        """Whether it has no key at all."""
        return not self._key_set.snapshot.keys

    def next_request(self, when: float) -> float:
        """Return the time of the first request at or after `when`."""
        return self._phase + self._every * ceil((when - self._phase) / self._every)

    def _hit(self, number: int) -> None:
        if self._alive and number == self._next_hit:
            self._last_hit, self._next_hit = number, -1
            self.request(OLD_KID)
            self._look_ahead()

    def _look_ahead(self) -> None:
        """Continue at the first request that needs a decision."""
        since = (self.world.now - self._phase) / self._every
        due = ceil((self._next_decision() - self._phase) / self._every)
        number = max(due, floor(since) + 1, self._last_hit + 1, 0)
        if self._alive and not 0 <= self._next_hit <= number:
            self._next_hit = number
            self.world.at(self._phase + number * self._every, partial(self._hit, number))

    def _next_decision(self) -> float:
        """Return when a hit needs a decision again; now, if each one does."""
        world, key_set, machine = self.world, self._key_set, self._coordinator.machine
        now, snapshot = world.clock(), key_set.snapshot
        safe_until = world.simulated(snapshot.made[1] + snapshot.safe_for)
        if snapshot.begun is None or safe_until > world.now:
            return max(safe_until, world.now)
        state = key_set.state_of(now)
        if state != AGED and not (state == STALE and key_set.stale_if_error):
            return world.now
        if not all(each.idle(now[1]) for each in machine.attempts):
            return world.now
        # Every endpoint is in cool-down, and nothing else can happen until the first cool-down ends.
        rested = min(each.since[1] + each.cooldown for each in key_set.states.values())
        begun = snapshot.begun[1]
        ages = [begun + LIFETIMES.revalidate_after, begun + LIFETIMES.max_stale]
        return world.simulated(min([rested, *(age for age in ages if age > now[1])]))

    # -- the arguments of the key set -------------------------------------------------------------

    def start(
        self,
        host: str,  # noqa: ARG002 - the library's signature
        endpoint: object,
        name: str,  # noqa: ARG002
        work: Callable[[], None],
        *,
        background: bool,
        on_room: Callable[[], None],
    ) -> bool:
        """Begin a request; its "thread" runs when it has ended."""
        where = self._endpoints[self._kinds[cast("tuple[str, str]", endpoint)[1]]]
        if sum(each.endpoint is where for each in self._connections) >= MAX_PER_ENDPOINT:
            self._waiting[on_room] = None
            return False
        fate, seconds = where.connect()
        self.fetched[where.kind] += not background
        connection = _Connection(where, work, fate)
        self._connections[connection] = None
        scope: CancelScope = cast("Any", work)._attempt.connection  # noqa: SLF001
        scope.phase = "answer" if fate == ANSWERS else "connect"
        scope.attach(self, partial(self._hang_up, connection))
        self.world.at(self.world.now + seconds, partial(self._land, connection))
        return True

    def prepare_steps(self, urls: Iterable[str]) -> Iterable[None]:  # noqa: ARG002 - the library's signature
        """Do nothing, because there is nothing to load."""
        return ()

    def __call__(self, url: str, scope: CancelScope) -> bytes:  # noqa: ARG002 - the library's signature
        """The result of the request that has just ended."""
        if isinstance(self._result, FetchError):
            raise self._result
        return self._result

    def _hang_up(self, connection: _Connection) -> None:
        self.world.at(self.world.now + HANG_UP_SECONDS, partial(self._land, connection))

    def _land(self, connection: _Connection) -> None:
        """End a request: answered, refused, closed by the client, or after its time."""
        if connection not in self._connections:
            return
        answered = connection.fate == ANSWERS
        failure = FetchError("connect" if connection.fate == REFUSES else "connect-timeout")
        self._result = connection.endpoint.document if answered else failure
        connection.work()
        self._close(connection)
        waiting, self._waiting = self._waiting, {}
        for on_room in waiting:
            on_room()
        if self._next_hit >= 0:
            self._look_ahead()

    def _close(self, connection: _Connection) -> None:
        del self._connections[connection]
        if connection.fate == SILENT:
            connection.endpoint.hung_up()


class _Connection:
    """One request on its way."""

    __slots__ = ("endpoint", "fate", "work")

    def __init__(self, endpoint: Endpoint, work: Callable[[], None], fate: str) -> None:
        self.endpoint = endpoint
        self.work = work
        self.fate = fate


class _Caller:
    """One caller in `resolve` or `warming`. It continues when its condition is met, or on time-out."""

    __slots__ = ("_begun", "_kid", "_machine", "_steps", "_then", "_turn", "_without_keys")

    def __init__(
        self,
        machine: Machine,
        kid: str,
        steps: Generator[Any, None, object],
        then: Callable[[], None] | None = None,
    ) -> None:
        self._machine = machine
        self._kid = kid
        self._steps = steps
        self._then = then
        self._begun = machine.world.now
        self._without_keys = machine.without_keys
        self._turn = 0
        self._step()

    def _step(self) -> None:
        wait = None
        try:
            while wait is None:
                wait = next(self._steps)
        except StopIteration:
            self._done(200)
        except KeyUnknown:
            self._done(401)
        except KeysUnavailable:
            self._done(503)
        else:
            self._turn += 1
            world, go_on = self._machine.world, partial(self._go_on, self._turn)
            wait[0].add_done_callback(lambda _: world.at(world.now, go_on))
            world.at(world.now + wait[1], go_on)

    def _go_on(self, turn: int) -> None:
        if turn == self._turn:
            self._step()

    def _done(self, status: int) -> None:
        machine, self._turn = self._machine, -1
        if self._then is not None:
            self._then()
        else:
            waited = machine.world.now - self._begun
            machine.note(Outcome(self._begun, waited, status, self._kid, self._without_keys))


def _drop(events: Collection[Event]) -> None:
    """Discard the events."""


def _plausible() -> bool:
    """Treat forged tokens as plausible, too."""
    return True
