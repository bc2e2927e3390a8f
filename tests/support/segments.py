"""Segments of a compact JWS, by the standard library alone: text of octets, and octets of text.

Owns no rule: what it writes is canonical (RFC 7515 section 2), and what it reads it does not judge.
"""

from __future__ import annotations

import base64
import json
from typing import Any


def segment(part: Any) -> str:
    """The text of octets as they are, or of a value's JSON."""
    octets = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def octets_of(text: str) -> bytes:
    """What a segment says."""
    return base64.urlsafe_b64decode(text + "==")
