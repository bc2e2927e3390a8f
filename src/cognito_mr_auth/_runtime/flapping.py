"""Which changes of an endpoint are logged: one pair of down and up in five minutes (B1).

This module has that bound, and what is logged later. An endpoint that goes down and up every minute would
hide everything else. One that stays down is still logged. The caller holds a lock.
"""

from __future__ import annotations

from cognito_mr_auth._base.clock import Instant, elapsed
from cognito_mr_auth._base.named_tuple import NamedTuple
from cognito_mr_auth.events import EndpointDisabled, EndpointDown, EndpointUp, Event, FetchFailed

__all__ = ["Change", "Flapping"]

# Load balancers and Route 53 take one to three minutes to act on a change, and nobody reads more records.
PAIR_SECONDS = 300.0


class Change(NamedTuple):
    """A change to log, and how often the endpoint went down and up without a record before."""

    event: EndpointDown | EndpointUp | EndpointDisabled
    swallowed: int


class _Endpoint:
    __slots__ = ("held", "logged_down", "open", "swallowed")

    def __init__(self) -> None:
        self.logged_down: Instant | None = None  # when the last record that it is down was written
        self.held: EndpointDown | None = None  # it is down now, without a record
        self.open = False  # a record says that it is down, and none that it is up
        self.swallowed = 0


class Flapping:
    """The endpoints that have been down. There are at most as many as are configured."""

    def __init__(self) -> None:
        self._endpoints: dict[tuple[str, str], _Endpoint] = {}

    def to_log(self, event: Event, now: Instant) -> Change | None:
        """The change to log because of this event: the event itself, or a change that was held back."""
        if isinstance(event, EndpointDown):
            endpoint = self._endpoints.setdefault((event.provider, event.url), _Endpoint())
            endpoint.held = event
            return self._down(endpoint, now)
        if not isinstance(event, (EndpointUp, FetchFailed, EndpointDisabled)):
            return None
        found = self._endpoints.get((event.provider, event.url))
        if found is None:
            return None
        if isinstance(event, FetchFailed):
            return self._down(found, now)
        if found.held is not None:
            found.held = None
            found.swallowed += 1
            return None
        if not found.open:
            return None
        found.open = False
        return self._taken(event, found)

    def _down(self, endpoint: _Endpoint, now: Instant) -> Change | None:
        event, last = endpoint.held, endpoint.logged_down
        if event is None or (last is not None and elapsed(now, last) < PAIR_SECONDS):
            return None
        endpoint.held, endpoint.logged_down, endpoint.open = None, now, True
        return self._taken(event, endpoint)

    def _taken(self, event: EndpointDown | EndpointUp | EndpointDisabled, endpoint: _Endpoint) -> Change:
        change, endpoint.swallowed = Change(event, endpoint.swallowed), 0
        return change
