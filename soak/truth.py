"""What is right for each token at each moment, and the tally of what was answered.

Owns the judgement alone: it mints nothing and verifies nothing. A process that has once accepted a
key must accept each valid token of it. A new key has NEW_KEY_SECONDS to reach every process. A forged token,
an expired one, and one whose key was withdrawn long ago must be refused.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import NamedTuple

__all__ = ["LEEWAY", "MAX_STALE", "NEW_KEY_SECONDS", "Answer", "Judge", "Shot"]

MAX_STALE = 120.0
# R6: a failed endpoint may be in back-off for a minute. R4: the rate limit may be used up for 5 s more.
NEW_KEY_SECONDS = 70.0
LEEWAY = 1.0
# Between our look at the clock and the verifier's.
SLACK = 0.25
# What a key that is on its way may be refused with (R3, R4), and what an outage is (E).
RETRYABLE = frozenset({"key_unknown", "key_unconfirmed", "keys_unavailable", "401", "503"})
SAMPLES = 8


class Shot(NamedTuple):
    """A token: the kid of its key, its subject, its expiry (0 for one that is forged)."""

    token: str
    kid: str
    subject: str
    expires_at: float
    what: str = "valid"


class Answer(NamedTuple):
    """The outcome of a shot. `by` names the process or verifier; `said` is a subject, or a code."""

    by: str
    accepted: bool
    said: str
    begun: float
    seconds: float


class Judge:
    """Counts answers; thread-safe."""

    def __init__(self, steady: str) -> None:
        self._lock = threading.Lock()
        self._published = {steady: 0.0}  # every process has the steady key from the first
        self._withdrawn: dict[str, float] = {}
        self._known: dict[tuple[str, str], float] = {}  # since when
        self.counts: Counter[str] = Counter()
        self.slowest: dict[str, float] = {}
        self.wrong: list[str] = []
        self.slowest_adoption = 0.0
        self.slowest_withdrawal = 0.0
        self._steady = steady

    # ---- what happens

    def published(self, kid: str) -> None:
        """A new key signs from now on."""
        with self._lock:
            self._published[kid] = time.time()

    def withdrawn(self, kid: str) -> None:
        """A key is listed no longer; called again while a lagging replica lists it."""
        with self._lock:
            self._withdrawn[kid] = time.time()

    @property
    def gone(self) -> list[str]:
        """The keys that were withdrawn."""
        with self._lock:
            return list(self._withdrawn)

    def knows(self, by: str) -> bool:
        """Whether this process has accepted a token of the steady key."""
        with self._lock:
            return (by, self._steady) in self._known

    # ---- what is answered

    def hear(self, kind: str, shot: Shot, answer: Answer) -> None:
        """Count one answer; `kind` is the load that it came from."""
        with self._lock:
            self.slowest[kind] = max(self.slowest.get(kind, 0.0), answer.seconds)
            verdict = self._verdict(shot, answer)
            self.counts[f"{kind}: {verdict}"] += 1
            if verdict in ("accepted wrongly", "refused wrongly", "undocumented"):
                self.counts[verdict] += 1
                if len(self.wrong) < SAMPLES:
                    self.wrong.append(f"{verdict} by {answer.by}: {shot.what} token, {answer.said}")

    def _verdict(self, shot: Shot, answer: Answer) -> str:
        if answer.said.startswith("!"):
            return "undocumented"
        if not shot.expires_at:
            return "accepted wrongly" if answer.accepted else "refused"
        if answer.accepted:
            return self._accepted(shot, answer)
        ended = answer.begun + answer.seconds
        if ended + SLACK >= shot.expires_at:
            return "refused, expired"
        if shot.kid in self._withdrawn:
            return "refused, its key withdrawn"
        return self._refused(shot, answer)

    def _accepted(self, shot: Shot, answer: Answer) -> str:
        if answer.said != shot.subject or answer.begun >= shot.expires_at + LEEWAY + SLACK:
            return "accepted wrongly"
        now = answer.begun
        if shot.kid in self._withdrawn:
            after = now - self._withdrawn[shot.kid]
            if after > MAX_STALE + SLACK:
                return "accepted wrongly"
            self.slowest_withdrawal = max(self.slowest_withdrawal, after)
        self._known.setdefault((answer.by, shot.kid), time.time())
        return "accepted"

    def _refused(self, shot: Shot, answer: Answer) -> str:
        """A refused valid token: tolerated with a RETRYABLE code, while its key is new to this process."""
        since = answer.begun - self._published.get(shot.kid, answer.begun)
        # A call under way while another one was accepted may still be refused.
        known = answer.begun > self._known.get((answer.by, shot.kid), answer.begun)
        if known or since > NEW_KEY_SECONDS or answer.said not in RETRYABLE:
            return "refused wrongly"
        self.slowest_adoption = max(self.slowest_adoption, since)
        return "refused, its key on the way"
