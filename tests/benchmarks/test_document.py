"""docs/performance.md says what the results say; benchmarks/suite/_document.py writes its tables."""

from __future__ import annotations

import importlib
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def document(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module, from the project's folder, which is no part of the package."""
    monkeypatch.syspath_prepend(PROJECT)
    return importlib.import_module("benchmarks.suite._document")


def row(section: str, name: str, value: float | None = 1.0, unit: str = "us", **more: Any) -> dict[str, Any]:
    """A row as the JSON file has it."""
    plain = {"ratio": None, "against": "", "limit": "", "ok": None, "note": ""}
    return {"section": section, "name": name, "value": value, "unit": unit, **plain, **more}


def found(*rows: dict[str, Any], **about: Any) -> dict[str, Any]:
    """One Python's results: its sections."""
    plain = {"python": "CPython 3.11.9", "smoke": False, "date": "2026-01-02", "cpu": "Some | CPU"}
    plain |= {"versions": {"pyjwt": "2.0"}, "openssl": {"python": "OpenSSL 3"}}
    sections = dict.fromkeys(each["section"] for each in rows)
    return {
        section: {
            "about": plain | about,
            "rows": [each for each in rows if each["section"] == section],
            "series": {},
        }
        for section in sections
    }


def places(document: ModuleType, between: str = "") -> str:
    """A document with a place for every table."""
    return "\n".join(f"<!-- table:{name} -->\n{between}<!-- end -->" for name in document.NAMES)


def test_the_page_shows_the_results_that_are_kept(document: ModuleType) -> None:
    """New results without a new page, or a figure that was edited by hand, fail here."""
    text = document.DOCUMENT.read_text("utf-8")
    assert document.fill(text, document.tables(document.results())) == text


def test_every_plot_on_the_page_has_its_file(document: ModuleType) -> None:
    """None is asked for before the first measurement."""
    shown = re.findall(r"!\[[^]]*\]\(([^)]+\.svg)\)", document.DOCUMENT.read_text("utf-8"))
    assert shown
    if document.results():
        assert [plot for plot in shown if not (document.DOCUMENT.parent / plot).is_file()] == []


@pytest.mark.parametrize(
    ("given", "cell"),
    [
        pytest.param(row("again", "ours", 3.456), "3.46 us", id="a figure"),
        pytest.param(
            row("again", "ours", 38.0, ratio=1.5, against="bare RSA"),
            "38.0 us (1.50 x bare RSA)",
            id="a ratio",
        ),
        pytest.param(
            row("again", "ours", 21.0, "x", ratio=21.0, against="as fast"),
            "21.0 x as fast",
            id="only a ratio",
        ),
        pytest.param(
            row("again", "peer", None, note="missing: no | Node"), "missing: no \\| Node", id="missing"
        ),
    ],
)
def test_a_cell_says_the_figure_and_what_it_is_a_multiple_of(
    document: ModuleType, given: dict[str, Any], cell: str
) -> None:
    """A peer that could not be had is named with the reason."""
    table = document.tables([found(given)])["again"]
    assert table.splitlines()[-1] == f"| {given['name']} | {cell} |"


@pytest.mark.parametrize(("ok", "verdict"), [(True, "kept"), (False, "**missed**")])
def test_a_limit_is_shown_with_its_verdict_in_both_tables(
    document: ModuleType, ok: bool, verdict: str
) -> None:
    """The table of limits has the limited rows alone."""
    limited = row("uncached", "ours", 2.0, ratio=1.2, against="RSA", limit="<= 1.65 x RSA", ok=ok)
    made = document.tables([found(limited, row("uncached", "peer"))])
    line = f"ours | 2.00 us (1.20 x RSA), {verdict} | <= 1.65 x RSA |"
    assert f"| {line}" in made["uncached"]
    assert f"| uncached: {line}" in made["limits"]
    assert "peer |" in made["uncached"]
    assert "peer |" not in made["limits"]


def test_pythons_stand_side_by_side_and_a_row_that_one_lacks_is_empty(document: ModuleType) -> None:
    """Rows meet by name; the order is that of the first one who has them."""
    older = found(row("again", "ours", 1.0), row("again", "theirs", 2.0))
    newer = found(row("again", "ours", 3.0), row("again", "new", 4.0), python="CPython 3.13.1")
    assert document.tables([older, newer])["again"].splitlines() == [
        "|  | CPython 3.11.9 | CPython 3.13.1 |",
        "| --- | ---: | ---: |",
        "| ours | 1.00 us | 3.00 us |",
        "| theirs | 2.00 us |  |",
        "| new |  | 4.00 us |",
    ]


def test_a_dying_region_has_a_line_for_each_contender_and_a_column_for_each_figure(
    document: ModuleType,
) -> None:
    """A contender that is missing says so in its first cell."""
    rows = [
        row("region", "ours: slowest, fine", 1.5, "ms"),
        row("region", "ours: errors", 0.0, "errors"),
        row("region", "peer: slowest, fine", None, "ms", note="missing: not installed"),
    ]
    assert document.tables([found(*rows)])["region"].splitlines() == [
        "| CPython 3.11.9 | slowest, fine (ms) | errors |",
        "| --- | ---: | ---: |",
        "| ours | 1.50 | 0 |",
        "| peer | missing: not installed |  |",
    ]


def test_growth_is_a_table_for_each_part(document: ModuleType) -> None:
    """The part's name goes into the table's."""
    made = document.tables(
        [found(row("growth", "pools: 10, cached"), row("growth", "memory: pool", 7.0, "KB"))]
    )
    assert "| 10, cached | 1.00 us |" in made["growth-pools"]
    assert "| pool | 7.00 KB |" in made["growth-memory"]


def test_the_circumstances_are_shown_with_every_version(document: ModuleType) -> None:
    """Sections that were measured on different days name both; a bar does not end the cell."""
    made = found(row("again", "ours")) | found(row("uncached", "ours"), date="2026-01-05")
    shown = document.tables([made])["circumstances"].splitlines()
    assert shown == [
        "|  | CPython 3.11.9 |",
        "| --- | ---: |",
        "| date | 2026-01-02, 2026-01-05 |",
        "| processor | Some \\| CPU |",
        "| OpenSSL of python | OpenSSL 3 |",
        "| pyjwt | 2.0 |",
    ]


def test_results_come_by_version_and_never_from_a_smoke_run(document: ModuleType, tmp_path: Path) -> None:
    """3.9 comes before 3.13, whatever the files are called."""
    for name, python, smoke in (("a", "3.13.1", False), ("b", "3.9.2", False), ("c", "3.12.0", True)):
        sections = found(row("again", "ours"), python=f"CPython {python}", smoke=smoke)
        (tmp_path / f"{name}.json").write_text(json.dumps({"sections": sections}), "utf-8")
    pythons = [each["again"]["about"]["python"] for each in document.results(tmp_path)]
    assert pythons == ["CPython 3.9.2", "CPython 3.13.1"]
    assert document.results(tmp_path / "none") == []


def test_tables_replace_what_was_in_their_places_and_nothing_else(document: ModuleType) -> None:
    """Filling twice changes nothing; what was not measured says so."""
    text = "Before.\n" + places(document, "stale\n") + "\nAfter.\n"
    once = document.fill(text, {"again": "| new \\1 |"})
    assert once.startswith("Before.\n")
    assert once.endswith("\nAfter.\n")
    assert "stale" not in once
    assert "<!-- table:again -->\n| new \\1 |\n<!-- end -->" in once
    assert once.count(document.NOT_YET) == len(document.NAMES) - 1
    assert document.fill(once, {"again": "| new \\1 |"}) == once


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda text: text.replace("<!-- end -->", "", 1), id="a place without an end"),
        pytest.param(lambda text: text.replace("table:again", "table:agian"), id="a misspelt name"),
        pytest.param(lambda text: text + "\n<!-- table:again -->\n<!-- end -->", id="one table twice"),
        pytest.param(lambda text: text[text.index("<!-- end -->") :], id="no place for a table"),
    ],
)
def test_a_table_without_its_one_place_is_an_error(document: ModuleType, spoil: Any) -> None:
    """No figure is lost, or left from another run, because of a mistake in the page."""
    with pytest.raises(ValueError, match="places for"):
        document.fill(spoil(places(document)), {})


def test_a_part_of_growth_that_the_page_does_not_know_is_an_error(document: ModuleType) -> None:
    """A new part needs a place on the page."""
    made = document.tables([found(row("growth", "moons: 2"))])
    with pytest.raises(ValueError, match="no place for: growth-moons"):
        document.fill(places(document), made)


def test_missing_figures_survive_json(document: ModuleType) -> None:
    """NaN is null there."""
    [kept] = document.rows_from([row("again", "peer", None)])
    assert math.isnan(kept.value)
