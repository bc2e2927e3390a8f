"""What Django's applications share: the settings of a process, and what its server calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import django
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path

from benchmarks.suite.apps._settings import Settings

from ._common import SOMEBODY

OURS = "cognito_mr_auth.django.CognitoAuthMiddleware"
CONSTANT = f"{__name__}.Constant"


class Constant:
    """A middleware that reads the header, and lets requests with one into views."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
        self.process_view = self._aview if self.is_async else self._view

    def __call__(self, request: HttpRequest) -> Any:
        """Serve one request."""
        request.principal = SOMEBODY if request.headers.get("Authorization") else None
        return self.get_response(request)

    def _view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        return HttpResponse(status=401) if request.principal is None else None

    async def _aview(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        return self._view(request)


def configure(given: Settings, *, middleware: str = "", apps: Sequence[str] = ()) -> None:
    """Give this process Django's settings, of which it has one set. What wants them is imported later."""
    settings.configure(
        ALLOWED_HOSTS=["*"],
        LOGGING_CONFIG=None,
        INSTALLED_APPS=apps,
        MIDDLEWARE=[middleware] if middleware else [],
        COGNITO_AUTH={"VERIFIER": given.verifier(), "PROTECT_ALL": bool(middleware)},
    )
    django.setup()


def application(route: str, view: Any, *, asgi: bool = False) -> Any:
    """For gunicorn or uvicorn; `view` is of this route, or of all below it."""
    settings.ROOT_URLCONF = (path(route, view),)
    return get_asgi_application() if asgi else get_wsgi_application()
