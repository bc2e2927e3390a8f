"""The state of one pool's keys and endpoints, for `Verifier.health()`.

This module decides what is shown of a key set. Pure. It reads single values, which may be of two moments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cognito_mr_auth._base.clock import Instant, elapsed

from . import schedule as rules
from .key_set import KeySet
from .model import Endpoint
from .reasons import remarks_of

if TYPE_CHECKING:
    from cognito_mr_auth.health import EndpointHealth, ProviderHealth

__all__ = ["provider_health"]


def provider_health(key_set: KeySet, now: Instant) -> ProviderHealth:
    """The age of the set and the state of each endpoint. A stale set is ready, and not healthy (B3)."""
    snapshot, state, ready = key_set.snapshot, key_set.state_of(now), key_set.ready(now)
    age = None if snapshot.begun is None else max(0.0, elapsed(now, snapshot.begun))
    usable_for: float | None = 0.0
    if ready and age is not None:
        usable_for = None if snapshot.never_expires else max(0.0, key_set.lifetimes.max_stale - age)
    return {
        "state": state,
        "ready": ready,
        "healthy": ready and state in rules.HEALTHY,
        "age": age,
        "usable_for": usable_for,
        "keys": len(snapshot.keys),
        "quarantined": len(snapshot.quarantined),
        "endpoints": [_endpoint_health(key_set, each, now) for each in key_set.endpoints],
    }


def _endpoint_health(key_set: KeySet, endpoint: Endpoint, now: Instant) -> EndpointHealth:
    state = key_set.states[endpoint.url]
    last_error = "setup" if key_set.not_loaded else state.last_error
    return {
        "url": endpoint.url,
        "kind": endpoint.kind,
        "region": endpoint.region,
        "age": key_set.response_age(endpoint.url, now),
        "failures": state.failures,
        "last_error": last_error,
        "hint": remarks_of(last_error or ""),
        "down": endpoint.url in key_set.reachability.down,
        "disabled": state.disabled,
        "retry_in": rules.cooldown_left(state, now, urgent=False),
    }
