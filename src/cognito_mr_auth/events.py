"""The events that a verifier's `on_event` hook receives. Each type is a frozen value.

This module holds the shapes alone. No event holds a token, a claim or a signature. A `kid` appears only
after an endpoint of the pool has listed it. All times are in seconds. `provider` is a pool's ID.
Some events are made for whoever is on call: an endpoint is down or up, keys are stale, missing or good again.
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
    """A metaclass that gives a class one slot for each field that its body declares."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> Any:
        body["__slots__"] = tuple(body.get("__annotations__", ()))
        return super().__new__(mcs, name, bases, body)


@dataclass_transform(frozen_default=True)
class Event(metaclass=_Slotted):
    """The base of all events. Events are frozen, compare by value, and show their fields.

    It is written by hand, because a dozen NamedTuples or dataclasses would take a twelfth of our import time.
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
        """Returns the event's name and fields, for a structured log."""
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
    """An endpoint served a usable key set of `keys` keys after `seconds`. `skipped` members were left out."""

    provider: str
    url: str
    seconds: float
    keys: int
    skipped: int


class FetchFailed(Event):
    """An endpoint did not serve a usable key set. It is not asked again for `retry_in` seconds.

    `reason` is one of a fixed set of strings. `status` is the HTTP status, or None without a response.
    """

    provider: str
    url: str
    reason: str
    seconds: float
    status: int | None
    retry_in: float


class EndpointDisabled(Event):
    """An updated issuer or a replica answered 403 or 404, so the pool does not have it.

    It is asked again after an hour. `kind` is "updated" or "replica". "updated" is the normal state of most
    pools. "replica" is a mistake in `replica_regions`, or a replica that does not exist yet.
    """

    provider: str
    url: str
    status: int
    kind: IssuerKind


class EndpointDown(Event):
    """An endpoint does not answer. The event comes after the second failure in a row.

    It comes after the first failure if the endpoint has not answered since the process began. It also does if
    no other endpoint of the pool is left. `reason` is the last failure as `health()` shows it ("connect",
    "status 503"). `since` is the wall time of the first failure.
    """

    provider: str
    url: str
    reason: str
    since: float


class EndpointUp(Event):
    """An endpoint that was down for `seconds` answers again.

    If it answers that its issuer is not enabled, an `EndpointDisabled` comes in place of this event.
    """

    provider: str
    url: str
    seconds: float


class KeysStale(Event):
    """The pool serves keys that are older than `revalidate_after`, because no endpoint renews them.

    `age` is the age of the keys. After `usable_for` seconds they may verify nothing any more.
    """

    provider: str
    age: float
    usable_for: float


class KeysUnusable(Event):
    """The pool has no usable key, and no endpoint gives it one. Its tokens are answered with 503.

    `reason` is the hint of that answer: each endpoint's last failure, and what it means.
    """

    provider: str
    reason: str


class KeysUsable(Event):
    """The keys are good again, `seconds` after the last `KeysStale` or `KeysUnusable`."""

    provider: str
    seconds: float


class KeysChanged(Event):
    """The pool's usable keys changed. `added` and `removed` are sorted `kid`s."""

    provider: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


class KeysSkipped(Event):
    """Members of one response were left out. `reasons` are sorted pairs of a reason and a count."""

    provider: str
    url: str
    reasons: tuple[tuple[str, int], ...]


class KeyQuarantined(Event):
    """Two recent responses give different keys for one `kid`. Neither key is used; the answer is 503."""

    provider: str
    kid: str
    urls: tuple[str, ...]


class KeyExposed(Event):
    """An endpoint served private members of keys, so their public halves verify nothing any more.

    `moduli` counts these keys. They stay unusable for the life of the process. `url` is empty where a key
    file's record or `jwks=` has named the keys.
    """

    provider: str
    url: str
    moduli: int


class StateChanged(Event):
    """The age of the pool's key set passed a limit. States: empty, fresh, aged, stale, expired."""

    provider: str
    before: State
    after: State


class RateLimitReached(Event):
    """Tokens with unknown `kid`s came faster than they may cause fetches. More are refused at once."""

    provider: str


class KeyFileProblem(Event):
    """The key file could not be read, was refused, or could not be written. `reason` says which."""

    provider: str
    reason: str


class InsecureEmulator(Event):
    """`insecure_emulator=True` is set, so plain http and emulators' public keys are trusted."""

    provider: str


class HookFailed(Event):
    """A function of yours raised, or returned something that is no valid answer.

    The event comes at most once a minute for each function. `hook` is the setting that the function was given
    as: "revoked", "policy.check", "on_event" or "on_outcome", and in AWS Lambda "context",
    "usage_identifier_key" or "iot_policy". It is "logging" for a handler of the standard logger.
    `name` is the function's module and name, `error` the exception's class, `failures` the count so far.
    The exception's message is left out, because it could hold a claim.
    """

    hook: str
    name: str
    error: str
    failures: int
