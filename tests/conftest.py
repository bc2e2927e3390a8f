"""What every run keeps to (declared needs, no quiet skip, one property-test profile), and shared fixtures.

--suite=NAME runs a part of the tests (support/suites.py).
COGNITO_MR_AUTH_REQUIRE=all turns every skip, whatever made it, into a failure; CI runs so.
COGNITO_MR_AUTH_CORE_ONLY=1 leaves out the tests that declare a need (support/needs.py).
COGNITO_MR_AUTH_SECOND=NAME runs the tests of one second environment alone (support/needs.py).
COGNITO_MR_AUTH_WITHOUT=NAME,... leaves out what needs a package without a wheel here (support/needs.py).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import hypothesis
import pytest
from support import needs, suites, vectors

from cognito_mr_auth import Verifier
from cognito_mr_auth.testing import FakeClock, FakeUserPool

# A slow machine is no failed property; CI must not fail on an example that nobody can see again.
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("required", deadline=None, derandomize=True)


Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def _all_required() -> bool:
    return os.environ.get("COGNITO_MR_AUTH_REQUIRE") == "all"


hypothesis.settings.load_profile("required" if _all_required() else "here")


# --- Suites

# What a test that is not marked `outside` may not do where those are left out (sys.addaudithook).
_OUTSIDE = frozenset(
    {
        *("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen"),
        *("socket.bind", "socket.connect", "socket.getaddrinfo", "socket.listen", "socket.sendto"),
    }
)
_seen: set[str] = set()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--suite=fast` and its kin."""
    parser.addoption(
        "--suite", choices=sorted(suites.SUITES), default="everything", help="a part of the tests"
    )


def _fast(config: pytest.Config) -> bool:
    return bool(config.getoption("suite") == "fast")


def pytest_configure(config: pytest.Config) -> None:
    """In the fast suite, listens for what goes outside. Elsewhere not: a hook in Python slows a tracer."""
    if _fast(config):
        sys.addaudithook(lambda event, _arguments: _seen.add(event) if event in _OUTSIDE else None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    """What a test's fixtures do counts as well."""
    _seen.clear()
    yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """In the fast suite, a test that goes outside without saying so fails, whatever part of it does."""
    yield
    if _seen and _fast(item.config):
        pytest.fail(f"{', '.join(sorted(_seen))}: mark this test with @pytest.mark.outside", pytrace=False)


# --- No quiet skips


def _strict(report: Report) -> Report:
    """The report, failed if it was skipped (or expected to fail) and everything is required."""
    if report.skipped and _all_required():
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        vars(report).pop("wasxfail", None)  # with it pytest would not count the failure
        report.longrepr = f"COGNITO_MR_AUTH_REQUIRE=all allows no skip: {report.nodeid}: {reason}"
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Skips of one test: marks, fixtures, calls, importorskip."""
    return _strict((yield))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skips of whole modules and classes, before any test exists."""
    return _strict((yield))


# --- Declared needs


class _Unavailable(pytest.Module):
    """A test module that is not even imported, because something that it needs is missing."""

    def collect(self) -> list[pytest.Item]:
        missing = ", ".join(needs.absent(needs.needed_by(self.path)))
        pytest.skip(f"not installed: {missing}", allow_module_level=True)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out what is of another suite, and of a core-only run what has a declared need."""
    if collection_path.suffix == ".py" and collection_path.is_relative_to(needs.TESTS):
        chosen = suites.SUITES[config.getoption("suite")]
        if not chosen(collection_path.relative_to(needs.TESTS)):
            return True
    needed = needs.needed_by(collection_path)
    if needed and (needs.core_only() or needs.of_another_environment(needed) or needed & needs.without()):
        return True
    return None


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> Any:
    """Skips a module whose declared need is not installed."""
    if any(needs.absent(needs.needed_by(module_path))):
        return _Unavailable.from_parent(parent, path=module_path)
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Does for single tests, marked `needs` or `outside`, what the tables do for modules."""
    outside = [item for item in items if _fast(config) and item.get_closest_marker("outside")]
    if outside:
        config.hook.pytest_deselected(items=outside)
        items[:] = [item for item in items if item not in outside]
    for item in list(items):
        packages = [name for mark in item.iter_markers("needs") for name in mark.args]
        needed = {*packages, *needs.needed_by(item.path)}
        if (
            needs.of_another_environment(needed)
            or needed & needs.without()
            or (packages and needs.core_only())
        ):
            items.remove(item)
            config.hook.pytest_deselected(items=[item])
        elif missing := ", ".join(needs.absent(packages)):
            item.add_marker(pytest.mark.skip(reason=f"not installed: {missing}"))


# --- Shared fixtures


@pytest.fixture(scope="session")
def vectors_dir() -> Path:
    """The directory of the shared test vectors."""
    return vectors.require()


@pytest.fixture
def clock() -> FakeClock:
    """Time that the test moves."""
    return FakeClock()


@pytest.fixture
def pool(clock: FakeClock) -> FakeUserPool:
    """A pool with one replica, whose time is `clock`."""
    return FakeUserPool(clock=clock)


@pytest.fixture
def verifier(pool: FakeUserPool) -> Verifier:
    """A verifier of that pool's access tokens that never asks an endpoint."""
    return pool.offline_verifier()


@pytest.fixture
def hurried() -> Iterator[None]:
    """The interpreter looks for another thread after a microsecond, not after five milliseconds."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)
