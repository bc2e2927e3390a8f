"""What a verifier tells its `on_event` hook: frozen values, one type per happening (DESIGN H3).

Owns the shapes alone. No event holds a token, a claim or a signature; a `kid` appears only after an
endpoint of the pool has listed it, and times are in seconds.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "BudgetExhausted",
    "EndpointParked",
    "Event",
    "FetchFailed",
    "FetchSucceeded",
    "InsecureEmulator",
    "KeyExposed",
    "KeyFileProblem",
    "KeyQuarantined",
    "KeysChanged",
    "KeysSkipped",
    "StateChanged",
]


class FetchSucceeded(NamedTuple):
    """An endpoint served a usable key set: how long it took and how many keys it held."""

    user_pool_id: str
    url: str
    seconds: float
    keys: int
    skipped: int


class FetchFailed(NamedTuple):
    """An endpoint did not serve a usable key set; it is left alone for `retry_in` seconds.

    `reason` is one of a fixed set of words, `status` the HTTP status where there was one.
    """

    user_pool_id: str
    url: str
    reason: str
    seconds: float
    status: int | None
    retry_in: float


class EndpointParked(NamedTuple):
    """The updated issuer answered 403 or 404: not enabled for this pool, asked again in an hour."""

    user_pool_id: str
    url: str
    status: int


class KeysChanged(NamedTuple):
    """The pool's usable keys changed: the `kid`s that came and went, sorted."""

    user_pool_id: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


class KeysSkipped(NamedTuple):
    """Members of one answer were left out: pairs of a reason and how many, sorted."""

    user_pool_id: str
    url: str
    reasons: tuple[tuple[str, int], ...]


class KeyQuarantined(NamedTuple):
    """Two recent answers give one `kid` different keys: neither is used (503 for that kid)."""

    user_pool_id: str
    kid: str
    urls: tuple[str, ...]


class KeyExposed(NamedTuple):
    """An endpoint served private members of keys: their public halves are unusable (`moduli` of them)."""

    user_pool_id: str
    url: str
    moduli: int


class StateChanged(NamedTuple):
    """The age of the pool's key set crossed a limit: empty, fresh, aged, stale, expired."""

    user_pool_id: str
    before: str
    after: str


class BudgetExhausted(NamedTuple):
    """Unknown `kid`s came faster than they may cause fetches; further ones are answered at once."""

    user_pool_id: str


class KeyFileProblem(NamedTuple):
    """The key file could not be read, was refused, or could not be written (`reason` says which)."""

    user_pool_id: str
    reason: str


class InsecureEmulator(NamedTuple):
    """`insecure_emulator=True` is on: plain http and emulators' public keys are trusted."""

    user_pool_id: str


Event = (
    FetchSucceeded
    | FetchFailed
    | EndpointParked
    | KeysChanged
    | KeysSkipped
    | KeyQuarantined
    | KeyExposed
    | StateChanged
    | BudgetExhausted
    | KeyFileProblem
    | InsecureEmulator
)
