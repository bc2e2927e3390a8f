"""Text from outside, made safe to show."""

from __future__ import annotations

from typing import Any

import pytest

from cognito_mr_auth.cli._text import SHOWN_CHARS, quoted, safe


def test_text_is_made_safe() -> None:
    """Controls and invisible marks become escapes; letters of any script stay."""
    assert safe("é漢\x1b\x9b\u202e\u2028\n\x7f") == "é漢\\x1b\\x9b\\u202e\\u2028\\n\\x7f"


VALUES = [
    ("jane", '"jane"'),
    ('x", of your pool', '"x\\", of your pool"'),
    ("\x1b[2J\x7f\u202e\ud800", '"\\u001b[2J\\u007f\\u202e\\ud800"'),
    ("é", '"\\u00e9"'),
    (["a", 1], '["a", 1]'),
    (1e300, "1e+300"),
    (False, "false"),
    ("x" * SHOWN_CHARS, f'"{"x" * SHOWN_CHARS}"'),
    ("x" * 1500, f'"{"x" * SHOWN_CHARS}"... (1,500 characters)'),
    (["x" * 200], f'["{"x" * (SHOWN_CHARS - 2)}... (204 characters)'),
]


@pytest.mark.parametrize(("value", "expected"), VALUES, ids=[f"row-{place}" for place in range(len(VALUES))])
def test_a_value_of_a_token_is_quoted_and_cut(value: Any, expected: str) -> None:
    """It cannot write to the terminal, read as a word of ours, or fill the screen."""
    assert quoted(value) == expected
