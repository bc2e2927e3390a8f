"""wsgi.CognitoAuthMiddleware around Django."""

from __future__ import annotations

import os
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.urls import re_path

from cognito_mr_auth import Verifier
from cognito_mr_auth.wsgi import CognitoAuthMiddleware, principal_of

from . import Ask, Asker, Reply
from .client import Reached, ask_wsgi

WEBSOCKET = False


def who(request: HttpRequest) -> JsonResponse:
    """Says who asks, as examples/django_project does."""
    principal = principal_of(getattr(request, "scope", request.META))
    return JsonResponse(None if principal is None else principal.subject, safe=False)


urlpatterns = [re_path("^.*$", who)]


def configure() -> None:
    """Set Django up, once for the process: its settings are global. django_asgi shares them."""
    if not settings.configured:
        assert "DJANGO_SETTINGS_MODULE" not in os.environ
        settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, MIDDLEWARE=[], LOGGING_CONFIG=None)
        django.setup()


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker over HTTP."""
    configure()
    reached = Reached()
    handler = WSGIHandler()

    def application(environ: Any, start_response: Any) -> Any:
        reached.mark()
        return handler(environ, start_response)

    app = CognitoAuthMiddleware(application, verifier, **options)

    def ask(request: Ask) -> Reply:
        return ask_wsgi(app, request, reached.look)

    return ask
