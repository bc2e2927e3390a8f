"""Reads an event as plain JSON: a dict, an event class, or null in an object's place.

Owns that reading alone; its callers interpret the members.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["mapping", "raw_event"]


def mapping(value: object) -> Mapping[str, Any]:
    """The JSON object, or an empty one for anything else, because consoles send null for what is absent."""
    return value if isinstance(value, Mapping) else {}


def raw_event(event: object) -> object:
    """The event itself, or that of a Powertools event class (`.raw_event`); else None."""
    return event if isinstance(event, Mapping) else getattr(event, "raw_event", None)
