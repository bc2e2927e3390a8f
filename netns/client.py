"""A verifier under load in the client's namespace, and the handle that a row has of it.

Owns the protocol between them: a row names a method of the child's object, and hears what it returns.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import RawValue
from typing import Any

from cognito_mr_auth import UserPool, Verifier, events
from cognito_mr_auth.errors import AuthError
from cognito_mr_auth.health import ProviderHealth

from .bed import RESOLVER, Bed
from .judge import UNANSWERED, Call
from .world import PRIMARY

__all__ = ["AGES", "Client", "Load", "Remote", "Setup"]

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
REPLY_SECONDS = 30.0
# How old the keys are when a fault begins; None: there are none yet.
AGES: dict[str, float | None] = {
    "cold": None,
    "fresh": 0.0,
    "aged": 1800.0,
    "stale": 7200.0,
    "expired": 90000.0,
}


@dataclass(frozen=True)
class Load:
    """Callers of one group, each with one token after another: threads and asyncio tasks."""

    group: str
    threads: int = 4
    tasks: int = 8
    period: float = 0.1


@dataclass(frozen=True)
class Setup:
    """What a client verifies: pools, tokens by group, and the state of its keys (of AGES)."""

    pools: Sequence[UserPool]
    tokens: Mapping[str, Sequence[str]]
    state: str = "cold"
    environment: Mapping[str, str] = field(default_factory=dict)


class Subject:
    """In the child: the verifier, its callers, and what they met."""

    def __init__(self, setup: Setup, ahead: Any, context: Any) -> None:
        self._setup, self._ahead = setup, ahead
        self._calls: list[Call] = []
        self._waiting: dict[int, tuple[str, float]] = {}
        self._numbers = itertools.count()
        self._failures: list[tuple[str, str]] = []
        self._verifier = Verifier(
            *setup.pools,
            token_use="access",
            ssl_context=context,
            clock=self._clock,
            on_event=self._on_event,
        )
        age = AGES[setup.state]
        if age is not None:
            self._verifier.warm()
            ahead.value = age

    def _clock(self) -> tuple[float, float]:
        return time.time() + self._ahead.value, time.monotonic() + self._ahead.value

    def _on_event(self, event: events.Event) -> None:
        if isinstance(event, events.FetchFailed):
            status = "" if event.status is None else f" {event.status}"
            self._failures.append((event.url, event.reason + status))

    # ---- what a row may ask

    def start(self, loads: Sequence[Load]) -> None:
        """Let the callers come; they never stop."""
        for load in loads:
            for _ in range(load.threads):
                threading.Thread(target=self._thread, args=(load,), daemon=True).start()
        threading.Thread(target=lambda: asyncio.run(self._tasks(loads)), daemon=True).start()

    def calls(self) -> list[Call]:
        """All calls so far, those still waiting included."""
        now = time.monotonic()
        waiting = [
            Call(group, begun, now - begun, UNANSWERED) for group, begun in list(self._waiting.values())
        ]
        return self._calls + waiting

    def warm(self) -> tuple[str, float, int]:
        """The outcome of `warm()`, its seconds, and how many pools have keys then."""
        begun = time.monotonic()
        try:
            self._verifier.warm()
            outcome = "ok"
        except AuthError as error:
            outcome = str(error.status)
        seconds = time.monotonic() - begun
        return outcome, seconds, sum(each["keys"] > 0 for each in self._providers())

    def failures(self) -> list[tuple[str, str]]:
        """URL of each FetchFailed so far, and its reason with the status where it has one."""
        return self._failures

    def last_errors(self) -> dict[str, str]:
        """URL -> `last_error`, of `health()`."""
        endpoints = [endpoint for each in self._providers() for endpoint in each["endpoints"]]
        return {each["url"]: each["last_error"] or "" for each in endpoints}

    def age(self) -> tuple[float, float]:
        """The age of the first pool's keys by `health()`, and the clock that it was taken by."""
        return self._providers()[0]["age"] or 0.0, self._clock()[1]

    def _providers(self) -> list[ProviderHealth]:
        return list(self._verifier._health()["providers"].values())

    # ---- callers

    def _thread(self, load: Load) -> None:
        for token in itertools.cycle(self._setup.tokens[load.group]):
            key, begun = self._begin(load)
            try:
                self._verifier.verify(token)
                outcome = "ok"
            except Exception as error:  # noqa: BLE001 - an undocumented error is a finding
                outcome = _name(error)
            self._end(key, load, begun, outcome)
            time.sleep(load.period)

    async def _tasks(self, loads: Sequence[Load]) -> None:
        await asyncio.gather(*(self._task(load) for load in loads for _ in range(load.tasks)))

    async def _task(self, load: Load) -> None:
        loop = asyncio.get_running_loop()
        for token in itertools.cycle(self._setup.tokens[load.group]):
            turned: list[bool] = []
            key, begun = self._begin(load)
            # The loop runs this as soon as the coroutine yields, and not before.
            turn = loop.call_soon(turned.append, True)
            try:
                await self._verifier.averify(token)
                outcome = "ok"
            except Exception as error:  # noqa: BLE001 - an undocumented error is a finding
                outcome = _name(error)
            turn.cancel()
            self._end(key, load, begun, outcome, waited=bool(turned))
            await asyncio.sleep(load.period)

    def _begin(self, load: Load) -> tuple[int, float]:
        key, begun = next(self._numbers), time.monotonic()
        self._waiting[key] = (load.group, begun)
        return key, begun

    def _end(self, key: int, load: Load, begun: float, outcome: str, *, waited: bool = False) -> None:
        self._calls.append(Call(load.group, begun, time.monotonic() - begun, outcome, waited))
        del self._waiting[key]


