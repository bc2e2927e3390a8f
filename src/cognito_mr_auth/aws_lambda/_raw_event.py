"""Reads an event as plain JSON: a dict, an event class, or null in an object's place.

Owns that reading, and which events are pings that keep a function warm; its callers interpret the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["is_ping", "mapping", "raw_event"]

# What the events of every service have of which a client may cause one; no ping has any of them.
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
# Words for a ping, as a type, a source or a flag, in whatever case and with or without "-" and "_".
_WORDS = frozenset({"keepwarm", "ping", "warm", "warmer", "warmup"})
# EventBridge's rules and schedules; the plug-ins of the Serverless Framework send their own name.
_SOURCES = _WORDS | {"aws.events", "aws.scheduler", "serverlesspluginwarmup", "serverlesspluginlambdawarmup"}


def mapping(value: object) -> Mapping[str, Any]:
    """The JSON object, or an empty one for anything else, because consoles send null for what is absent."""
    return value if isinstance(value, Mapping) else {}


def raw_event(event: object) -> object:
    """The event itself, or that of a Powertools event class (`.raw_event`); else None."""
    return event if isinstance(event, Mapping) else getattr(event, "raw_event", None)


def is_ping(event: object) -> bool:
    """Whether it is a ping that keeps the function warm: empty, null, a schedule's, or a plug-in's."""
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
