"""Which changes matter to whoever is on call: an endpoint down or up, keys stale, missing or good again (B1).

This module decides when to report them, and decides nothing about asking (see `schedule`). Pure: moments are
arguments, and events are appended to a list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from cognito_mr_auth._base.clock import Instant, elapsed
from cognito_mr_auth._base.named_tuple import NamedTuple
from cognito_mr_auth.events import EndpointDown, EndpointUp, Event, KeysStale, KeysUnusable, KeysUsable

from .schedule import HEALTHY, STALE, EndpointState

__all__ = ["EndpointOutlook", "Outlook", "Reachability", "all_fail"]

# One failure proves little, because a connection may break or a load balancer be replaced. Route 53, AWS's
# load balancers and Kubernetes act after two or three failures in a row.
FAILURES_OF_DOWN = 2

# Attempts at an endpoint that hangs end 15 s apart, and a back-off lasts up to 60 s. So the next failure of a
# row comes within this time, however short the lifetimes of keys are.
LEAST_BROKEN_OFF = 120.0

GOOD, SERVES_STALE, SERVES_NOTHING = "good", "stale", "nothing"


class EndpointOutlook(NamedTuple):
    """An endpoint as a record names it. `up`: it has answered in this process and not failed since."""

    kind: str
    region: str | None
    up: bool


class Outlook(NamedTuple):
    """What a pool still has while an endpoint does not answer.

    `age` is the age of its usable keys, and `usable_for` the seconds until they verify nothing any more. Both
    are None without such keys.
    """

    endpoints: Mapping[str, EndpointOutlook]
    age: float | None = None
    usable_for: float | None = None


class Reachability:
    """Which endpoints of a pool are down and since when, and whether its keys are stale or missing."""

    __slots__ = ("_broken_off", "_provider", "_streaks", "_troubled_since", "down", "ever_answered", "serves")

    def __init__(self, provider: str, broken_off: float) -> None:
        self._provider = provider
        # A row of failures ends after this many seconds without a request.
        self._broken_off = max(broken_off, LEAST_BROKEN_OFF)
        self.ever_answered: set[str] = set()  # the endpoints that have answered since this process began
        self._streaks: dict[str, tuple[int, Instant, Instant]] = {}  # failures in a row: count, first, last
        self.down: dict[str, Instant] = {}
        self.serves = GOOD
        self._troubled_since: Instant | None = None

    # -- endpoints ------------------------------------------------------------------------------

    def failed(
        self, url: str, reason: str, states: Mapping[str, EndpointState], now: Instant, events: list[Event]
    ) -> None:
        """Count one more failure of an endpoint."""
        count, since, last = self._streaks.get(url, (0, now, now))
        if elapsed(now, last) >= self._broken_off:  # it may have been up in between
            count, since = 0, now
        self._streaks[url] = (count + 1, since, now)
        if url in self.down:
            return
        first_fetch = url not in self.ever_answered
        if count + 1 >= FAILURES_OF_DOWN or first_fetch or self._last_one_up(url, states):
            self.down[url] = since
            events.append(EndpointDown(self._provider, url, reason, since[0]))

    def _last_one_up(self, url: str, states: Mapping[str, EndpointState]) -> bool:
        """Whether the pool has other endpoints and all are down. A pool with one endpoint has none."""
        others = [each for each, state in states.items() if each != url and not state.disabled]
        return bool(others) and all(each in self.down for each in others)

    def answered(self, url: str, now: Instant, events: list[Event]) -> None:
        """An endpoint has given a usable key set."""
        self.ever_answered.add(url)
        self._streaks.pop(url, None)
        since = self.down.pop(url, None)
        if since is not None:
            events.append(EndpointUp(self._provider, url, max(0.0, elapsed(now, since))))

    def disabled(self, url: str) -> None:
        """An endpoint has said that its issuer is not enabled, so it is neither up nor down (K5)."""
        self._streaks.pop(url, None)
        self.down.pop(url, None)

    # -- keys -----------------------------------------------------------------------------------

    def keys_in_trouble(
        self, state: str, age: float, usable_for: float, reason: str, now: Instant, events: list[Event]
    ) -> None:
        """No new keys can be had. Old keys alone are no trouble, because an idle process has them too."""
        if self.reported(state):
            return
        self.serves = serves = _serves(state)
        self._troubled_since = now
        if serves == SERVES_STALE:
            events.append(KeysStale(self._provider, age, usable_for))
        else:
            events.append(KeysUnusable(self._provider, reason))

    def reported(self, state: str) -> bool:
        """Whether an event has reported a set in that state, or none is needed. Takes no lock."""
        return _serves(state) in (GOOD, self.serves)

    def keys_are(self, state: str, now: Instant, events: list[Event]) -> None:
        """Note the state of the key set by its age, whenever it may have changed."""
        if self._troubled_since is not None and state in HEALTHY:
            seconds = max(0.0, elapsed(now, self._troubled_since))
            self.serves, self._troubled_since = GOOD, None
            events.append(KeysUsable(self._provider, seconds))


def _serves(state: str) -> str:
    if state in HEALTHY:
        return GOOD
    return SERVES_STALE if state == STALE else SERVES_NOTHING


def all_fail(states: Collection[EndpointState]) -> bool:
    """Whether every endpoint's last result was a failure, or said that its issuer is not enabled."""
    return all(each.failures or each.disabled for each in states)
