"""Which tests need more than the core and pytest: the one list, and what follows from it.

A file or directory below tests/ that imports an extra, a gate's tool or a real counterpart is named
here (test_rules.py finds those that are missing). A single test in a file that otherwise needs the core
alone carries `@pytest.mark.needs("uvloop")` and imports the package inside. tests/conftest.py acts
on both: the core-only environment leaves such tests out; elsewhere a missing package is a skip.

A second environment is for packages that the main one cannot have, or has in another version (`packages` and
`again` in requirements/second/NAME.toml). What needs one of them runs there, by `make test-all`; what the
main environment cannot run is left out everywhere else.

A later Python may have no wheel of a package (COGNITO_MR_AUTH_WITHOUT). What needs one of these is left out
there; the table at the end of `make test-all` names them.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

TESTS = Path(__file__).resolve().parent.parent

# Path below tests/ -> the import names that it needs. Of several rows that fit a file, all count.
NEEDS: dict[str, tuple[str, ...]] = {
    "adapters/test_django.py": ("django",),
    "django": ("asgiref", "django"),
    "aiohttp": ("aiohttp",),
    "_runtime/test_run_trio.py": ("trio",),
    "fastapi": ("fastapi", "pydantic", "starlette"),
    "_starlette/test_endpoints.py": ("starlette",),
    "_starlette/test_look_ahead.py": ("starlette",),
    "_starlette/test_marks.py": ("starlette",),
    "_web/test_socket_expiry_trio.py": ("trio",),
    "flask/test_errors.py": ("flask", "werkzeug", "asgiref"),
    "flask/test_flask.py": ("flask",),
    "flask/test_principal.py": ("flask",),
    "flask/test_views.py": ("flask",),
    "drf": ("django", "drf_spectacular", "rest_framework"),
    "ninja": ("django", "ninja"),
    "testing/test_django.py": ("django",),
    "litestar": ("litestar",),
    "grpc": ("grpc",),
    "test_mcp.py": ("mcp", "starlette"),
    "test_otel.py": ("opentelemetry",),
    "test_prometheus.py": ("prometheus_client",),
    "test_pyjwt.py": ("jwt",),
    "starlette/test_starlette.py": ("starlette",),
    "starlette/test_routes.py": ("starlette",),
    "programs/p04_fastapi.py": ("fastapi",),
    "programs/p05_fastapi_optional.py": ("fastapi",),
    "programs/p06_fastapi_closed.py": ("fastapi",),
    "programs/p07_fastapi_tenant.py": ("fastapi",),
    "programs/p08_fastapi_socket.py": ("fastapi",),
    "programs/p09_fastapi_claims.py": ("fastapi", "pydantic"),
    "programs/p11_flask.py": ("flask",),
    "programs/p13_flask_guests.py": ("flask",),
    "programs/p16_starlette.py": ("starlette",),
    "programs/p22_own_framework.py": ("aiohttp",),
    "programs/p23_tests.py": ("app", "fastapi"),
    "programs/p24_pyjwt.py": ("jwt",),
    "benchmarks/test_cold_start.py": ("aws_lambda_powertools", "jwt"),
    "aws_lambda/test_powertools.py": ("aws_lambda_powertools",),
    "aws_lambda/test_runtime.py": ("awslambdaric",),
    "benchmarks/test_apps.py": ("fastapi", "flask", "jwt"),
    "_aws": ("boto3", "botocore"),
    "cli": ("click", "rich"),
    "cli/_doctor": ("boto3", "botocore"),
    "cli/_demo/test_ordinary.py": ("jwt",),
    "test_discovery.py": ("boto3", "botocore"),
    "support/aws.py": ("boto3", "botocore"),
    "e2e/test_threaded_servers.py": ("cheroot", "waitress"),
    "e2e/apps/metrics_flask.py": ("flask", "prometheus_client"),
    "e2e/test_lambda_frameworks.py": ("aws_lambda_powertools", "awslambdaric", "chalice"),
    "e2e/test_metrics.py": ("prometheus_client",),
    "e2e/apps/table_django.py": ("django",),
    "e2e/apps/table_drf.py": ("django", "rest_framework"),
    "e2e/apps/table_ninja.py": ("django", "ninja"),
    "e2e/apps/threaded.py": ("cheroot", "waitress"),
    "e2e/test_demo.py": ("click", "jwt", "rich"),
    "e2e/test_grpc.py": ("grpc",),
    "e2e": (
        "aiohttp",
        "django",
        "fastapi",
        "flask",
        "gunicorn",
        "hypercorn",
        "jwt",
        "litestar",
        "pydantic",
        "selenium",
        "starlette",
        "trio",
        "trustme",
        "uvicorn",
        "websockets",
    ),
    "examples/test_grpc_example.py": ("grpc",),
    "examples/test_lambda_templates.py": ("cfnlint", "hcl2", "samtranslator"),
    "examples/test_runbook.py": ("click", "rich"),
    "examples": (
        *("aiohttp", "aws_lambda_powertools", "chalice", "django", "fastapi", "flask", "gunicorn", "jwt"),
        *("litestar", "mcp", "starlette", "uvicorn"),
    ),
    "aws_lambda/chalice": ("chalice",),
    "aws_lambda/powertools": ("aws_lambda_powertools",),
    "support/drivers/_aiohttp.py": ("aiohttp", "multidict", "yarl"),
    "support/drivers/_starlette.py": ("starlette",),
    "support/django_project.py": ("django",),
    "support/drivers/_django.py": ("django",),
    "support/drivers/aiohttp.py": ("aiohttp",),
    "support/drivers/aiohttp_require.py": ("aiohttp",),
    "support/drivers/aiohttp_websocket.py": ("aiohttp",),
    "support/drivers/chalice.py": ("chalice",),
    "support/drivers/chalice_require.py": ("chalice",),
    "support/drivers/django_asgi.py": ("django",),
    "support/drivers/django_middleware.py": ("django",),
    "support/drivers/django_middleware_async.py": ("django",),
    "support/drivers/django_require.py": ("django",),
    "support/drivers/django_require_async.py": ("django",),
    "support/drivers/django_wsgi.py": ("django",),
    "support/django_apis.py": ("django",),
    "support/drivers/drf.py": ("django", "rest_framework"),
    "support/drivers/fastapi.py": ("fastapi",),
    "support/drivers/fastapi_protect_all.py": ("fastapi",),
    "support/drivers/fastapi_require.py": ("fastapi",),
    "support/drivers/fastapi_websocket.py": ("fastapi",),
    "support/drivers/flask.py": ("flask", "werkzeug"),
    "support/drivers/flask_async.py": ("flask", "werkzeug"),
    "support/drivers/flask_protect_all.py": ("flask", "werkzeug"),
    "support/drivers/ninja.py": ("django", "ninja"),
    "support/drivers/ninja_async.py": ("django", "ninja"),
    "support/drivers/_litestar.py": ("litestar",),
    "support/drivers/litestar.py": ("litestar",),
    "support/drivers/litestar_require.py": ("litestar",),
    "support/drivers/litestar_websocket.py": ("litestar",),
    "support/drivers/_grpc.py": ("grpc",),
    "support/grpc_servers.py": ("grpc",),
    "support/drivers/powertools.py": ("aws_lambda_powertools",),
    "support/drivers/powertools_require.py": ("aws_lambda_powertools",),
    "support/mcp_client.py": ("mcp",),
    "support/drivers/starlette.py": ("starlette",),
    "support/drivers/starlette_backend.py": ("starlette",),
    "support/drivers/starlette_websocket.py": ("starlette",),
    "real/test_flask_extensions.py": (
        *("flask", "flask_cors", "flask_restful", "flask_restx", "flask_smorest", "flask_sock"),
    ),
    "real/test_mocks.py": ("freezegun", "pytest_httpx", "respx", "time_machine", "trio", "vcr"),
    "real/test_recipes.py": ("freezegun", "pytest_freezer", "pytest_httpx", "respx", "time_machine", "vcr"),
    "real": ("boto3", "botocore", "moto"),
    "second/frameworks/test_graphql.py": ("ariadne", "fastapi", "strawberry", "uvicorn", "websockets"),
    "second/frameworks/test_other_frameworks.py": (
        *("dash", "falcon", "flask", "gunicorn", "quart", "sanic", "starlette", "uvicorn", "websockets"),
    ),
    "sdks": ("mcp", "uvicorn"),
    "sdks/test_fastmcp.py": ("fastmcp",),
    "project/test_operations_page.py": ("cfnlint", "yaml"),
    "project/test_gates.py": ("coverage", "importlinter", "mypy", "ruff"),
    "project/test_api_check.py": ("griffe",),
    "project/test_contributing.py": ("ruff",),
    "project/test_workflows.py": ("yaml",),
    "project/test_types.py": ("mypy", "pyright", "rest_framework", "chalice"),
    "project/uses": (
        *("aiohttp", "aws_lambda_powertools", "chalice", "django", "fastapi", "flask", "grpc", "litestar"),
        *("mcp", "ninja", "pydantic", "rest_framework", "starlette"),
    ),
    "oracle/judges.py": ("joserfc", "jwt"),
    "oracle/test_accepted.py": ("joserfc", "jwt"),
    "oracle/test_vectors_judged.py": ("joserfc", "jwt"),
}

# The same for documents, whose Python blocks test_rules.py runs.
DOCUMENTS: dict[str, tuple[str, ...]] = {
    "README.md": ("fastapi", "flask"),
    "docs/aiohttp.md": ("aiohttp",),
    "docs/chalice.md": ("chalice",),
    "docs/django.md": ("django",),
    "docs/drf.md": ("django", "rest_framework"),
    "docs/fastapi.md": ("fastapi",),
    "docs/flask.md": ("flask", "asgiref"),
    "docs/grpc.md": ("grpc",),
    "docs/guard.md": ("fastapi",),
    "docs/litestar.md": ("litestar",),
    "docs/mcp.md": ("mcp", "starlette"),
    "docs/metrics.md": ("opentelemetry", "prometheus_client"),
    "docs/ninja.md": ("django", "ninja"),
    "docs/operations.md": ("fastapi", "flask"),
    "docs/powertools.md": ("aws_lambda_powertools",),
    "docs/pyjwt.md": ("jwt",),
    "docs/starlette.md": ("starlette",),
}

# What every environment of the tests has, the core-only one included (requirements/core-test.txt).
EVERYWHERE = {"cognito_mr_auth", "cognito_mr_auth_pytest", "support"}
EVERYWHERE |= {"certifi", "cryptography", "h11", "httpcore", "httpx"}
EVERYWHERE |= {"_pytest", "hypothesis", "pytest"}


def core_only() -> bool:
    """Whether this run promises to do without anything beyond the core."""
    return os.environ.get("COGNITO_MR_AUTH_CORE_ONLY") == "1"


def needed_by(path: Path, tests: Path = TESTS) -> frozenset[str]:
    """The import names that the table gives to a file or directory below `tests`."""
    if not path.is_relative_to(tests):
        return frozenset()
    place = path.relative_to(tests)
    names = {place.as_posix(), *(parent.as_posix() for parent in place.parents)}
    return frozenset(package for name in names for package in NEEDS.get(name, ()))


class Second(NamedTuple):
    """A second environment, by import names: what it alone has, and what the main one has too."""

    own: frozenset[str]
    again: frozenset[str]

    @property
    def runs(self) -> frozenset[str]:
        """What a test needs, one of these, in order to run there."""
        return self.own | self.again


def _second() -> dict[str, Second]:
    folder = TESTS.parent / "requirements" / "second"
    tables = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.toml"))}
    return {
        name: Second(frozenset(table.get("packages", ())), frozenset(table.get("again", ())))
        for name, table in tables.items()
    }


SECOND: dict[str, Second] = _second()


def of_another_environment(packages: Iterable[str]) -> bool:
    """Whether a test with these needs is left out here, because it runs in another environment."""
    here, needed = os.environ.get("COGNITO_MR_AUTH_SECOND"), frozenset(packages)
    if here and not needed & SECOND[here].runs:
        return True
    return any(needed & second.own for name, second in SECOND.items() if name != here)


def without() -> frozenset[str]:
    """The import names that this environment cannot have, because they have no wheel for its Python."""
    return frozenset(os.environ.get("COGNITO_MR_AUTH_WITHOUT", "").split(",")) - {""}


def absent(packages: Iterable[str]) -> Iterator[str]:
    """Those of the packages that cannot be imported here, in order."""
    return (package for package in sorted(packages) if not _found(package))


def _found(package: str) -> bool:
    # tests/flask and tests/starlette mirror src/ and lie on the path, so a folder of ours is no package.
    # Elsewhere one may be: opentelemetry's packages share a folder that none of them owns.
    spec = find_spec(package)
    if spec is None or spec.origin is not None:
        return spec is not None
    return any(not Path(each).is_relative_to(TESTS) for each in spec.submodule_search_locations or ())
