"""Tests one wheel on the Python that runs this script, in an environment of its own.

usage: python scripts/test_wheel.py dist/cognito_mr_auth-0.1.0-py3-none-any.whl

The environment, the pins and the tests are those of `make test-all` for another Python (test_all.py).
The workflow `ci` calls it on each Python of the classifiers, with the wheel that a release publishes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from test_all import OF_EVERY_PYTHON, VENVS, Environment, prepare, run_tests, table


def of_this_python() -> Environment:
    """The environment: the one that `make test-all` makes for another Python, under a name of its own."""
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Environment(f"wheel-{minor}", sys.executable, "dev.txt", "[cli,testing]", options=OF_EVERY_PYTHON)


def main(wheel: str) -> int:
    """Make the environment and run the tests; the exit status."""
    environment = of_this_python()
    VENVS.mkdir(exist_ok=True)
    prepare(environment, Path(wheel).resolve(strict=True))
    outcome = run_tests(environment)
    print(f"\n{table([outcome])}")
    return 0 if outcome.ok else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
