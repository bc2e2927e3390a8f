"""Writes the tables of docs/performance.md from the results. Its sentences are written by hand.

    .venvs/bench/bin/python -m benchmarks.suite._document

Owns what stands between `<!-- table:NAME -->` and `<!-- end -->`. It measures nothing, and imports neither
the library nor a peer. Results of several Pythons stand beside each other; those of a smoke run never do.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ._report import number, read_json
from ._result import Row, rows_from

__all__ = ["NAMES", "NOT_YET", "fill", "results", "tables"]

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "performance.md"
RESULTS = ROOT / "benchmarks" / "results"
NOT_YET = "*Not measured yet.*"
PLACE = re.compile(r"(<!-- table:([\w-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)

WHOLE = ("uncached", "parts", "again", "refusals", "cold-start", "requests", "fleet-limits")
"""Sections that are one table, a line for each row."""
PIVOTED = ("region", "fleet", "fleet-callers")
"""Sections whose rows are named "contender: figure"; a line for each contender."""
DIVIDED = ("growth",)
"""Sections whose rows are named "part: what"; a table for each part."""
APART = ("fleet-limits",)
"""Sections whose limits are not those of `make bench`."""
PARTS = ("pools", "tokens", "threads", "processes", "memory")
NAMES = ("circumstances", "limits", *WHOLE, *PIVOTED, *(f"growth-{part}" for part in PARTS))
"""Every table that the document has a place for."""

CIRCUMSTANCES = {"date": "date", "cpu": "processor", "cores": "cores", "system": "system"}
"""Of what a run says about itself, what is shown first; the versions follow."""
VERDICTS = {True: "kept", False: "**missed**", None: ""}

Sections = Mapping[str, Mapping[str, Any]]
"""One Python's results: section -> "about", "rows", "series"."""


def results(folder: Path = RESULTS) -> list[Sections]:
    """The results that are kept, by version of Python; no section of a smoke run."""
    found = []
    for path in folder.glob("*.json"):
        kept = {name: each for name, each in read_json(path).items() if not each["about"]["smoke"]}
        found += [kept] if kept else []
    return sorted(found, key=lambda sections: [int(part) for part in re.findall(r"\d+", _python(sections))])


def _said(sections: Sections, say: Callable[[Mapping[str, Any]], object]) -> str:
    """What the sections' circumstances say, once where they agree."""
    every = (say(each["about"]) for each in sections.values())
    return ", ".join(dict.fromkeys(str(each) for each in every if each is not None))


def _python(sections: Sections) -> str:
    return _said(sections, lambda about: about["python"])


def tables(found: Sequence[Sections]) -> dict[str, str]:
    """Markdown by table's name, of what was measured."""
    if not found:
        return {}
    made = {"circumstances": _circumstances(found)}
    columns = {_python(each): _rows(each) for each in found}
    limited = {
        python: [
            row._replace(name=f"{row.section}: {row.name}")
            for row in rows
            if row.limit and row.section not in APART
        ]
        for python, rows in columns.items()
    }
    if any(limited.values()):
        made["limits"] = _table(limited)
    for section in dict.fromkeys(row.section for rows in columns.values() for row in rows):
        mine = {python: [row for row in rows if row.section == section] for python, rows in columns.items()}
        if section in PIVOTED:
            made[section] = "\n\n".join(_pivot(python, rows) for python, rows in mine.items() if rows)
        elif section in DIVIDED:
            made |= _divided(section, mine)
        else:
            made[section] = _table(mine)
    return made


def _rows(sections: Sections) -> list[Row]:
    return [row for each in sections.values() for row in rows_from(each["rows"])]


def _divided(section: str, columns: Mapping[str, list[Row]]) -> dict[str, str]:
    """A table for each part, without the part's name before every line."""
    parts: dict[str, dict[str, list[Row]]] = {}
    for python, rows in columns.items():
        for row in rows:
            part, _, what = row.name.partition(": ")
            parts.setdefault(f"{section}-{part}", {name: [] for name in columns})[python].append(
                row._replace(name=what)
            )
    return {name: _table(mine) for name, mine in parts.items()}


