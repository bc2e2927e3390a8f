"""Django under ASGI with our middleware, which closes every view, and with one of its shape."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse

from benchmarks.suite.apps._settings import ANSWER, Settings

from ._common import chosen, uvicorn
from ._django import CONSTANT, OURS, application, configure

NAME = "Django (ASGI)"
COMMAND = uvicorn(__name__)


async def orders(_request: HttpRequest) -> JsonResponse:
    """The one view."""
    return JsonResponse(ANSWER)


def guarded(settings: Settings) -> Any:
    """Our middleware."""
    configure(settings, middleware=OURS)
    return application("orders", orders, asgi=True)


def constant(settings: Settings) -> Any:
    """A constant."""
    configure(settings, middleware=CONSTANT)
    return application("orders", orders, asgi=True)


served = chosen(guarded, constant)
