"""Readings of verifiers: their counts, and the state of their keys and endpoints.

This module merges several verifiers into one reading. Counts with equal labels are added. Of ages the worst
one counts. Totals never fall, even if a verifier goes. In a forked child they begin at zero, like a
verifier's counts.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from cognito_mr_auth._runtime.fork import track
from cognito_mr_auth.outcomes import Outcome
from cognito_mr_auth.verifier import Verifier

__all__ = ["Counted", "Gauges", "Readings", "gauges"]


class Counted(NamedTuple):
    """The counts, up to now or since the last reading."""

    outcomes: Counter[Outcome]
    hook_failures: int


class Gauges(NamedTuple):
    """The present state. An endpoint is (pool, host and port); a disabled one is left out."""

    ages: dict[str, float]
    usable: dict[str, int]
    up: dict[tuple[str, str], int]
    newest: dict[tuple[str, str], float]


class Readings:
    """The verifiers that are read together. They are held weakly, so one that nothing else uses goes."""

    def __init__(self) -> None:
        self._reported: WeakKeyDictionary[Verifier, Counted] = WeakKeyDictionary()
        self._reset_after_fork()
        track(self)

    def _reset_after_fork(self) -> None:
        # Reentrant, because a hook of the application may take a reading when it is called.
        self._lock = threading.RLock()
        self._total = Counted(Counter(), 0)
        for verifier in self._living():
            self._reported[verifier] = Counted(Counter(), 0)

    def _living(self) -> list[Verifier]:
        """Those that are still used.

        Its keys are copied in one step: other threads add a verifier meanwhile, or drop the last use of one.
        """
        return [verifier for each in self._reported.keyrefs() if (verifier := each()) is not None]

    def add(self, verifier: Verifier) -> None:
        """Read this verifier too. Adding it again changes nothing.

        Raises:
            TypeError: it is no Verifier.
        """
        if not isinstance(verifier, Verifier):
            raise TypeError(f"give a Verifier, not {type(verifier).__name__}")
        with self._lock:
            self._reported.setdefault(verifier, Counted(Counter(), 0))

    def new(self) -> Counted:
        """The counts since the last call of this method or of `total`. Rows at zero are included."""
        with self._lock:
            return self._new()

    def total(self) -> Counted:
        """The counts of this process."""
        with self._lock:
            outcomes, failures = self._new()
            self._total.outcomes.update(outcomes)
            self._total = Counted(self._total.outcomes, self._total.hook_failures + failures)
            return Counted(self._total.outcomes.copy(), self._total.hook_failures)

    def _new(self) -> Counted:
        outcomes, failures = Counter[Outcome](), 0
        for verifier in self._living():
            before = self._reported[verifier]
            now = Counted(Counter(verifier.counts()), verifier._dispatch.failures)
            self._reported[verifier] = now
            outcomes.update({each: count - before.outcomes[each] for each, count in now.outcomes.items()})
            failures += now.hook_failures - before.hook_failures
        return Counted(outcomes, failures)

    def gauges(self) -> Gauges:
        """The state of all verifiers. Where two have the same labels, the worse value counts."""
        found = Gauges({}, {}, {}, {})
        for verifier in self._living():
            ages, usable, up, newest = gauges(verifier)
            for into, more, choose in (
                (found.ages, ages, max),
                (found.usable, usable, min),
                (found.up, up, min),
                (found.newest, newest, max),
            ):
                _merge(into, more, choose)
        return found


def _merge(into: dict[Any, Any], more: dict[Any, Any], choose: Any) -> None:
    for each, value in more.items():
        into[each] = choose(into.get(each, value), value)


def gauges(verifier: Verifier) -> Gauges:
    """The state of one verifier's keys and endpoints."""
    ages: dict[str, float] = {}
    usable: dict[str, int] = {}
    up: dict[tuple[str, str], int] = {}
    for provider, health in verifier._health()["providers"].items():
        usable[provider] = int(health["ready"])
        if health["age"] is not None:
            ages[provider] = health["age"]
        for each in health["endpoints"]:
            if not each["disabled"]:
                _merge(up, {(provider, _host(each["url"])): int(not each["down"])}, min)
    newest: dict[tuple[str, str], float] = {
        each: iat for each, iat in verifier.newest_iat().items() if iat is not None
    }
    return Gauges(ages, usable, up, newest)


def _host(url: str) -> str:
    """The host, with the port if the URL has one."""
    return urlsplit(url).netloc.rpartition("@")[2]