def _table(columns: Mapping[str, Sequence[Row]]) -> str:
    """A line for each row, a column for each Python; limits and notes where any row has them."""
    lines: dict[tuple[str, str, str], dict[str, Row]] = {}
    for python, rows in columns.items():
        for row in rows:  # one name may stand for a figure and for a factor, or be held to two limits
            lines.setdefault((row.name, row.against, row.limit), {})[python] = row
    every = [row for by_python in lines.values() for row in by_python.values()]
    limits, notes = any(row.limit for row in every), any(_remark(row) for row in every)
    heads = ["", *columns, *["limit"] * limits, *["note"] * notes]
    body = []
    for (name, _, limit), by_python in lines.items():
        cells = [_cell(by_python.get(python)) for python in columns]
        remarks = dict.fromkeys(filter(None, map(_remark, by_python.values())))
        body.append([name, *cells, *[limit] * limits, *["; ".join(remarks)] * notes])
    return _markdown(heads, body)


def _remark(row: Row) -> str:
    """What is missing says so in its cell."""
    return "" if row.note.startswith("missing:") else row.note


def _cell(row: Row | None) -> str:
    """The figure, its ratio, and whether it keeps its limit."""
    if row is None:
        return ""
    if row.note.startswith("missing:"):
        return row.note
    shown = f"{number(row.value)} {row.unit}".strip()
    if row.ratio is not None and row.unit != "x":
        shown += f" ({number(row.ratio)} x {row.against})"
    elif row.against:
        shown += f" {row.against}"
    return f"{shown}, {VERDICTS[row.ok]}" if row.ok is not None else shown


def _pivot(python: str, rows: Iterable[Row]) -> str:
    """A line for each contender, a column for each figure."""
    lines: dict[str, dict[str, Row]] = {}
    for row in rows:
        contender, _, figure = row.name.partition(": ")
        lines.setdefault(contender, {})[figure] = row
    figures = {figure: row.unit for each in lines.values() for figure, row in each.items()}
    heads = [
        python,
        *(f"{figure} ({unit})" if unit != figure else figure for figure, unit in figures.items()),
    ]
    body = [[name, *(_bare(each.get(figure)) for figure in figures)] for name, each in lines.items()]
    return _markdown(heads, body)


def _bare(row: Row | None) -> str:
    """The figure alone: its unit stands in the heading."""
    if row is None:
        return ""
    return row.note if row.note.startswith("missing:") else number(row.value)


def _circumstances(found: Sequence[Sections]) -> str:
    """Machine, versions and date, a column for each Python."""
    lines = {label: _line(found, (name,)) for name, label in CIRCUMSTANCES.items()}
    for name in _names(found, "openssl"):
        lines[f"OpenSSL of {name}"] = _line(found, ("openssl", name))
    for name in _names(found, "versions"):
        lines[name] = _line(found, ("versions", name))
    body = [[label, *cells] for label, cells in lines.items() if any(cells)]
    return _markdown(["", *map(_python, found)], body)


def _names(found: Sequence[Sections], of: str) -> Iterable[str]:
    abouts = (each["about"] for sections in found for each in sections.values())
    return dict.fromkeys(name for about in abouts for name in about.get(of, {}))


def _line(found: Sequence[Sections], path: Sequence[str]) -> list[str]:
    def say(about: Mapping[str, Any]) -> object:
        inner = about.get(path[0])
        return inner if len(path) == 1 or inner is None else inner.get(path[1])

    return [_said(sections, say) for sections in found]


def _markdown(heads: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A table; the first column holds names, the others are ranged right."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *body]
    return "\n".join(
        f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in line)} |"
        for line in lines
    )


def fill(text: str, made: Mapping[str, str]) -> str:
    """The document with these tables in their places, and a remark where nothing was measured.

    Raises:
        ValueError: a table has no place in NAMES, or one of NAMES has not exactly one in the document.
    """
    places = [match[2] for match in PLACE.finditer(text)]
    if strange := sorted(set(made) - set(NAMES)):
        raise ValueError(f"no place for: {', '.join(strange)}")
    if sorted(places) != sorted(NAMES) or text.count("<!-- table:") != len(places):
        raise ValueError(f"the document has places for {', '.join(places)}, not one for each of NAMES")
    return PLACE.sub(lambda match: f"{match[1]}{made.get(match[2], NOT_YET)}\n{match[4]}", text)


def main() -> int:
    """Write the document's tables anew."""
    text = DOCUMENT.read_text("utf-8")
    DOCUMENT.write_text(fill(text, tables(results())), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
