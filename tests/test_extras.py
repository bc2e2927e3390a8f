"""The error for a missing extra names the extra to install, and the core does not need any."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Module of ours -> packages that it cannot do without, and the extra that brings them.
ROWS = [
    ("django", "django", "django"),
    ("aiohttp", "aiohttp", "aiohttp"),
    ("aws_lambda.chalice", "chalice", "chalice"),
    ("aws_lambda.powertools", "aws_lambda_powertools", "powertools"),
    ("fastapi", "fastapi", "fastapi"),
    ("flask", "flask", "flask"),
    ("flask", "werkzeug", "flask"),
    ("drf", "rest_framework", "drf"),
    ("ninja", "ninja", "ninja"),
    ("litestar", "litestar", "litestar"),
    ("grpc", "grpc", "grpc"),
    ("mcp", "mcp", "mcp"),
    ("otel", "opentelemetry", "otel"),
    ("prometheus", "prometheus_client", "prometheus"),
    ("pyjwt", "jwt", "pyjwt"),
    ("starlette", "starlette", "starlette"),
]
WITHOUT = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == sys.argv[2]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Refuse())
import cognito_mr_auth
try:
    __import__(f"cognito_mr_auth.{sys.argv[1]}")
except ImportError as error:
    print(error)
"""


@pytest.mark.outside
@pytest.mark.parametrize(("module", "package", "extra"), ROWS, ids=[f"{row[0]}-{row[1]}" for row in ROWS])
def test_a_missing_extra_is_named(module: str, package: str, extra: str) -> None:
    """By the command that installs it, on a machine without any extra."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, module, package],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert f'pip install "cognito-mr-auth[{extra}]"' in done.stdout
