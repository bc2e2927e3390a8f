"""What every run keeps to (declared needs, no quiet skip, one property-test profile), and shared fixtures.

COGNITO_MR_AUTH_REQUIRE=all turns every skip, whatever made it, into a failure; CI runs so.
COGNITO_MR_AUTH_CORE_ONLY=1 leaves out the tests that declare a need (support/needs.py).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import hypothesis
import pytest
from support import needs, vectors

from cognito_mr_auth import Verifier
from cognito_mr_auth.testing import FakeClock, FakeUserPool

# A slow machine is no failed property; CI must not fail on an example that nobody can see again.
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("required", deadline=None, derandomize=True)


Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)


def _all_required() -> bool:
    return os.environ.get("COGNITO_MR_AUTH_REQUIRE") == "all"


hypothesis.settings.load_profile("required" if _all_required() else "here")


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


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leaves a module or directory with a declared need out of a core-only run."""
    return True if needs.core_only() and needs.needed_by(collection_path) else None


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> Any:
    """Skips a module whose declared need is not installed."""
    if any(needs.absent(needs.needed_by(module_path))):
        return _Unavailable.from_parent(parent, path=module_path)
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Does for single tests, marked `needs`, what the table does for modules."""
    for item in list(items):
        packages = [name for mark in item.iter_markers("needs") for name in mark.args]
        if packages and needs.core_only():
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
