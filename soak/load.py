"""The load: threads, asyncio tasks and HTTP clients that verify for as long as the soak lasts.

Owns no judgement. Each answer goes to the Judge, with the name of the verifier or worker that gave it.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import deque
from typing import Literal

import httpx

from cognito_mr_auth import Verifier
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.testing import FakeUserPool, SigningKey

from .truth import Answer, Judge, Shot

IssuerKind = Literal["original", "replica", "updated"]

__all__ = ["Supply", "Turn", "arun", "ask_over_http", "mint", "run_thread"]

KINDS: tuple[IssuerKind, ...] = ("original", "replica", "updated")
ELSEWHERE = "https://cognito-idp.us-west-2.amazonaws.com/us-west-2_Other0001"
# Seconds between two tokens: signing one takes a millisecond and a half, and most are sent several times.
MINT_PAUSE = 0.03
KEPT = 400
FORGED_SHARE = 0.25
# A kid that no endpoint lists costs a refresh (R4); with more of them a new key would have to wait.
UNLISTED_SECONDS = 20.0
THREAD_PAUSE = 0.002
TASK_PAUSE = 0.02
CLIENT_PAUSE = 0.04
TASKS = 16
CLIENT_TIMEOUT = 10.0
MAX_RETRIES = 20


class Supply:
    """Tokens to send, valid ones and forged ones; the oldest are dropped first."""

    def __init__(self, pool: FakeUserPool, steady: SigningKey) -> None:
        self.pool = pool
        self._steady = steady
        self._valid: deque[Shot] = deque(maxlen=KEPT)
        self._forged: deque[Shot] = deque(maxlen=60)
        self._lock = threading.Lock()
        self._unlisted_at = time.monotonic()
        self._number = 0
        for _ in range(60):
            self.add()

    def add(self) -> None:
        """Mint one or two more: of the steady key or today's, long or short lived, or forged."""
        self._number += 1
        at, kind = self._number, KINDS[self._number % 3]
        key = self._steady if at % 5 < 2 else self.pool.access_key
        life = 4 + at % 5 if at % 4 == 0 else 3600
        subject = f"user {at}"
        token = self.pool.access_token(issuer=kind, subject=subject, expires_in=life, signed_by=key)
        self._valid.append(Shot(token, key.kid, subject, int(time.time()) + life, "valid"))
        if at % 8 == 0:
            self._forged.append(self._forgery(at // 8, kind))

    def _forgery(self, at: int, kind: str) -> Shot:
        pool, subject = self.pool, f"forged {at}"
        ways: list[tuple[str, dict[str, object]]] = [
            ("foreign key", {"signed_by": "foreign"}),
            ("altered", {"malformed": "altered_payload"}),
            ("another client's", {"client_id": "2another3456789"}),
            ("expired", {"expires_in": -60}),
            ("unsigned", {"malformed": "alg_none"}),
            ("another pool's", {"claims": {"iss": ELSEWHERE}}),
            ("an ID", {"claims": {"token_use": "id"}}),
        ]
        what, options = ways[at % len(ways)]
        token = pool.access_token(issuer=kind, subject=subject, **options)  # type: ignore[arg-type]
        return Shot(token, "", subject, 0.0, what)

    def pick(self, rng: random.Random) -> Shot:
        """Any of them; now and then one whose kid no endpoint lists."""
        if rng.random() < FORGED_SHARE:
            with self._lock:
                due = time.monotonic() - self._unlisted_at >= UNLISTED_SECONDS
                if due:
                    self._unlisted_at = time.monotonic()
            if due:
                token = self.pool.access_token(signed_by="unknown")
                return Shot(token, "", "", 0.0, "unlisted kid's")
            return rng.choice(list(self._forged) or list(self._valid))
        return rng.choice(list(self._valid))


class Turn:
    """The verifier in use, and its name; a restart replaces it."""

    def __init__(self, verifier: Verifier) -> None:
        self.now = ("verifier 1", verifier)
        self._count = 1

    def next(self, verifier: Verifier) -> Verifier:
        """Use this verifier from now on; returns the previous one."""
        self._count += 1
        before = self.now[1]
        self.now = (f"verifier {self._count}", verifier)
        return before


def _code(error: Exception) -> str:
    """The reason of an error; one that is not documented begins with an exclamation mark."""
    return error.reason if isinstance(error, AuthError) else f"!{type(error).__name__}: {error}"


def mint(supply: Supply, over: threading.Event) -> None:
    """Add tokens until the soak is over."""
    while not over.wait(MINT_PAUSE):
        supply.add()


def run_thread(turn: Turn, supply: Supply, judge: Judge, over: threading.Event, seed: int) -> None:
    """One thread that verifies."""
    rng = random.Random(seed)
    while not over.wait(THREAD_PAUSE):
        shot, (by, verifier) = supply.pick(rng), turn.now
        begun, clock = time.time(), time.monotonic()
        try:
            accepted, said = True, verifier.verify(shot.token).subject
        except Exception as error:  # noqa: BLE001 - whatever comes is what is looked for
            accepted, said = False, _code(error)
        judge.hear("threads", shot, Answer(by, accepted, said, begun, time.monotonic() - clock))


def arun(turn: Turn, supply: Supply, judge: Judge, over: threading.Event, seed: int) -> None:
    """A thread with an event loop of many tasks that verify."""

    async def task(number: int) -> None:
        rng = random.Random(seed + number)
        while not over.is_set():
            await asyncio.sleep(TASK_PAUSE)
            shot, (by, verifier) = supply.pick(rng), turn.now
            begun, clock = time.time(), time.monotonic()
            try:
                accepted, said = True, (await verifier.averify(shot.token)).subject
            except Exception as error:  # noqa: BLE001 - whatever comes is what is looked for
                accepted, said = False, _code(error)
            judge.hear("asyncio", shot, Answer(by, accepted, said, begun, time.monotonic() - clock))

    async def everything() -> None:
        await asyncio.gather(*(task(number) for number in range(TASKS)))

    asyncio.run(everything())


def ask_over_http(url: str, supply: Supply, judge: Judge, over: threading.Event, seed: int) -> None:
    """One client of gunicorn's workers, each request on a connection of its own."""
    rng = random.Random(seed)
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=url, timeout=CLIENT_TIMEOUT, trust_env=False, limits=limits) as client:
        while not over.wait(CLIENT_PAUSE):
            shot = supply.pick(rng)
            judge.hear("workers", shot, _sent(client, shot))


def _sent(client: httpx.Client, shot: Shot) -> Answer:
    """One request. A connection error, as of a killed worker, is sent again; a status never is."""
    headers = {"Authorization": f"Bearer {shot.token}"}
    for _ in range(MAX_RETRIES):
        begun, clock = time.time(), time.monotonic()
        try:
            reply = client.get("/", headers=headers)
        except httpx.TimeoutException:
            return Answer("a worker", False, "!timeout", begun, time.monotonic() - clock)
        except httpx.TransportError:
            continue
        by = f"worker {reply.headers.get('X-Worker', '?')}"
        accepted = reply.status_code == 200
        documented = reply.status_code in (200, 400, 401, 403, 503)
        said = reply.text if accepted else f"{'' if documented else '!'}{reply.status_code}"
        return Answer(by, accepted, said, begun, time.monotonic() - clock)
    return Answer("a worker", False, "!no connection", time.time(), 0.0)
