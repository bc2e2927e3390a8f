"""What the drivers of Django share: one project, whose settings each asker puts in place while it asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import override_settings
from django.urls import path, re_path
from django.views import View

from cognito_mr_auth import Verifier
from cognito_mr_auth.django import optional, public, require

from . import NEEDED, Ask, Asker, Reply
from .client import Reached, ask_http, ask_wsgi
from .django_asgi import staying
from .django_wsgi import REACHED, configure

MIDDLEWARE = ["cognito_mr_auth.django.CognitoAuthMiddleware"]


def who(request: HttpRequest) -> HttpResponse:
    """Returns the caller."""
    getattr(request, "scope", request.META)[REACHED].mark()
    principal = request.principal
    return JsonResponse(None if principal is None else principal.subject, safe=False)


async def who_async(request: HttpRequest) -> HttpResponse:
    """The same as a coroutine function."""
    await asyncio.sleep(0)
    return who(request)


class Public(View):
    """One open method."""

    @public
    def get(self, request: HttpRequest) -> HttpResponse:
        return who(request)


class Optional(View):
    """One method that welcomes guests."""

    @optional
    async def get(self, request: HttpRequest) -> HttpResponse:
        return who(request)


def routes_of_words(view: Callable[[HttpRequest], Any]) -> tuple[Any, ...]:
    """Four routes, of which three have a mark."""
    return (
        path("public", Public.as_view()),
        path("optional", Optional.as_view()),
        path("required", require(NEEDED)(view)),
        path("private", view),
    )


def everything(view: Callable[[HttpRequest], Any]) -> tuple[Any, ...]:
    """Let one view answer all."""
    return (re_path("^.*$", view),)


def asker(routes: tuple[Any, ...], verifier: Verifier, *, asynchronous: bool, **options: Any) -> Asker:
    """An asker over HTTP of a project with these routes and this COGNITO_AUTH."""
    configure()
    auth = {"VERIFIER": verifier, **{name.upper(): value for name, value in options.items()}}
    project = {"COGNITO_AUTH": auth, "MIDDLEWARE": MIDDLEWARE, "ROOT_URLCONF": routes}
    reached = Reached()
    with override_settings(**project):
        handler = ASGIHandler() if asynchronous else WSGIHandler()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await handler(scope | {REACHED: reached}, staying(receive), send)

    def ask(request: Ask) -> Reply:
        with override_settings(**project):
            if asynchronous:
                return ask_http(application, request, reached.look)
            return ask_wsgi(
                lambda environ, start: handler(environ | {REACHED: reached}, start), request, reached.look
            )

    return ask
