"""Runs the tests in every environment except the main one.

Those are other Pythons, the core alone, the lowest versions, and the second environments, each for packages
that the main environment cannot have (requirements/second/).

usage: python scripts/test_all.py [--lowest]     (`make test-all` and `make test-lowest` call it, with the
main environment's Python; --lowest: only where dependencies are at their lowest versions)

Each environment lies in .venvs/, is kept between runs, and gets the wheel that users get, not the
source tree. Ends with a table of what was tested and what was not found. Exit status 1 if any test
failed, if an environment could not be made, or if COGNITO_MR_AUTH_REQUIRE=all and Python 3.12 or
3.13 is missing. A later Python goes without what has no wheel for it; the table names that.
"""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import packages_distributions
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
VENVS = PROJECT / ".venvs"

# Minor versions to look for beside the main one. A later one is tested if it is found.
REQUIRED = ("3.12", "3.13")
WELCOME = ("3.14", "3.15")
# What scripts/bring-python has brought lies here, below the user's home.
BROUGHT = Path(".cache", "cognito-mr-auth", "pythons")

# Has a wheel for no Python; every Python builds it, because it has no code in C.
SOURCE_ALONE = "forbiddenfruit"

# Packages that must not be importable where the core is tested alone.
BEYOND_THE_CORE: tuple[str, ...] = (
    "aws_lambda_powertools",
    "awslambdaric",
    "boto3",
    "cfnlint",
    "chalice",
    "click",
    "django",
    "drf_spectacular",
    "fastapi",
    "flask",
    "grpc",
    "gunicorn",
    "hcl2",
    "hypercorn",
    "jwt",
    "mcp",
    "moto",
    "ninja",
    "opentelemetry",
    "prometheus_client",
)
BEYOND_THE_CORE += ("rest_framework", "rich", "selenium", "starlette", "uvicorn", "websockets")

# Another Python may affect the modules, the promises of all adapters, threads and TLS. The other tests are
# about networks, servers and this project. `make test` and `make test-all` run them on the oldest Python.
OF_EVERY_PYTHON = ("--suite=unit",)
_OF_EVERY_PYTHON = "each module, what all adapters promise, threads and TLS"
# The tests that need the extras. Their lowest versions, like the core's, are tested only on the main
# environment's Python, because some of them have no wheels for later ones.
OF_THE_EXTRAS = (
    "tests/adapters",
    "tests/aws_lambda/chalice",
    "tests/aws_lambda/powertools",
    "tests/cli",
    "tests/django",
    "tests/drf",
    "tests/fastapi",
    "tests/flask",
    "tests/aiohttp",
    "tests/grpc",
    "tests/litestar",
    "tests/ninja",
    "tests/project/test_rules.py",
    "tests/starlette",
    "tests/testing",
    "tests/test_asgi.py",
    "tests/test_otel.py",
    "tests/test_prometheus.py",
    "tests/test_pyjwt.py",
    "tests/test_pyjwt_strictness.py",
    "tests/test_wsgi.py",
)
EXTRAS = "[aiohttp,aws,chalice,cli,django,drf,fastapi,flask,grpc,litestar,ninja,otel,powertools,prometheus"
EXTRAS += ",pyjwt,starlette,testing]"
# The lowest pytest does not know faulthandler_exit_on_timeout (9.0), so here the configuration is not strict.
LENIENT = (
    "--override-ini=addopts=-ra --import-mode=importlib --strict-markers -p pytester",
    "--pythonwarnings=ignore::pytest.PytestConfigWarning",
    # The lowest Starlette leaves a stream of anyio open, which later ones close.
    "--pythonwarnings=ignore:Unclosed <MemoryObjectReceiveStream:ResourceWarning",
    "-k=not mcp",  # the lowest MCP SDK needs a later httpx
)
# Slow tests that do not depend on the packages and their versions.
UNMOVED = ("tests/aws_lambda/test_policy_cache.py",)
# Tests which show that the tests beside them can fail. `make test` has run them.
CONTROLS = (
    "tests/benchmarks/test_cold_start.py::test_the_benchmark_fails_above_its_limit",
    "tests/e2e/test_region_loss.py::test_the_same_run_over_pyjwts_key_client_fails",
    (
        "tests/benchmarks/test_import_time.py::"
        "test_a_built_verifier_costs_little_more_than_an_import_of_rsa[an impossible"
    ),
)

