"""Makes text from outside safe to show.

Owns escaping. A terminal shows text from a token, a file or an endpoint only after it has passed through
here. An escape sequence in a claim could otherwise rewrite what the viewer sees.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import click

__all__ = ["echo_json", "quoted", "safe", "to_json"]

# C0, DEL and C1 controls, line and paragraph separators, and the marks that reverse the direction of text
# (Unicode TR36, "Trojan Source").
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)

# How many characters of a value a row shows. An issuer's URL has at most 90, an audience rarely more.
SHOWN_CHARS: Final = 120


def safe(text: str) -> str:
    """Return the text with controls and invisible marks as Python escapes."""
    return _UNSAFE.sub(lambda match: ascii(match.group())[1:-1], text)


def to_json(value: Any, indent: int | None = 2) -> str:
    """Return JSON in printable ASCII; `indent=None` makes one line."""
    # json escapes everything but DEL, which can only be inside a string.
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")


def quoted(value: Any) -> str:
    """Return a token's value as JSON on one line, shortened if it is long.

    The quotes stay, so that no value looks like the program's own text.
    """
    if isinstance(value, str):
        text, length = to_json(value[:SHOWN_CHARS], None), len(value)
    else:
        text = to_json(value, None)
        text, length = text[:SHOWN_CHARS], len(text)
    return text if length <= SHOWN_CHARS else f"{text}... ({length:,} characters)"


def echo_json(value: Any) -> None:
    """Print one JSON document."""
    click.echo(to_json(value))
