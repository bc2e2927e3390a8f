"""COGNITO_AUTH: what it may say, what it makes, and when that is made anew."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from support.django_project import project
from support.drivers.django_wsgi import configure

from cognito_mr_auth import errors, policy
from cognito_mr_auth.django._settings import configured, guard, read_settings
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool

configure()
POOL = FakeUserPool()
VERIFIER = POOL.offline_verifier()
GUARD = Guard(VERIFIER, realm="Orders API")
HERE = __name__


def nobody(_principal: object) -> None:
    """A USER that knows no user."""


def test_the_settings_of_a_pool_make_a_verifier() -> None:
    """Options in capitals, with values as UserPool and Verifier take them."""
    auth = {
        "USER_POOL_ID": POOL.user_pool_id,
        "CLIENT_IDS": [POOL.client_id],
        "REPLICA_REGIONS": ["us-east-1"],
        "JWKS": POOL.jwks(),
        "OFFLINE": True,
        "TOKEN_USE": "any",
        "LEEWAY": 1.5,
        "REALM": "Orders API",
        "REQUIRE": policy.groups("ops"),
        "PROTECT_ALL": True,
    }
    with project(auth=auth):
        found = configured()
        assert found.protect_all
        assert found.user is None
        assert set(found.guard.verifier.issuers) == set(VERIFIER.issuers)
        assert found.guard.verifier.verify(POOL.id_token()).token_use == "id"
        said = found.guard.response(errors.CredentialsMissing()).header("www-authenticate")
        assert said == 'Bearer realm="Orders API"'


def test_without_a_pool_the_environment_describes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `Verifier.from_env()`; the guard's settings stay."""
    monkeypatch.setenv("COGNITO_USER_POOL_ID", POOL.user_pool_id)
    monkeypatch.setenv("COGNITO_CLIENT_IDS", POOL.client_id)
    with project(auth={"OPTIONAL": True}):
        assert guard().optional
        assert POOL.issuer() in guard().verifier.issuers
    monkeypatch.delenv("COGNITO_CLIENT_IDS")
    with project(auth={}), pytest.raises(errors.ConfigurationError, match="COGNITO_CLIENT_IDS is not set"):
        guard()


