"""A real Verifier whose threads, network, clocks and key file the state machine controls.

Owns the injected parts and the tokens, and asserts nothing. A request is pending until the machine lands it.
A caller takes a step when what it waits for has happened, as on a thread of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from functools import cache
from typing import Any

from cognito_mr_auth import Principal, UserPool, Verifier
from cognito_mr_auth._jwks.model import FetchError, KeyFileContents, KeySetConfig
from cognito_mr_auth._remote.cancel_scope import CancelScope
from cognito_mr_auth.errors import AuthError, ClaimRejected, KeysUnavailable, KeyUnknown, SignatureInvalid
from cognito_mr_auth.events import Event
from cognito_mr_auth.testing import FakeClock, FakeUserPool
from cognito_mr_auth.testing._tokens.keys import SigningKey

from .reference import Doc, Instant, Payment

CLIENT = "1example23456789"
FAKES = FakeUserPool("us-west-2_Aaaaaaaaa"), FakeUserPool("eu-west-1_Bbbbbbbbb")
# Materials 0 to 4 are the first pool's, 5 to 8 the second's; both pools use the same kids (T2).
MATERIALS = range(5), range(5, 9)
KEYS = tuple(SigningKey(f"material-{number}") for number in range(9))
FAR = 253402300000

ACCEPTED, REJECTED, FORGED = "accepted", "rejected", "forged"  # signed by the key; for another client; not
UNKNOWN, DOWN, WAITING = "unknown", "down", "waiting"


@cache
def token(pool: int, kid: str, material: int, *, plausible: bool = True) -> str:
    """A token of that pool, signed with that material; one that is not plausible is another client's."""
    fake = FAKES[pool]
    claims = {
        "iss": fake.issuer(),
        "sub": "alice",
        "token_use": "access",
        "client_id": CLIENT if plausible else "another",
        "iat": 0,
        "exp": FAR,
    }
    return fake.sign(None, claims, key=KEYS[material].under(kid))


@cache
def member(kid: str, material: int, *, private: bool) -> str:
    """A JWK as text."""
    return json.dumps(KEYS[material].under(kid).jwk(private=private))


def served(doc: Doc) -> bytes:
    """The JWKS document."""
    keys = (member(kid, material, private=kid in doc.private) for kid, material in doc.keys.items())
    return f'{{"keys": [{", ".join(keys)}]}}'.encode()


class Request:
    """A request whose thread lives; `number` counts its pool's requests."""

    def __init__(
        self, pool_id: str, url: str, work: Any, number: int, monotonic: float, *, background: bool
    ) -> None:
        self.pool_id = pool_id
        self.url = url
        self.work: Callable[[], None] = work
        self.number = number
        self.background = background
        self.begun: Instant = work._attempt.begun
        self.monotonic = monotonic  # when it began
        self.paid = work._attempt.payment is not None
        self.connection: CancelScope = work._attempt.connection
        # What the judge notes.
        self.counted = False  # it has counted as a failure
        self.payment: Payment | None = None  # that waits for it
        self.asked_for: Payment | None = None  # that it was begun for

    @property
    def hung_up(self) -> bool:
        """Whether the library has given it up."""
        return self.connection.hung_up

    def silent_for(self, monotonic: float) -> float:
        """Seconds since its last byte, or its begin."""
        return monotonic - max(self.monotonic, self.connection.last_byte or 0.0)


