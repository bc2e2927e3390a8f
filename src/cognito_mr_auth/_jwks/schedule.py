"""When to ask the endpoints, and which of them: the table of R as data, and its numbers.

This module has the rules about asking. Pure: moments, states and random numbers are arguments. It holds no
lock, starts nothing, and knows no URL except those in its arguments.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from cognito_mr_auth._base.clock import Instant, elapsed
from cognito_mr_auth._base.named_tuple import NamedTuple
from cognito_mr_auth.events import State

from .model import CacheLifetimes, Endpoint, Snapshot

__all__ = [
    "ATTEMPT_SECONDS",
    "CALLER_WAIT_SECONDS",
    "GRACE_SECONDS",
    "HEALTHY",
    "HEDGE_SECONDS",
    "RECENT_SECONDS",
    "SECOND_CONNECTION_SECONDS",
    "SILENCE_SECONDS",
    "SILENT_ATTEMPT_SECONDS",
    "WARM_QUIET_SECONDS",
    "WARM_SECONDS",
    "EndpointState",
    "back_off",
    "cooldown_left",
    "decide",
    "gone",
    "jittered",
    "last_resort",
    "order",
    "retry_after",
    "state_of",
    "whole_seconds",
]

# One attempt at one endpoint. A dead name server costs glibc 5 s before it asks the next one. A link of
# 1 KB/s needs 6 to 10 s for TLS and a document. A packet that takes longer than 15 s is lost.
ATTEMPT_SECONDS = 15.0
# After this time without a byte an attempt counts as a failure, while it goes on. Powertools gives a fetch
# 3 s in all, jose and aws-jwt-verify 3 to 5 s.
SILENT_ATTEMPT_SECONDS = 5.0
# Beside an attempt without a byte, a second connection begins anew this often. The kernel repeats a lost SYN
# only after 1, 3 and 7 s, and a connection that an outage killed stays dead after the outage.
SECOND_CONNECTION_SECONDS = 1.5
# Far below API Gateway's 29 s and most clients' 10 s. A caller that waits longer has lost its client.
CALLER_WAIT_SECONDS = 2.0
# After this time without an answer only one caller waits on (W7). A cold TLS connection across an ocean takes
# about 1 s. A server whose 8 threads all wait longer looks dead to its load balancer.
SILENCE_SECONDS = 1.0
# An endpoint that answered last time and has just been asked gets this time, whatever the others do. It is
# the silence less two hedges, so that it does not delay the notice of a total outage.
GRACE_SECONDS = 0.6
# An answer or an attempt of this age still says how an endpoint is. It is two units of the rate limit. A
# load balancer takes longer to notice a failure (three checks in 15 to 30 s).
RECENT_SECONDS = 10.0
# `warm` asks every endpoint of every pool. Start-up probes allow 5 s (Kubernetes: 10 s).
WARM_SECONDS = 5.0
# A pool that has keys stops waiting for endpoints that have been silent for this long.
WARM_QUIET_SECONDS = 1.0
# It lies between the median of a healthy fetch (30 to 100 ms) and what a person notices.
HEDGE_SECONDS = 0.2
# Back-off doubles from 2 s up to 60 s, as in Powertools and in Nimbus' rate limit. Without a usable key it
# goes from 1/2 s, so that one failed connection is tried again within a caller's time, up to 2 s. A
# Retry-After header (RFC 9110 10.2.3) is honoured up to the same bounds.
MAX_BACK_OFF = 60.0
MAX_BACK_OFF_WITHOUT_KEYS = 2.0
# An issuer that is not enabled answers 403 or 404 until the pool's configuration is changed.
DISABLED_SECONDS = 3600.0
# Processes that started together must not refresh together.
JITTER = 0.1
# After an outage, all processes have asked at the same time, so they must be spread further (`make fleet`).
JITTER_AFTER_OUTAGE = 0.5

EMPTY: Final = "empty"
FRESH: Final = "fresh"
AGED: Final = "aged"
STALE: Final = "stale"
EXPIRED: Final = "expired"
STALE_IF_ERROR = "stale-if-error"  # stale, and every refresh since `refresh_after` has failed

SERVE, SERVE_AND_REFRESH, REVALIDATE, FETCH_UNKNOWN, FETCH = (
    "serve",
    "serve-and-refresh",
    "revalidate",
    "fetch-unknown",
    "fetch",
)
SERVED = frozenset({SERVE, SERVE_AND_REFRESH})
# The states in which an operator need not act.
HEALTHY = frozenset({FRESH, AGED})

# The table of R: (state of the set, whether the kid is known) -> what to do.
TABLE: Mapping[tuple[str, bool], str] = {
    (FRESH, True): SERVE,
    (FRESH, False): FETCH_UNKNOWN,
    (AGED, True): SERVE_AND_REFRESH,
    (AGED, False): FETCH_UNKNOWN,
    (STALE, True): REVALIDATE,
    (STALE, False): FETCH_UNKNOWN,
    (STALE_IF_ERROR, True): SERVE_AND_REFRESH,
    (STALE_IF_ERROR, False): FETCH_UNKNOWN,
    (EXPIRED, True): FETCH,
    (EXPIRED, False): FETCH,
    (EMPTY, True): FETCH,
    (EMPTY, False): FETCH,
}


def jittered(lifetimes: CacheLifetimes, rng: float, *, after_outage: bool) -> float:
    """`refresh_after` +-10 %, or +-50 % after an outage, by a random number in [0, 1).

    It never exceeds `revalidate_after`, because a fresh set is served without a look at its age. The draw is
    even up to that bound, so that the processes are spread in that case too.
    """
    jitter = JITTER_AFTER_OUTAGE if after_outage else JITTER
    low = lifetimes.refresh_after * (1.0 - jitter)
    high = min(lifetimes.refresh_after * (1.0 + jitter), lifetimes.revalidate_after)
    return low + (high - low) * rng


def state_of(snapshot: Snapshot, now: Instant, lifetimes: CacheLifetimes, *, had_keys: bool) -> State:
    """The state of the set by its age (K2). `had_keys` says whether the pool has ever had a key."""
    if snapshot.begun is None:
        return EXPIRED if had_keys else EMPTY
    if snapshot.never_expires:  # the seed of an offline pool has no age (P)
        return FRESH
    age = elapsed(now, snapshot.begun)
    if age >= lifetimes.max_stale:
        return EXPIRED
    if age >= lifetimes.revalidate_after:
        return STALE
    return AGED if age >= snapshot.fresh_for else FRESH


def decide(age: str, *, known: bool, stale_if_error: bool) -> str:
    """The cell of the table. `stale_if_error` says that every refresh since `refresh_after` has failed."""
    return TABLE[STALE_IF_ERROR if stale_if_error and age == STALE else age, known]


class EndpointState(NamedTuple):
    """The state of an endpoint. It is not asked for `cooldown` seconds from `since` on (R6, K5).

    `cooldown_without_keys` applies instead while the pool has no usable key. `answered` is when the request
    of its last answer began; None if it never answered. `failing_since` is when its present row of failures
    began; an answer, or a long time without a request, ends a row (R3).
    """

    failures: int = 0
    since: Instant = (0.0, 0.0)
    cooldown: float = 0.0
    cooldown_without_keys: float = 0.0
    disabled: bool = False
    last_error: str | None = None
    answered: Instant | None = None
    failing_since: Instant | None = None


def back_off(failures: int, rng: float, asked_for: float | None) -> tuple[float, float]:
    """Seconds in which an endpoint is not asked after its n-th failure in a row: with and without keys (R6).

    `rng` is a random number in [0, 1), `asked_for` the seconds of a Retry-After header.
    """
    share, doublings = 0.5 + 0.5 * rng, min(failures, 6)
    wanted = asked_for or 0.0
    with_keys = max(share * min(MAX_BACK_OFF, 2.0**doublings), min(wanted, MAX_BACK_OFF))
    bound = min(MAX_BACK_OFF_WITHOUT_KEYS, 2.0 ** (doublings - 2))
    return with_keys, max(share * bound, min(wanted, MAX_BACK_OFF_WITHOUT_KEYS))


def cooldown_left(state: EndpointState, now: Instant, *, urgent: bool) -> float:
    """Seconds until the endpoint may be asked; 0 if it may be asked now.

    `urgent` (the pool has no usable key) shortens a back-off, and allows a request to a disabled endpoint.
    """
    cooldown = state.cooldown_without_keys if urgent else state.cooldown
    return max(0.0, cooldown - elapsed(now, state.since)) if cooldown else 0.0


def gone(endpoint: Endpoint, state: EndpointState, now: Instant, lifetimes: CacheLifetimes) -> bool:
    """Whether a verdict on an unknown kid no longer needs this endpoint's answer (R3).

    It has failed for at least `revalidate_after`, and has not answered for `max_stale`. A replica or updated
    issuer may not exist, so one that never answered is gone after `revalidate_after`. An endpoint that nobody
    has asked is not gone.
    """
    if state.failing_since is None:
        return False
    failing = elapsed(now, state.failing_since)
    if state.answered is not None:
        silent = elapsed(now, state.answered)
        return silent >= lifetimes.max_stale and failing >= lifetimes.revalidate_after
    return failing >= (lifetimes.max_stale if endpoint.kind == "original" else lifetimes.revalidate_after)


def retry_after(states: Iterable[EndpointState], now: Instant) -> int:
    """Whole seconds after which asking again makes sense, 1 to 60."""
    return whole_seconds(
        min((cooldown_left(each, now, urgent=True) for each in states), default=MAX_BACK_OFF)
    )


def whole_seconds(seconds: float) -> int:
    """A Retry-After of at least this many seconds, 1 to 60."""
    return int(min(max(1.0, seconds + 0.999), MAX_BACK_OFF))


def order(endpoints: Collection[Endpoint], region: str | None) -> tuple[Endpoint, ...]:
    """The order of preference (R2): this process's Region, then one of each other Region, then the rest.

    Within these groups the order is updated, original, replica. In this process's Region the original comes
    before the updated issuer, which not every pool has. The updated issuer counts as one of the primary's
    Region.
    """
    ranks = {"updated": 1, "original": 2, "replica": 3}
    preferred = sorted(
        endpoints,
        key=lambda each: (
            0 if region and each.region == region and each.kind != "updated" else ranks[each.kind]
        ),
    )
    seen: set[str] = set()
    first: list[Endpoint] = []
    rest: list[Endpoint] = []
    for each in preferred:
        where = each.region or each.url
        (rest if where in seen else first).append(each)
        seen.add(where)
    return (*first, *rest)


def last_resort(
    endpoints: Iterable[Endpoint], states: Mapping[str, EndpointState], now: Instant
) -> Endpoint | None:
    """The resting endpoint whose back-off ends first. An unknown kid may have it asked during its rest (R6).

    A back-off of up to a minute may outlast its cause. A disabled endpoint has no keys, so it does not count.
    """
    rest = {
        each: left
        for each in endpoints
        if not states[each.url].disabled and (left := cooldown_left(states[each.url], now, urgent=False))
    }
    return min(rest, key=rest.__getitem__, default=None)