# As in `make test`, because much of the suite waits and one processor would be half idle.
SIDE_BY_SIDE = ("--numprocesses=2", "--dist=worksteal")

# The slowest environment takes a few minutes. One that hangs must not block the others.
TEST_SECONDS = 1200

_PROBE = """
import ensurepip, sys, sysconfig, venv
free_threaded = sysconfig.get_config_var("Py_GIL_DISABLED")
print("%d.%d" % sys.version_info[:2] if not free_threaded else "free-threaded")
"""
_VERSION = "import platform; print(platform.python_version())"
_ABSENT = "import sys, importlib.util as u; print(*[n for n in sys.argv[1:] if u.find_spec(n)])"


@dataclass(frozen=True, slots=True)
class Environment:
    """One set of tests to run: its Python, its pinned packages, and our extras."""

    name: str
    python: str
    requirements: str
    extras: str = ""
    core_only: bool = False
    lowest: bool = False
    second: bool = False
    wheels_alone: bool = False
    options: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """Both hold files and folders, and tests in pytest's form. An empty `only` means all of them."""

    @property
    def executable(self) -> Path:
        """The Python inside the environment."""
        return VENVS / self.name / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row of the table. The counts are None if no tests ran."""

    name: str
    version: str = "-"
    passed: int | None = None
    failed: int | None = None
    skipped: int | None = None
    note: str = ""
    ok: bool = True


# --- Finding Pythons


def find(minor: str, environ: Mapping[str, str]) -> str | None:
    """The first Python `3.x` that really runs: on the path, among pyenv's, then what was brought.

    A name on the path may be a shim without a Python, so each candidate is run. A later directory of the path
    may hold a working one.
    """
    return next((path for path in _candidates(minor, environ) if _runs(path, minor)), None)


def _candidates(minor: str, environ: Mapping[str, str]) -> Iterator[str]:
    for directory in environ.get("PATH", os.defpath).split(os.pathsep):
        if found := shutil.which(f"python{minor}", path=directory or os.curdir):
            yield found
    pyenv = environ.get("PYENV_ROOT") or os.path.join(environ.get("HOME", ""), ".pyenv")
    pattern = os.path.join(glob.escape(pyenv), "versions", f"{minor}.*", "bin", f"python{minor}")
    yield from sorted(glob.glob(pattern), reverse=True)
    brought = environ.get("COGNITO_MR_AUTH_PYTHONS") or os.path.join(environ.get("HOME", ""), BROUGHT)
    yield os.path.join(brought, "sid", "usr", "bin", f"python{minor}")


def _runs(path: str, minor: str) -> bool:
    try:
        said = _output([path, "-c", _PROBE], timeout=30)
    except (OSError, subprocess.SubprocessError):
        return False
    return said == minor


# --- Making and using an environment


def build_wheel() -> Path:
    """Build the wheel with the main environment's pinned backend, and return its path."""
    target = VENVS / "dist"
    shutil.rmtree(target, ignore_errors=True)
    _call([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", target, PROJECT])
    (wheel,) = target.glob("*.whl")
    return wheel


def prepare(environment: Environment, wheel: Path) -> list[str]:
    """Makes the environment, or brings it up to date where its Python or its pins have changed.

    Gives the names of what it goes without.
    """
    pins = PROJECT / "requirements" / environment.requirements
    want = hashlib.sha256(environment.python.encode() + pins.read_bytes()).hexdigest()
    stamp = VENVS / environment.name / "pins.stamp"
    pip: list[str | Path] = [
        environment.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--quiet",
    ]
    before, *without = stamp.read_text("utf-8").split() if stamp.is_file() else ("",)
    if before != want:
        _call([environment.python, "-m", "venv", "--clear", VENVS / environment.name])
        if environment.wheels_alone:
            without = install_wheels(pip, pins.read_text("utf-8"), VENVS / f"{environment.name}.txt")
        else:
            # Byte code is made of what the tests import; making it of all takes a third of the time.
            _call([*pip, "install", "--no-compile", "--require-hashes", "--requirement", pins])
        stamp.write_text(" ".join([want, *without]), "utf-8")
    # The pins hold everything that the wheel with its extras needs. Without an index pip fails if they do
    # not.
    _call([*pip, "install", "--no-index", "--no-deps", "--force-reinstall", wheel])
    _call([*pip, "install", "--no-index", f"{wheel}{environment.extras}"])
    _call([*pip, "check"])
    if environment.core_only and (
        found := _output([environment.executable, "-c", _ABSENT, *BEYOND_THE_CORE])
    ):
        raise RuntimeError(f"not the core alone, found: {found}")
    return without


def install_wheels(pip: Sequence[str | Path], pins: str, chosen: Path) -> list[str]:
    """Installs the pins that have a wheel for this Python, without those that need another one; their names.

    `chosen` is where their list is written.
    """
    rows = re.findall(r"^(?:[^#\s].*\\\n)(?:\s.*\n)+", pins, re.MULTILINE)
    by_name = {row.partition("==")[0]: row for row in rows}
    without: list[str] = []
    wheels = ["--only-binary=:all:", f"--no-binary={SOURCE_ALONE}"]
    install = [
        *pip,
        "install",
        "--require-hashes",
        "--no-compile",
        "--no-deps",
        *wheels,
        "--requirement",
        chosen,
    ]
    while True:
        chosen.write_text("".join(by_name.values()), "utf-8")
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            break
        found = re.search(r"No matching distribution found for ([\w.-]+)==", done.stderr)
        if found is None:
            raise RuntimeError(done.stderr[-1000:])
        without.append(found[1])
        del by_name[found[1]]
    while broken := _that_need_more(pip):
        _call([*pip, "uninstall", "--yes", *broken])
        without += broken
    return without


def _that_need_more(pip: Sequence[str | Path]) -> list[str]:
    """The packages that need one which is not installed."""
    loud = [each for each in pip if each != "--quiet"]  # with --quiet, pip check prints no names
    said = subprocess.run([*loud, "check"], capture_output=True, text=True, check=False).stdout
    return sorted(set(re.findall(r"^(\S+) \S+ requires \S+, which is not installed", said, re.MULTILINE)))


def run_tests(environment: Environment, without: Collection[str] = ()) -> Outcome:
    """Runs pytest in the environment, which goes without these packages; what came out."""
    report = VENVS / f"{environment.name}.xml"
    report.unlink(missing_ok=True)
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("COVERAGE", "PYTHON"))}
    if environment.core_only:
        environ["COGNITO_MR_AUTH_CORE_ONLY"] = "1"
    if environment.second:
        environ["COGNITO_MR_AUTH_SECOND"] = environment.name
    environ["COGNITO_MR_AUTH_WITHOUT"] = ",".join(imports_of(without))
    command: list[str | Path] = [
        environment.executable,
        "-m",
        "pytest",
        "-q",
        *SIDE_BY_SIDE,
        f"--junitxml={report}",
        *(f"--{'deselect' if '::' in each else 'ignore'}={each}" for each in environment.left_out),
        *environment.options,
        *environment.only,
    ]
    done = subprocess.run(command, cwd=PROJECT, env=environ, timeout=TEST_SECONDS, check=False)
    version = _output([environment.executable, "-c", _VERSION])
    outcome = read_report(environment.name, version, report, done.returncode)
    left_out = [each.removeprefix("tests/") for each in environment.left_out if "::" not in each]
    left_out += ["controls"] if CONTROLS[0] in environment.left_out else []
    notes = [f"without {', '.join(left_out)}"] if left_out else []
    notes += (
        ["each module, what all adapters promise, threads and TLS"]
        if environment.options == OF_EVERY_PYTHON
        else []
    )
    notes += [f"no wheel, or without what has none: {' '.join(without)}"] if without else []
    if environment.only:
        notes.insert(0, ", ".join(each.removeprefix("tests/") for each in environment.only))
    return replace(outcome, note=outcome.note or ", ".join(notes))


