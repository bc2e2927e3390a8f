"""When to ask the endpoints, and which of them: the table of R as data, and its numbers.

Owns every decision about asking. Pure: moments, states and random numbers come in as arguments. Holds no
lock, starts nothing, and knows no URL but those in its arguments.
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

# One attempt at one endpoint. A name server that is dead costs glibc 5 s before it asks the next, and a link
# of 1 KB/s needs 6 to 10 s for TLS and a document; what comes later than 15 s has been lost on the way.
ATTEMPT_SECONDS = 15.0
# An attempt without a byte for so long counts as a failure while it goes on. Powertools gives a fetch 3 s
# in all, jose and aws-jwt-verify 3 to 5 s.
SILENT_ATTEMPT_SECONDS = 5.0
# Beside an attempt without a byte a second connection is begun anew so often. The kernel repeats a lost SYN
# after 1, 3 and 7 s only, and a connection that an outage killed stays dead after it.
SECOND_CONNECTION_SECONDS = 1.5
# Below API Gateway's 29 s and most clients' 10 s by far; a caller that waits longer is lost anyway.
CALLER_WAIT_SECONDS = 2.0
# After so long without an answer one caller alone goes on waiting (W7). A cold TLS connection across an
# ocean takes about 1 s; a server with 8 threads that all wait longer looks dead to its load balancer.
SILENCE_SECONDS = 1.0
# An endpoint that answered last time and has just been asked has so long to answer again, whatever the
# others do: the silence less two hedges, so that a total outage is not noticed later because of it.
GRACE_SECONDS = 0.6
# An answer or an attempt of the last 10 s still says how an endpoint is: two units of the rate limit, and
# less than a load balancer takes to notice anything (three checks in 15 to 30 s).
RECENT_SECONDS = 10.0
# `warm` asks every endpoint of every pool; 5 s is what start-up probes grant (Kubernetes: 10 s).
WARM_SECONDS = 5.0
# A pool that has keys waits no longer for endpoints that have been silent for so long.
WARM_QUIET_SECONDS = 1.0
# Between the median of a healthy fetch (30 to 100 ms) and what a person notices.
HEDGE_SECONDS = 0.2
# Doubling from 2 s; 60 s as Powertools and Nimbus' rate limit. While there is no key to serve: from 1/2 s, so
# that one failed connection is tried again within a caller's time, to 2 s. A Retry-After header (RFC 9110
# 10.2.3) is honoured up to the same bounds.
MAX_BACK_OFF = 60.0
MAX_BACK_OFF_WITHOUT_KEYS = 2.0
# 403 or 404 of an issuer that is not enabled lasts until the pool's configuration is changed.
DISABLED_SECONDS = 3600.0
# A fleet that started together must not refresh together.
JITTER = 0.1
# A fleet whose outage ended for all at once has asked all at once, and must be spread further (`make fleet`).
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
# Ages of a set that an operator need not act on.
HEALTHY = frozenset({FRESH, AGED})

# The table of R, row by row: (age of the set, whether the kid is known) -> what to do.
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

    Never beyond `revalidate_after`, because a fresh set is served without a look at its age. The draw is
    even up to there, so that a fleet is spread all the same.
    """
    jitter = JITTER_AFTER_OUTAGE if after_outage else JITTER
    low = lifetimes.refresh_after * (1.0 - jitter)
    high = min(lifetimes.refresh_after * (1.0 + jitter), lifetimes.revalidate_after)
    return low + (high - low) * rng


def state_of(snapshot: Snapshot, now: Instant, lifetimes: CacheLifetimes, *, had_keys: bool) -> State:
    """The state of the set by its age (K2); `had_keys` says whether the pool has had a key at all."""
    if snapshot.begun is None:
        return EXPIRED if had_keys else EMPTY
    if snapshot.never_expires:  # the seed of an offline pool never ages (P)
        return FRESH
    age = elapsed(now, snapshot.begun)
    if age >= lifetimes.max_stale:
        return EXPIRED
    if age >= lifetimes.revalidate_after:
        return STALE
    return AGED if age >= snapshot.fresh_for else FRESH


def decide(age: str, *, known: bool, stale_if_error: bool) -> str:
    """The table's cell. `stale_if_error`: every refresh since `refresh_after` has failed."""
    return TABLE[STALE_IF_ERROR if stale_if_error and age == STALE else age, known]


class EndpointState(NamedTuple):
    """How an endpoint is: it is left alone for `cooldown` seconds from `since` on (R6, K5).

    `cooldown_without_keys` holds instead while the pool has no usable key. `answered` is when the request of
    its last answer began; None if it never answered. `failing_since` is when the first of its failures came
    that neither an answer nor a long time without a request has interrupted (R3).
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
    """Seconds to leave an endpoint alone after its n-th failure in a row: with and without keys (R6).

    `rng` is a random number in [0, 1), `asked_for` the seconds of a Retry-After header.
    """
    share, doublings = 0.5 + 0.5 * rng, min(failures, 6)
    wanted = asked_for or 0.0
    with_keys = max(share * min(MAX_BACK_OFF, 2.0**doublings), min(wanted, MAX_BACK_OFF))
    bound = min(MAX_BACK_OFF_WITHOUT_KEYS, 2.0 ** (doublings - 2))
    return with_keys, max(share * bound, min(wanted, MAX_BACK_OFF_WITHOUT_KEYS))


def cooldown_left(state: EndpointState, now: Instant, *, urgent: bool) -> float:
    """Seconds for which the endpoint is still left alone, 0 when it may be asked.

    `urgent` (the pool has no usable key) shortens a back-off, and lets a disabled endpoint be asked.
    """
    cooldown = state.cooldown_without_keys if urgent else state.cooldown
    return max(0.0, cooldown - elapsed(now, state.since)) if cooldown else 0.0


def gone(endpoint: Endpoint, state: EndpointState, now: Instant, lifetimes: CacheLifetimes) -> bool:
    """Whether nobody waits for this endpoint's word on an unknown kid any more (R3).

    It has failed for `revalidate_after` at least, and not answered for `max_stale`; or, as a replica or
    updated issuer that may not exist, never. That nobody has asked it is no reason.
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
    """A Retry-After of at least so many seconds, 1 to 60."""
    return int(min(max(1.0, seconds + 0.999), MAX_BACK_OFF))


def order(endpoints: Collection[Endpoint], region: str | None) -> tuple[Endpoint, ...]:
    """The order of preference (R2): this process's Region, then one of each other Region, then the rest.

    Within that updated, original, replica; but in this process's Region the original comes before the
    updated issuer, which not every pool has. The updated issuer counts as one of the primary's Region.
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
    """The resting endpoint whose back-off ends first, which an unknown kid may have asked all the same (R6).

    A back-off of up to a minute may outlast its cause. A disabled endpoint is no substitute: it has no keys.
    """
    rest = {
        each: left
        for each in endpoints
        if not states[each.url].disabled and (left := cooldown_left(states[each.url], now, urgent=False))
    }
    return min(rest, key=rest.__getitem__, default=None)
