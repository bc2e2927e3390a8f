"""ASGI without a framework."""

from __future__ import annotations

from typing import Any

from benchmarks.suite.apps._settings import Settings
from cognito_mr_auth.asgi import CognitoAuthMiddleware

from ._common import BODY, ConstantASGI, chosen, uvicorn

NAME = "plain ASGI"
COMMAND = uvicorn(__name__)

_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


async def orders(scope: Any, receive: Any, send: Any) -> None:
    """The application."""
    if scope["type"] == "lifespan":
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": BODY})


def guarded(settings: Settings) -> Any:
    """Our middleware."""
    return CognitoAuthMiddleware(orders, settings.verifier())


def constant(_settings: Settings) -> Any:
    """A constant."""
    return ConstantASGI(orders)


served = chosen(guarded, constant)
