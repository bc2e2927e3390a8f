"""Passes events to a user's hook and to the standard logger (H3, B1).

The hook gets every event, the loggers get a record of it (see `event_log`). What a hook or a handler of the
logger raises is counted and swallowed, and is reported to the other of the two.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from typing import Any, Protocol

from cognito_mr_auth._base.clock import Clock, Instant, elapsed
from cognito_mr_auth.events import Event, HookFailed

from .event_log import EventLog, HasOutlook
from .raised import Raised, name_of

__all__ = ["EventDispatcher", "OnEvent"]

# The pause between two reports on a hook that fails. If a store is down, a thousand requests a second fail.
HOOK_SECONDS = 60.0
# The number of hooks that are counted one by one. A program may give each of its functions a new name.
MAX_HOOKS = 128


class OnEvent(Protocol):
    """A user's hook. It is called with one frozen event at a time, on any thread."""

    def __call__(self, event: Event, /) -> object: ...


class _Failing:
    """One hook that has failed."""

    __slots__ = ("count", "logged")

    def __init__(self) -> None:
        self.count = 0
        self.logged: Instant | None = None


class EventDispatcher:
    """Passes events to the hook and to the loggers, and counts what hooks raise.

    `pools` are the verifier's pools by ID, as an event's `provider` names them.
    """

    def __init__(
        self,
        on_event: OnEvent | None,
        clock: Clock,
        pools: Mapping[str, HasOutlook],
        modules: Container[str] = sys.modules,
    ) -> None:
        self._on_event = on_event
        self._clock = clock
        self._log = EventLog(pools, modules)
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Start anew, in the constructor and in a forked child, whose parent may have held the lock (F).

        Failures in the parent are reported by the parent.
        """
        self._hooks: dict[tuple[str, str], _Failing] = {}
        self.failures = 0
        # Reentrant, because a signal's handler may verify a token on the thread that holds it.
        self._lock = threading.RLock()
        self._log.reset_after_fork()

    def __call__(self, events: Collection[Event]) -> None:
        for event in events:
            # They are two deliveries, so that the hook gets its event even if a handler of the logger raises.
            self._write(event)
            self._tell(event)

    def hook_failed(self, hook: str, function: object, raised: Raised) -> None:
        """Note that a user's function, which was given as `hook`, raised or gave no valid answer."""
        self._failed(hook, name_of(function), raised)

    # -- the hook -------------------------------------------------------------------------------

    def _tell(self, event: Event) -> None:
        if self._on_event is None:
            return
        try:
            self._on_event(event)
        except Exception as error:  # noqa: BLE001 - H3: it is counted and swallowed
            self._failed("on_event", name_of(self._on_event), Raised.of(error))

    def tell_outcome(self, on_outcome: Callable[[Any], object], outcome: Any) -> None:
        """Call the hook `on_outcome`, which changes no outcome (H3)."""
        try:
            on_outcome(outcome)
        except Exception as error:  # noqa: BLE001 - H3
            self._failed("on_outcome", name_of(on_outcome), Raised.of(error))

    def _failed(self, hook: str, name: str, raised: Raised) -> None:
        event = self._counted(hook, name, raised)
        if event is None:
            return
        if hook != "logging":  # a failed logger or hook gets no report on itself
            self._write(event, raised.frames)
        if hook != "on_event":
            self._tell(event)

    def _counted(self, hook: str, name: str, raised: Raised) -> HookFailed | None:
        """The failure as an event, at most once a minute."""
        now = self._clock()
        with self._lock:
            self.failures += 1
            known = (hook, name) in self._hooks or len(self._hooks) < MAX_HOOKS
            failing = self._hooks.setdefault((hook, name if known else ""), _Failing())
            failing.count += 1
            if failing.logged is not None and elapsed(now, failing.logged) < HOOK_SECONDS:
                return None
            failing.logged = now
            return HookFailed(hook, name, raised.error, failing.count)

    # -- the loggers ----------------------------------------------------------------------------

    def _write(self, event: Event, frames: Sequence[str] = ()) -> None:
        try:
            self._log.write(event, self._clock(), frames)
        except Exception as error:  # noqa: BLE001 - H3: a handler of the application may raise anything
            self._failed("logging", self._log.name_of(event), Raised.of(error))