def imports_of(distributions: Collection[str]) -> list[str]:
    """The names by which their modules are imported, as the main environment has them."""
    wanted = {re.sub(r"[-_.]+", "-", each).lower() for each in distributions}
    return sorted(
        name
        for name, owners in packages_distributions().items()
        if wanted & {re.sub(r"[-_.]+", "-", each).lower() for each in owners}
    )


def read_report(name: str, version: str, report: Path, status: int) -> Outcome:
    """Return the row of a finished run: counts from pytest's JUnit report, verdict from its status."""
    if not report.is_file():
        return Outcome(name, version, note=f"pytest ended with status {status}", ok=False)
    suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314 - pytest wrote it just now
    counts = [[int(s.get(k, 0)) for k in ("tests", "failures", "errors", "skipped")] for s in suites]
    total, failures, errors, skipped = (sum(column) for column in zip(*counts, strict=True))
    failed = failures + errors
    note = "" if status == 0 else f"pytest ended with status {status}"
    return Outcome(name, version, total - failed - skipped, failed, skipped, note, ok=status == 0)


def _output(command: Sequence[str | Path], timeout: float | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=True)
    return done.stdout.strip()


def _call(command: Sequence[str | Path]) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


# --- All of it


def second() -> Iterator[Environment]:
    """Yield the second environments: requirements/second/NAME.toml with the pins of NAME.txt."""
    for path in sorted((PROJECT / "requirements" / "second").glob("*.toml")):
        table = tomllib.loads(path.read_text("utf-8"))
        yield Environment(
            path.stem,
            sys.executable,
            f"second/{path.stem}.txt",
            f"[{','.join(table['extras'])}]",
            lowest=table.get("lowest", False),
            second=True,
            options=tuple(table.get("options", ())),
            only=tuple(table["tests"]),
        )


