"""The system checks: what each of them says, and when."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.core import checks
from django.core.checks.registry import CheckRegistry
from django.views.debug import SafeExceptionReporterFilter
from support.django_project import OURS, project

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth.django._checks import check_deployment, check_settings
from cognito_mr_auth.django.apps import CognitoAuthConfig
from cognito_mr_auth.guard import Guard
from cognito_mr_auth.testing import FakeUserPool

POOL = FakeUserPool()
VERIFIER = POOL.offline_verifier()
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
LOGIN = "django.contrib.auth.middleware.LoginRequiredMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"
UPDATE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH = "django.middleware.cache.FetchFromCacheMiddleware"
CORS = "corsheaders.middleware.CorsMiddleware"
USER = {"VERIFIER": VERIFIER, "USER": "cognito_mr_auth.django.CognitoUser"}
ORIGINS = {"ALLOWED_ORIGINS": ["https://app.example.com"]}
PLAIN = {"VERIFIER": VERIFIER}

# COGNITO_AUTH, MIDDLEWARE -> the ids of what is said
ROWS: dict[str, tuple[Any, list[str], list[str]]] = {
    "all well": (PLAIN, [UPDATE, SECURITY, CORS, AUTHENTICATION, OURS, FETCH], []),
    "all well, with users": (USER, [SECURITY, AUTHENTICATION, OURS, LOGIN], []),
    "a key that there is not": ({"EXCLUDES": []}, [OURS], ["E001"]),
    "no verifier": ({"VERIFIER": "nowhere.at.all"}, [OURS], ["E001"]),
    "half a pool": ({"CLIENT_IDS": ["a"]}, [OURS], ["E001"]),
    "a guard without a verifier": ({"VERIFIER": Guard()}, [OURS], ["E001"]),
    "listed twice": (PLAIN, [OURS, OURS], ["E002"]),
    "not listed": (PLAIN, [], []),
    "not listed, and all is to be closed": ({**PLAIN, "PROTECT_ALL": True}, [], ["E002"]),
    "before CORS": (PLAIN, [OURS, CORS], ["E003"]),
    "before the redirect to https": (PLAIN, [OURS, SECURITY], ["E003"]),
    "behind a cache": (PLAIN, [FETCH, OURS], ["E003"]),
    "a cache behind it that no page has named its header to": (PLAIN, [OURS, UPDATE, FETCH], ["E003"]),
    "before Django's users": (USER, [OURS, AUTHENTICATION], ["E003"]),
    "before Django's users, which it leaves alone": (PLAIN, [OURS, AUTHENTICATION], []),
    "behind the login": (USER, [AUTHENTICATION, LOGIN, OURS], ["E003"]),
    "two in the wrong place": (PLAIN, [FETCH, OURS, SECURITY], ["E003", "E003"]),
    "a cookie without origins": ({**PLAIN, "COOKIE": "at"}, [OURS], ["E004"]),
    "a login for requests with a token": (PLAIN, [AUTHENTICATION, OURS, LOGIN], ["W005"]),
    "a header that reports show": ({**PLAIN, "HEADER": "X-Amzn-Oidc-Data"}, [OURS], ["W006"]),
    "a cookie that reports show": ({**PLAIN, "COOKIE": "session", **ORIGINS}, [OURS], ["W006"]),
    "a cookie that reports hide": ({**PLAIN, "COOKIE": "access_token", **ORIGINS}, [OURS], []),
    "a header that reports hide": ({**PLAIN, "HEADER": "X-Auth"}, [OURS], []),
}


def said(found: list[checks.CheckMessage]) -> list[str]:
    """Their ids, without the application's label."""
    assert all(each.hint for each in found)
    return [str(each.id).removeprefix("cognito_mr_auth.") for each in found]


@pytest.mark.parametrize("row", ROWS)
def test_a_mistake_is_said_before_the_server_starts(row: str) -> None:
    """Errors stop `manage.py check`, `runserver`, `migrate` and `test`."""
    auth, middleware, ids = ROWS[row]
    with project(auth=auth, middleware=middleware):
        assert said(check_settings()) == ids


class Bare(SafeExceptionReporterFilter):
    """A project's own filter, of which we know nothing."""

    hidden_settings = None  # type: ignore[assignment]


def test_another_filter_may_hide_what_it_likes() -> None:
    """Nothing is said of a filter that has no pattern."""
    name = f"{__name__}.Bare"
    from django.views import debug

    with project(auth={**PLAIN, "HEADER": "X-Data"}, DEFAULT_EXCEPTION_REPORTER_FILTER=name):
        debug.get_default_exception_reporter_filter.cache_clear()
        try:
            assert said(check_settings()) == []
        finally:
            debug.get_default_exception_reporter_filter.cache_clear()


def _of(**options: Any) -> dict[str, Any]:
    pool = UserPool(POOL.user_pool_id, client_ids=[POOL.client_id], **options)
    return {"VERIFIER": Verifier(pool)}


@pytest.mark.parametrize(
    ("auth", "ids"),
    [
        (PLAIN, []),
        (_of(), []),
        (_of(insecure_emulator=True), ["W007"]),
        (_of(jwks_urls="http://127.0.0.1:9229/jwks.json"), ["W007"]),
        (_of(jwks_urls="https://keys.example.com/jwks.json"), []),
        ({"EXCLUDES": []}, []),
    ],
    ids=["offline", "a pool", "an emulator", "loopback", "a proxy", "what the other check says"],
)
def test_a_deployment_takes_no_keys_from_an_emulator(auth: Any, ids: list[str]) -> None:
    """`manage.py check --deploy`."""
    with project(auth=auth):
        assert said(check_deployment()) == ids


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> CheckRegistry:
    """An empty registry in the place of Django's."""
    made = CheckRegistry()
    monkeypatch.setattr(checks, "register", made.register)
    return made


def test_the_application_registers_them(registry: CheckRegistry) -> None:
    """In INSTALLED_APPS by its package's name."""
    with project(auth={"EXCLUDES": []}, INSTALLED_APPS=["cognito_mr_auth.django"]):
        config = apps.get_app_config("cognito_mr_auth")
        assert isinstance(config, CognitoAuthConfig)
        assert list(config.get_models()) == []
        assert said(registry.run_checks()) == ["E001"]
    with project(auth=_of(insecure_emulator=True)):
        assert said(registry.run_checks(include_deployment_checks=True)) == ["W007"]
