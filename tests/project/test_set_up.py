"""The set-up keeps its promises: which Python it takes, what it pins, what it tests and reports."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from support import drivers, needs

PROJECT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
THIS = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(scope="module")
def test_all() -> ModuleType:
    """The script behind `make test-all`, as a module."""
    path = PROJECT / "scripts" / "test_all.py"
    spec = importlib.util.spec_from_file_location("test_all_script", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


# --- Which Python


def _program(place: Path, text: str) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(0o755)
    return place


SHIM = "echo 'pyenv: command not found' >&2; exit 127"
OLD = "echo 2.7; exit 1"
REAL = f'exec {shlex.quote(sys.executable)} "$@"'

# Programs on the path and among pyenv's versions, and where the one to be found is.
PYTHONS = [
    pytest.param({"bin/python3.11": REAL}, True, id="first-name"),
    pytest.param({"bin/python3.11": SHIM, "bin/python3": REAL}, True, id="behind-a-shim"),
    pytest.param({"bin/python3.11": OLD, "bin/python3.12": REAL}, True, id="behind-an-old-one"),
    pytest.param({"bin/python3": SHIM, "pyenv/versions/3.11.9/bin/python": REAL}, True, id="pyenv"),
    pytest.param({"bin/python3.11": SHIM, "bin/python3": SHIM}, False, id="shims-alone"),
    pytest.param({}, False, id="none"),
]


@pytest.mark.parametrize(("programs", "found"), PYTHONS)
def test_make_finds_a_python_that_runs(programs: dict[str, str], found: bool, tmp_path: Path) -> None:
    """scripts/find-python names a Python that runs, or says what to install."""
    for name, text in programs.items():
        _program(tmp_path / name, text)
    environment = {"PATH": f"{tmp_path}/bin", "PYENV_ROOT": f"{tmp_path}/pyenv"}
    done = subprocess.run(
        ["/bin/sh", PROJECT / "scripts" / "find-python"],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) is found
    if found:
        assert Path(done.stdout.strip()).samefile(sys.executable)
    else:
        assert "python3.11-venv" in done.stderr


OTHERS = [
    pytest.param({f"a/python{THIS}": REAL}, f"a/python{THIS}", id="on-the-path"),
    pytest.param({f"a/python{THIS}": SHIM, f"b/python{THIS}": REAL}, f"b/python{THIS}", id="behind-a-shim"),
    pytest.param(
        {f"a/python{THIS}": SHIM, f"pyenv/versions/{THIS}.1/bin/python{THIS}": REAL},
        f"pyenv/versions/{THIS}.1/bin/python{THIS}",
        id="pyenv",
    ),
    pytest.param(
        {f"a/python{THIS}": SHIM, f"brought/sid/usr/bin/python{THIS}": REAL},
        f"brought/sid/usr/bin/python{THIS}",
        id="brought",
    ),
    pytest.param({f"a/python{THIS}": "echo 3.99"}, None, id="says-another-version"),
    pytest.param({f"a/python{THIS}": SHIM}, None, id="shim-alone"),
    pytest.param({}, None, id="none"),
]


@pytest.mark.parametrize(("programs", "found"), OTHERS)
def test_test_all_finds_pythons_that_run(
    programs: dict[str, str], found: str | None, tmp_path: Path, test_all: ModuleType
) -> None:
    """A name on the path counts only if it runs and is the version that it says."""
    for name, text in programs.items():
        _program(tmp_path / name, text)
    environ = {"PATH": f"{tmp_path}/a:{tmp_path}/b", "PYENV_ROOT": f"{tmp_path}/pyenv"}
    environ["COGNITO_MR_AUTH_PYTHONS"] = f"{tmp_path}/brought"
    assert test_all.find(THIS, environ) == (str(tmp_path / found) if found else None)


@pytest.mark.parametrize("strict", [True, False], ids=["all-required", "as-found"])
def test_a_missing_python_is_reported(strict: bool, test_all: ModuleType) -> None:
    """Without other Pythons the lowest versions are tested; a required one that is missing can fail."""
    environments, missing = test_all.plan({"PATH": "", "HOME": ""}, strict=strict)
    lowest = {each.name: each.core_only for each in environments if each.lowest}
    assert lowest == {f"{THIS}-core-only": True, f"{THIS}-lowest": False, "mcp-1": False}
    assert [each.name for each in environments if each.second] == SECOND
    assert {row.name: row.ok for row in missing} == {
        name: not strict or name in ("3.14", "3.15")
        for name in ("3.12", "3.13", "3.14", "3.15")
        if name != THIS
    }
    notes = {row.name: row.note for row in missing}
    assert notes["3.15"] == "not found; sh scripts/bring-python 3.15 brings it"


def test_what_is_left_out_exists(test_all: ModuleType) -> None:
    """Every file, folder and test that an environment leaves out, or asks for, exists under that name."""
    chosen = [path for environment in test_all.second() for path in environment.only]
    for each in (*test_all.UNMOVED, *test_all.CONTROLS, *test_all.OF_THE_EXTRAS, *chosen):
        path, _, test = each.partition("::")
        name, _, row = test.partition("[")
        text = (PROJECT / path).read_text("utf-8") if test else ""
        assert (PROJECT / path).exists(), each
        assert f"def {name}(" in text or not test, each
        assert f'"{row}' in text or not row, each


def test_a_second_environment_is_needed(test_all: ModuleType) -> None:
    """A test or document needs each of its packages; the main environment has none of its own."""
    assert list(needs.SECOND) == SECOND
    wanted = [*needs.NEEDS.values(), *needs.DOCUMENTS.values(), *drivers.NEEDS.values()]
    mains = {_distribution(pin) for pin in _pins("requirements/dev")}
    for name, second in needs.SECOND.items():
        assert second.runs - {each for row in wanted for each in row} == set(), name
        assert {each.replace("_", "-") for each in second.own} & mains == set(), name
        assert {each.replace("_", "-") for each in second.again} - mains == set(), name


PINS = """# A comment.
first==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
second==2.0 \\
    --hash=sha256:bb
