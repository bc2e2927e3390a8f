"""Events, handed to a user's hook and to the standard logger (H3, B1).

Owns who hears of what: the hook gets every event, the loggers `cognito_mr_auth.keys` and `.hooks` a record of
it (see `records`). What a hook or a handler of the logger raises is counted and swallowed, and is told to the
other of the two. Imports no logging until there is something to say.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Container, Mapping
from typing import Any, Protocol

from cognito_mr_auth._base.clock import Clock, Instant, elapsed
from cognito_mr_auth._jwks.reachability import Outlook
from cognito_mr_auth.events import EndpointDisabled, EndpointDown, EndpointUp, Event, HookFailed

from .flapping import Flapping
from .raised import Raised, name_of
from .records import DEBUG, HOOKS, KEYS, WARNING, Record, record_of

__all__ = ["EventDispatcher", "HasOutlook", "OnEvent"]

# One record and one event of a hook that fails: a store that is away fails a thousand requests a second.
HOOK_SECONDS = 60.0
# Hooks that are remembered one by one, because a program may give each of its functions a new name.
MAX_HOOKS = 128


class OnEvent(Protocol):
    """A user's hook: called with one frozen event at a time, on any thread."""

    def __call__(self, event: Event, /) -> object: ...


class HasOutlook(Protocol):
    """A pool's keys, as far as a record tells of them."""

    def outlook(self, now: Instant, /) -> Outlook:
        """What the pool still has while an endpoint is away."""


class _Failing:
    """One hook that has failed."""

    __slots__ = ("count", "told")

    def __init__(self) -> None:
        self.count = 0
        self.told: Instant | None = None


class EventDispatcher:
    """Hands events to the hook and to the loggers; counts what hooks raise.

    `pools` are the verifier's, by the name that events give as `provider`.
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
        self._pools = pools
        self._modules = modules
        self._warned: set[tuple[str, str]] = set()  # disabled replicas: of the configuration, so few
        self._flapping = Flapping()
        self._hooks: dict[tuple[str, str], _Failing] = {}
        self.failures = 0
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """In the constructor, and in a forked child, whose parent may have held the lock (F)."""
        # Reentrant, because a signal's handler may verify a token on the thread that holds it.
        self._lock = threading.RLock()

    def __call__(self, events: Collection[Event]) -> None:
        for event in events:
            # Two deliveries, so that the hook gets its event even if a handler of the logger raises.
            try:
                self._log(event)
            except Exception as error:  # noqa: BLE001 - H3: a handler of the application may raise anything
                self._failed("logging", KEYS, Raised.of(error))
            self._tell(event)

    def hook_failed(self, hook: str, function: object, raised: Raised) -> None:
        """A function of the user's, which was given as `hook`, has raised or given no answer."""
        self._failed(hook, name_of(function), raised)

    # -- the hook -------------------------------------------------------------------------------

    def _tell(self, event: Event) -> None:
        if self._on_event is None:
            return
        try:
            self._on_event(event)
        except Exception as error:  # noqa: BLE001 - H3: counted and swallowed
            self._failed("on_event", name_of(self._on_event), Raised.of(error))

    def tell_outcome(self, on_outcome: Callable[[Any], object], outcome: Any) -> None:
        """Call that hook, which changes no outcome (H3)."""
        try:
            on_outcome(outcome)
        except Exception as error:  # noqa: BLE001 - H3
            self._failed("on_outcome", name_of(on_outcome), Raised.of(error))

    def _failed(self, hook: str, name: str, raised: Raised) -> None:
        event = self._counted(hook, name, raised)
        if event is None:
            return
        if hook != "logging":  # what failed is not told of itself
            try:
                self._write(HOOKS, event, record_of(event, frames=raised.frames))
            except Exception as error:  # noqa: BLE001 - H3
                self._failed("logging", HOOKS, Raised.of(error))
        if hook != "on_event":
            self._tell(event)

    def _counted(self, hook: str, name: str, raised: Raised) -> HookFailed | None:
        """The failure as an event, once a minute."""
        now = self._clock()
        with self._lock:
            self.failures += 1
            known = (hook, name) in self._hooks or len(self._hooks) < MAX_HOOKS
            failing = self._hooks.setdefault((hook, name if known else ""), _Failing())
            failing.count += 1
            if failing.told is not None and elapsed(now, failing.told) < HOOK_SECONDS:
                return None
            failing.told = now
            return HookFailed(hook, name, raised.error, failing.count)

    # -- the loggers ----------------------------------------------------------------------------

    def _log(self, event: Event) -> None:
        now = self._clock()
        pool = self._pools.get(getattr(event, "provider", ""))
        outlook = None if pool is None else pool.outlook(now)
        with self._lock:
            told = self._flapping.told(event, now)
        if told is not None:
            self._write(KEYS, told.event, record_of(told.event, outlook, swallowed=told.swallowed))
            if told.event is event:
                return
        record = record_of(event, outlook)
        if isinstance(event, (EndpointDown, EndpointUp)):  # it flaps
            record = record._replace(level=DEBUG)
        elif isinstance(event, EndpointDisabled) and self._is_news(event):
            record = record._replace(level=WARNING)
        self._write(KEYS, event, record)

    def _is_news(self, event: EndpointDisabled) -> bool:
        """Whether a replica is not enabled, for the first time: somebody has named it (K5)."""
        where = (event.provider, event.url)
        if event.kind == "updated" or where in self._warned:
            return False
        self._warned.add(where)
        return True

    def _write(self, name: str, event: Event, record: Record) -> None:
        # While nobody has imported `logging`, nobody has asked for records below WARNING.
        if record.level < WARNING and "logging" not in self._modules:
            return
        import logging

        logger = logging.getLogger(name)
        if logger.isEnabledFor(record.level):
            logger.log(record.level, record.template, *record.args, extra=record.fields_of(event))
