"""The benchmarks' table shows what was measured, and a limit that is not kept fails."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks.suite._report import as_json, number, read_json, table, write_json
from benchmarks.suite._result import (
    Result,
    Row,
    ahead_of,
    at_least,
    at_most,
    missed,
    missing,
    plain,
    rows_from,
)


def row(value: float = 33.0, *, of: float = 20.0) -> Row:
    """Ours beside bare RSA: 1.65 times as long, unless given otherwise."""
    return plain("uncached", "ours, 1.0 KB", value, "us", of=of, against="bare RSA", note="full path")


@pytest.mark.parametrize(
    ("limited", "printed", "ok"),
    [
        (at_most(row(), 1.65), "<= 1.65 x bare RSA", True),
        (at_most(row(33.1), 1.65), "<= 1.65 x bare RSA", False),
        (at_least(row(44.0), 2.2), ">= 2.2 x bare RSA", True),
        (at_least(row(43.9), 2.2), ">= 2.2 x bare RSA", False),
        (ahead_of(row(20.1)), "> 1 x bare RSA", True),
        (ahead_of(row(20.0)), "> 1 x bare RSA", False),
    ],
    ids=["at it", "above it", "at the least", "below the least", "ahead", "neck and neck"],
)
def test_a_limit_is_kept_up_to_the_figure_that_is_printed(limited: Row, printed: str, *, ok: bool) -> None:
    """And the row keeps its figures and its note."""
    assert (limited.limit, limited.ok) == (printed, ok)
    assert limited[:6] == row(limited.value)[:6]
    assert limited.note == "full path"


@pytest.mark.parametrize("value", [None, math.nan], ids=["no ratio", "no number"])
def test_no_limit_is_kept_by_what_was_not_measured(value: float | None) -> None:
    """A comparison with NaN is false, whichever way it goes."""
    unmeasured = row()._replace(ratio=value)
    assert [limit(unmeasured, 1.0).ok for limit in (at_most, at_least)] == [False, False]
    assert ahead_of(unmeasured).ok is False


def test_only_a_limit_that_is_not_kept_is_missed() -> None:
    """Neither a row without a limit nor a peer that cannot be had is a failure."""
    kept, broken = at_most(row(), 2), at_most(row(), 1)
    gone = missing("uncached", "PyJWT", "us", "No module named 'jwt'")
    assert missed([row(), kept, broken, gone]) == [broken]
    assert gone.note == "missing: No module named 'jwt'"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.01234, "0.0123"),
        (0.132, "0.132"),
        (1.654, "1.65"),
        (9.999, "10.0"),
        (41.26, "41.3"),
        (412.6, "413"),
        (123456.0, "123,000"),
        (-3.14159, "-3.14"),
        (math.inf, "inf"),
        (math.nan, ""),
        (None, ""),
    ],
)
def test_a_number_has_three_digits_that_mean_something(value: float | None, shown: str) -> None:
    """Nothing is shown for what is not there."""
    assert number(value) == shown


def test_the_table_shows_each_row_with_its_verdict_below_its_section() -> None:
    """A missing peer is named, with the reason, in the place of its figures."""
    rows = [
        row(20.0)._replace(name="bare RSA"),
        at_most(row(40.0), 1.65),
        missing("uncached", "PyJWT", "us", "not installed"),
        plain("again", "ours", 2.5, "us", of=20.0, against="bare RSA"),
    ]
    uncached, again = table(rows).split("\n\n")
    title, _, bare, ours, gone = uncached.splitlines()
    assert (title, again.splitlines()[0]) == ("uncached", "again")
    assert bare.split()[:5] == ["bare", "RSA", "20.0", "us", "1.00"]
    assert "2.00  bare RSA  <= 1.65 x bare RSA  MISSED  full path" in ours
    assert gone.split() == ["PyJWT", "us", "missing:", "not", "installed"]
    assert len({line.index(" us ") for line in (bare, ours, gone)}) == 1


def test_a_file_holds_each_sections_latest_results(tmp_path: Path) -> None:
    """Strict JSON: NaN is no part of it, and what was missing is missing when it is read again."""
    path = tmp_path / "results" / "3.11.json"
    gone = missing("uncached", "PyJWT", "us", "not installed")
    write_json(path, "again", Result([row(1.0)], {}), {"date": "2026-01-01"})
    write_json(path, "uncached", Result([row(), gone], {"spread": {"ours": [1, 2]}}), {"date": "2026-01-02"})
    write_json(path, "again", Result([row(2.0)], {}), {"date": "2026-01-03"})

    found = read_json(path)
    assert list(found) == ["again", "uncached"]
    assert [each["about"]["date"] for each in found.values()] == ["2026-01-03", "2026-01-02"]
    assert rows_from(found["again"]["rows"]) == [row(2.0)]
    first, second = rows_from(found["uncached"]["rows"])
    assert first == row()
    assert math.isnan(second.value)
    assert second._replace(value=0.0) == gone._replace(value=0.0)
    assert found["uncached"]["series"] == {"spread": {"ours": [1, 2]}}


def test_no_file_has_no_sections(tmp_path: Path) -> None:
    """The first run begins with nothing."""
    assert read_json(tmp_path / "none.json") == {}


def test_a_result_is_json_as_it_is() -> None:
    """`--json` of a section prints it."""
    found = json.loads(json.dumps(as_json(Result([at_most(row(), 1)], {})), allow_nan=False))
    assert found["rows"][0]["ok"] is False
