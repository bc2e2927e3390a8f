"""The loss of a Region under load: 2,000 requests, a primary that hangs, a rotation, a killed worker.

Owns the schedule, the clients and the tally. Knows no server: it is given a URL and how to kill a worker.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import httpx

from cognito_mr_auth.testing import FakeUserPool, SigningKey

PHASES = ("all well", "the primary hangs", "keys rotated", "worker killed")
# The numbers: events between requests 500/501, 1,000/1,001 and 1,500/1,501.
REQUESTS_PER_PHASE = 500
CLIENTS = 8
# So that each phase outlasts refresh_after (1 s) and revalidate_after (2 s).
PHASE_SECONDS = 2.5
REFRESH_AFTER, REVALIDATE_AFTER = 1.0, 2.0
# Longer than anything may take, so that a hang is seen and not waited for.
CALLER_WAIT_SECONDS = 10.0
MAX_RETRIES = 20

KINDS = ("original", "replica", "updated")


class Shot(NamedTuple):
    """One request to be sent: which kind of token, and the status that is right."""

    kind: str
    token: str
    right: int


class Hit(NamedTuple):
    """What came of a shot. `status` 0: no answer in time; `retries` after connection errors alone."""

    shot: Shot
    phase: str
    status: int
    seconds: float
    retries: int
    worker: int | None


class Tally(list[Hit]):
    """All hits, and how to count and print them."""

    def wrong(self, phase: str | None = None) -> list[Hit]:
        """Those whose status is not the right one."""
        return [hit for hit in self if hit.status != hit.shot.right and phase in (None, hit.phase)]

    def wrongly_refused(self, phase: str) -> int:
        """How many valid tokens of a phase were not accepted."""
        return sum(hit.shot.right == 200 for hit in self.wrong(phase))

    def let_in(self) -> int:
        """How many forged tokens were accepted."""
        return sum(hit.status == 200 != hit.shot.right for hit in self)

    @property
    def slowest(self) -> float:
        """Seconds of the slowest answer."""
        return max(hit.seconds for hit in self)

    def workers(self, phase: str) -> set[int]:
        """The workers that accepted tokens in a phase."""
        return {hit.worker for hit in self if hit.phase == phase and hit.worker is not None}

    def __str__(self) -> str:
        counts = Counter((hit.phase, hit.shot.kind, hit.status) for hit in self.wrong())
        return (
            f"{len(self)} requests, {sum(h.status == 200 for h in self)} accepted, "
            f"{sum(h.status == 401 for h in self)} refused, {len(self.wrong())} wrong {dict(counts)}, "
            f"{sum(h.retries for h in self)} retried, slowest {self.slowest:.2f} s, "
            f"in all {sum(h.seconds for h in self):.1f} client seconds"
        )


# --- What is sent


def shots(pool: FakeUserPool, count: int, *, old: SigningKey | None = None) -> list[Shot]:
    """Tokens of every issuer, each one new, with a forged one in every four.

    `old`: a key that was rotated away and is still listed; it signs one in four of the valid ones.
    """
    makers: list[Callable[[int], Shot]] = [*(_valid(pool, kind, old) for kind in KINDS), _forged(pool)]
    return [makers[at % len(makers)](at // len(makers)) for at in range(count)]


def _valid(pool: FakeUserPool, kind: str, old: SigningKey | None) -> Callable[[int], Shot]:
    def make(at: int) -> Shot:
        if old is not None and at % 4 == 3:
            token = pool.access_token(issuer=kind, subject=f"user {at}", signed_by=old)
            return Shot(f"{kind}, old key", token, 200)
        if at % 4 == 1:
            return Shot(f"{kind}, machine", pool.machine_token(issuer=kind), 200)
        return Shot(kind, pool.access_token(issuer=kind, subject=f"user {at}"), 200)

    return make


def _forged(pool: FakeUserPool) -> Callable[[int], Shot]:
    """Forged in ways that the keys at hand decide.

    A kid that nobody lists is left out where the claims are plausible: whether the hanging endpoint
    has it cannot be known, so that is a 503 by design (R3), and it has a test of its own.
    """
    ways: dict[str, Callable[[str], str]] = {
        "another key": lambda kind: pool.access_token(issuer=kind, signed_by="foreign"),
        "another signature": lambda kind: _swapped(
            pool.access_token(issuer=kind), pool.access_token(issuer=kind, subject="eve")
        ),
        "another app's, unlisted kid": lambda kind: pool.access_token(
            issuer=kind, client_id="2another3456789", signed_by="unknown"
        ),
        "another pool's": lambda kind: pool.access_token(
            issuer=kind, claims={"iss": "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_Other0001"}
        ),
        "expired, another key": lambda kind: pool.access_token(
            issuer=kind, signed_by="foreign", expires_in=-60
        ),
    }
    names = list(ways)

    def make(at: int) -> Shot:
        name = names[at % len(names)]
        return Shot(f"forged: {name}", ways[name](KINDS[at % len(KINDS)]), 401)

    return make


def _swapped(token: str, other: str) -> str:
    """A good token under another good token's signature."""
    return f"{token.rpartition('.')[0]}.{other.rpartition('.')[2]}"


# --- How it is sent


class Clients:
    """Eight threads, each request on a connection of its own, so that every worker gets its share."""

    def __init__(self, url: str) -> None:
        self._never = threading.Event()  # what a client waits on until its request is due
        self._threads = ThreadPoolExecutor(CLIENTS)
        self._http = httpx.Client(
            base_url=url,
            timeout=CALLER_WAIT_SECONDS,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()
        self._http.close()

    def fire(
        self,
        phase: str,
        salvo: Sequence[Shot],
        *,
        seconds: float = 0.0,
        meanwhile: tuple[int, Callable[[], object]] | None = None,
        enough: int | None = None,
    ) -> list[Hit]:
        """Send all, evenly over `seconds`, and wait for every answer.

        `meanwhile` is what happens just before one of them is sent, with others in flight. After
        `enough` valid tokens that were not accepted, the rest is not sent.
        """
        start = time.monotonic()
        missed: list[Hit] = []

        def one(at: int) -> Hit | None:
            self._never.wait(max(0.0, start + at * seconds / len(salvo) - time.monotonic()))
            if meanwhile is not None and meanwhile[0] == at:
                meanwhile[1]()
            if enough is not None and len(missed) >= enough:
                return None
            hit = self._send(phase, salvo[at])
            if hit.status != 200 == hit.shot.right:
                missed.append(hit)
            return hit

        return [hit for hit in self._threads.map(one, range(len(salvo))) if hit is not None]

    def _send(self, phase: str, shot: Shot) -> Hit:
        """One request. A connection error is sent again, a status never is."""
        for attempt in range(MAX_RETRIES):
            begun = time.monotonic()
            try:
                reply = self._http.get("/me", headers={"Authorization": f"Bearer {shot.token}"})
            except httpx.TimeoutException:
                return Hit(shot, phase, 0, time.monotonic() - begun, attempt, None)
            except httpx.TransportError:  # the worker was killed with this request in its hands
                continue
            worker = reply.json()["worker"] if reply.status_code == 200 else None
            return Hit(shot, phase, reply.status_code, time.monotonic() - begun, attempt, worker)
        return Hit(shot, phase, 0, 0.0, MAX_RETRIES, None)


def flat(parts: Iterable[Iterable[Hit]]) -> Tally:
    """All hits of several salvos."""
    return Tally(hit for part in parts for hit in part)
