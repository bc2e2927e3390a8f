"""Django REST framework, for the table of requests; views of a pool that is out of reach below /dark."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import path, re_path
from e2e.apps.settings import READ, verifier

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
    COGNITO_AUTH={"VERIFIER": verifier("main")},
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["cognito_mr_auth.drf.CognitoAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "EXCEPTION_HANDLER": "cognito_mr_auth.drf.exception_handler",
    },
)
app = get_wsgi_application()

# ruff: noqa: E402 - the settings come first
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView

from cognito_mr_auth.drf import CognitoAuthentication, require


class Everything(APIView):
    """Any valid token."""

    def get(self, request: Any, **_: str) -> Response:
        """Who asks."""
        return Response({"subject": request.auth.subject if request.auth else None})


class Orders(Everything):
    """Needs the scope."""

    permission_classes = (require(READ),)


class Open(Everything):
    """Anybody."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class Dark(Everything):
    """A pool that is out of reach."""

    authentication_classes = (CognitoAuthentication.using(verifier("dark")),)


urlpatterns = [
    path("health", Open.as_view()),
    path("static/<str:name>", Open.as_view()),
    path("orders", Orders.as_view()),
    path("dark/<path:rest>", Dark.as_view()),
    re_path("^.*$", Everything.as_view()),
]
