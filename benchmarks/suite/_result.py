"""What a section of the benchmarks hands back: rows for the table, and series for the plots.

Owns these shapes and the arithmetic of limits. It must not import a peer, a plot or the library, so that
the tests of the core can look at it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

__all__ = ["Result", "Row", "ahead_of", "at_least", "at_most", "missed", "missing", "plain", "rows_from"]


class Row(NamedTuple):
    """One line of the table."""

    section: str
    """One of "uncached", "parts", "again", "refusals", "cold-start", "requests", "region", "growth"; of the
    fleet's three."""
    name: str
    """What was measured: "ours, 1.0 KB"."""
    value: float
    """The median; NaN for what is missing."""
    unit: str
    """"us", "ms", "s", "/s", "req/s", "KB", or "x" for a factor."""
    ratio: float | None
    """To the section's yardstick, which `against` names."""
    against: str = ""
    """"bare RSA", "PyJWT", "no auth"."""
    limit: str = ""
    """As printed: "<= 1.65 x bare RSA"."""
    ok: bool | None = None
    """Whether the limit is kept; None where there is none."""
    note: str = ""
    """What a reader must know, or "missing: <why>"."""


class Result(NamedTuple):
    """A section's outcome.

    `series` holds what is plotted beyond the bars that the report draws from `rows`: a dict from the
    plot's name (its file's name too: lower case, hyphens) to

        {"title": str, "x": label, "y": label,
         "lines": {name: [[x, y], ...]},
         "log": "", "x", "y" or "xy",            # optional: logarithmic axes
         "marks": [[x, "what happened"], ...]}   # optional: vertical lines

    Whatever has no "lines" goes into the JSON file alone.
    """

    rows: list[Row]
    series: dict[str, Any]


def plain(
    section: str, name: str, value: float, unit: str, *, of: float, against: str, note: str = ""
) -> Row:
    """A figure without a limit; `of` is the yardstick's figure."""
    return Row(section, name, value, unit, value / of, against, note=note)


def at_most(row: Row, most: float, *, note: str = "") -> Row:
    """The row with a limit on its ratio, from above."""
    return _limited(row, f"<= {most:g} x {row.against}", _ratio(row) <= most, note)


def at_least(row: Row, least: float, *, note: str = "") -> Row:
    """The row with a limit on its ratio, from below."""
    return _limited(row, f">= {least:g} x {row.against}", _ratio(row) >= least, note)


def ahead_of(row: Row, *, note: str = "") -> Row:
    """The row of a factor with the limit that it is above 1: ours is the faster one."""
    return _limited(row, f"> 1 x {row.against}", _ratio(row) > 1, note)


def missing(section: str, name: str, unit: str, why: str) -> Row:
    """A peer that is missing. It is named, and it is no failure."""
    return Row(section, name, math.nan, unit, None, note=f"missing: {why}")


def missed(rows: Iterable[Row]) -> list[Row]:
    """The rows whose limit is not kept."""
    return [row for row in rows if row.ok is False]


def rows_from(data: Iterable[dict[str, Any]]) -> list[Row]:
    """The rows of a JSON file; null was NaN."""
    return [Row(**{**each, "value": math.nan if each["value"] is None else each["value"]}) for each in data]


def _ratio(row: Row) -> float:
    """NaN keeps no limit: every comparison with it is false."""
    return math.nan if row.ratio is None else row.ratio


def _limited(row: Row, limit: str, ok: bool, note: str) -> Row:
    return row._replace(limit=limit, ok=ok, note=note or row.note)
