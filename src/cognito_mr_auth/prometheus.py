"""Metrics for Prometheus: a collector, which is read when Prometheus scrapes.

    prometheus.export(verifier)

Owns the names of the metrics. It adds nothing to a verification. PROMETHEUS_MULTIPROC_DIR selects the
client's mode for several worker processes, in which no collector is read. A thread then adds new counts to
real metrics.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from weakref import WeakKeyDictionary

try:
    from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, values
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector
except ImportError as _missing:
    raise ImportError(
        'this exporter needs prometheus_client: pip install "cognito-mr-auth[prometheus]"'
    ) from _missing

from ._exporters.metrics import COUNTERS, GAUGES, CounterMetric, GaugeMetric
from ._exporters.readings import Readings
from .errors import ConfigurationError
from .verifier import Verifier

__all__ = ["CognitoCollector", "export"]

# Prometheus scrapes every 15 to 60 s; one pump takes about 50 microseconds.
PUMP_SECONDS = 5.0
MAX_PUMP_SECONDS = 3600.0
# A pump takes milliseconds at most. A fork waits this long for it and no longer, because a pump can hang.
FORK_SECONDS = 1.0


def _name(metric: CounterMetric | GaugeMetric) -> str:
    seconds = "_seconds" if metric.unit == "s" else ""
    return f"cognito_mr_auth_{metric.name.replace('.', '_')}{seconds}"


def _values(labels: Iterable[str | None]) -> list[str]:
    """Return label values. A label that does not apply is empty, which Prometheus treats as absent."""
    return ["" if each is None else each for each in labels]


class CognitoCollector(Collector):
    """The metrics of some verifiers, for a registry: `registry.register(CognitoCollector(verifier))`.

    Register one collector for each registry, because a name may occur only once. `export` does so, and also
    handles several workers.

    Raises:
        TypeError: the argument is not a Verifier.
    """

    def __init__(self, *verifiers: Verifier) -> None:
        self._readings = Readings()
        for each in verifiers:
            self.add(each)

    def add(self, verifier: Verifier) -> None:
        """Add a verifier. Counts with equal labels are summed; of ages, the highest is shown."""
        self._readings.add(verifier)

    def describe(self) -> Iterator[Metric]:
        """The metrics without their values."""
        for counter in COUNTERS:
            yield CounterMetricFamily(_name(counter), counter.help, labels=counter.labels)
        for gauge in GAUGES:
            yield GaugeMetricFamily(_name(gauge), gauge.help, labels=gauge.labels)

    def collect(self) -> Iterator[Metric]:
        """The metrics as they are now."""
        counted, standing = self._readings.total(), self._readings.gauges()
        for counter in COUNTERS:
            total = CounterMetricFamily(_name(counter), counter.help, labels=counter.labels)
            for labels, count in counter.of(counted).items():
                total.add_metric(_values(labels), count)
            yield total
        for gauge in GAUGES:
            family = GaugeMetricFamily(_name(gauge), gauge.help, labels=gauge.labels)
            for labels, value in gauge.of(standing).items():
                family.add_metric(_values(labels), value)
            yield family


class _Pump:
    """Adds new counts to real metrics, which the client keeps in files that all workers share.

    A process that has verified nothing reports nothing. The master process of preloaded workers never
    fetches keys, so the age of its keys would grow without end.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.readings = Readings()
        self._counters = [
            (each, Counter(_name(each), each.help, each.labels, registry=None)) for each in COUNTERS
        ]
        self._gauges = [
            (
                each,
                Gauge(
                    _name(each),
                    each.help,
                    each.labels,
                    registry=None,
                    multiprocess_mode=each.across,
                ),
            )
            for each in GAUGES
        ]
        self._lock = threading.RLock()
        self._begun = False
        self._start()
        atexit.register(self.pump)
        # After the verifiers' own hook, which was registered before, a child's counts are zero.
        if hasattr(os, "register_at_fork"):  # pragma: no branch - missing only on Windows
            os.register_at_fork(
                before=self._before_fork, after_in_parent=self._after_fork, after_in_child=self._child
            )

    def _start(self) -> None:
        threading.Thread(target=self._run, name="cognito-mr-auth prometheus", daemon=True).start()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(self.seconds)
            with suppress(OSError):  # the disk of the client's files is full, which may be temporary
                self.pump()

    def pump(self) -> None:
        """Add the counts since the last pump."""
        with self._lock:
            counted = self.readings.new()
            standing = self.readings.gauges()
            self._begun = (
                self._begun
                or any(counted.outcomes.values())
                or counted.hook_failures > 0
                # In a total outage this worker gets no traffic, and it has requested keys without success.
                or 0 in standing.up.values()
            )
            if not self._begun:
                return
            for counter, metric in self._counters:
                for labels, count in counter.of(counted).items():
                    (metric.labels(*_values(labels)) if labels else metric).inc(count)
            for gauge, shown in self._gauges:
                for labels, value in gauge.of(standing).items():
                    shown.labels(*_values(labels)).set(value)

    def _before_fork(self) -> None:
        """Prevent a fork during a pump, because the child would inherit the client's lock locked."""
        self._forking = self._lock.acquire(timeout=FORK_SECONDS)

    def _after_fork(self) -> None:
        if self._forking:
            self._lock.release()

    def _child(self) -> None:
        self._lock, self._begun = threading.RLock(), False
        self._start()


_collectors: WeakKeyDictionary[CollectorRegistry, CognitoCollector] = WeakKeyDictionary()
_pumps: list[_Pump] = []
_lock = threading.Lock()


def _checked(seconds: object) -> float:
    # bool is an int to Python; NaN fails the comparison.
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds <= MAX_PUMP_SECONDS:
        return float(seconds)
    raise ConfigurationError(f"seconds={seconds!r}: give a number above 0, at most {MAX_PUMP_SECONDS:g}")


def export(
    verifier: Verifier, *, registry: CollectorRegistry = REGISTRY, seconds: float = PUMP_SECONDS
) -> None:
    """Export the verifier's metrics from now on, while the verifier lives. Verifiers may share a registry.

    Args:
        verifier: supplies the counts, keys and endpoints.
        registry: the registry that is scraped. PROMETHEUS_MULTIPROC_DIR makes it unused.
        seconds: with PROMETHEUS_MULTIPROC_DIR, the maximum age of the metrics. The first verifier sets it.

    Raises:
        TypeError: the argument is not a Verifier.
        ConfigurationError: `seconds` is not a positive number, or is too large.
    """
    pause = _checked(seconds)
    with _lock:
        if getattr(values.ValueClass, "_multiprocess", False):
            if not _pumps:
                _pumps.append(_Pump(pause))
            _pumps[0].readings.add(verifier)
            return
        if registry not in _collectors:
            made = CognitoCollector(verifier)
            registry.register(made)
            _collectors[registry] = made
        _collectors[registry].add(verifier)
