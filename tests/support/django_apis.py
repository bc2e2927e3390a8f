"""A Django project for tests of what stands on Django: set up once for the process, its parts overridden.

Owns the overriding. Django's settings are global, so each test brings its URLs and settings with it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings
from django.views.debug import ExceptionReporter

from .drivers import Ask, Reply
from .drivers.client import ask_http, ask_wsgi
from .drivers.django_asgi import staying

COMMON = "django.middleware.common.CommonMiddleware"
OURS = "cognito_mr_auth.django.CognitoAuthMiddleware"


@contextmanager
def project(*urlpatterns: Any, middleware: tuple[str, ...] = (COMMON,), **overridden: Any) -> Iterator[None]:
    """The project with these URLs, middleware and settings."""
    with override_settings(ROOT_URLCONF=tuple(urlpatterns), MIDDLEWARE=list(middleware), **overridden):
        yield


def by_wsgi(ask: Ask) -> Reply:
    """One request to the project that is set up now, under WSGI."""
    return ask_wsgi(WSGIHandler(), ask, bool)


def by_asgi(ask: Ask) -> Reply:
    """The same under ASGI."""
    handler = ASGIHandler()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await handler(scope, staying(receive), send)

    return ask_http(application, ask, bool)


def report_of(fails: Callable[[], object], request: Any) -> str:
    """What an error report of Django's shows of what this raises: page and mail."""
    try:
        fails()
    except Exception:  # noqa: BLE001 - it shows whatever it is
        reporter = ExceptionReporter(request, *sys.exc_info())
        return str(reporter.get_traceback_html() + reporter.get_traceback_text())
    raise AssertionError("nothing was raised")
