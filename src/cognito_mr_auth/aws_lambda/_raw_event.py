"""An event as the JSON that it was: what a dict, an event class, or null in an object's place comes to.

Owns that reading alone; what the members mean is for whoever reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["mapping", "raw_event"]


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object, or an empty one in its place: consoles send null for what is absent."""
    return value if isinstance(value, Mapping) else {}


def raw_event(event: object) -> object:
    """The event itself, also of Powertools' event classes; whatever else it is, as it is or None."""
    return event if isinstance(event, Mapping) else getattr(event, "raw_event", None)
