"""When to ask the endpoints, and which of them: the table of DESIGN R as data, and its numbers.

Owns every decision about asking. Pure: moments, states and random draws come in as arguments. Holds no
lock, starts nothing, and knows no URL but the ones it is handed.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from cognito_mr_auth._base.clock import Instant, elapsed

from .model import CacheLifetimes, Endpoint, Snapshot

__all__ = [
    "FLIGHT_SECONDS",
    "HEDGE_SECONDS",
    "MAX_SEEKERS",
    "PATIENCE_SECONDS",
    "Budget",
    "EndpointState",
    "back_off",
    "decide",
    "drawn",
    "order",
    "phase",
    "plan",
    "resting",
    "retry_after",
    "spare",
]

# Powertools gives a fetch 3 s in all, jose and aws-jwt-verify 3 to 5 s; a cold TLS connection across
# an ocean takes about 1 s.
FLIGHT_SECONDS = 5.0
# Below API Gateway's 29 s and most clients' 10 s by far; a caller that waits longer is lost anyway.
PATIENCE_SECONDS = 2.0
# Between the median of a healthy fetch (30 to 100 ms) and what a person notices.
HEDGE_SECONDS = 0.2
# A forged kid costs a waiting thread; 32 of them are below the smallest usual pool (anyio: 40).
MAX_SEEKERS = 32
# Two at once (a rotation right after a forged kid, as Nimbus allows), then one in 5 s (R4).
BUDGET_BURST = 2.0
BUDGET_SECONDS = 5.0
# Doubling from 2 s; 60 s as Powertools and Nimbus' rate limit, 2 s while there is no key to serve.
MAX_BACK_OFF = 60.0
MAX_BACK_OFF_WITHOUT_KEYS = 2.0
# 403 from the updated issuer lasts until somebody changes the pool's IssuerConfiguration.
PARKED_SECONDS = 3600.0
# A fleet that started together must not refresh together.
JITTER = 0.1

EMPTY, FRESH, AGED, STALE, EXPIRED = "empty", "fresh", "aged", "stale", "expired"
CONFIRMED = "stale-confirmed"

SERVE, SERVE_AND_ASK, CONFIRM, SEEK, WAIT = "serve", "serve-and-ask", "confirm", "seek", "wait"
SERVED = frozenset({SERVE, SERVE_AND_ASK})

# DESIGN R, row by row: (age of the set, whether the kid is known) -> what to do.
TABLE: Mapping[tuple[str, bool], str] = {
    (FRESH, True): SERVE,
    (FRESH, False): SEEK,
    (AGED, True): SERVE_AND_ASK,
    (AGED, False): SEEK,
    (STALE, True): CONFIRM,
    (STALE, False): SEEK,
    (CONFIRMED, True): SERVE_AND_ASK,
    (CONFIRMED, False): SEEK,
    (EXPIRED, True): WAIT,
    (EXPIRED, False): WAIT,
    (EMPTY, True): WAIT,
    (EMPTY, False): WAIT,
}


def drawn(refresh_after: float, dice: float) -> float:
    """`refresh_after` +-10 %, from a draw in [0, 1)."""
    return refresh_after * (1.0 - JITTER + 2.0 * JITTER * dice)


def phase(snapshot: Snapshot, now: Instant, windows: CacheLifetimes, *, ever: bool) -> str:
    """The age of the set in words (K2); `ever` says whether the pool has had a key at all."""
    if snapshot.begun is None:
        return EXPIRED if ever else EMPTY
    if snapshot.fresh_for == float("inf"):  # the seed of an offline pool never ages (P)
        return FRESH
    age = elapsed(now, snapshot.begun)
    if age >= windows.max_stale:
        return EXPIRED
    if age >= windows.revalidate_after:
        return STALE
    return AGED if age >= snapshot.fresh_for else FRESH


def decide(age: str, *, known: bool, confirmed: bool) -> str:
    """The table's cell. `confirmed`: a flight has failed since the set went stale."""
    return TABLE[CONFIRMED if confirmed and age == STALE else age, known]


class Budget(NamedTuple):
    """A bucket of flights for unknown kids: at most 2 + T/5 in any T seconds (R4)."""

    level: float
    at: Instant

    def take(self, now: Instant) -> "Budget | None":
        """The budget after one flight, or None when there is none to spend."""
        level = min(BUDGET_BURST, self.level + elapsed(now, self.at) / BUDGET_SECONDS)
        return Budget(level - 1.0, now) if level >= 1.0 else None


