"""drf.CognitoAuthentication on a view of REST framework, with `require` and our exception handler."""

from __future__ import annotations

from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.http import JsonResponse
from django.test import override_settings
from django.urls import path, re_path

from cognito_mr_auth import Verifier

from . import NEEDED, Ask, Asker, Reply
from .client import Reached, ask_wsgi
from .django_wsgi import configure

WEBSOCKET = False
METHODS = ("get", "post", "put", "patch", "delete", "options")


def view(
    reached: Reached, authentication: list[Any], permissions: list[Any], methods: tuple[str, ...] = ("get",)
) -> Any:
    """A view that returns the caller."""
    from rest_framework.renderers import JSONRenderer
    from rest_framework.views import APIView

    from cognito_mr_auth.drf import exception_handler, principal_of

    def answer(self: Any, request: Any) -> JsonResponse:
        reached.mark()
        principal = principal_of(request, default=None)
        return JsonResponse(None if principal is None else principal.subject, safe=False)

    return type(
        "Everything",
        (APIView,),
        {
            "authentication_classes": authentication,
            "permission_classes": permissions,
            "renderer_classes": [JSONRenderer],
            "get_exception_handler": lambda self: exception_handler,
            **dict.fromkeys(methods, answer),
        },
    ).as_view()


def asker(urlpatterns: list[Any], reached: Reached) -> Asker:
    """An asker over WSGI, for a project with these URLs."""
    project = override_settings(
        ROOT_URLCONF=tuple(urlpatterns), MIDDLEWARE=["django.middleware.common.CommonMiddleware"]
    )

    def ask(request: Ask) -> Reply:
        with project:
            return ask_wsgi(WSGIHandler(), request, reached.look)

    return ask


def words(verifier: Verifier) -> Asker:
    """A view for each mark, in REST framework's own form."""
    configure()
    from rest_framework.permissions import AllowAny, IsAuthenticated

    from cognito_mr_auth.drf import CognitoAuthentication, require

    reached, ours = Reached(), [CognitoAuthentication.using(verifier)]
    urlpatterns = [
        path("public", view(reached, [], [AllowAny])),
        path("optional", view(reached, ours, [AllowAny])),
        path("required", view(reached, ours, [require(NEEDED)])),
        path("private", view(reached, ours, [IsAuthenticated])),
    ]
    return asker(urlpatterns, reached)


def build(verifier: Verifier, require: Any = None, **options: Any) -> Asker:
    """An asker over HTTP; the policy is the view's."""
    configure()
    from cognito_mr_auth import drf

    reached = Reached()
    ours = drf.CognitoAuthentication.using(verifier, **options)
    everything = view(reached, [ours], [drf.require(require)], METHODS)
    return asker([*ours.urls(), re_path("^.*$", everything)], reached)
