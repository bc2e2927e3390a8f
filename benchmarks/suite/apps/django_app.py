"""A Django project with one view, guarded in each of the ways that benchmarks/django_requests.py compares.

python -m gunicorn "benchmarks.suite.apps.django_app:served()"
python -m uvicorn --factory benchmarks.suite.apps.django_app:served_async
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from cognito_mr_auth.django import require

from ._settings import ANSWER, Settings

__all__ = ["Constant", "served", "served_async"]


class Constant:
    """What any authentication of this shape costs: it reads the header, and everybody is the same."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
        self.process_view = self._aview if self.is_async else self._view

    def __call__(self, request: HttpRequest) -> Any:
        """Serve one request."""
        request.principal = "somebody" if request.headers.get("Authorization") else None
        return self.get_response(request)

    def _view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        return HttpResponse(status=401) if request.principal is None else None

    async def _aview(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        return self._view(request)


def orders(_request: HttpRequest) -> HttpResponse:
    """The one view."""
    return JsonResponse(ANSWER)


async def orders_async(_request: HttpRequest) -> HttpResponse:
    """The same as a coroutine function."""
    return JsonResponse(ANSWER)


def _configure(view: Callable[[HttpRequest], Any]) -> None:
    given = Settings.given()
    middleware = {"no auth": [], "constant middleware": [f"{__name__}.Constant"]}
    ours = ["cognito_mr_auth.django.CognitoAuthMiddleware"]
    settings.configure(
        ALLOWED_HOSTS=["*"],
        LOGGING_CONFIG=None,
        MIDDLEWARE=middleware.get(given.variant, ours),
        ROOT_URLCONF=(path("orders", require()(view) if given.variant == "ours, require" else view),),
        COGNITO_AUTH={"VERIFIER": given.verifier(), "PROTECT_ALL": given.variant == "ours, middleware"},
    )


def served() -> Any:
    """For gunicorn."""
    _configure(orders)
    return get_wsgi_application()


def served_async() -> Any:
    """For uvicorn."""
    _configure(orders_async)
    return get_asgi_application()
