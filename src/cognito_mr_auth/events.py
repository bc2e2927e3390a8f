"""The events that a verifier's `on_event` hook receives: frozen values, one type for each (H3).

Owns the shapes alone. No event holds a token, a claim or a signature; a `kid` appears only after an
endpoint of the provider has listed it, and times are in seconds. `provider` is a pool's ID. What changed for
whoever is on call has events of its own: an endpoint went down or came back, and the keys that are left (B1).
"""

from __future__ import annotations

from typing import Any, Literal, dataclass_transform

from .principal import IssuerKind

__all__ = [
    "EndpointDisabled",
    "EndpointDown",
    "EndpointUp",
    "Event",
    "FetchFailed",
    "FetchSucceeded",
    "HookFailed",
    "InsecureEmulator",
    "KeyExposed",
    "KeyFileProblem",
    "KeyQuarantined",
    "KeysChanged",
    "KeysSkipped",
    "KeysStale",
    "KeysUnusable",
    "KeysUsable",
    "RateLimitReached",
    "StateChanged",
]

State = Literal["empty", "fresh", "aged", "stale", "expired"]
"""The state of a pool's keys by their age; "empty" before the first ones."""


class _Slotted(type):
    """Gives a class one slot for each field that its body declares."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> Any:
        body["__slots__"] = tuple(body.get("__annotations__", ()))
        return super().__new__(mcs, name, bases, body)


@dataclass_transform(frozen_default=True)
class Event(metaclass=_Slotted):
    """What all events have: they are frozen, compare by value, and show their fields.

    Written by hand, because a dozen NamedTuples or dataclasses would take a twelfth of our import time.
    """

    def __init__(self, *values: object, **named: object) -> None:
        fields = type(self).fields()
        given = dict(zip(fields, values, strict=False)) | named
        if len(given) != len(values) + len(named) or given.keys() != set(fields):
            raise TypeError(f"{type(self).__name__} takes {', '.join(fields)}")
        for name, value in given.items():
            object.__setattr__(self, name, value)

    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """The names of the event's fields, in order."""
        found: tuple[str, ...] = cls.__slots__  # type: ignore[attr-defined]
        return found

    def to_dict(self) -> dict[str, Any]:
        """The event's name and fields, for a structured log."""
        values = {name: getattr(self, name) for name in self.fields()}
        return {"event": type(self).__name__, **values}

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an event is immutable")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an event is immutable")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Event) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(tuple(self.to_dict().values()))

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), tuple(getattr(self, name) for name in self.fields()))

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.fields())
        return f"{type(self).__name__}({values})"


class FetchSucceeded(Event):
    """An endpoint served a usable key set: how long it took and how many keys it held."""

    provider: str
    url: str
    seconds: float
    keys: int
    skipped: int


class FetchFailed(Event):
    """An endpoint did not serve a usable key set; it is left alone for `retry_in` seconds.

    `reason` is one of a fixed set of strings, `status` the HTTP status where there was one.
    """

    provider: str
    url: str
    reason: str
    seconds: float
    status: int | None
    retry_in: float


class EndpointDisabled(Event):
    """An updated issuer or a replica answered 403 or 404: not enabled for this pool, asked again in an hour.

    `kind` is "updated" or "replica". The former is the normal state of most pools, the latter a mistake in
    `replica_regions`, or a replica that is not there yet.
    """

    provider: str
    url: str
    status: int
    kind: IssuerKind


class EndpointDown(Event):
    """An endpoint does not answer: after its second failure in a row, or at once.

    At once if it has not answered since the process began, or if no other one of the pool is left.
    `reason` is its last failure as `health()` shows it ("connect", "status 503"), `since` the wall time of
    the first one.
    """

    provider: str
    url: str
    reason: str
    since: float


class EndpointUp(Event):
    """An endpoint that was down answers again, after so many `seconds`.

    One that says instead that its issuer is not enabled is an `EndpointDisabled`, and down no longer.
    """

    provider: str
    url: str
    seconds: float


class KeysStale(Event):
    """The pool serves keys older than `revalidate_after`, because nothing renews them.

    `age` is theirs, and `usable_for` are the seconds until they may verify nothing any more.
    """

    provider: str
    age: float
    usable_for: float


class KeysUnusable(Event):
    """The pool has no usable key, and nothing gives it one: its tokens are answered with 503.

    `reason` is what the hint of that answer says: each endpoint's last failure, and what it means.
    """

    provider: str
    reason: str


class KeysUsable(Event):
    """The keys are as they should be again, `seconds` after the last `KeysStale` or `KeysUnusable`."""

    provider: str
    seconds: float


class KeysChanged(Event):
    """The pool's usable keys changed: the `kid`s that came and went, sorted."""

    provider: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


class KeysSkipped(Event):
    """Members of one answer were left out: pairs of a reason and how many, sorted."""

    provider: str
    url: str
    reasons: tuple[tuple[str, int], ...]


class KeyQuarantined(Event):
    """Two recent answers give one `kid` different keys: neither is used (503 for that kid)."""

    provider: str
    kid: str
    urls: tuple[str, ...]


class KeyExposed(Event):
    """An endpoint served private members of keys: their public halves are unusable (`moduli` counts them).

    They stay so for the life of the process. `url` is empty where a key file's record or `jwks=` says so.
    """

    provider: str
    url: str
    moduli: int


class StateChanged(Event):
    """The age of the pool's key set crossed a limit: empty, fresh, aged, stale, expired."""

    provider: str
    before: State
    after: State


class RateLimitReached(Event):
    """Unknown `kid`s came faster than they may cause fetches; further ones are answered at once."""

    provider: str


class KeyFileProblem(Event):
    """The key file could not be read, was refused, or could not be written (`reason` says which)."""

    provider: str
    reason: str


class InsecureEmulator(Event):
    """`insecure_emulator=True` is on: plain http and emulators' public keys are trusted."""

    provider: str


class HookFailed(Event):
    """A function of yours raised, or gave an answer that is none; at most once a minute for each.

    `hook` is what it was given as ("revoked", "policy.check", "on_event", "on_outcome", and in AWS Lambda
    "context", "usage_identifier_key" and "iot_policy"), or "logging" for a handler of the standard logger.
    `name` is its module and name, `error` the exception's class, `failures` how often it has failed so far.
    The exception's message is left out, because it could hold a claim.
    """

    hook: str
    name: str
    error: str
    failures: int
