"""Runs the demo: endpoints that fail on schedule, verifiers, and a steady stream of tokens.

Owns time, threads and servers of a run, and ends them all before it returns. Reports only to its `watch`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Final, NamedTuple, Protocol, Self

from cognito_mr_auth import errors
from cognito_mr_auth.events import Event
from cognito_mr_auth.testing import FakeEndpoints, FakeUserPool, FaultMode

from .beside import Beside
from .judge import Call, World
from .losses import Losses
from .ordinary import Ordinary
from .plan import Phase, Plan
from .report import Board, Report
from .subject import Subject
from .tokens import Shot, stream, unknown_kid, valid

__all__ = ["MakeVerifier", "Verifies", "real_verifier", "run"]

# Callers at once. A few may wait 2 s each for keys while the stream goes on.
CALLERS: Final = 24
# How often a verifier that started cold gets a token, and how often the display is updated.
COLD_EVERY_S: Final = 0.5
WATCH_EVERY_S: Final = 0.1
# How long the end waits for pending responses of an ordinary verifier, and then for its callers, which
# nothing blocks any longer.
GRACE_S: Final = 0.5


class Verifies(Protocol):
    """The methods of a verifier that the demo uses."""

    def verify(self, token: str) -> object:
        """Return for an accepted token; raise an AuthError for any other."""

    def close(self) -> None:
        """Release threads and connections."""


OnEvent = Callable[[Event], None]
MakeVerifier = Callable[[FakeUserPool, Plan, OnEvent], Verifies]
Watch = Callable[[Report], None]


def real_verifier(pool: FakeUserPool, plan: Plan, on_event: OnEvent) -> Verifies:
    """A Verifier of access and ID tokens with the plan's windows."""
    return pool.verifier("any", on_event=on_event, **plan.windows)


def run(
    plan: Plan, watch: Watch, make_verifier: MakeVerifier = real_verifier, ordinary: Ordinary | None = None
) -> Report:
    """Run the plan in real time. `watch` gets the report about ten times a second.

    The verifiers of `ordinary` get the same tokens.
    """
    pool = _warm_pool()
    with ExitStack() as opened:
        # First, so that it is closed last, because the end of the endpoints releases the calls that hang
        # there.
        ordinaries = opened.enter_context(_Ordinaries(plan, ordinary))
        endpoints = opened.enter_context(pool.serve())
        run = _Run(plan, pool, endpoints, make_verifier, ordinaries, opened)
        with ThreadPoolExecutor(CALLERS, "demo caller") as callers:
            run.play(callers, watch)
        report = run.end()
    watch(report)
    return report


def _warm_pool() -> FakeUserPool:
    """Return a pool with its keys and more in reserve, so that the rotation does not delay the stream."""
    spare = [FakeUserPool(), FakeUserPool()]
    for each in spare:
        each.jwks()
    pool = FakeUserPool(replica_regions=["us-east-1"])
    pool.jwks()
    return pool


class _Ordinaries:
    """The ordinary verifiers of a run, none if `kind` is None, and their losses."""

    def __init__(self, plan: Plan, kind: Ordinary | None) -> None:
        self._kind = kind
        self._started: list[Beside] = []
        self.losses = [] if kind is None else [Losses(kind.name, len(plan.phases))]

    def start(self, pool: FakeUserPool, endpoints: FakeEndpoints) -> list[Beside]:
        """Start another one of them, without keys."""
        if self._kind is None:
            return []
        issuers = [endpoint.issuer for endpoint in endpoints]
        accepts = self._kind.make(pool, endpoints.original, issuers)
        self._started.append(Beside(accepts, self.losses[0], CALLERS))
        return self._started[-1:]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        deadline = time.monotonic() + GRACE_S
        for each in self._started:
            each.close(max(0.0, deadline - time.monotonic()))


class _Watched(NamedTuple):
    """A verifier of ours, the ordinary ones beside it, and where its losses are counted, if they are."""

    subject: Subject
    verifier: Verifies
    beside: list[Beside]
    losses: Losses | None


