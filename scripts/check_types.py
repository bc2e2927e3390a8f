"""Checks what a type checker tells users of this library: no hole, no wrong use taken, no right one refused.

usage: python scripts/check_types.py     (`make types` calls it, and `make lint` does)

Three questions, asked side by side with the pinned mypy and pyright:

- Is the type of every public name of the wheel known in full? (`pyright --verifytypes`: 100 %)
- Does mypy complain of tests/project/uses/refused.py where its comments say so, and nowhere else? In
  accepted.py, nowhere.
- Does pyright?

Prints each difference, and ends with status 1 if there is one.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

PROJECT: Final = Path(__file__).resolve().parents[1]
USES: Final = PROJECT / "tests" / "project" / "uses"
PACKAGE: Final = "cognito_mr_auth"
# A cold mypy reads every framework first.
SECONDS: Final = 300

# At the end of a line of refused.py: the codes of mypy, then the rules of pyright.
_EXPECTED = re.compile(r"  # ([a-z,-]+) (report[A-Za-z,]+)$", re.MULTILINE)
_COMPLAINT = re.compile(r"^(?P<file>[^:\n]+):(?P<line>\d+): error: .*?\[(?P<code>[a-z-]+)\]$", re.MULTILINE)

Complaint = tuple[str, int, str]
"""A file's name, a line, and the code of what is wrong there."""


def _output(command: list[str | Path], **variables: str) -> str:
    """What a checker prints. Raises RuntimeError for one that could not check."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "MYPY", "PYRIGHT"))}
    # Pyright asks the first `python` of the path what is installed, and takes Node.js from its own wheel.
    environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    done = subprocess.run(
        command,
        cwd=PROJECT,
        env=environ | variables,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode not in (0, 1) or not done.stdout:
        raise RuntimeError(f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


# --- Holes


def unpack_wheel(target: Path) -> None:
    """Builds the wheel, and lays its files where an installation would."""
    program = "import sys, hatchling.build as backend; print(backend.build_wheel(sys.argv[1]))"
    with tempfile.TemporaryDirectory() as place:
        said = _output([sys.executable, "-c", program, place])
        with zipfile.ZipFile(Path(place, said.split()[-1])) as wheel:
            wheel.extractall(target)


def holes(installed: Path) -> Iterator[str]:
    """The public names of an installed package whose type pyright does not know in full."""
    command: list[str | Path] = [sys.executable, "-m", "pyright", "--outputjson", "--ignoreexternal"]
    text = _output([*command, "--verifytypes", PACKAGE], PYTHONPATH=str(installed))
    report: Mapping[str, Any] = json.loads(text)["typeCompleteness"]
    read = Path(report.get("pyTypedPath", "")).parent
    if read != installed / PACKAGE:  # an editable installation, or none
        raise RuntimeError(f"pyright has read {read}, and not {installed / PACKAGE}")
    if report["completenessScore"] == 1:
        return
    yield f"{report['completenessScore']:.2%} of the public names have a type that is known in full:"
    for symbol in report["symbols"]:
        for diagnostic in symbol["diagnostics"] if not symbol["isTypeKnown"] else ():
            said = diagnostic["message"].replace("\n", " ")
            yield f"  {symbol['name']}: {said}"


# --- Uses


def by_mypy(uses: Path) -> set[Complaint]:
    """What mypy says of the files in a folder."""
    command: list[str | Path] = [sys.executable, "-m", "mypy", "--config-file", uses / "mypy.ini"]
    flags = ["--no-pretty", "--hide-error-context", "--show-error-codes", "--no-color-output"]
    said = _output([*command, *flags, *sorted(uses.glob("*.py"))])
    return {(Path(file).name, int(line), code) for file, line, code in _COMPLAINT.findall(said)}


def by_pyright(uses: Path) -> set[Complaint]:
    """What pyright says of them."""
    command: list[str | Path] = [sys.executable, "-m", "pyright", "--outputjson", "--project"]
    said = json.loads(_output([*command, uses / "pyrightconfig.json"]))
    return {
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1, each.get("rule", each["message"]))
        for each in said["generalDiagnostics"]
    }


def expected(uses: Path) -> tuple[set[Complaint], set[Complaint]]:
    """What the comments in refused.py expect of mypy and of pyright."""
    path = uses / "refused.py"
    found: tuple[set[Complaint], set[Complaint]] = set(), set()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        for match in _EXPECTED.finditer(line):
            for complaints, codes in zip(found, match.groups(), strict=True):
                complaints.update((path.name, number, code) for code in codes.split(","))
    if not all(found):
        raise RuntimeError(f"{path} expects nothing, so it shows nothing")
    return found


def differences(checker: str, wanted: set[Complaint], said: set[Complaint]) -> Iterator[str]:
    """What a checker takes and must refuse, and what it refuses and must take."""
    for file, line, code in sorted(wanted - said):
        yield f"{file}:{line}: {checker} does not say {code}"
    for file, line, code in sorted(said - wanted):
        yield f"{file}:{line}: {checker} says {code}"


def check_uses(uses: Path = USES) -> list[str]:
    """The differences of both checkers, asked side by side."""
    checkers: Mapping[str, Callable[[Path], set[Complaint]]] = {"mypy": by_mypy, "pyright": by_pyright}
    with ThreadPoolExecutor() as pool:
        said = list(pool.map(lambda ask: ask(uses), checkers.values()))
    triples = zip(checkers, expected(uses), said, strict=True)
    return [line for name, wanted, found in triples for line in differences(name, wanted, found)]


def check_holes() -> list[str]:
    """The holes of the wheel that this tree makes."""
    with tempfile.TemporaryDirectory() as place:
        installed = Path(place).resolve()
        unpack_wheel(installed)
        return list(holes(installed))


def main() -> int:
    """Ask all; the exit status."""
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(check_holes), pool.submit(check_uses)]
        problems = [line for each in asked for line in each.result()]
    for line in problems:
        print(line)
    if not problems:
        print("Types: 100 % known, every right use is taken and every wrong one refused")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