third==3.0 \\
    --hash=sha256:cc
"""
# A pip that has no wheel of `second`, which `third` needs. With --quiet it names nothing, as pip does.
PIP = """
echo "$@" >> "$0.log"
quiet=
if [ "$1" = --quiet ]; then quiet=yes; shift; fi
case "$1" in
  check) test -n "$quiet" || test -e "$0.gone" || echo "third 3.0 requires second, which is not installed." ;;
  uninstall) touch "$0.gone" ;;
  install)
    for list in "$@"; do :; done
    cat "$list" >> "$0.log"
    ! grep second== "$list" || { echo "No matching distribution found for second==2.0" >&2; exit 1; } ;;
esac
"""


def test_what_has_no_wheel_is_named(tmp_path: Path, test_all: ModuleType) -> None:
    """It is left out with all that needs it; the others are installed, each by its hashes."""
    pip = _program(tmp_path / "pip", PIP)
    without = test_all.install_wheels([pip, "--quiet"], PINS, tmp_path / "list.txt")
    assert without == ["second", "third"]
    calls = (tmp_path / "pip.log").read_text()
    assert "--require-hashes" in calls
    assert "uninstall --yes third" in calls
    assert PINS.partition("\n")[2].replace(PINS[PINS.index("second") : PINS.index("third")], "") in calls


def test_another_failure_of_pip_is_a_failure(tmp_path: Path, test_all: ModuleType) -> None:
    """A hash that does not fit is no missing wheel."""
    pip = _program(tmp_path / "pip", "echo 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES' >&2; exit 1")
    with pytest.raises(RuntimeError, match="DO NOT MATCH"):
        test_all.install_wheels([pip], PINS, tmp_path / "list.txt")


def test_a_package_has_names_to_import(test_all: ModuleType) -> None:
    """Tests that need a package which is not there are found by what they import."""
    assert test_all.imports_of(["pytest-xdist"]) == ["xdist"]


@pytest.mark.parametrize("asked", ["", "3.14; true", "2.7", "python3.14", "3.14 ../x"])
def test_no_other_text_is_a_python(asked: str, tmp_path: Path) -> None:
    """What is no version is refused before anything is looked for."""
    done = subprocess.run(
        ["/bin/sh", PROJECT / "scripts" / "bring-python", *filter(None, [asked])],
        env={"PATH": os.environ["PATH"], "COGNITO_MR_AUTH_PYTHONS": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert list(tmp_path.iterdir()) == []


def test_a_python_that_was_brought_is_named(tmp_path: Path) -> None:
    """A second call brings nothing, and says where it is."""
    there = _program(tmp_path / "sid" / "usr" / "bin" / "python3.14", 'test "$1" = -I && echo "$0"')
    done = subprocess.run(
        ["/bin/sh", PROJECT / "scripts" / "bring-python", "3.14"],
        env={"PATH": "/nowhere", "COGNITO_MR_AUTH_PYTHONS": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, str(there))


# --- What it reports

REPORTS = [
    pytest.param('tests="9" failures="1" errors="2" skipped="3"', 1, (3, 3, 3), id="counts"),
    pytest.param('tests="9" failures="0" errors="0" skipped="0"', 0, (9, 0, 0), id="all-passed"),
    pytest.param('tests="0" failures="0" errors="0" skipped="0"', 5, (0, 0, 0), id="no-tests"),
    pytest.param(None, 3, (None, None, None), id="crashed"),
]


@pytest.mark.parametrize(("counts", "status", "row"), REPORTS)
def test_the_report_is_pytests(
    counts: str | None,
    status: int,
    row: tuple[int | None, ...],
    tmp_path: Path,
    test_all: ModuleType,
) -> None:
    """The table's numbers are pytest's own; anything but its status 0 fails the run."""
    report = tmp_path / "report.xml"
    if counts:
        report.write_text(f"<testsuites><testsuite {counts}/></testsuites>")
    outcome = test_all.read_report("3.12", "3.12.1", report, status)
    assert (outcome.passed, outcome.failed, outcome.skipped) == row
    assert outcome.ok is (status == 0)
    assert "3.12.1" in test_all.table([outcome])


# --- What it pins


LISTS = ["requirements/lock", "requirements/dev", "requirements/types", "requirements/demo"]
LISTS += [
    "requirements/core-test",
    "requirements/lowest",
    "benchmarks/peers/requirements",
    "fuzz/requirements",
]
SECOND = sorted(path.stem for path in (PROJECT / "requirements" / "second").glob("*.toml"))
ALL_LISTS = [*LISTS, *(f"requirements/second/{name}" for name in SECOND)]


def _pins(name: str) -> dict[str, list[str]]:
    """The hashes of each pin, `name==version`, of a list that holds comments and pins alone."""
    found: dict[str, list[str]] = {}
    text = (PROJECT / f"{name}.txt").read_text("utf-8").replace(" \\\n", "")
    for line in text.splitlines():
        if not line.startswith("#"):
            pin, *hashes = line.split()
            assert re.fullmatch(r"[a-z0-9-]+==[A-Za-z0-9.]+", pin), line
            found[pin] = hashes
    return found


@pytest.mark.parametrize("name", ALL_LISTS)
def test_every_requirement_is_pinned(name: str) -> None:
    """The lists name exact versions, each by the hashes of its files, and no index, option or path."""
    for pin, hashes in _pins(name).items():
        assert hashes, pin
        assert [each for each in hashes if not re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each)] == []


def test_pip_must_check_hashes() -> None:
    """Whatever installs a list says so; and no other line of ours installs from an index."""
    texts = [
        (PROJECT / name).read_text("utf-8") for name in ("Makefile", "scripts/lock", "scripts/test_all.py")
    ]
    installs = [line for text in texts for line in text.splitlines() if re.search(r"\binstall\b.*--", line)]
    assert len(installs) > 5
    for line in installs:
        assert "npm" in line or "--require-hashes" in line or "--no-index" in line, line


def test_the_demo_runs_what_the_tests_run() -> None:
    """What `make demo` installs are the versions and files that `make test` tests."""
    demo, dev = _pins("requirements/demo"), _pins("requirements/dev")
    assert demo.items() <= dev.items()


def test_the_checkers_read_what_the_tests_run() -> None:
    """What pyright and its stubs bring along has the version that the tests run with."""
    types, dev = _installed("requirements/types"), _installed("requirements/dev")
    both = types.keys() & dev.keys()
    assert "django" in both
    assert {name: types[name] for name in both} == {name: dev[name] for name in both}


@pytest.mark.parametrize("name", ALL_LISTS)
def test_every_wish_has_its_pin(name: str) -> None:
    """Each requirement of a list's source is in the list."""
    wishes, pins = (
        {_distribution(line) for line in (PROJECT / f"{name}.{kind}").read_text("utf-8").splitlines()}
        for kind in ("in", "txt")
    )
    assert wishes - pins == set()


