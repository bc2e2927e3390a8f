"""Reads an event as plain JSON: a dict, an event class, or null in place of an object.

Owns that reading, and which events are pings that keep a function warm. Its callers interpret the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["is_ping", "mapping", "raw_event"]

# Members of the events of all services whose requests a client can cause. No ping has any of them.
_OF_REQUESTS = frozenset(
    {
        "authorizationToken",
        "headers",
        "httpMethod",
        "methodArn",
        "multiValueHeaders",
        "protocolData",
        "rawPath",
    }
    | {"requestContext", "routeArn", "token", "Records"}
)
# Names of a ping, as a type, a source or a flag, in any case and with or without "-" and "_".
_WORDS = frozenset({"keepwarm", "ping", "warm", "warmer", "warmup"})
# Sources of EventBridge's rules and schedules. The plug-ins of the Serverless Framework send their own names.
_SOURCES = _WORDS | {"aws.events", "aws.scheduler", "serverlesspluginwarmup", "serverlesspluginlambdawarmup"}


def mapping(value: object) -> Mapping[str, Any]:
    """Return the JSON object; an empty one for any other value, because consoles send null for none."""
    return value if isinstance(value, Mapping) else {}


def raw_event(event: object) -> object:
    """Return the event itself, or the `.raw_event` of a Powertools event class; else None."""
    return event if isinstance(event, Mapping) else getattr(event, "raw_event", None)


def is_ping(event: object) -> bool:
    """Whether the event is a ping that keeps the function warm: empty, null, a schedule's, or a plug-in's."""
    raw = raw_event(event)
    if raw is None:
        return getattr(event, "raw_event", event) is None
    if not isinstance(raw, Mapping) or not _OF_REQUESTS.isdisjoint(raw):
        return False
    kind = raw.get("type")
    if kind is not None:
        return _word(kind) in _WORDS
    flags = (name for name, value in raw.items() if value)
    return not raw or _word(raw.get("source")) in _SOURCES or not _WORDS.isdisjoint(map(_word, flags))


def _word(value: object) -> str:
    return value.casefold().replace("-", "").replace("_", "") if isinstance(value, str) else ""
