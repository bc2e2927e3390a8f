"""What a check says, in words."""

from __future__ import annotations

from typing import get_args

import pytest

from cognito_mr_auth._aws.model import Kind, Trouble
from cognito_mr_auth.cli._doctor.verdicts import VERDICTS, Check, listed, unknown, worst


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_trouble_is_unknown_and_never_ok(kind: Kind) -> None:
    """Each kind has its text, and advice."""
    row = unknown("key", Trouble(kind, "kms:DescribeKey", "Code"))
    assert (row.name, row.verdict) == ("key", "unknown")
    assert row.said
    assert row.do
    assert row.permission == ("kms:DescribeKey" if kind == "not-permitted" else "")
    assert ("Code" in row.said) is (kind != "not-permitted")


def test_a_trouble_without_a_detail() -> None:
    """No empty brackets."""
    assert unknown("key", Trouble("late")).said == "AWS's API did not answer in time"


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [([], "ok"), (["ok", "unknown"], "unknown"), (["warning", "failure", "ok"], "failure"), (["ok"], "ok")],
    ids=str,
)
def test_the_worst(verdicts: list[str], expected: str) -> None:
    """A failure outweighs a warning, that outweighs what is unknown."""
    assert worst(Check("x", each, "") for each in verdicts) == expected  # type: ignore[arg-type]
    assert VERDICTS == ("failure", "warning", "unknown", "ok")


@pytest.mark.parametrize(
    ("values", "text"), [([], "none"), (["b"], "b"), (["b", "a"], "a and b"), ("cab", "a, b and c")], ids=str
)
def test_a_list_as_text(values: list[str], text: str) -> None:
    """Sorted, with commas and a last conjunction."""
    assert listed(values) == text
    assert listed(values, "or") == text.replace(" and ", " or ")
