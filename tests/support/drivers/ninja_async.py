"""ninja.CognitoAuth on async operations under ASGI, with `require`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.test import override_settings

from cognito_mr_auth import Verifier

from . import Ask, Asker, Reply
from .client import Reached, ask_http
from .django_asgi import staying
from .django_wsgi import configure
from .ninja import by_word, everything, plain

WEBSOCKET = False


def coroutine(reached: Reached) -> Callable[[HttpRequest], Any]:
    """An operation that returns the caller, as a coroutine function."""
    answer = plain(reached)

    async def operation(request: HttpRequest) -> Any:
        return answer(request)

    return operation


def asker(urlpatterns: list[Any], reached: Reached) -> Asker:
    """An asker over ASGI, for a project with these URLs."""
    project = override_settings(
        ROOT_URLCONF=tuple(urlpatterns), MIDDLEWARE=["django.middleware.common.CommonMiddleware"]
    )

    def ask(request: Ask) -> Reply:
        with project:
            handler = ASGIHandler()

            async def application(scope: Any, receive: Any, send: Any) -> None:
                await handler(scope, staying(receive), send)

            return ask_http(application, request, reached.look)

    return ask


def words(verifier: Verifier) -> Asker:
    """An operation for each mark."""
    configure()
    reached = Reached()
    return asker(by_word(verifier, coroutine(reached)), reached)


def build(verifier: Verifier, require: Any = None, **options: Any) -> Asker:
    """An asker over HTTP; the policy is the operation's."""
    configure()
    reached = Reached()
    return asker(everything(verifier, require, coroutine(reached), options), reached)
