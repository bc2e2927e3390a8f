"""Events, handed to a user's hook and to the standard logger (H3).

Owns what happens when the hook raises: it is counted and swallowed. Imports no logging until it logs.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from cognito_mr_auth._jwks.schedule import HEALTHY
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
        self.failures = 0

    def __call__(self, events: Collection[Event]) -> None:
        for event in events:
            # Two deliveries, so that the hook gets its event even if a handler of the logger raises.
            if isinstance(event, _LOGGED):
                self._deliver(_log, event)
            if self._on_event is not None:
                self._deliver(self._on_event, event)

    def _deliver(self, hook: OnEvent, event: Event) -> None:
        try:
            hook(event)
        except Exception:  # noqa: BLE001 - H3: counted and swallowed
            self.failures += 1


def _log(event: Event, /) -> None:
    import logging

    healthy = isinstance(event, StateChanged) and event.after in HEALTHY
    level = logging.INFO if healthy else logging.WARNING
    logging.getLogger("cognito_mr_auth").log(level, "%s", event)
