"""One route of REST framework and of django-ninja, authenticated as benchmarks/django_apis.py compares.

python -m gunicorn "benchmarks.suite.apps.django_apis_app:drf()"
python -m gunicorn "benchmarks.suite.apps.django_apis_app:ninja()"
python -m uvicorn --factory benchmarks.suite.apps.django_apis_app:ninja_async
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest
from django.urls import path

from cognito_mr_auth import policy

from ._settings import ANSWER, Settings

__all__ = ["drf", "ninja", "ninja_async"]

# Every token of the fake pool meets it.
CLIENT = policy.has_claim("client_id")


def _configure() -> str:
    given = Settings.given()
    settings.configure(
        ALLOWED_HOSTS=["*"],
        LOGGING_CONFIG=None,
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
        COGNITO_AUTH={"VERIFIER": given.verifier()},
    )
    return given.variant


def drf() -> Any:
    """For gunicorn."""
    variant = _configure()
    application = get_wsgi_application()
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.permissions import IsAuthenticated
    from rest_framework.renderers import JSONRenderer
    from rest_framework.response import Response
    from rest_framework.views import APIView

    from cognito_mr_auth.drf import CognitoAuthentication, exception_handler, require

    class Somebody:
        """Everybody."""

        is_authenticated = True

    class Constant(BaseAuthentication):  # type: ignore[misc] # it has no types
        """What any authentication of this shape costs."""

        def authenticate(self, request: Any) -> Any:
            """Everybody is the same."""
            return (Somebody(), "somebody") if request.headers.get("Authorization") else None

    classes = {"no auth": [], "constant authentication": [Constant]}
    allow = {"no auth": [], "ours, with a policy": [require(CLIENT)]}

    class Orders(APIView):  # type: ignore[misc] # it has no types
        """The one view."""

        authentication_classes = classes.get(variant, [CognitoAuthentication])
        permission_classes = allow.get(variant, [IsAuthenticated])
        renderer_classes = (JSONRenderer,)

        def get(self, _request: Any) -> Any:
            """Its one method."""
            return Response(ANSWER)

        def get_exception_handler(self) -> Any:
            """Ours."""
            return exception_handler

    settings.ROOT_URLCONF = (path("orders", Orders.as_view()),)
    return application


def orders(request: HttpRequest) -> Any:  # noqa: ARG001 - ninja wants this name
    """The one operation."""
    return ANSWER


async def orders_async(request: HttpRequest) -> Any:  # noqa: ARG001 - ninja wants this name
    """The same as a coroutine function."""
    return ANSWER


def _serve(operation: Any, variant: str) -> None:
    from ninja import NinjaAPI

    from cognito_mr_auth.ninja import CognitoAuth

    def constant(request: HttpRequest) -> Any:
        return "somebody" if request.headers.get("Authorization") else None

    async def constant_async(request: HttpRequest) -> Any:
        return constant(request)

    auth = CognitoAuth()
    words = {
        "no auth": None,
        "constant authentication": constant if operation is orders else constant_async,
        "ours": auth,
        "ours, with a policy": auth.require(CLIENT),
    }
    api = NinjaAPI(openapi_url=None, docs_url=None)
    auth.init_api(api)
    api.get("/orders", auth=words[variant])(operation)
    settings.ROOT_URLCONF = (path("", api.urls),)


def ninja() -> Any:
    """For gunicorn."""
    variant = _configure()
    application = get_wsgi_application()
    _serve(orders, variant)
    return application


def ninja_async() -> Any:
    """For uvicorn."""
    variant = _configure()
    application = get_asgi_application()
    _serve(orders_async, variant)
    return application
