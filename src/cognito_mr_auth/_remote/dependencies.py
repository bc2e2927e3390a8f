"""What a key set depends on: settings, clocks, and access to threads, the network, the disk and events.

This module has the interfaces alone. Tests pass their own.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from cognito_mr_auth._base.clock import Clock
from cognito_mr_auth._base.named_tuple import NamedTuple
from cognito_mr_auth._jwks.model import CacheLifetimes, KeyFileContents, KeySetConfig
from cognito_mr_auth.events import Event

from .cancel_scope import CancelScope
from .clocks import monotonic

__all__ = ["Dependencies", "Fetch", "ThreadStarter"]


class Fetch(Protocol):
    """Fetches documents, as `fetch.JWKSFetcher` does. The caller's thread prepares; a call has its own."""

    def prepare_steps(self, urls: Iterable[str]) -> Iterable[None]:
        """Load what a fetch of these URLs needs, one part before each item."""

    def __call__(self, url: str, scope: CancelScope) -> bytes:
        """The document, or FetchError: at the scope's deadline, or soon after it is cancelled."""


class ThreadStarter(Protocol):
    """Starts threads, as `threads.FetchThreads` does."""

    def start(
        self,
        host: str,
        endpoint: object,
        name: str,
        work: Callable[[], None],
        *,
        background: bool,
        on_room: Callable[[], None],
    ) -> bool:
        """Run `work` on a thread of its own. False if no slot is free; `on_room` is called when one is."""


def _uniform() -> float:
    """A number from 0 to 1. `random`, which has one too, would take half a millisecond of every import."""
    return int.from_bytes(os.urandom(6), "big") / (1 << 48)


def _save_nothing(_config: KeySetConfig, _contents: KeyFileContents) -> Collection[Event]:
    return ()


class Dependencies(NamedTuple):
    """What all key sets of one verifier share."""

    lifetimes: CacheLifetimes
    clock: Clock
    fetch: Fetch
    threads: ThreadStarter
    emit: Callable[[Collection[Event]], None]
    region: str | None = None
    save: Callable[[KeySetConfig, KeyFileContents], Collection[Event]] = _save_nothing
    rng: Callable[[], float] = _uniform
    monotonic: Callable[[], float] = monotonic
