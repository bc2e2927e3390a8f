"""The log's records of events: one line for whoever is on call, its level, and its facts as fields (B1).

This module has the texts. WARNING is for what is down or stale. ERROR is for tokens that are refused
meanwhile and for keys that a person must check. INFO is for what is over. DEBUG is for the rest, which is all
that a healthy process writes. A record holds no token, claim or signature, because no event does. Imports no
logging.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from cognito_mr_auth import events
from cognito_mr_auth._base.clock import MAX_TIME
from cognito_mr_auth._base.named_tuple import NamedTuple
from cognito_mr_auth._jwks.reachability import Outlook
from cognito_mr_auth._jwks.reasons import remarks_of
from cognito_mr_auth.events import Event

__all__ = ["HOOKS", "KEYS", "PREFIX", "Record", "record_of"]

KEYS = "cognito_mr_auth.keys"
HOOKS = "cognito_mr_auth.hooks"
# The beginning of a field's name. One of LogRecord's own names would raise in the logger, and another library
# may use the same name.
PREFIX = "cognito_mr_auth."

DEBUG, INFO, WARNING, ERROR = 10, 20, 30, 40  # the numbers of `logging`

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Record(NamedTuple):
    """A record of the standard logger. `template % args` is its message."""

    level: int
    template: str
    args: tuple[object, ...]
    fields: Mapping[str, Any] = _NOTHING

    def fields_of(self, event: Event) -> dict[str, Any]:
        """The event's fields and the record's own, under names that no LogRecord has."""
        return {f"{PREFIX}{name}": value for name, value in {**event.to_dict(), **self.fields}.items()}


def record_of(event: Event, outlook: Outlook | None = None, **more: Any) -> Record:
    """The record of an event. `outlook` is what its pool still has, if that is known."""
    words = _WORDS.get(type(event))
    if words is None:
        return Record(DEBUG, "%s", (event,))
    record = words(event, outlook or Outlook({}), **more)
    found = None if outlook is None else outlook.endpoints.get(getattr(event, "url", ""))
    if found is not None:
        kind, region, _ = found
        return record._replace(fields={**record.fields, "endpoint_kind": kind, "endpoint_region": region})
    return record


# --- Endpoints


def _down(event: events.EndpointDown, outlook: Outlook, *, swallowed: int = 0) -> Record:
    meaning = remarks_of(event.reason)
    why = event.reason if meaning is None else f"{event.reason}: {meaning}"
    return Record(
        WARNING,
        "endpoint down: %s, pool %s, has not answered since %s (%s). %s.%s",
        (
            _place(event.url, outlook),
            event.provider,
            _utc(event.since),
            why,
            _what_is_left(event.url, outlook),
            _unwritten(swallowed),
        ),
        {"swallowed": swallowed},
    )


def _up(event: events.EndpointUp, outlook: Outlook, *, swallowed: int = 0) -> Record:
    return Record(
        INFO,
        "endpoint up: %s, pool %s, answers again after %s.%s",
        (_place(event.url, outlook), event.provider, _duration(event.seconds), _unwritten(swallowed)),
        {"swallowed": swallowed},
    )


def _disabled(event: events.EndpointDisabled, outlook: Outlook, *, swallowed: int | None = None) -> Record:
    advice = (
        "is the Region in replica_regions by mistake, or the replica not active yet?"
        if event.kind == "replica"
        else "the pool has not switched to it"
    )
    return Record(
        DEBUG if swallowed is None else INFO,  # INFO if it ends a record that the endpoint is down
        "issuer not enabled: %s, pool %s, answers %d: %s",
        (_place(event.url, outlook), event.provider, event.status, advice),
    )


def _failed(event: events.FetchFailed, _outlook: Outlook) -> Record:
    if event.reason != "setup":
        return Record(DEBUG, "%s", (event,))
    return Record(
        WARNING, "no keys can be fetched: pool %s, setup: %s", (event.provider, remarks_of(event.reason))
    )


def _place(url: str, outlook: Outlook) -> str:
    """An endpoint as a person names it. A URL that belongs to no issuer has no Region."""
    found = outlook.endpoints.get(url)
    if found is None or found.region is None:
        return _host(url)
    return f"the {found.kind} issuer in {found.region}"


def _host(url: str) -> str:
    return url.split("/")[2] if url.count("/") > 1 else url


def _what_is_left(url: str, outlook: Outlook) -> str:
    up = [each for each, state in outlook.endpoints.items() if state.up and each != url]
    if up:
        places = " and ".join(_place(each, outlook) for each in up)
        return f"Nothing needs doing, because tokens of every issuer are verified with the keys of {places}"
    if outlook.age is None or outlook.usable_for is None:
        return "The pool has no usable key, so its tokens are answered with 503 until an endpoint answers"
    return (
        f"No endpoint of the pool is left. Tokens are verified with keys that are {_duration(outlook.age)} "
        f"old, for {_duration(outlook.usable_for)} more"
    )


def _unwritten(swallowed: int) -> str:
    return f" It went down and came back {swallowed} times since the last record." if swallowed else ""


# --- Keys


def _stale(event: events.KeysStale, _outlook: Outlook) -> Record:
    return Record(
        WARNING,
        "stale keys: nothing renews the keys of pool %s, which are %s old. Tokens are verified with them for "
        "%s more, then answered with 503.",
        (event.provider, _duration(event.age), _duration(event.usable_for)),
    )


def _unusable(event: events.KeysUnusable, _outlook: Outlook) -> Record:
    return Record(
        ERROR,
        "no usable keys: tokens of pool %s are answered with 503 until an endpoint answers. %s",
        (event.provider, event.reason),
    )


def _usable(event: events.KeysUsable, _outlook: Outlook) -> Record:
    return Record(
        INFO, "keys again: pool %s has fresh keys, after %s", (event.provider, _duration(event.seconds))
    )


def _quarantined(event: events.KeyQuarantined, outlook: Outlook) -> Record:
    places = " and ".join(_place(url, outlook) for url in event.urls)
    return Record(
        ERROR,
        "quarantined key: pool %s has two keys with the kid %r, of %s. Tokens that name it are answered with "
        "503. Find out which of them is wrong.",
        (event.provider, event.kid, places),
    )


def _exposed(event: events.KeyExposed, outlook: Outlook) -> Record:
    place = _place(event.url, outlook) if event.url else "a key file's record or jwks="
    return Record(
        ERROR,
        "exposed keys: pool %s, %s has served the private half of %d. Their tokens are refused. Rotate the "
        "pool's keys.",
        (event.provider, place, event.moduli),
    )


def _key_file(event: events.KeyFileProblem, _outlook: Outlook) -> Record:
    return Record(WARNING, "key file: pool %s, %s", (event.provider, event.reason))


def _emulator(event: events.InsecureEmulator, _outlook: Outlook) -> Record:
    return Record(
        WARNING,
        "insecure emulator: pool %s trusts plain http, and keys that anybody can sign with",
        (event.provider,),
    )


# --- Hooks

_MEANWHILE = MappingProxyType(
    {
        "on_event": "It did not get that event.",
        "on_outcome": "It did not get that outcome.",
        "logging": "Its record is lost.",
    }
)


def _hook(event: events.HookFailed, _outlook: Outlook, *, frames: tuple[str, ...] = ()) -> Record:
    return Record(
        WARNING,
        "hook failed: %s, %s: %s, %d so far%s. %s",
        (
            event.hook,
            event.name,
            event.error,
            event.failures,
            f", at {' > '.join(frames)}" if frames else "",
            _MEANWHILE.get(event.hook, "Requests that need it are answered as an outage (503)."),
        ),
        {"frames": frames},
    )


_WORDS: Mapping[type[Event], Callable[..., Record]] = MappingProxyType(
    {
        events.EndpointDisabled: _disabled,
        events.EndpointDown: _down,
        events.EndpointUp: _up,
        events.FetchFailed: _failed,
        events.HookFailed: _hook,
        events.InsecureEmulator: _emulator,
        events.KeyExposed: _exposed,
        events.KeyFileProblem: _key_file,
        events.KeyQuarantined: _quarantined,
        events.KeysStale: _stale,
        events.KeysUnusable: _unusable,
        events.KeysUsable: _usable,
    }
)
"""The texts of these events. All others belong to a healthy process, and show their fields alone."""


# --- Times


def _utc(seconds: float) -> str:
    """A wall time. A user's own clock may return any number."""
    if not 0 <= seconds <= MAX_TIME:
        return f"{seconds}"
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _duration(seconds: float) -> str:
    """A duration as a person says it, in the two largest units that matter."""
    if not 0 <= seconds <= MAX_TIME:
        return f"{seconds} s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes = rest // 60
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", "" if days else f"{minutes} min"]
    return " ".join(part for part in parts if part and not (part == "0 min" and hours))
