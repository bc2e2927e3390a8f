"""System checks of a project's settings.

Owns the content of each check. None of them opens a connection. A WSGI or ASGI server runs no checks, so the
constructor of the middleware raises for an invalid setting as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's names
from django.views.debug import get_default_exception_reporter_filter

from cognito_mr_auth._web.environ_names import environ_variable
from cognito_mr_auth.errors import ConfigurationError

from ._settings import NAME, Configured, configured, read_settings

__all__ = ["check_deployment", "check_settings"]

_MIDDLEWARE = "cognito_mr_auth.django.CognitoAuthMiddleware"
_LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"


class _Order(NamedTuple):
    """A middleware that must come before ours, or after it, and the consequence if it does not."""

    other: str
    before: bool
    why: str


_ORDERS = (
    _Order("corsheaders.middleware.CorsMiddleware", True, "browsers report a refusal as a CORS error"),
    _Order("django.middleware.security.SecurityMiddleware", True, "a token is read on plain http"),
    _Order(
        "django.middleware.cache.FetchFromCacheMiddleware",
        False,
        "cached pages are shown without a look at the token",
    ),
    _Order(
        "django.middleware.cache.UpdateCacheMiddleware",
        True,
        "it keeps pages before they say which header they depend on, and shows one user's to others",
    ),
)
_USER_ORDERS = (
    _Order("django.contrib.auth.middleware.AuthenticationMiddleware", True, "it takes the user away again"),
    _Order(_LOGIN_REQUIRED, False, "requests with a token are sent to the login page"),
)


def check_settings(app_configs: object = None, **_: object) -> list[CheckMessage]:  # noqa: ARG001 - Django's
    """Return the errors in COGNITO_AUTH and MIDDLEWARE."""
    try:
        given = read_settings()
        if given.get("COOKIE") is not None and not given.get("ALLOWED_ORIGINS"):
            return [_error(4, f'{NAME}: "COOKIE" without "ALLOWED_ORIGINS"', "browsers send cookies unasked")]
        found = configured()
        found.guard.verifier  # noqa: B018 - a property that raises
    except (ConfigurationError, TypeError) as error:
        return [_error(1, str(error), f"the setting {NAME}, or the COGNITO_ variables that it leaves to set")]
    return list(_checked(found))


def check_deployment(app_configs: object = None, **_: object) -> list[CheckMessage]:  # noqa: ARG001 - Django's
    """Return the test settings that a deployment must not have: `manage.py check --deploy`."""
    try:
        key_sets = configured().guard.verifier._key_sets
    except (ConfigurationError, TypeError):
        return []  # check_settings reports this error
    return [
        Warning(
            f"the pool {name} takes its keys from an emulator or from this machine",
            hint='take "INSECURE_EMULATOR" and "JWKS_URLS" out of the settings and the environment',
            id="cognito_mr_auth.W007",
        )
        for name, key_set in key_sets.items()
        if key_set.is_local
    ]


def _checked(found: Configured) -> Iterator[CheckMessage]:
    listed: list[str] = list(settings.MIDDLEWARE)
    times = listed.count(_MIDDLEWARE)
    if times > 1 or (found.protect_all and not times):
        what = "lists it more than once" if times else 'does not list it, and "PROTECT_ALL" is set'
        yield _error(2, f"MIDDLEWARE {what}: {_MIDDLEWARE}", "list it once")
    if times:
        yield from _misplaced(listed, (*_ORDERS, *(() if found.user is None else _USER_ORDERS)))
        if found.user is None and _LOGIN_REQUIRED in listed:
            yield Warning(
                "LoginRequiredMiddleware redirects requests with a token, unless their view says require",
                hint=f'set "USER" in {NAME}, such as "cognito_mr_auth.django.CognitoUser"',
                id="cognito_mr_auth.W005",
            )
    yield from _shown_in_reports(found)


def _shown_in_reports(found: Configured) -> Iterator[CheckMessage]:
    header, cookie = found.guard.sources.header, found.guard.sources.cookie
    places = {environ_variable(header): f"header {header}"}
    if cookie is not None:
        places[cookie] = f"cookie {cookie}"
    hidden: Any = getattr(get_default_exception_reporter_filter(), "hidden_settings", None)
    for name, place in places.items():
        if hidden is not None and not hidden.search(name):
            yield Warning(
                f"error reports show the {place}, which holds the token",
                hint=f"give DEFAULT_EXCEPTION_REPORTER_FILTER a filter whose hidden_settings match {name}",
                id="cognito_mr_auth.W006",
            )


def _misplaced(listed: list[str], orders: tuple[_Order, ...]) -> Iterator[CheckMessage]:
    ours = listed.index(_MIDDLEWARE)
    for other, before, why in orders:
        if other in listed and (listed.index(other) < ours) is not before:
            place = "before" if before else "after"
            yield _error(3, f"{other} must stand {place} {_MIDDLEWARE} in MIDDLEWARE", f"or {why}")


def _error(number: int, message: str, hint: str) -> CheckMessage:
    return Error(message, hint=hint, id=f"cognito_mr_auth.E{number:03}")
