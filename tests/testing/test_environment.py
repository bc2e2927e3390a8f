"""`FakeUserPool.in_environ()`: one line before an application that reads its environment at import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import cognito_mr_auth_pytest

pytestmark = pytest.mark.outside

# What a shell has set for a real pool; its key file must not be written to.
REAL = {
    "COGNITO_USER_POOL_ID": "eu-west-1_Real",
    "COGNITO_CLIENT_IDS": "2another3456789",
    "COGNITO_AUDIENCE": "https://api.example",
    "COGNITO_UNBOUND_MACHINES": "true",
    "COGNITO_ISSUER_KINDS": "updated",
    "COGNITO_TOKEN_USE": "id",
    "COGNITO_USER_POOLS": "[]",
}


def run(directory: Path, *arguments: str) -> str:
    """What a Python started there says on both streams; it must end well, and leave nothing behind."""
    others = {name: text for name, text in os.environ.items() if not name.startswith(("COGNITO_", "PYTEST_"))}
    # Our plugin is loaded by name: works installed and from a source tree.
    real = REAL | {"COGNITO_KEY_FILE": str(directory / "keys.json"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    paths = [str(Path(cognito_mr_auth_pytest.__file__).parent), str(directory)]
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=directory,
        env=others | real | {"PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert not (directory / "keys.json").exists()
    return done.stdout


PROGRAM = """
import os
from cognito_mr_auth.testing import FakeUserPool

pool = FakeUserPool.in_environ(ARGUMENTS)
from cognito_mr_auth import Verifier, errors

verifier = Verifier.from_env()
for issuer in ISSUERS:
    assert verifier.verify(pool.access_token(issuer=issuer)).provider == pool.user_pool_id
pool.rotate()
assert verifier.verify(pool.access_token()).username == "alice"
assert pool.endpoints.requests
assert FakeUserPool.in_environ(ARGUMENTS) is pool
try:
    FakeUserPool.in_environ("us-west-2_Other00001")
except RuntimeError as error:
    print(error)
print(sorted(name for name in os.environ if name.startswith("COGNITO_")))
"""
THREE = '["original", "replica", "updated"]'
SETTINGS = {
    "none": ("", THREE, True),
    "all": ('"eu-west-1_Mine", replica_regions=["us-east-1"], client_id="1mine"', THREE, True),
    "us-east-1": ('"us-east-1_Mine"', THREE, True),
    "ID tokens": ('token_use="any"', THREE, True),
    "no replica": ("replica_regions=[]", '["original", "updated"]', False),
}


@pytest.mark.parametrize(("arguments", "issuers", "replicated"), SETTINGS.values(), ids=SETTINGS)
def test_a_process_verifies_the_pools_tokens(
    tmp_path: Path, arguments: str, issuers: str, replicated: bool
) -> None:
    """The process's own variables name it, whatever stood there; a second call gives the same or an error."""
    said = run(tmp_path, "-c", PROGRAM.replace("ARGUMENTS", arguments).replace("ISSUERS", issuers))
    refused, names = said.splitlines()
    assert refused.startswith("in_environ() was called before, and with other settings: FakeUserPool")
    replica = ["COGNITO_REPLICA_REGIONS"] if replicated else []
    use = ["COGNITO_TOKEN_USE"] if "token_use" in arguments else []
    given = ["COGNITO_CLIENT_IDS", "COGNITO_JWKS_URLS", *replica, *use, "COGNITO_USER_POOL_ID"]
    assert names == str(given)


CONFTEST = """
from cognito_mr_auth.testing import FakeUserPool

pool = FakeUserPool.in_environ()
"""
APP = """
from cognito_mr_auth import Verifier

verifier = Verifier.from_env()
"""
TESTS = """
import os, time
import pytest
from cognito_mr_auth import errors, policy
from app import verifier

@pytest.mark.parametrize("number", range(8))
def test_headers(cognito_headers, cognito_user_pool, number):
    scheme, token = cognito_headers(scopes=["orders/read"], groups=["ops"])["Authorization"].split()
    require = policy.scopes("orders/read") & policy.groups("ops")
    assert verifier.verify(token, require=require).provider == cognito_user_pool.user_pool_id
    assert cognito_user_pool.endpoints.original.url == os.environ["COGNITO_JWKS_URLS"]

def test_the_endpoints_are_the_pools_own(cognito_endpoints, cognito_user_pool, cognito_headers):
    assert cognito_endpoints is cognito_user_pool.endpoints
    cognito_endpoints.fail("hang")
    assert verifier.verify(cognito_user_pool.access_token()).username == "alice"

def test_and_serve_on_well(cognito_user_pool):
    assert "well" in repr(cognito_user_pool.endpoints.original)

def test_a_clock_has_a_pool_of_its_own(cognito_clock, cognito_user_pool, cognito_verifier):
    cognito_clock.advance(4000)
    assert cognito_user_pool.endpoints is None
    assert cognito_verifier.verify(cognito_user_pool.access_token()).username == "alice"
"""


@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="one process"),
        pytest.param(["-p", "xdist.plugin", "-n", "2"], id="two workers", marks=pytest.mark.needs("xdist")),
    ],
)
def test_an_application_is_tested_with_one_line(tmp_path: Path, options: list[str]) -> None:
    """conftest.py says it first; the fixtures then use the pool that the application has read."""
    for name, text in (("conftest.py", CONFTEST), ("app.py", APP), ("test_app.py", TESTS)):
        tmp_path.joinpath(name).write_text(text, "utf-8")
    plugins = ["-p", "cognito_mr_auth_pytest", "-p", "no:cacheprovider", *options]
    said = run(tmp_path, "-m", "pytest", "-q", "-W", "error", *plugins)
    assert "11 passed" in said


def test_two_conftests_share_the_pool(tmp_path: Path) -> None:
    """Each directory's may say it, in whatever order they are imported."""
    for directory in (tmp_path, tmp_path / "orders"):
        directory.mkdir(exist_ok=True)
        directory.joinpath("conftest.py").write_text(CONFTEST, "utf-8")
    tmp_path.joinpath("app.py").write_text(APP, "utf-8")
    tmp_path.joinpath("orders", "test_app.py").write_text(TESTS, "utf-8")
    assert "11 passed" in run(tmp_path, "-m", "pytest", "-q", "-p", "cognito_mr_auth_pytest")
