"""Which test files belong to which run; `pytest --suite=NAME` chooses one.

Owns the list of folders that mirror no folder of src/, and what each run leaves out of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

# Folders that mirror no folder of src/: what they test is the whole, or the project itself.
CROSSCUTTING = frozenset({
    "adapters", "benchmarks", "e2e", "examples", "faults", "fuzz", "models", "netns", "oracle", "programs",
    "project", "real", "second", "sdks", "security", "soak", "support",
})  # fmt: skip
# Tests of a mirrored folder as a whole, by their names.
OF_THE_WHOLE = frozenset({
    "aws_lambda/test_gateway.py", "aws_lambda/test_matrix.py", "aws_lambda/test_policy_cache.py",
    "aws_lambda/test_powertools.py", "aws_lambda/test_runtime.py", "test_extras.py",
    "testing/test_pytest_plugin.py",
})  # fmt: skip
# Servers, browsers, emulators, AWS's runtime, second frameworks, benchmarks, every fault at every moment, and
# whether the gates bite: `make test-all` runs them once, on the oldest Python.
ONCE = frozenset({"benchmarks", "e2e", "examples", "programs", "real", "second", "sdks"})
ONCE_FILES = frozenset({
    "aws_lambda/test_policy_cache.py", "aws_lambda/test_runtime.py", "faults/test_matrix.py",
    "project/test_gates.py", "project/test_types.py",
})  # fmt: skip
# Beside the modules' own: what shows each object, and the plugin that pytest loads.
MEASURED_FILES = frozenset({
    "security/test_canaries.py", "security/test_canaries_inside.py", "security/test_canaries_keys.py",
    "security/test_secret_query.py",
    "testing/test_pytest_plugin.py",
})  # fmt: skip
# Beside the modules' own: what another Python's threads and TLS may change.
PYTHONS_FILES = frozenset({"faults/test_free_threads.py", "faults/test_tls.py"})
# What needs packages that the main environment cannot have (scripts/test_all.py).
ELSEWHERE = frozenset({"sdks/test_fastmcp.py"})


def mirrors(place: PurePath) -> bool:
    """Whether a test file below tests/ is for one module of src/."""
    return place.parts[0] not in CROSSCUTTING and place.as_posix() not in OF_THE_WHOLE


def _once(place: PurePath) -> bool:
    there = place.parts[0] in ONCE or place.as_posix() in ONCE_FILES
    return there and place.as_posix() not in ELSEWHERE


def _unit(place: PurePath) -> bool:
    return mirrors(place) or place.parts[0] == "adapters" or place.as_posix() == "test_extras.py"


def _measured(place: PurePath) -> bool:
    return _unit(place) or place.as_posix() in MEASURED_FILES


SUITES: dict[str, Callable[[PurePath], bool]] = {
    "everything": lambda _place: True,
    # `make test`: what must reach every branch by itself. The rest would take twice its time under a tracer.
    "measured": lambda place: _measured(place) and not _once(place),
    # `make test`: that rest.
    "unmeasured": lambda place: (
        not _measured(place) and not _once(place) and place.as_posix() not in ELSEWHERE
    ),
    # `make test-all`, in the main environment.
    "once": _once,
    # Other Pythons: the tests of single modules, what all adapters promise, and threads and TLS.
    "unit": lambda place: _unit(place) or place.as_posix() in PYTHONS_FILES,
    # `make fast`: the same without the tests that are marked `outside`.
    "fast": _unit,
}
