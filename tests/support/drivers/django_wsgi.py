"""wsgi.CognitoAuthMiddleware around Django, with the middleware of docs/django.md for what views raise."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import re_path

from cognito_mr_auth import Verifier, errors, wsgi
from cognito_mr_auth.wsgi import CognitoAuthMiddleware, principal_of

from . import Ask, Asker, Reply
from .client import Reached, ask_wsgi

WEBSOCKET = False


# Those that are not installed are left out.
APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
APPS += ["rest_framework", "drf_spectacular", "cognito_mr_auth.django"]
DATABASE = "file:tests?mode=memory&cache=shared"

# Where a driver leaves its Reached for the view.
REACHED = "support.reached"


class AuthErrors:
    """Middleware of Django's own kind, which answers an AuthError that a view raises (docs/django.md)."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, errors.AuthError):
            return None
        answer = wsgi.response(getattr(request, "scope", request.META), exception)
        return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))


def who(request: HttpRequest) -> JsonResponse:
    """Returns the caller, as examples/django_project does."""
    place = getattr(request, "scope", request.META)
    if REACHED in place:
        place[REACHED].mark()
    principal = principal_of(place)
    return JsonResponse(None if principal is None else principal.subject, safe=False)


urlpatterns = [re_path("^.*$", who)]


def configure() -> None:
    """Set Django up, once for the process: its settings are global. All drivers share them."""
    if not settings.configured:
        assert "DJANGO_SETTINGS_MODULE" not in os.environ
        middleware = [f"{__name__}.AuthErrors"]
        settings.configure(
            ALLOWED_HOSTS=["*"],
            ROOT_URLCONF=__name__,
            MIDDLEWARE=middleware,
            LOGGING_CONFIG=None,
            SECRET_KEY="for tests",
            INSTALLED_APPS=[app for app in APPS if find_spec(app.partition(".")[0])],
            TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
            STATIC_URL="static/",
            # One database for all threads of the process.
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": DATABASE}},
        )
        django.setup()


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker over HTTP."""
    configure()
    reached = Reached()
    handler = WSGIHandler()

    def application(environ: Any, start_response: Any) -> Any:
        return handler(environ | {REACHED: reached}, start_response)

    app = CognitoAuthMiddleware(application, verifier, **options)

    def ask(request: Ask) -> Reply:
        return ask_wsgi(app, request, reached.look)

    return ask
