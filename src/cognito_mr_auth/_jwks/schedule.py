"""When to ask the endpoints, and which of them: the table of R as data, and its numbers.

Owns every decision about asking. Pure: moments, states and random numbers come in as arguments. Holds no
lock, starts nothing, and knows no URL but those in its arguments.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from cognito_mr_auth._base.clock import Instant, elapsed

from .model import CacheLifetimes, Endpoint, Snapshot

__all__ = [
    "CALLER_WAIT_SECONDS",
    "HEALTHY",
    "HEDGE_SECONDS",
    "MAX_UNKNOWN_KID_WAITERS",
    "REFRESH_SECONDS",
    "EndpointState",
    "RateLimit",
    "back_off",
    "candidates",
    "cooldown_left",
    "decide",
    "jittered",
    "last_resort",
    "order",
    "retry_after",
    "state_of",
]

# Powertools gives a fetch 3 s in all, jose and aws-jwt-verify 3 to 5 s; a cold TLS connection across
# an ocean takes about 1 s.
REFRESH_SECONDS = 5.0
# Below API Gateway's 29 s and most clients' 10 s by far; a caller that waits longer is lost anyway.
CALLER_WAIT_SECONDS = 2.0
# Between the median of a healthy fetch (30 to 100 ms) and what a person notices.
HEDGE_SECONDS = 0.2
# A forged kid costs a waiting thread; 32 of them are below the smallest usual pool (anyio: 40).
MAX_UNKNOWN_KID_WAITERS = 32
# Two at once (a rotation right after a forged kid, as Nimbus allows), then one in 5 s (R4).
RATE_LIMIT_BURST = 2.0
RATE_LIMIT_SECONDS = 5.0
# Doubling from 2 s; 60 s as Powertools and Nimbus' rate limit, 2 s while there is no key to serve. A
# Retry-After header (RFC 9110 10.2.3) is honoured up to the same bound.
MAX_BACK_OFF = 60.0
MAX_BACK_OFF_WITHOUT_KEYS = 2.0
# 403 from the updated issuer lasts until the pool's IssuerConfiguration is changed.
DISABLED_SECONDS = 3600.0
# A fleet that started together must not refresh together.
JITTER = 0.1

EMPTY, FRESH, AGED, STALE, EXPIRED = "empty", "fresh", "aged", "stale", "expired"
STALE_IF_ERROR = "stale-if-error"

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


def jittered(refresh_after: float, rng: float) -> float:
    """`refresh_after` +-10 %, by a random number in [0, 1)."""
    return refresh_after * (1.0 - JITTER + 2.0 * JITTER * rng)


def state_of(snapshot: Snapshot, now: Instant, lifetimes: CacheLifetimes, *, had_keys: bool) -> str:
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
    """The table's cell. `stale_if_error`: a refresh has failed since the set went stale."""
    return TABLE[STALE_IF_ERROR if stale_if_error and age == STALE else age, known]


class RateLimit(NamedTuple):
    """A bucket of refreshes for unknown kids: at most 2 + T/5 in any T seconds (R4)."""

    level: float
    at: Instant

    def take(self, now: Instant) -> "RateLimit | None":
        """The bucket after one more refresh, or None when that is too many."""
        level = min(RATE_LIMIT_BURST, self.level + elapsed(now, self.at) / RATE_LIMIT_SECONDS)
        return RateLimit(level - 1.0, now) if level >= 1.0 else None


class EndpointState(NamedTuple):
    """The state of an endpoint: it is not asked for `cooldown` seconds from `since` on (R6, K5)."""

    failures: int = 0
    since: Instant = (0.0, 0.0)
    cooldown: float = 0.0
    disabled: bool = False
    last_error: str | None = None


def back_off(failures: int, rng: float, asked_for: float | None) -> float:
    """Seconds to leave an endpoint alone after its n-th failure in a row (R6).

    `rng` is a random number in [0, 1), `asked_for` the seconds of a Retry-After header.
    """
    rest = (0.5 + 0.5 * rng) * min(MAX_BACK_OFF, 2.0 ** min(failures, 6))
    return max(rest, min(asked_for or 0.0, MAX_BACK_OFF))


def cooldown_left(state: EndpointState, now: Instant, *, urgent: bool) -> float:
    """Seconds for which the endpoint is still left alone, 0 when it may be asked.

    `urgent` (the pool has no usable key) shortens a back-off, and lets a disabled endpoint be asked.
    """
    rest = min(state.cooldown, MAX_BACK_OFF_WITHOUT_KEYS) if urgent else state.cooldown
    return max(0.0, rest - elapsed(now, state.since)) if rest else 0.0


def retry_after(states: Iterable[EndpointState], now: Instant) -> int:
    """Whole seconds after which asking again makes sense, 1 to 60."""
    soonest = min((cooldown_left(state, now, urgent=True) for state in states), default=MAX_BACK_OFF)
    return int(min(max(1.0, soonest + 0.999), MAX_BACK_OFF))


def order(endpoints: Collection[Endpoint], region: str | None) -> tuple[Endpoint, ...]:
    """The order of preference (R2): the one in this process's Region, updated, original, replica.

    The updated issuer's host is served from several Regions, so it belongs to no Region.
    """
    ranks = {"updated": 1, "original": 2, "replica": 3}
    return tuple(
        sorted(
            endpoints,
            key=lambda each: 0 if each.region == region and each.kind != "updated" else ranks[each.kind],
        )
    )


def candidates(
    endpoints: Iterable[Endpoint],
    states: Mapping[str, EndpointState],
    now: Instant,
    *,
    urgent: bool,
    unknown_kid: bool,
    ask_all: bool,
) -> list[Endpoint]:
    """The endpoints that a refresh may ask, in order; empty when all must be left alone.

    `unknown_kid` is a refresh for an unknown kid: it asks at least the one whose back-off ends first (R6).
    With `ask_all` it is the user's own `warm`, which ignores back-off.
    Disabled ones come last, when no other satisfied (K5). Where all are asked, they come in only if no
    other endpoint may be asked.
    """
    rest = {
        each.url: cooldown_left(states[each.url], now, urgent=urgent or states[each.url].disabled)
        for each in endpoints
    }
    disabled = {url for url in rest if states[url].disabled and cooldown_left(states[url], now, urgent=False)}
    awake = [each for each in endpoints if each.url not in disabled]
    chosen = [each for each in awake if not rest[each.url]]
    last = [each for each in endpoints if each.url in disabled and not rest[each.url]]
    if ask_all and unknown_kid:  # `warm`: the user asks, so only disabled ones are left alone
        chosen = awake
    elif unknown_kid and not chosen:  # a disabled one is no substitute: it has no keys
        chosen = sorted(awake, key=lambda each: rest[each.url])[:1]
    if not ask_all or not chosen:
        chosen += last
    if not chosen and unknown_kid:
        chosen = sorted(endpoints, key=lambda each: rest[each.url])[:1]
    return chosen


def last_resort(
    endpoints: Iterable[Endpoint],
    states: Mapping[str, EndpointState],
    now: Instant,
    chosen: Collection[Endpoint],
) -> list[Endpoint]:
    """What a refresh for an unknown kid asks beyond `chosen` while none answers, at most one (R6).

    It is the endpoint whose back-off ends first, because a back-off of up to a minute may outlast its
    cause, and the chosen ones may be failing now.
    """
    rest = {
        each: cooldown_left(states[each.url], now, urgent=False)
        for each in endpoints
        if each not in chosen and not states[each.url].disabled
    }
    return sorted(rest, key=rest.__getitem__)[:1]
