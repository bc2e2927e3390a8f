"""django-ninja under ASGI with our authentication, and with one that is a constant."""

from __future__ import annotations

from typing import Any

from benchmarks.suite.apps._settings import ANSWER, Settings

from ._common import chosen, uvicorn
from ._ninja import constant_app, guarded_app

NAME = "django-ninja (ASGI)"
COMMAND = uvicorn(__name__)
LATER = ("ninja",)


async def orders(request: Any) -> Any:  # noqa: ARG001 - ninja wants this name
    """The one operation."""
    return ANSWER


def guarded(settings: Settings) -> Any:
    """Our authentication."""
    return guarded_app(settings, orders, asgi=True)


def constant(settings: Settings) -> Any:
    """A constant."""
    return constant_app(settings, orders, asgi=True)


served = chosen(guarded, constant)
