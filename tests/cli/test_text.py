"""Text from outside, made safe to show."""

from __future__ import annotations

from importlib import import_module
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
    """It cannot write to the terminal, look like the program's own text, or fill the screen."""
    assert quoted(value) == expected


@pytest.mark.parametrize(
    ("module", "name", "number"),
    [
        ("_text", "SHOWN_CHARS", 120),
        ("_doctor.endpoints", "ENDPOINT_SECONDS", 10),
        ("_doctor.endpoint_checks", "MAX_SKEW_SECONDS", 60),
        ("_doctor.endpoint_checks", "SHOWN_CHARS", 64),
    ],
)
def test_a_limit_is_what_the_documents_say(module: str, name: str, number: float) -> None:
    """D5: no bound changes by mistake. It stands here, because the core alone has no command line."""
    assert getattr(import_module(f"cognito_mr_auth.cli.{module}"), name) == number
