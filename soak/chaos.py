"""Episodes: which Regions fail, and how, and what happens meanwhile. One after the other, from one seed.

Owns the rules that make every answer judgeable. At least one endpoint answers, except in a whole outage.
From one episode to the next, one of those that answer goes on answering. A whole outage begins only when
every worker has keys, and no worker is killed in it.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from cognito_mr_auth import Verifier
from cognito_mr_auth.testing import FakeEndpoint, FakeEndpoints, FakeUserPool, FaultMode

from .load import Turn
from .truth import Judge
from .workers import Workers

__all__ = ["MODES", "Chaos"]

# How an endpoint fails. Not among them: what makes keys unusable by design (private_key, conflict).
MODES: dict[FaultMode, dict[str, Any]] = {
    "refuse": {},
    "hang": {},
    "stall": {},
    "slow": {"delay": 1.0},
    "drip": {},
    "drip_headers": {},
    "reset": {},
    "429": {"retry_after": 1},
    "500": {},
    "503": {},
    "redirect": {},
    "garbage": {},
    "html": {},
    "empty": {},
    "truncated": {},
    "huge": {},
    "gzip": {},
    "empty_keys": {},
    "old_keys": {},
}
SECONDS = (2.0, 5.0)
# How many Regions fail: none, one, two, all.
WEIGHTS = (25, 35, 25, 15)
ADOPTION_SECONDS = 30.0
# A call waits two seconds at most; after that no call uses the previous verifier.
HANDOVER_SECONDS = 3.0
KEPT_KEYS = 3


class Chaos:
    """Runs the episodes; `run` returns when they are over."""

    def __init__(
        self,
        pool: FakeUserPool,
        endpoints: FakeEndpoints,
        workers: Workers,
        judge: Judge,
        turn: Turn,
        restarted: Callable[[], Verifier],
        seed: int,
    ) -> None:
        self._pool, self._endpoints, self._workers = pool, list(endpoints), workers
        self._judge, self._turn, self._restarted = judge, turn, restarted
        self._dice = random.Random(seed)
        self._failing: set[FakeEndpoint] = set()
        self._lagging: set[str] = set()
        self._rotated: list[str] = []
        self.counts: dict[str, int] = {}

    def run(self, seconds: float, over: threading.Event) -> None:
        """Episode after episode, until the time has come; everything is healed at the end."""
        until = time.monotonic() + seconds
        try:
            while not over.is_set() and (left := until - time.monotonic()) > 0:
                self._episode(min(left, self._dice.uniform(*SECONDS)), over)
        finally:
            for endpoint in self._endpoints:
                endpoint.heal()

    def _episode(self, seconds: float, over: threading.Event) -> None:
        count = self._dice.choices(range(4), WEIGHTS)[0]
        count = min(count, len(self._endpoints))
        if count == len(self._endpoints) and not self._all_have_keys(over):
            count = 1
        self._fail(self._chosen(count))
        self._note(f"{count} of {len(self._endpoints)} fail")
        over.wait(seconds / 2)
        self._act(whole_outage=count == len(self._endpoints))
        over.wait(seconds / 2)

    def _chosen(self, count: int) -> set[FakeEndpoint]:
        """The endpoints to fail next; one that answers now goes on, unless all fail or none answers."""
        if count == len(self._endpoints):
            return set(self._endpoints)
        well = [each for each in self._endpoints if each not in self._failing] or self._endpoints
        kept = self._dice.choice(well)
        return set(self._dice.sample([each for each in self._endpoints if each is not kept], count))

    def _fail(self, chosen: set[FakeEndpoint]) -> None:
        # A lagging replica has listed withdrawn keys until now.
        for kid in self._lagging & set(self._judge.gone):
            self._judge.withdrawn(kid)
        self._lagging = set()
        for endpoint in self._failing - chosen:
            endpoint.heal()
        for endpoint in chosen:
            mode = self._dice.choice(list(MODES))
            endpoint.fail(mode, **MODES[mode])
            if mode == "old_keys":
                self._lagging |= {key.kid for key in self._pool.keys}
        self._failing = chosen

    def _all_have_keys(self, over: threading.Event) -> bool:
        """Wait until every worker, and the verifier here, has accepted a token; whether they have."""
        deadline = time.monotonic() + ADOPTION_SECONDS
        while time.monotonic() < deadline and not over.is_set():
            by = [self._turn.now[0], *(f"worker {pid}" for pid in self._workers.pids)]
            if all(map(self._judge.knows, by)):
                return True
            over.wait(0.1)
        return False

    # ---- what happens in an episode

    def _act(self, *, whole_outage: bool) -> None:
        acts: list[tuple[int, str, Callable[[], None]]] = [
            (45, "nothing", lambda: None),
            (20, "keys rotated", self._rotate),
            (10, "key withdrawn", self._withdraw),
            (15, "restart from the key file", self._restart),
            (0 if whole_outage else 10, "worker killed", self._kill),
        ]
        _, name, act = self._dice.choices(acts, [weight for weight, _, _ in acts])[0]
        self._note(name)
        act()

    def _rotate(self) -> None:
        # No token of an ID key is sent, and a document may list 32 keys (F): ten minutes rotate as often.
        unused = self._pool.id_key.kid
        self._pool.rotate()
        self._pool.withdraw(unused)
        self._judge.published(self._pool.access_key.kid)
        self._rotated.append(self._pool.access_key.kid)
        if len(self._rotated) > KEPT_KEYS:
            self._withdraw()

    def _withdraw(self) -> None:
        """Withdraw the oldest key that signs no more, and never the steady one."""
        for kid in self._rotated[:-1][:1]:
            self._judge.withdrawn(kid)  # first: from now on a refusal is right
            self._pool.withdraw(kid)
            self._judge.withdrawn(kid)
            self._rotated.remove(kid)

    def _restart(self) -> None:
        """Replace the verifier by one that has nothing but the key file."""
        before = self._turn.next(self._restarted())
        closing = threading.Timer(HANDOVER_SECONDS, before.close)
        closing.start()
        closing.join()

    def _kill(self) -> None:
        self._workers.kill(self._dice.choice(self._workers.pids))

    def _note(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1
        if what != "nothing":
            modes = ", ".join(repr(each) for each in self._endpoints)
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {what}: {modes}\n")
