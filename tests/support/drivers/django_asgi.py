"""asgi.CognitoAuthMiddleware around Django."""

from __future__ import annotations

import asyncio
from typing import Any

from django.core.handlers.asgi import ASGIHandler

from cognito_mr_auth import Verifier
from cognito_mr_auth.asgi import CognitoAuthMiddleware

from . import Ask, Asker, Reply
from .client import Reached, ask_http
from .django_wsgi import REACHED, configure

WEBSOCKET = False


def staying(receive: Any) -> Any:
    """A client that sends its request and then waits: Django stops at once for one that is gone."""
    sent = False

    async def receive_once() -> Any:
        nonlocal sent
        if sent:
            await asyncio.Event().wait()
        sent = True
        return await receive()

    return receive_once


def build(verifier: Verifier, **options: Any) -> Asker:
    """An asker over HTTP."""
    configure()
    reached = Reached()
    handler = ASGIHandler()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await handler(scope | {REACHED: reached}, staying(receive), send)

    app = CognitoAuthMiddleware(application, verifier, **options)

    def ask(request: Ask) -> Reply:
        return ask_http(app, request, reached.look)

    return ask