def plan(environ: Mapping[str, str], *, strict: bool) -> tuple[list[Environment], list[Outcome]]:
    """Return the environments to test, and a row for each Python that was not found."""
    current = f"{sys.version_info.major}.{sys.version_info.minor}"
    everything = "[cli,testing]"
    core = Environment(f"{current}-core-only", sys.executable, "core-test.txt", core_only=True, lowest=True)
    lowest = Environment(f"{current}-lowest", sys.executable, "lowest.txt", EXTRAS, lowest=True)
    environments = [
        replace(core, left_out=(*UNMOVED, *CONTROLS)),
        replace(lowest, only=OF_THE_EXTRAS, options=LENIENT, left_out=("tests/testing/test_run.py",)),
        *second(),
    ]
    missing = []
    for minor in (*REQUIRED, *WELCOME):
        if minor == current:
            continue  # `make test` has tested it
        if python := find(minor, environ):
            made = Environment(minor, python, "dev.txt", everything, options=OF_EVERY_PYTHON)
            environments.append(replace(made, wheels_alone=minor in WELCOME))
        else:
            needed = strict and minor in REQUIRED
            note = "not found, but required" if needed else "not found"
            note += f"; sh scripts/bring-python {minor} brings it" if minor in WELCOME else ""
            missing.append(Outcome(minor, note=note, ok=not needed))
    return environments, missing


def table(outcomes: list[Outcome]) -> str:
    """The outcomes as aligned text."""
    rows: list[tuple[str, ...]] = [("environment", "Python", "passed", "failed", "skipped", "")]
    for o in outcomes:
        counts = ("-" if n is None else str(n) for n in (o.passed, o.failed, o.skipped))
        rows.append((o.name, o.version, *counts, o.note))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)


def main(*arguments: str) -> int:
    """Test every environment, or those of the lowest versions, in turn. Return the exit status."""
    strict = os.environ.get("COGNITO_MR_AUTH_REQUIRE") == "all"
    environments, outcomes = plan(os.environ, strict=strict)
    if "--lowest" in arguments:
        environments, outcomes = [each for each in environments if each.lowest], []
    VENVS.mkdir(exist_ok=True)
    wheel = build_wheel()
    # Installing keeps one processor busy, so two run at a time. Tests keep two busy, and measure time.
    with ThreadPoolExecutor(max_workers=2) as pool:
        ready = [(env, pool.submit(prepare, env, wheel)) for env in environments]
    for environment, prepared in ready:
        print(f"\n=== {environment.name}: {environment.python}", flush=True)
        try:
            outcomes.append(run_tests(environment, prepared.result()))
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            outcomes.append(Outcome(environment.name, note=str(error), ok=False))
    outcomes.sort(key=lambda outcome: outcome.name)
    print(f"\nTested beside the main environment, from {wheel.name}:\n\n{table(outcomes)}")
    return 0 if all(outcome.ok for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
