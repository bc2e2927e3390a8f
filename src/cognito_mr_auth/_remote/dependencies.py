"""What a key set depends on: settings, clocks, and the ways to threads, the network, the disk and events.

Owns the interfaces alone; tests pass their own.
"""

from collections.abc import Callable, Collection, Iterable
from random import random
from time import monotonic
from typing import NamedTuple, Protocol

from cognito_mr_auth._base.clock import Clock
from cognito_mr_auth._jwks.model import CacheLifetimes, KeyFileEntry, KeySetConfig
from cognito_mr_auth.events import Event

__all__ = ["Dependencies", "Fetch", "ThreadStarter"]


class Fetch(Protocol):
    """What fetches; `fetch.JWKSFetcher` is one. `prepare` runs on the caller's thread, a call on its own."""

    def prepare(self, urls: Iterable[str]) -> None:
        """Load whatever a fetch of these URLs needs."""

    def __call__(self, url: str, seconds: float) -> bytes:
        """The document, or FetchError."""


class ThreadStarter(Protocol):
    """What starts threads; `threads.FetchThreads` is one."""

    def start(self, endpoint: object, name: str, work: Callable[[], None], *, background: bool) -> str:
        """Run `work` on a thread of its own: STARTED, BUSY or FULL (see `threads`)."""


def _save_nothing(_config: KeySetConfig, _entries: Collection[KeyFileEntry]) -> Collection[Event]:
    return ()


class Dependencies(NamedTuple):
    """What all key sets of one verifier share."""

    lifetimes: CacheLifetimes
    clock: Clock
    fetch: Fetch
    threads: ThreadStarter
    emit: Callable[[Collection[Event]], None]
    region: str | None = None
    save: Callable[[KeySetConfig, Collection[KeyFileEntry]], Collection[Event]] = _save_nothing
    rng: Callable[[], float] = random
    monotonic: Callable[[], float] = monotonic