def _distribution(line: str) -> str:
    """The normal form of its name (PEP 503); "" for a comment."""
    return re.sub(r"[-_.]+", "-", re.split(r"[#\[=<>~! ]", line, maxsplit=1)[0]).lower()


def test_every_list_is_refreshed() -> None:
    """`make lock` makes each list that exists."""
    folders = [PROJECT / name for name in ("requirements", "benchmarks", "fuzz")]
    sources = [path for folder in folders for path in folder.rglob("*.in")]
    assert {path.relative_to(PROJECT).with_suffix("").as_posix() for path in sources} == set(ALL_LISTS)
    script = (PROJECT / "scripts" / "lock").read_text("utf-8")
    assert f"for list in {' '.join(LISTS)} requirements/second/*.in do" in " ".join(
        script.replace("\\", "").split()
    )


def _lowest(requirements: list[str]) -> dict[str, list[int]]:
    return {name: _release(version) for name, version in (each.split(">=") for each in requirements)}


def _installed(name: str) -> dict[str, list[int]]:
    return {each: _release(version) for each, version in (pin.split("==") for pin in _pins(name))}


def test_the_lower_bounds_are_what_the_core_only_environment_runs() -> None:
    """Each lower bound of the core is the version that the core-only environment installs."""
    bounds = _lowest(PYPROJECT["project"]["dependencies"])
    assert bounds.items() <= _installed("requirements/core-test").items()


