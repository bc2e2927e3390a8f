"""The bed's judge bites: each broken promise is in `wrong`, and a row that showed nothing fails too."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from netns.judge import UNANSWERED, Call, Finding, first, outcomes, select, slowest

CALLS = [
    Call("valid", 10.0, 0.5, "503"),
    Call("valid", 10.2, 0.1, "ok"),
    Call("forged", 10.4, 0.1, "401"),
    Call("valid", 11.0, 0.25, "ok"),
    Call("valid", 11.5, 3.0, UNANSWERED),
]

SPANS = [
    pytest.param({}, [10.0, 10.2, 10.4, 11.0, 11.5], id="all"),
    pytest.param({"group": "valid"}, [10.0, 10.2, 11.0, 11.5], id="one-group"),
    pytest.param({"since": 10.2, "before": 11.0}, [10.2, 10.4], id="since-inclusive-before-exclusive"),
]


@pytest.mark.parametrize(("span", "begun"), SPANS)
def test_calls_are_selected_by_when_they_began(span: dict[str, object], begun: list[float]) -> None:
    """By group, and by a span of time."""
    assert [each.begun for each in select(CALLS, **span)] == begun  # type: ignore[arg-type]


def test_a_first_answer_counts_from_the_moment_asked_about() -> None:
    """Answers before it do not count, those of calls begun before it do."""
    assert first(CALLS, "ok", since=10.25) == pytest.approx(0.05)
    assert first(CALLS, "ok", since=10.5) == pytest.approx(0.75)
    assert first(CALLS, "ok", since=12.0) is None


def test_who_still_waits_counts_as_slow_and_not_as_answered() -> None:
    """Otherwise a caller that hangs for ever would look like none."""
    assert slowest(CALLS) == 3.0
    assert slowest([]) == 0.0
    assert outcomes(CALLS) == {"503": 1, "ok": 2, "401": 1}


FINDINGS: list[tuple[Callable[[Finding], None], bool]] = [
    (lambda it: it.at_most("key", 1.0, 1.0), True),
    (lambda it: it.at_most("key", 1.01, 1.0), False),
    (lambda it: it.at_most("key", None, 1.0), False),
    (lambda it: it.none("401", 0), True),
    (lambda it: it.none("401", 1), False),
    (lambda it: it.some("answers", 1), True),
    (lambda it: it.some("answers", 0), False),
    (lambda it: it.equal("reason", "dns", "dns"), True),
    (lambda it: it.equal("reason", "timeout", "dns"), False),
    (lambda it: it.only("valid", select(CALLS, "valid"), "ok", "503"), True),
    (lambda it: it.only("all", CALLS, "ok", "503"), False),
    (lambda it: it.only("nobody", [], "ok"), False),
    (lambda it: it.only("who hangs", CALLS[-1:], "ok"), False),
]


@pytest.mark.parametrize(("check", "good"), FINDINGS)
def test_each_check_bites(check: Callable[[Finding], None], good: bool) -> None:
    """What is not as promised is a figure and wrong."""
    finding = Finding()
    check(finding)
    assert (not finding.wrong) is good
    assert set(finding.wrong) <= set(finding.figures)
