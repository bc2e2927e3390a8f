"""Records of events for the standard loggers `cognito_mr_auth.keys` and `.hooks` (B1).

This module decides which event is written, where, and at what level; `records` has the texts. It imports no
logging until there is a record to write.
"""

from __future__ import annotations

import threading
from collections.abc import Container, Mapping, Sequence
from typing import Protocol

from cognito_mr_auth._base.clock import Instant
from cognito_mr_auth._jwks.reachability import Outlook
from cognito_mr_auth.events import EndpointDisabled, EndpointDown, EndpointUp, Event, HookFailed

from .flapping import Flapping
from .records import DEBUG, HOOKS, KEYS, WARNING, Record, record_of

__all__ = ["EventLog", "HasOutlook"]


class HasOutlook(Protocol):
    """A pool's keys, as far as a record describes them."""

    def outlook(self, now: Instant, /) -> Outlook:
        """What the pool still has while an endpoint does not answer."""


class EventLog:
    """The loggers of one verifier's events.

    `pools` are the verifier's pools by ID, as an event's `provider` names them. `modules` are the modules
    that this process has loaded.
    """

    def __init__(self, pools: Mapping[str, HasOutlook], modules: Container[str]) -> None:
        self._pools = pools
        self._modules = modules
        self._warned: set[tuple[str, str]] = set()  # disabled replicas; few, because configured
        self._flapping = Flapping()
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """Make a new lock. A forked child calls it too, because its parent may have held the old one (F)."""
        # Reentrant, because a signal's handler may verify a token on the thread that holds it.
        self._lock = threading.RLock()

    @staticmethod
    def name_of(event: Event) -> str:
        """The logger that gets an event's record."""
        return HOOKS if isinstance(event, HookFailed) else KEYS

    def write(self, event: Event, now: Instant, frames: Sequence[str] = ()) -> None:
        """Write the record of an event. `frames` are the frames of a hook that has failed."""
        if isinstance(event, HookFailed):
            self._log(event, record_of(event, frames=tuple(frames)))
            return
        pool = self._pools.get(getattr(event, "provider", ""))
        outlook = None if pool is None else pool.outlook(now)
        with self._lock:
            change = self._flapping.to_log(event, now)
        if change is not None:
            self._log(change.event, record_of(change.event, outlook, swallowed=change.swallowed))
            if change.event is event:
                return
        record = record_of(event, outlook)
        if isinstance(event, (EndpointDown, EndpointUp)):  # the endpoint flaps
            record = record._replace(level=DEBUG)
        elif isinstance(event, EndpointDisabled) and self._is_news(event):
            record = record._replace(level=WARNING)
        self._log(event, record)

    def _is_news(self, event: EndpointDisabled) -> bool:
        """Whether this is the first time that a configured replica is not enabled (K5)."""
        where = (event.provider, event.url)
        with self._lock:  # two threads may hear of one replica
            if event.kind == "updated" or where in self._warned:
                return False
            self._warned.add(where)
        return True

    def _log(self, event: Event, record: Record) -> None:
        # If nobody has imported `logging`, nobody has configured records below WARNING.
        if record.level < WARNING and "logging" not in self._modules:
            return
        import logging

        logger = logging.getLogger(self.name_of(event))
        if logger.isEnabledFor(record.level):
            logger.log(record.level, record.template, *record.args, extra=record.fields_of(event))
