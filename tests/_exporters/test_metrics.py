"""The table of metrics: few labels, none of which a client decides."""

from __future__ import annotations

from collections import Counter

import pytest

from cognito_mr_auth._exporters.metrics import COUNTERS, GAUGES
from cognito_mr_auth._exporters.readings import Counted, Gauges
from cognito_mr_auth.outcomes import Outcome

COUNTED = Counted(Counter({Outcome("a", "original", "accepted"): 2}), 3)
STANDING = Gauges({"a": 5.0}, {"a": 1}, {("a", "host"): 0}, {("a", "original"): 7.0})


def test_the_names_and_labels() -> None:
    """B2: what docs/metrics.md promises, and nothing else."""
    assert {each.name: each.labels for each in (*COUNTERS, *GAUGES)} == {
        "verifications": ("pool", "kind", "outcome"),
        "hook.failures": (),
        "key_set.age": ("pool",),
        "key_set.usable": ("pool",),
        "endpoint.up": ("pool", "endpoint"),
        "newest_token.timestamp": ("pool", "kind"),
    }


@pytest.mark.parametrize("metric", [*COUNTERS, *GAUGES], ids=lambda each: each.name)
def test_a_value_has_its_labels(metric: object) -> None:
    """As many as the metric names."""
    for each in (*COUNTERS, *GAUGES):
        if each is metric:
            found = each.of(COUNTED if each in COUNTERS else STANDING)  # type: ignore[arg-type]
            assert [len(labels) for labels in found] == [len(each.labels)]