@pytest.mark.parametrize("given", [f"{HERE}.VERIFIER", VERIFIER], ids=["a path", "the object"])
def test_a_ready_verifier_is_taken(given: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have hooks."""
    with project(auth={"VERIFIER": given, "REALM": "x", "USER": nobody}):
        assert guard().verifier is VERIFIER
        assert configured().user is not None


@pytest.mark.parametrize("given", [f"{HERE}.GUARD", GUARD], ids=["a path", "the object"])
def test_a_ready_guard_is_taken(given: Any) -> None:
    """With its own settings, of which those for WebSockets mean nothing here."""
    with project(auth={"VERIFIER": given, "PROTECT_ALL": True}):
        assert guard() is GUARD._request_guard
    with project(auth={"VERIFIER": Guard(VERIFIER, close_at_expiry=True, subprotocol="bearer")}):
        assert guard().close_at_expiry


MISTAKES: dict[str, tuple[Any, type[Exception], str]] = {
    "no dict": ([], errors.ConfigurationError, "is a list; give a dict"),
    "an unknown key": ({"VERIFER": 1}, TypeError, "no key 'VERIFER': did you mean 'VERIFIER'"),
    "a plural": ({"EXCLUDES": []}, TypeError, "did you mean 'EXCLUDE'"),
    "another case": ({"exclude": []}, TypeError, "did you mean 'EXCLUDE'"),
    "nothing like it": (
        {"COLOUR": 1},
        TypeError,
        "no key 'COLOUR'; there are CSRF_EXEMPT, PROTECT_ALL, USER, VERIFIER,",
    ),
    "no string": ({1: 1}, TypeError, "no key 1"),
    "a socket's setting": ({"SUBPROTOCOL": "bearer"}, TypeError, "no key 'SUBPROTOCOL'"),
    "a hook": ({"REVOKED": nobody}, TypeError, "no key 'REVOKED'"),
    "no module": ({"VERIFIER": "no.such.verifier"}, errors.ConfigurationError, r'COGNITO_AUTH\["VERIFIER"\]'),
    "no such name": ({"VERIFIER": f"{HERE}.NONE"}, errors.ConfigurationError, "NONE"),
    "no path": ({"VERIFIER": "verifier"}, errors.ConfigurationError, "verifier"),
    "no verifier": ({"VERIFIER": f"{HERE}.POOL"}, TypeError, "give a Verifier, not FakeUserPool"),
    "none": ({"VERIFIER": None}, TypeError, "needs a Verifier or a Guard"),
    "a verifier and a pool": (
        {"VERIFIER": VERIFIER, "CLIENT_IDS": ["a"]},
        errors.ConfigurationError,
        'CLIENT_IDS belongs to the verifier that "VERIFIER" names',
    ),
    "a guard and its settings": (
        {"VERIFIER": GUARD, "EXCLUDE": ["/health"]},
        errors.ConfigurationError,
        "exclude= belongs to the Guard",
    ),
    "half a pool": (
        {"USER_POOL_ID": "us-west-2_EXAMPLE"},
        errors.ConfigurationError,
        r'COGNITO_AUTH\["CLIENT_IDS"\] is missing',
    ),
    "the other half": (
        {"CLIENT_IDS": ["a"], "LEEWAY": 5},
        errors.ConfigurationError,
        r'COGNITO_AUTH\["USER_POOL_ID"\] is missing, and "CLIENT_IDS"',
    ),
    "a pool's option": (
        {"USER_POOL_ID": "us-west-2_EXAMPLE", "CLIENT_IDS": "abc"},
        errors.ConfigurationError,
        "client_ids",
    ),
    "no flag": ({"VERIFIER": VERIFIER, "PROTECT_ALL": "yes"}, errors.ConfigurationError, "PROTECT_ALL"),
    "no flag either": ({"VERIFIER": VERIFIER, "CSRF_EXEMPT": 0}, errors.ConfigurationError, "CSRF_EXEMPT"),
    "no function": ({"VERIFIER": VERIFIER, "USER": 1}, errors.ConfigurationError, r'\["USER"\] is a int'),
    "a function that is not there": (
        {"VERIFIER": VERIFIER, "USER": "support.no_user"},
        errors.ConfigurationError,
        r'\["USER"\]',
    ),
}


@pytest.mark.parametrize("row", MISTAKES)
def test_a_mistake_is_named(row: str) -> None:
    """With the key, and what would be right."""
    auth, kind, message = MISTAKES[row]
    with project(auth={}):
        from django.test import override_settings

        with override_settings(COGNITO_AUTH=auth), pytest.raises(kind, match=message):
            configured()


def test_a_project_without_the_setting_has_an_empty_one() -> None:
    """`from_env` may be all that it needs."""
    with project(auth={}):
        from django.conf import settings

        del settings.COGNITO_AUTH
        assert read_settings() == {}


def test_it_is_made_once_and_anew_for_each_override() -> None:
    """A test's own settings hold for that test; other settings change nothing."""
    auth = {"VERIFIER": VERIFIER}
    with project(auth=auth):
        first = guard()
        with project(auth={"VERIFIER": VERIFIER, "OPTIONAL": True}):
            assert guard().optional
        again = guard()
        assert again is not first
        from django.test import override_settings

        with override_settings(ROOT_URLCONF=()):
            assert guard() is again


def test_several_threads_get_one() -> None:
    """The first request may be several at once."""
    found: list[object] = []
    barrier = threading.Barrier(8)

    def first() -> None:
        barrier.wait()
        found.append(configured())

    with project(auth={"VERIFIER": VERIFIER}):
        threads = [threading.Thread(target=first) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
    assert len(found) == 8
    assert len(set(map(id, found))) == 1
