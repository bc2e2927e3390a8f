"""Writes the results: a table for the terminal, and a JSON file.

Owns the forms and the circumstances that are noted beside them. Knows no section: the rows say all.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import platform
import ssl
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import groupby
from pathlib import Path
from typing import Any

from ._result import Result, Row

__all__ = ["as_json", "circumstances", "number", "read_json", "table", "write_json"]

DISTRIBUTIONS = (
    "cognito-mr-auth",
    "cryptography",
    "pyperf",
    "pyjwt",
    "joserfc",
    "authlib",
    "python-jose",
    "aws-lambda-powertools",
    "fastapi",
    "fastapi-cognito",
    "starlette",
    "uvicorn",
    "flask",
    "gunicorn",
)
HEADINGS = ("", "median", "", "ratio", "to", "limit", "", "")
VERDICTS = {True: "kept", False: "MISSED", None: ""}


def number(value: float | None) -> str:
    """Three significant digits and no exponent; nothing for a missing value."""
    if value is None or math.isnan(value):
        return ""
    if math.isinf(value):
        return "inf"
    rounded = float(f"{value:.3g}")
    digits = 2 - math.floor(math.log10(abs(rounded))) if rounded else 0
    return f"{rounded:,.{max(0, min(digits, 4))}f}"


def table(rows: Iterable[Row]) -> str:
    """Every row, by section, in columns; a note follows its row."""
    parts = []
    for section, members in groupby(rows, key=lambda row: row.section):
        cells = [_cells(row) for row in members]
        widths = [max(len(line[column]) for line in [*cells, HEADINGS]) for column in range(7)]
        lines = [section, *(_line(each, widths) for each in [HEADINGS, *cells])]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _cells(row: Row) -> tuple[str, ...]:
    shown, ratio = number(row.value), number(row.ratio)
    return row.name, shown, row.unit, ratio, row.against, row.limit, VERDICTS[row.ok], row.note


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Align numbers right, text left."""
    aligned = [
        cell.rjust(width) if column in (1, 3) else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells[:7], widths, strict=True))
    ]
    return "  ".join(["", *aligned, cells[7]]).rstrip()


def as_json(result: Result) -> dict[str, Any]:
    """The result without NaN, which is no JSON."""
    rows = [{**row._asdict(), "value": None if math.isnan(row.value) else row.value} for row in result.rows]
    return {"rows": rows, "series": result.series}


def write_json(path: Path, section: str, result: Result, about: Mapping[str, Any]) -> None:
    """Put a section's results and circumstances into the file, beside those of other sections."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sections = {**read_json(path), section: {"about": about, **as_json(result)}}
    text = json.dumps({"sections": sections}, indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """The sections in the file: name -> about, rows, series; none where there is no file."""
    if not path.exists():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["sections"]
    return found


def circumstances(*, smoke: bool) -> dict[str, Any]:
    """What the figures depend on: machine, versions, date. No host name, no path."""
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "smoke": smoke,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "openssl": _openssl(),
        "versions": {name: found for name in DISTRIBUTIONS if (found := _version(name))},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _openssl() -> dict[str, str]:
    """Python's own, which hashes, and cryptography's, which verifies."""
    try:
        from cryptography.hazmat.backends.openssl.backend import backend
    except ImportError:
        return {"python": ssl.OPENSSL_VERSION}
    return {"python": ssl.OPENSSL_VERSION, "cryptography": backend.openssl_version_text()}


def _cpu() -> str:
    """The model, if Linux reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())