def _name(error: Exception) -> str:
    return str(error.status) if isinstance(error, AuthError) else type(error).__name__


# ---- the row's side


class Remote:
    """A child process in the client's namespace that answers calls of methods."""

    def __init__(self, bed: Bed, name: str, resolver: str, make: Callable[[], object]) -> None:
        self._bed, self._name = bed, name
        self._pipe, theirs = multiprocessing.Pipe()
        with theirs:  # so that the child's end is the last one
            self.process = bed.inside(bed.file(name, resolver), _answer, make, theirs)
        self._hear()

    def ask(self, method: str, *arguments: object) -> Any:
        """What the child's method returns."""
        self._pipe.send((method, arguments))
        return self._hear()

    def _hear(self) -> Any:
        if not self._pipe.poll(REPLY_SECONDS):
            raise RuntimeError(f"{self._name} gives no answer")
        return self._pipe.recv()

    def calls(self) -> list[Call]:
        """All calls so far, those still waiting included."""
        found: list[Call] = self.ask("calls")
        return found

    def resolve_by(self, text: str) -> None:
        """Give it another resolv.conf."""
        self._bed.file(self._name, text)


class Client(Remote):
    """A row's handle of one Subject; `ahead` is how far its verifier's clock is ahead, in seconds."""

    def __init__(self, bed: Bed, name: str, setup: Setup) -> None:
        self.ahead: Any = RawValue("d", 0.0)

        def make() -> Subject:
            for each in PROXIES:
                os.environ.pop(each, None)
                os.environ.pop(each.lower(), None)
            os.environ.update({"AWS_REGION": PRIMARY, **setup.environment})
            return Subject(setup, self.ahead, bed.context)

        super().__init__(bed, name, RESOLVER, make)

    def start(self, *loads: Load) -> None:
        """Let callers come."""
        self.ask("start", loads)

    def freeze(self, seconds: float, step: float) -> None:
        """Stop the process as a suspended machine stops; meanwhile its clock goes on by `step` more."""
        os.kill(self.process.pid or 0, signal.SIGSTOP)
        self.ahead.value += step
        time.sleep(seconds)
        os.kill(self.process.pid or 0, signal.SIGCONT)


def _answer(make: Callable[[], object], pipe: Connection) -> None:
    logger = logging.getLogger("cognito_mr_auth")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    subject = make()
    pipe.send(None)
    while True:
        method, arguments = pipe.recv()
        pipe.send(getattr(subject, method)(*arguments))
