"""Events, handed to a user's hook and to the standard logger (H3).

Owns what happens when the hook raises: it is counted and swallowed. Imports no logging until it logs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Protocol

from cognito_mr_auth._jwks.schedule import EXPIRED, HEALTHY, STALE
from cognito_mr_auth.events import (
    EndpointDisabled,
    Event,
    InsecureEmulator,
    KeyExposed,
    KeyFileProblem,
    KeyQuarantined,
    StateChanged,
)

__all__ = ["EventDispatcher", "OnEvent"]


class OnEvent(Protocol):
    """A user's hook: called with one frozen event at a time, on any thread."""

    def __call__(self, event: Event, /) -> object: ...


# What an operator has heard of, so that its end is news; "empty" is how every process begins.
UNHEALTHY = frozenset({EXPIRED, STALE})

# Events that the standard logger gets too: changes of state that an operator may have to act on.
_LOGGED = (
    EndpointDisabled,
    InsecureEmulator,
    KeyExposed,
    KeyFileProblem,
    KeyQuarantined,
    StateChanged,
)


class EventDispatcher:
    """Hands events to the hook and to the logger; counts what they raise."""

    def __init__(self, on_event: OnEvent | None) -> None:
        self._on_event = on_event
        self._warned: set[tuple[str, str]] = set()  # disabled replicas: of the configuration, so few
        self.failures = 0

    def __call__(self, events: Collection[Event]) -> None:
        for event in events:
            # Two deliveries, so that the hook gets its event even if a handler of the logger raises.
            if isinstance(event, _LOGGED):
                self.call(self._log, event)
            if self._on_event is not None:
                self.call(self._on_event, event)

    def call(self, hook: Callable[[Any], object], value: Any) -> None:
        """Call a hook with what it is for. What it raises is counted and swallowed."""
        try:
            hook(value)
        except Exception:  # noqa: BLE001 - H3: counted and swallowed
            self.failures += 1

    def _log(self, event: Event, /) -> None:
        import logging

        logging.getLogger("cognito_mr_auth").log(self._level(event), "%s", event)

    def _level(self, event: Event) -> int:
        """DEBUG for what a healthy process does, INFO for what is over, WARNING for the rest (B1)."""
        debug, info, warning = 10, 20, 30  # logging's own
        if isinstance(event, EndpointDisabled):
            # An hour later it is asked again, and is no news.
            if event.kind == "updated" or (event.provider, event.url) in self._warned:
                return debug
            self._warned.add((event.provider, event.url))
        elif isinstance(event, StateChanged) and event.after in HEALTHY:
            return info if event.before in UNHEALTHY else debug
        return warning
