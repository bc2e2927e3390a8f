"""A verifier that the demo watches: its keys, and notes on its first answers.

Owns what is known of one verifier, from any thread. Judges nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from cognito_mr_auth import errors
from cognito_mr_auth.events import Event, FetchSucceeded, KeysChanged

from .judge import Call

__all__ = ["Subject"]

# Events follow the wake-up of the waiters, so a first response waits until its source is known.
EVENT_DELAY_S: Final = 0.5


class Subject:
    """The demo's verifier (`cold` is None), or one that starts cold under that name.

    `held` are the kids that it holds. `kind_of` returns the kind of endpoint of a URL. `answered` is called
    with the kind of each endpoint that answered.
    """

    def __init__(
        self, cold: str | None, kind_of: Callable[[str], str], answered: Callable[[str], None]
    ) -> None:
        self.cold = cold
        self.held: frozenset[str] = frozenset()
        self._began = time.monotonic()
        self._kind_of = kind_of
        self._answered = answered
        self._lock = threading.Lock()
        self._source: str | None = None
        self._source_known = threading.Event()
        self._answers = 0
        self._awaited: frozenset[str] = frozenset()
        self._ready = cold is None

    def on_event(self, event: Event) -> None:
        """The verifier's hook."""
        if isinstance(event, KeysChanged):
            self.held = (self.held | set(event.added)) - set(event.removed)
        elif isinstance(event, FetchSucceeded):
            kind = self._kind_of(event.url)
            self._source = self._source or kind
            self._source_known.set()
            self._answered(kind)

    def awaits(self, kids: frozenset[str]) -> None:
        """Note the first token that is accepted with one of these new keys."""
        self._awaited = kids

    def remark(self, call: Call, error: errors.AuthError | None, phase_began: float) -> str | None:
        """Return a note on this response that a table of counts does not show, if there is one."""
        with self._lock:
            if error is None and call.shot.kid in self._awaited:
                self._awaited = frozenset()
                after = (call.ended - phase_began) * 1000
                return f"first token of the new keys accepted after {after:.0f} ms"
            if self._ready:
                return None
            self._answers += 1
            self._ready = error is None
            first = self._answers == 1
        if error is not None:
            taken = (call.ended - call.began) * 1000
            return f"{self.cold} verifier, cold: {error.status} in {taken:.0f} ms" if first else None
        self._source_known.wait(EVENT_DELAY_S)
        source = f", keys from {self._source}" if self._source else ""
        if first:
            taken = (call.ended - self._began) * 1000
            return f"{self.cold} verifier, cold: first token after {taken:.0f} ms{source}"
        after = call.ended - phase_began
        return f"{self.cold} verifier: first token {after:.1f} s into this phase{source}"
