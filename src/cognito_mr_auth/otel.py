"""Metrics for OpenTelemetry: observable instruments, which are read when a reader collects.

    otel.export(verifier)

Owns the names of the attributes. It adds nothing to a verification and makes no span, because a span costs as
much as several verifications even if it is not sampled. It needs only the API; the application chooses the
SDK.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

try:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation, get_meter
except ImportError as _missing:
    raise ImportError('this exporter needs OpenTelemetry: pip install "cognito-mr-auth[otel]"') from _missing

from ._exporters.metrics import COUNTERS, GAUGES
from ._exporters.readings import Readings
from ._runtime.outcomes import ACCEPTED
from .verifier import Verifier

__all__ = ["export"]

Reading = TypeVar("Reading")

SCOPE = "cognito_mr_auth"
_ATTRIBUTES = {"pool": f"{SCOPE}.pool.id", "kind": f"{SCOPE}.issuer.kind", "outcome": f"{SCOPE}.outcome"}

# One set of instruments for each meter: a second instrument of the same name silently loses its callback.
_by_meter: WeakKeyDictionary[Meter, Readings] = WeakKeyDictionary()
# Kept, because before the application sets a provider each call returns a different proxy of the same meter.
_usual: list[Meter] = []
_lock = threading.Lock()


def export(verifier: Verifier, *, meter: Meter | None = None) -> None:
    """Export the verifier's metrics from now on, while the verifier lives. Verifiers may share a meter.

    Args:
        verifier: supplies the counts, keys and endpoints.
        meter: the meter of the instruments; by default the global provider's meter "cognito_mr_auth".

    Raises:
        TypeError: the argument is not a Verifier.
    """
    if meter is None:
        if not _usual:
            _usual.append(get_meter(SCOPE))
        meter = _usual[0]
    with _lock:
        readings = _by_meter.get(meter)
        known = readings is not None
        readings = _by_meter.setdefault(meter, readings or Readings())
    readings.add(verifier)
    if known:
        return
    for counter in COUNTERS:
        meter.create_observable_counter(
            f"{SCOPE}.{counter.name}",
            [_callback(counter.labels, counter.of, readings.total)],
            unit=counter.unit,
            description=counter.help,
        )
    for gauge in GAUGES:
        meter.create_observable_gauge(
            f"{SCOPE}.{gauge.name}",
            [_callback(gauge.labels, gauge.of, readings.gauges)],
            unit=gauge.unit,
            description=gauge.help,
        )


def _callback(
    labels: tuple[str, ...],
    of: Callable[[Reading], Mapping[tuple[str | None, ...], float]],
    read: Callable[[], Reading],
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_options: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(value, _attributes(dict(zip(labels, found, strict=True))))
            for found, value in of(read()).items()
        ]

    return observe


def _attributes(labels: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the labels as attributes, named by the semantic conventions where these have a name."""
    found: dict[str, Any] = {}
    for name, value in labels.items():
        if value is None:
            continue
        if name == "endpoint":
            parts = urlsplit(f"//{value}")
            found["server.address"] = parts.hostname
            found |= {} if parts.port is None else {"server.port": parts.port}
            continue
        found[_ATTRIBUTES[name]] = value
        if name == "outcome" and value != ACCEPTED:
            found["error.type"] = value
    return found