def test_the_lower_bounds_are_what_the_lowest_environment_runs() -> None:
    """Each lower bound of the extras, and of the core beside them, is the version installed there."""
    extras = PYPROJECT["project"]["optional-dependencies"].values()
    bounds = _lowest([*PYPROJECT["project"]["dependencies"], *(each for wanted in extras for each in wanted)])
    # The SDK's last of 1.x needs a later httpx than the core.
    assert bounds.pop("mcp") == _installed("requirements/second/mcp-1")["mcp"]
    assert bounds.items() <= _installed("requirements/lowest").items()


def _release(version: str) -> list[int]:
    numbers = [int(part) for part in version.split(".") if part.isdigit()]
    return numbers + [0] * (3 - len(numbers))


def test_the_changelog_knows_the_version() -> None:
    """The changelog has a section for the version that is built."""
    changelog = (PROJECT / "CHANGELOG.md").read_text("utf-8")
    assert f"## [{PYPROJECT['project']['version']}]" in changelog


# --- How it is run

SCRIPTS = [".ci/run", "scripts/bring-python", "scripts/find-python", "scripts/lock"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_script_can_be_run(name: str) -> None:
    """Each script is executable and valid for the shell that its first line names."""
    path = PROJECT / name
    shell = path.read_text("utf-8").splitlines()[0].removeprefix("#!").split()
    done = subprocess.run([*shell, "-n", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.access(path, os.X_OK)


def test_ci_requires_all() -> None:
    """CI runs every target, under the variable that turns skips into failures."""
    text = (PROJECT / ".ci" / "run").read_text("utf-8")
    assert text.rstrip().endswith("COGNITO_MR_AUTH_REQUIRE=all make demo test bench-smoke test-all")