class EndpointState(NamedTuple):
    """How an endpoint has been doing: it rests for `rest_for` seconds from `since` on (R6, K5)."""

    failures: int = 0
    since: Instant = (0.0, 0.0)
    rest_for: float = 0.0
    parked: bool = False
    last_error: str | None = None


def back_off(failures: int, dice: float, asked_for: float | None) -> float:
    """Seconds to leave an endpoint alone after its n-th failure in a row (R6).

    `dice` is a draw in [0, 1), `asked_for` what a Retry-After header asked for.
    """
    rest = (0.5 + 0.5 * dice) * min(MAX_BACK_OFF, 2.0 ** min(failures, 6))
    return max(rest, min(asked_for or 0.0, MAX_BACK_OFF))


def resting(state: EndpointState, now: Instant, *, urgent: bool) -> float:
    """Seconds for which the endpoint is still left alone, 0 when it may be asked.

    `urgent` (the pool has no usable key) shortens a back-off, and lets a parked endpoint be asked.
    """
    rest = min(state.rest_for, MAX_BACK_OFF_WITHOUT_KEYS) if urgent else state.rest_for
    return max(0.0, rest - elapsed(now, state.since)) if rest else 0.0


def retry_after(states: Iterable[EndpointState], now: Instant) -> int:
    """Whole seconds after which asking again makes sense, 1 to 60."""
    soonest = min((resting(state, now, urgent=True) for state in states), default=MAX_BACK_OFF)
    return int(min(max(1.0, soonest + 0.999), MAX_BACK_OFF))


def order(endpoints: Collection[Endpoint], region: str | None) -> tuple[Endpoint, ...]:
    """The order of preference (R2): the one in this process's Region, updated, original, replica.

    The updated issuer's host is served from several Regions, so it is no Region's own.
    """
    ranks = {"updated": 1, "original": 2, "replica": 3}
    return tuple(
        sorted(
            endpoints,
            key=lambda each: 0 if each.region == region and each.kind != "updated" else ranks[each.kind],
        )
    )


def plan(
    endpoints: Iterable[Endpoint],
    states: Mapping[str, EndpointState],
    now: Instant,
    *,
    urgent: bool,
    seek: bool,
    everywhere: bool,
) -> list[Endpoint]:
    """The endpoints that a flight may ask, in order; empty when all must be left alone.

    `seek` is a flight for an unknown kid: it asks at least the one whose rest ends first (R6).
    With `everywhere` it is the user's own `warm`, for which no endpoint rests.
    Parked ones come last, when no other satisfied (K5), and not at all where all are asked.
    """
    rest = {
        each.url: resting(states[each.url], now, urgent=urgent or states[each.url].parked)
        for each in endpoints
    }
    parked = {url for url in rest if states[url].parked and resting(states[url], now, urgent=False)}
    awake = [each for each in endpoints if each.url not in parked]
    chosen = [each for each in awake if not rest[each.url]]
    last = [each for each in endpoints if each.url in parked and not rest[each.url]]
    if everywhere and seek:  # `warm`: the user asks, so nobody but the parked is left alone
        chosen = awake
    elif seek and not chosen:  # a parked one is no substitute: it has no answer to give
        chosen = sorted(awake, key=lambda each: rest[each.url])[:1]
    if not everywhere or not chosen:
        chosen += last
    if not chosen and seek:
        chosen = sorted(endpoints, key=lambda each: rest[each.url])[:1]
    return chosen


def spare(
    endpoints: Iterable[Endpoint],
    states: Mapping[str, EndpointState],
    now: Instant,
    chosen: Collection[Endpoint],
) -> list[Endpoint]:
    """Whom a flight for an unknown kid asks beyond `chosen` while nobody answers, at most one (R6).

    It is the endpoint whose rest ends first: a back-off of up to a minute may outlast its trouble, and
    the ones awake may be the ones in trouble now.
    """
    rest = {
        each: resting(states[each.url], now, urgent=False)
        for each in endpoints
        if each not in chosen and not states[each.url].parked
    }
    return sorted(rest, key=rest.__getitem__)[:1]
