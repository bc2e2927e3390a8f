"""Makes text from outside safe to show.

Owns escaping. Nothing from a token, a file or an endpoint may reach a terminal in any other way: an
escape sequence in a claim can rewrite what the viewer sees.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import click

__all__ = ["echo_json", "safe", "to_json"]

# C0, DEL and C1 controls, line and paragraph separators, and the marks that turn text around
# (Unicode TR36, "Trojan Source").
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


def safe(text: str) -> str:
    """The text with controls and invisible marks as Python escapes."""
    return _UNSAFE.sub(lambda match: ascii(match.group())[1:-1], text)


def to_json(value: Any) -> str:
    """Indented JSON in printable ASCII."""
    # json escapes everything but DEL, which can only stand inside a string.
    return json.dumps(value, indent=2).replace("\x7f", "\\u007f")


def echo_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(to_json(value))
