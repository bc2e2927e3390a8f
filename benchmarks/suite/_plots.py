"""Results as SVG files: bars for each section's rows, lines for each series that has some.

Owns how plots look. The same results give the same file, octet by octet: text stays text, ids have a
fixed salt, and no date is written.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl

from ._report import number
from ._result import Result, Row

__all__ = ["plot"]

mpl.use("svg")
mpl.rcParams.update(
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "cognito-mr-auth",
        "font.family": "sans-serif",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)
from matplotlib import pyplot as plt  # noqa: E402 - after its backend is chosen

OURS, YARDSTICK, PEER, LIMIT = "#1f6feb", "#57606a", "#afb8c1", "#cf222e"
YARDSTICKS = ("bare RSA", "SHA-256", "Node's bare", "no auth", "a valid token", "import")
PEER_LINES = ("#bf8700", "#8250df", "#1a7f37", "#cf222e", "#57606a")
WIDTH, BAR_HEIGHT = 8.0, 0.24
# Beyond this factor between the longest bar and the shortest, the short ones could not be read.
LOGARITHMIC_FROM = 40


def plot(section: str, result: Result, folder: Path, *, caption: str) -> list[Path]:
    """Write this section's plots; their paths. Bars stand in for lines where a section has none."""
    folder.mkdir(parents=True, exist_ok=True)
    series = result.series.items()
    lines = {name: each for name, each in series if isinstance(each, dict) and each.get("lines")}
    if lines:
        return [_lines(name, each, folder, caption) for name, each in lines.items()]
    rows = _drawable(result.rows)
    return [_bars(section, rows, folder, caption)] if rows else []


def _drawable(rows: Sequence[Row]) -> list[Row]:
    """Rows of the most usual unit: once each, without factors and what is missing."""
    there = [row for row in rows if row.unit != "x" and row.value > 0]
    usual = Counter(row.unit for row in there).most_common(1)
    found: dict[str, Row] = {}
    for row in there:
        if row.unit == usual[0][0] and (row.name not in found or row.limit):
            found[row.name] = row
    return list(found.values())


def _bars(section: str, rows: Sequence[Row], folder: Path, caption: str) -> Path:
    figure, axes = plt.subplots(figsize=(WIDTH, 1.1 + BAR_HEIGHT * len(rows)))
    values, unit = [row.value for row in rows], rows[0].unit
    axes.barh(range(len(rows)), values, color=[_colour(row.name) for row in rows], height=0.7)
    for place, row in enumerate(rows):
        axes.annotate(number(row.value), (row.value, place), (3, 0), textcoords="offset points", va="center")
        if (most := _limit(row)) is not None:
            axes.plot([most, most], [place - 0.45, place + 0.45], color=LIMIT, linewidth=1.6)
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.invert_yaxis()
    if max(values) / min(values) > LOGARITHMIC_FROM:
        axes.set_xscale("log")
    axes.margins(x=0.12, y=0.02)
    better = "more is better" if unit.endswith("/s") else "less is better"
    limits = "; red: the limit" if any(row.limit for row in rows) else ""
    axes.set_xlabel(f"{unit}, median; {better}{limits}")
    axes.set_title(f"{section}, {caption}", loc="left")
    return _saved(figure, folder / f"{section}.svg")


def _colour(name: str) -> str:
    if name.startswith("ours") or "ours" in name:
        return OURS
    return YARDSTICK if name.startswith(YARDSTICKS) else PEER


def _limit(row: Row) -> float | None:
    """Where the limit lies on the value's axis."""
    factor = row.limit.partition(" x ")[0].lstrip("<>= ")
    if not row.limit or row.ratio is None or not row.ratio:
        return None
    try:
        return row.value / row.ratio * float(factor)
    except ValueError:
        return None


def _lines(name: str, series: Mapping[str, Any], folder: Path, caption: str) -> Path:
    figure, axes = plt.subplots(figsize=(WIDTH, 3.8))
    styles = _styles(series["lines"])
    for label, points in series["lines"].items():
        drawn = [(x, y) for x, y in points if y is not None and math.isfinite(y)]
        across, up = [x for x, _ in drawn], [y for _, y in drawn]
        axes.plot(across, up, label=label, marker=".", markersize=3, **styles[label])
    for place, what in series.get("marks", ()):
        axes.axvline(place, color=YARDSTICK, linestyle=":", linewidth=1)
        axes.annotate(what, (place, 1.01), xycoords=("data", "axes fraction"), ha="center", fontsize=8)
    logarithmic = series.get("log", "")
    if "x" in logarithmic:
        axes.set_xscale("log")
    if "y" in logarithmic:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(series["x"])
    axes.set_ylabel(series["y"])
    axes.set_title(f"{series['title']}, {caption}", loc="left", pad=18)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return _saved(figure, folder / f"{name}.svg")


def _styles(labels: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Ours are blue and differ by their strokes; each peer has a colour of its own."""
    strokes, colours = cycle(("-", "--", "-.", ":")), cycle(PEER_LINES)
    return {
        label: {"color": OURS, "linestyle": next(strokes), "linewidth": 1.8}
        if "ours" in label
        else {"color": next(colours), "linewidth": 1.2}
        for label in labels
    }


def _saved(figure: Any, path: Path) -> Path:
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    # Matplotlib leaves blanks at the ends of lines, which `git diff --check` complains about.
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")
    return path
