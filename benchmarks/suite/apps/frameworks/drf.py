"""REST framework with our authentication class, and with one that is a constant."""

from __future__ import annotations

from typing import Any

from benchmarks.suite.apps._settings import ANSWER, Settings

from ._common import SOMEBODY, chosen, gunicorn
from ._django import application, configure

NAME = "REST framework"
COMMAND = gunicorn(__name__)
LATER = ("rest_framework",)


class User:
    """What REST framework's permission asks."""

    is_authenticated = True


def _app(authentication: Any) -> Any:
    from rest_framework.permissions import IsAuthenticated
    from rest_framework.renderers import JSONRenderer
    from rest_framework.response import Response
    from rest_framework.views import APIView

    class Orders(APIView):  # type: ignore[misc] # it has no types
        """The one view."""

        authentication_classes = (authentication,)
        permission_classes = (IsAuthenticated,)
        renderer_classes = (JSONRenderer,)

        def get(self, _request: Any) -> Any:
            """Nothing ordered."""
            return Response(ANSWER)

    return application("orders", Orders.as_view())


def _configure(settings: Settings) -> None:
    configure(settings, apps=["django.contrib.contenttypes", "django.contrib.auth"])


def guarded(settings: Settings) -> Any:
    """Our authentication class."""
    _configure(settings)
    from cognito_mr_auth.drf import CognitoAuthentication

    return _app(CognitoAuthentication)


def constant(settings: Settings) -> Any:
    """A constant."""
    _configure(settings)
    from rest_framework.authentication import BaseAuthentication

    found = User(), SOMEBODY

    class Constant(BaseAuthentication):  # type: ignore[misc] # it has no types
        """It reads the header, and everybody is the same."""

        def authenticate(self, request: Any) -> Any:
            """User and principal."""
            return found if request.headers.get("Authorization") else None

    return _app(Constant)


served = chosen(guarded, constant)
