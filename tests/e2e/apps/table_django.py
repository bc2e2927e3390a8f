"""Django with the native middleware, for the table of requests, under WSGI and ASGI.

One project has one verifier, so the pool that is out of reach is one of its pools.
"""

from __future__ import annotations

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from e2e.apps.settings import EXCLUDED, READ, SETTINGS

from cognito_mr_auth import UserPool, Verifier
from cognito_mr_auth.django import require

verifier = Verifier(*(UserPool(**SETTINGS[name]["pool"]) for name in ("main", "dark")))


def said(request: HttpRequest) -> JsonResponse:
    """Who asks."""
    principal = request.principal
    return JsonResponse({"subject": None if principal is None else principal.subject})


async def everything(request: HttpRequest, path: str) -> JsonResponse:
    """Any valid token, or an excluded path."""
    return said(request)


@require(READ)
def orders(request: HttpRequest) -> JsonResponse:
    """Needs the scope."""
    return said(request)


settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=(path("orders", orders), path("<path:path>", everything)),
    MIDDLEWARE=["cognito_mr_auth.django.CognitoAuthMiddleware"],
    COGNITO_AUTH={"VERIFIER": verifier, "PROTECT_ALL": True, "EXCLUDE": EXCLUDED},
)
django.setup()
wsgi = get_wsgi_application()
asgi = get_asgi_application()
