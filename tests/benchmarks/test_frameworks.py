"""The applications that benchmarks/frameworks.py compares are what its rows say, and its limit bites."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import needs

from benchmarks import frameworks
from benchmarks.suite.apps import frameworks as folder

APPS = Path(folder.__file__).parents[1]
PREFIX = "benchmarks.suite.apps."
SERVERS = {"uvicorn", "gunicorn"}


def packages(path: Path) -> set[str]:
    """What an application imports beyond the core, by way of its neighbours too, and its server."""
    found: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith(PREFIX)):
            module = (node.module or "").removeprefix(PREFIX).replace(".", "/")
            found |= {alias.name for alias in node.names} & SERVERS
            if module != "_common":
                found |= packages((path.parent if node.level else APPS) / f"{module}.py")
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found - needs.EVERYWHERE - sys.stdlib_module_names


ROWS = [
    pytest.param(
        name, marks=pytest.mark.needs(*sorted(packages(APPS / "frameworks" / f"{name}.py"))), id=name
    )
    for name in frameworks.names()
]


@pytest.mark.parametrize("name", ROWS)
def test_ours_refuses_a_forged_token_and_the_constant_does_not(name: str) -> None:
    """On the server that is measured; `started` asks both, and raises."""
    with frameworks.started(frameworks.application(name)) as (servers, _token):
        assert set(servers) == {"guarded", "constant"}


@pytest.mark.parametrize(
    ("guarded", "ratio", "kept"),
    [([95.0, 190.0, 500.0], 0.95, True), ([90.0, 186.0, 273.0], 0.91, False)],
    ids=["kept", "missed"],
)
def test_a_row_is_the_median_of_the_rounds_ratios(guarded: list[float], ratio: float, kept: bool) -> None:
    """Not the ratio of medians, because what is compared ran at the same moment."""
    constant = [frameworks.Round(rate, 2 * rate) for rate in (100.0, 200.0, 300.0)]
    found = frameworks.Rounds([frameworks.Round(rate, rate) for rate in guarded], constant)
    said = json.loads(frameworks.row(SimpleNamespace(NAME="Quart"), found, 0.93))
    rates = {"guarded_per_s": sorted(map(round, guarded))[1], "constant_per_s": 200}
    ratios = {"ratio": ratio, "processor_ratio": round(ratio / 2, 3)}
    assert said == {"framework": "Quart", **rates, **ratios, "kept": kept}


def test_what_is_not_installed_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """And is no failure."""
    assert list(frameworks.present(["no_such_framework"])) == []
    assert "no_such_framework" in json.loads(capsys.readouterr().out)["missing"]
