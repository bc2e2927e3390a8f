"""The pytest plugin: fixtures for tests that ask for them, no import in other runs."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

import cognito_mr_auth.testing
import cognito_mr_auth_pytest


def installed() -> bool:
    """Whether pytest finds the plugin by itself here."""
    entry_points = importlib.metadata.entry_points(group="pytest11")
    return any(entry_point.value == "cognito_mr_auth_pytest" for entry_point in entry_points)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run pytest with our plugin only, loaded by name: works installed and from a source tree."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(Path(cognito_mr_auth_pytest.__file__).parent))


UNRELATED = """
    import sys

    def test_stranger():
        assert "cognito_mr_auth_pytest" in sys.modules
        ours = [name for name in sys.modules if name.split(".")[0] == "cognito_mr_auth"]
        assert ours == []
        assert "cryptography" not in sys.modules
"""


def test_a_run_without_our_fixtures_imports_nothing_of_ours(alone: None, pytester: pytest.Pytester) -> None:
    """With the plugin loaded and no fixture used, cognito_mr_auth is not in sys.modules."""
    pytester.makepyfile(UNRELATED)
    result = pytester.runpytest_subprocess("-p", "cognito_mr_auth_pytest")
    result.assert_outcomes(passed=1)


def test_it_loads_by_itself_once_installed(pytester: pytest.Pytester) -> None:
    """The entry point gives every run the fixtures; a source tree has no entry point to give."""
    result = pytester.runpytest_subprocess("--fixtures", "-v")
    listed = any(line.startswith("cognito_user_pool") for line in result.outlines)
    assert listed == installed()


FIXTURES = """
    import json
    import threading
    import time
    import urllib.request

    def claims(token):
        import base64
        return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))

    def test_pool(cognito_user_pool):
        token = cognito_user_pool.access_token()
        assert abs(claims(token)["iat"] - time.time()) < 10

    def test_clock(cognito_clock, cognito_user_pool):
        assert abs(cognito_clock.wall - time.time()) < 10
        cognito_clock.advance(1000)
        token = cognito_user_pool.access_token()
        assert claims(token)["iat"] == int(cognito_clock.wall)

    def test_endpoints(cognito_endpoints, cognito_user_pool):
        with urllib.request.urlopen(cognito_endpoints.updated.url) as response:
            assert json.load(response) == cognito_user_pool.jwks()

    def test_nothing_is_left_of_the_endpoints():
        assert not [t for t in threading.enumerate() if "fake-cognito" in t.name]
"""

VERIFIER = """
    def test_verifier(cognito_verifier, cognito_user_pool):
        principal = cognito_verifier.verify(cognito_user_pool.access_token(groups=["ops"]))
        assert principal.groups == ("ops",)

    def test_headers(cognito_verifier, cognito_headers):
        scheme, token = cognito_headers(scopes=["a/b"], groups=["ops"])["Authorization"].split()
        principal = cognito_verifier.verify(token)
        assert (scheme, principal.groups, principal.scopes) == ("Bearer", ("ops",), {"a/b"})

    def test_verifier_follows_the_clock(cognito_clock, cognito_verifier, cognito_user_pool):
        token = cognito_user_pool.access_token(expires_in=300)
        cognito_verifier.verify(token)
        cognito_clock.advance(306)
        import pytest
        from cognito_mr_auth.errors import TokenExpired
        with pytest.raises(TokenExpired):
            cognito_verifier.verify(token)
"""


@pytest.mark.parametrize(("tests", "count"), [(FIXTURES, 4), (VERIFIER, 3)])
def test_the_fixtures_work(alone: None, pytester: pytest.Pytester, tests: str, count: int) -> None:
    """Each fixture gives what its name says, for one test, and leaves nothing behind."""
    pytester.makepyfile(tests)
    # In this process: cryptography cannot be imported twice, so the kit is imported above.
    assert cognito_mr_auth.testing.__all__ == sorted(cognito_mr_auth.testing.__all__, key=order)
    result = pytester.inline_run(plugins=[cognito_mr_auth_pytest])
    result.assertoutcome(passed=count)


def order(name: str) -> tuple[bool, str]:
    """The order that ruff keeps: constants first, then classes."""
    return (not name.isupper(), name)
