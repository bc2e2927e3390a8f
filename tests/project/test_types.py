"""The gate of the public types bites: it sees a hole, a wrong use that passes, and a right one that does not.

The clean tree passes it in every `make lint`.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def gate() -> ModuleType:
    """The script behind `make types`, as a module."""
    spec = importlib.util.spec_from_file_location("check_types", PROJECT / "scripts" / "check_types.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def change(path: Path, old: str, new: str) -> int:
    """Change the one place of a file that has this text; the number of its line."""
    text = path.read_text("utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), "utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_a_use_that_changes_its_mind_is_seen(gate: ModuleType, tmp_path: Path) -> None:
    """A wrong line that both checkers take, and a right one that both refuse: four differences, no more."""
    uses = Path(shutil.copytree(gate.USES, tmp_path / "uses"))
    taken = change(uses / "refused.py", 'token_use="Access"', 'token_use="access"')
    refused = change(uses / "accepted.py", 'token_use="id"', 'token_use="ID"')
    assert sorted(gate.check_uses(uses)) == [
        f"accepted.py:{refused}: mypy says arg-type",
        f"accepted.py:{refused}: pyright says reportArgumentType",
        f"refused.py:{taken}: mypy does not say arg-type",
        f"refused.py:{taken}: pyright does not say reportArgumentType",
    ]


def test_a_file_that_expects_nothing_shows_nothing(gate: ModuleType, tmp_path: Path) -> None:
    """Comments in another form are no expectations, so the check does not pass for want of them."""
    (tmp_path / "refused.py").write_text("N: int = ''  # refused\n")
    with pytest.raises(RuntimeError, match="expects nothing"):
        gate.expected(tmp_path)


HOLES = [
    pytest.param("N: int = 1\n", [], id="none"),
    pytest.param(
        "class C:\n    def __init__(self) -> None:\n        self.n = abs(1)\n", ["C", "C.n"], id="attribute"
    ),
    pytest.param("def f(n):\n    return n\n", ["f"], id="function"),
]


@pytest.mark.parametrize(("text", "names"), HOLES)
def test_a_hole_is_named(gate: ModuleType, text: str, names: list[str], tmp_path: Path) -> None:
    """A public name whose type a checker must guess."""
    package = tmp_path / gate.PACKAGE
    package.mkdir()
    (package / "py.typed").touch()
    (package / "__init__.py").write_text(text)
    lines = list(gate.holes(tmp_path))
    assert sorted({line.split(":")[0].strip() for line in lines[1:]}) == [
        f"{gate.PACKAGE}.{name}" for name in names
    ]
    assert bool(lines) is bool(names)


def test_another_package_than_the_wheels_is_no_answer(gate: ModuleType, tmp_path: Path) -> None:
    """The editable installation, which pyright would find too, is not what users get."""
    with pytest.raises(RuntimeError, match="pyright has read"):
        list(gate.holes(tmp_path))
