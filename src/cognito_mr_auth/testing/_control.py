"""Lets another terminal control a serving pool: fail, heal, rotate, mint, and show the requests.

Owns the paths and their responses. Opens no socket, because `_control_server` does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, Protocol, cast

from cognito_mr_auth.principal import IssuerKind

from ._endpoints.endpoint import FakeEndpoint
from ._endpoints.endpoints import FakeEndpoints
from ._endpoints.faults import FAULTS, FaultName
from ._tokens.keys import SigningKey

__all__ = ["Answer", "Control"]

KINDS: Final[tuple[IssuerKind, ...]] = ("original", "replica", "updated")
HEAL: Final = "heal"


class _Pool(Protocol):
    """The attributes of a FakeUserPool that are used here."""

    @property
    def access_key(self) -> SigningKey: ...

    @property
    def keys(self) -> tuple[SigningKey, ...]: ...

    def rotate(self) -> None: ...

    def withdraw(self) -> None: ...


class Answer(NamedTuple):
    """An HTTP status and a text that ends with a newline; `allow` is the method that would be right."""

    status: int
    text: str
    allow: str = ""


class Control:
    """Answers one request after the other. `mint` makes a token of one kind of issuer.

    GET shows the state of the pool and mints tokens. POST changes something, and answers with the new state.
    """

    def __init__(self, pool: _Pool, endpoints: FakeEndpoints, mint: Callable[[IssuerKind], str]) -> None:
        self._pool = pool
        self._endpoints = endpoints
        self._mint = mint
        self._lock = threading.Lock()  # because rotate and withdraw change what they have read

    def answer(self, method: str, path: str) -> Answer:
        """Answer a request for this path, whose first segment the caller has checked."""
        segments = tuple(segment for segment in path.split("/") if segment)
        with self._lock:
            action, wants = self._action(segments)
            if action is None:
                return Answer(404, self._usage())
            if method != wants:
                return Answer(405, f"this is a {wants}\n{self._usage()}", wants)
            return Answer(200, action())

    def _action(self, segments: tuple[str, ...]) -> tuple[Callable[[], str] | None, str]:
        """Return what this path does, and its method; None for an unknown path."""
        match segments:
            case ():
                return self._state, "GET"
            case ("token",):
                return lambda: self._token("original"), "GET"
            case ("token", "original" | "replica" | "updated" as kind) if self._has(kind):
                return lambda: self._token(kind), "GET"
            case ("rotate",):
                return lambda: self._changed(self._pool.rotate), "POST"
            case ("withdraw",):
                return lambda: self._changed(self._pool.withdraw), "POST"
            case (name, mode) if self._has(name) and (mode == HEAL or mode in FAULTS):
                return lambda: self._changed(lambda: self._switch(name, mode)), "POST"
        return None, ""

    # ---- names of endpoints

    def _named(self, name: str) -> Iterator[FakeEndpoint]:
        """Yield all endpoints, those of the primary Region or of a Region, or those of a kind."""
        primary = self._endpoints.original.region
        for endpoint in self._endpoints:
            names = {"all", endpoint.kind, endpoint.region}
            if name in names or (name == "primary" and endpoint.region == primary):
                yield endpoint

    def _has(self, name: str) -> bool:
        return any(True for _ in self._named(name))

    def _switch(self, name: str, mode: str) -> None:
        for endpoint in self._named(name):
            if mode == HEAL:
                endpoint.heal()
            else:
                endpoint.fail(cast("FaultName", mode))

    # ---- the responses

    def _changed(self, change: Callable[[], None]) -> str:
        change()
        return self._state()

    def _token(self, kind: IssuerKind) -> str:
        return self._mint(kind) + "\n"

    def _state(self) -> str:
        """Return a line for each endpoint, and one about the keys."""
        rows = ((e.kind, e.region, e.mode or "well", e.requests, e.url) for e in self._endpoints)
        lines = ["{:<9} {:<14} {:<13} {:>5} requests  {}".format(*row) for row in rows]
        kid = self._pool.access_key.kid
        keys = f"{len(self._pool.keys)} keys are listed; access tokens are signed with {kid}"
        return "\n".join([*lines, keys, ""])

    def _usage(self) -> str:
        names = dict.fromkeys(("all", "primary", *(n for e in self._endpoints for n in (e.kind, e.region))))
        return (
            "GET / or /token/KIND; POST /rotate, /withdraw, /WHO/heal or /WHO/MODE\n"
            f"KIND: {', '.join(kind for kind in KINDS if self._has(kind))}\n"
            f"WHO: {', '.join(names)}\n"
            f"MODE: {', '.join(FAULTS)}\n"
        )