class World:
    """The threads, the network, the clocks and the disk of one process."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.requests: list[Request] = []
        self.request_counts: dict[str, int] = {}
        self.full: set[str] = set()  # hosts all whose threads other pools have
        self.refused: list[tuple[str, str]] = []  # pool and URL for which there was no thread
        self.on_room: dict[str, dict[Callable[[], None], None]] = {}  # by host
        self.saved: dict[str, KeyFileContents] = {}
        self.answer: bytes | FetchError = b""

    def monotonic(self) -> float:
        """Real seconds: the monotonic clock."""
        return self.clock.monotonic

    # ---- the threads (F: two per endpoint; sixteen per host, of them twelve for first attempts)

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
        """Keep the work until the machine lands it."""
        pool_id, url = endpoint
        assert host == url.split("/")[2], "F: counted for another host"
        at_host = [request for request in self.requests if request.url.split("/")[2] == host]
        mine = sum(request.url == url for request in at_host)
        most = 16 if mine else 8 if background else 12
        if host in self.full or len(at_host) >= most or mine >= 2:
            self.refused.append((pool_id, url))
            self.on_room.setdefault(host, {})[on_room] = None
            return False
        self.request_counts[pool_id] = number = self.request_counts.get(pool_id, 0) + 1
        self.requests.append(Request(pool_id, url, work, number, self.clock.monotonic, background=background))
        return True

    def make_room(self, host: str) -> None:
        """A thread of this host has ended: tell those who wait, each once."""
        waiting = self.on_room.get(host, {})
        for on_room in tuple(waiting):
            if host not in self.full:
                del waiting[on_room]
                on_room()

    def forget(self) -> None:
        """A fork, or a new process: the threads and those who wait for one are not here."""
        self.requests.clear()
        self.on_room.clear()
        self.full.clear()

    # ---- the network

    def prepare_steps(self, urls: Iterable[str]) -> Iterable[None]:
        """Nothing to load."""
        return ()

    def __call__(self, url: str, scope: object) -> bytes:
        """The answer that the machine has set."""
        if isinstance(self.answer, FetchError):
            raise self.answer
        return self.answer

    def land(self, request: Request, answer: bytes | FetchError) -> None:
        """The request ends; its thread does what follows from that, and ends."""
        self.answer = answer
        request.work()
        self.requests.remove(request)
        self.make_room(request.url.split("/")[2])

    def receive(self, request: Request) -> None:
        """Bytes come for this request."""
        connection = request.connection
        connection.first_byte = connection.first_byte or self.clock.monotonic
        connection.last_byte = self.clock.monotonic

    # ---- events and the disk

    def emit(self, events: Collection[Event]) -> None:
        """Drop the events, because their log lines would hide a machine's failure."""

    def save(self, config: KeySetConfig, contents: KeyFileContents) -> Collection[Event]:
        """Keep what would be written."""
        self.saved[config.provider] = contents
        return ()


class Rigged(Verifier):
    """A Verifier that lives in a World."""

    def __init__(self, world: World, *pools: UserPool, **options: Any) -> None:
        self._world = world
        super().__init__(*pools, token_use="access", clock=world.clock, **options)

    def _add(self, pool: UserPool, dependencies: Any, token_use: str, leeway: float) -> None:
        world = self._world
        rigged = dependencies._replace(
            threads=world,
            fetch=world,
            emit=world.emit,
            save=world.save,
            monotonic=world.monotonic,
            rng=lambda: 0.5,
            region=None,
        )
        super()._add(pool, rigged, token_use, leeway)


class Waiter:
    """One caller with a token, which takes a step when the machine says so."""

    def __init__(self, verifier: Rigged, world: World, pool: int, text: str, timeout: float) -> None:
        self.pool = pool
        self.world = world
        self.timeout = timeout
        self.deadline = world.monotonic() + timeout
        self.came = world.request_counts.get(FAKES[pool].user_pool_id, 0)
        self.begin: Callable[[], Any] = lambda: verifier._verification(text, None, timeout)
        self.steps: Any = None
        self.future: Any = None
        self.wake = 0.0
        self.turns = 0
        self.outcome = WAITING

    @property
    def arriving(self) -> bool:
        """Whether it has not waited yet."""
        return self.turns <= 1

    def due(self) -> bool:
        """Whether it wakes now."""
        return (self.future is not None and bool(self.future.done())) or self.world.monotonic() >= self.wake

    def step(self) -> str:
        """Go on until it waits or ends."""
        self.turns += 1
        try:
            if self.steps is None:
                done = self.begin()
                if isinstance(done, Principal):
                    return self._end(ACCEPTED)
                self.steps = done
            self.future, seconds = next(self.steps)
        except StopIteration:
            return self._end(ACCEPTED)
        except AuthError as error:
            return self._end(VERDICTS[type(error)])
        self.wake = self.world.monotonic() + seconds
        return WAITING

    def _end(self, outcome: str) -> str:
        self.outcome = outcome
        return outcome


# Any other error is a KeyError here.
VERDICTS: dict[type[AuthError], str] = {
    KeyUnknown: UNKNOWN,
    SignatureInvalid: FORGED,
    ClaimRejected: REJECTED,
    KeysUnavailable: DOWN,
}
