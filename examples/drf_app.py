"""Django REST framework, in one file.

python -m cognito_mr_auth.testing --scope orders/read -- gunicorn --chdir examples drf_app:application
"""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    # The last one brings the system checks. The pool comes from the COGNITO_ variables.
    INSTALLED_APPS=[
        *("django.contrib.auth", "django.contrib.contenttypes"),
        *("rest_framework", "cognito_mr_auth.django"),
    ],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": ["cognito_mr_auth.drf.CognitoAuthentication"],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "EXCEPTION_HANDLER": "cognito_mr_auth.drf.exception_handler",
    },
)
application = get_wsgi_application()

# ruff: noqa: E402 - the settings come first
from rest_framework.decorators import api_view, authentication_classes, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from cognito_mr_auth import policy
from cognito_mr_auth.django import ready
from cognito_mr_auth.drf import require


@api_view()
@authentication_classes([])
@permission_classes([])
def health(request: Request) -> Response:
    return Response({"status": "ok"})


@api_view()
def me(request: Request) -> Response:
    return Response({"subject": request.auth.subject, "issuer": request.auth.issuer.kind})


@api_view()
@permission_classes([require(policy.scopes("orders/read"))])
def orders(request: Request) -> Response:
    return Response({"orders": []})


urlpatterns = [path("health", health), path("ready", ready), path("me", me), path("orders", orders)]
