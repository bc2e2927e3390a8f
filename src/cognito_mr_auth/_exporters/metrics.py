"""The metrics as a table: their names, units and labels, and their place in a reading.

This module has the texts, so that every exporter uses the same. Labels have few values: a configured pool, a
kind of issuer, an outcome, an endpoint's host. A label that is None does not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeVar

from .readings import Counted, Gauges

__all__ = ["COUNTERS", "GAUGES", "CounterMetric", "GaugeMetric"]

V = TypeVar("V", int, float)

Labels = tuple[str | None, ...]


def _by_labels(values: Mapping[Any, V]) -> dict[Labels, V]:
    return dict(values)


class CounterMetric(NamedTuple):
    """A count that never falls. `unit` is a UCUM annotation."""

    name: str
    unit: str
    help: str
    labels: tuple[str, ...]
    of: Callable[[Counted], Mapping[Labels, int]]


class GaugeMetric(NamedTuple):
    """A value that rises and falls. `across` says which of several processes' values counts."""

    name: str
    unit: str
    help: str
    labels: tuple[str, ...]
    across: Literal["livemax", "livemin", "max"]
    of: Callable[[Gauges], Mapping[Labels, float]]


COUNTERS = (
    CounterMetric(
        "verifications",
        "{verification}",
        "Verifications and refused requests, by pool, kind of issuer and outcome.",
        ("pool", "kind", "outcome"),
        lambda counted: _by_labels(counted.outcomes),
    ),
    CounterMetric(
        "hook.failures",
        "{failure}",
        "Calls of the application's hooks that raised.",
        (),
        lambda counted: {(): counted.hook_failures},
    ),
)

GAUGES = (
    GaugeMetric(
        "key_set.age",
        "s",
        "Age of the pool's keys.",
        ("pool",),
        "livemax",
        lambda gauges: {(pool,): age for pool, age in gauges.ages.items()},
    ),
    GaugeMetric(
        "key_set.usable",
        "1",
        "Whether the pool has keys that may verify tokens, stale ones included.",
        ("pool",),
        "livemin",
        lambda gauges: {(pool,): usable for pool, usable in gauges.usable.items()},
    ),
    GaugeMetric(
        "endpoint.up",
        "1",
        "Whether an endpoint of the pool's keys answers; absent where its issuer is not enabled.",
        ("pool", "endpoint"),
        "livemin",
        lambda gauges: _by_labels(gauges.up),
    ),
    GaugeMetric(
        "newest_token.timestamp",
        "s",
        "The newest iat of a valid token, in seconds since the epoch.",
        ("pool", "kind"),
        "max",
        lambda gauges: _by_labels(gauges.newest),
    ),
)