class _Run:
    def __init__(
        self,
        plan: Plan,
        pool: FakeUserPool,
        endpoints: FakeEndpoints,
        make_verifier: MakeVerifier,
        ordinaries: _Ordinaries,
        opened: ExitStack,
    ) -> None:
        self._plan = plan
        self._pool = pool
        self._endpoints = endpoints
        self._make_verifier = make_verifier
        self._opened = opened
        self._ordinaries = ordinaries
        self._ours = Losses("cognito-mr-auth", len(plan.phases))
        self._board = Board(plan, [self._ours, *ordinaries.losses])
        self._kinds: dict[str, str] = {endpoint.url: endpoint.kind for endpoint in endpoints}
        self._calls: list[Future[None]] = []
        self._began = self._phase_began = time.monotonic()
        self._modes: Mapping[str, FaultMode] = {}
        self._well = frozenset(self._kinds.values())
        self._first = self._start(None, plan.phases[0])
        self._cold: list[_Watched] = []

    def report(self) -> Report:
        """Return the report so far. Any exception but an AuthError is a bug, and is raised here."""
        for call in self._calls:
            if call.done():
                call.result()
        return self._board.report(time.monotonic() - self._began)

    def end(self) -> Report:
        """Return the last report, after every call of ours has ended. A request still waiting is lost."""
        for losses in (self._ours, *self._ordinaries.losses):
            losses.end(GRACE_S)
        return self.report()

    def play(self, callers: ThreadPoolExecutor, watch: Watch) -> None:
        """Send the stream through every phase."""
        shots = stream(self._pool)
        next_shot = next_cold = next_watch = time.monotonic()
        for index, phase in enumerate(self._plan.phases):
            self._enter(index, phase, callers)
            while self._goes_on(phase):
                now = time.monotonic()
                self._send(callers, [self._first], next(shots))
                next_shot += 1 / self._plan.rate
                if now >= next_cold:
                    self._send(callers, self._cold, valid(self._pool))
                    next_cold = now + COLD_EVERY_S
                if now >= next_watch:
                    watch(self.report())
                    next_watch = now + WATCH_EVERY_S
                time.sleep(max(0.0, next_shot - time.monotonic()))
        self._board.enter(len(self._plan.phases))

    def _goes_on(self, phase: Phase) -> bool:
        beyond = time.monotonic() - self._phase_began - phase.seconds
        return beyond < 0 or (beyond < phase.longer and not self._board.have_answered(self._kinds.values()))

    def _enter(self, index: int, phase: Phase, callers: ThreadPoolExecutor) -> None:
        self._phase_began = time.monotonic()
        self._board.enter(index)
        well = frozenset(self._kinds.values()).difference(phase.faults)
        self._world(self._well & well)  # during the change, count only endpoints well before and after
        for endpoint in self._endpoints:
            mode = phase.faults.get(endpoint.kind)
            if mode == self._modes.get(endpoint.kind):
                continue  # failing it again would release the requests that hang there
            endpoint.heal() if mode is None else endpoint.fail(mode)
        self._modes = phase.faults
        if phase.rotate:
            self._pool.rotate()
            new = frozenset({self._pool.access_key.kid, self._pool.id_key.kid})
            self._first.subject.awaits(new)
        self._world(well)
        if phase.cold is not None:
            self._cold.append(self._start(phase.cold, phase))
            self._send(callers, self._cold[-1:], valid(self._pool))
        if phase.unknown_kid:
            self._send(callers, [self._first], unknown_kid(self._pool))

    def _world(self, well: frozenset[str]) -> None:
        self._well = well
        listed = frozenset(key.kid for key in self._pool.keys)
        self._board.is_now(World(time.monotonic(), well, listed))

    def _start(self, cold: str | None, phase: Phase) -> _Watched:
        # The table shows only the first verifier's fetches.
        answered = self._board.answered if cold is None else _ignore
        subject = Subject(cold, self._kinds.__getitem__, answered)
        verifier = self._make_verifier(self._pool, self._plan, subject.on_event)
        self._opened.callback(verifier.close)
        # If a verifier has no keys and no endpoint serves any, both verifiers fail, so this is no comparison.
        if cold is not None and not phase.keys_to_be_had:
            return _Watched(subject, verifier, [], None)
        return _Watched(subject, verifier, self._ordinaries.start(self._pool, self._endpoints), self._ours)

    def _send(self, callers: ThreadPoolExecutor, to: Iterable[_Watched], shot: Shot) -> None:
        for watched in to:
            index = self._board.opened()
            losses = None if shot.forged else watched.losses
            if losses is not None:
                losses.sent(index)
            self._calls.append(callers.submit(self._call, watched, shot, index, losses))
            for beside in watched.beside:
                beside.send(shot, index)

    def _call(self, watched: _Watched, shot: Shot, index: int, losses: Losses | None) -> None:
        held, began = watched.subject.held, time.monotonic()
        error: errors.AuthError | None = None
        try:
            watched.verifier.verify(shot.token)
        except errors.AuthError as refusal:
            error = refusal
        if losses is not None:
            losses.answered(index, accepted=error is None)
        call = Call(shot, began, time.monotonic(), held)
        self._board.closed(index, call, error, watched.subject.remark(call, error, self._phase_began))


def _ignore(_kind: str) -> None:
    """Nothing."""
