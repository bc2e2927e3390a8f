"""What the applications of all frameworks share: their servers, and constants in the place of ours."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from benchmarks.suite.apps._servers import HOST, announced
from benchmarks.suite.apps._settings import ANSWER, Settings

__all__ = ["BODY", "Builder", "ConstantASGI", "ConstantWSGI", "announced", "chosen", "gunicorn", "uvicorn"]

Builder = Callable[[Settings], Any]

BODY = json.dumps(ANSWER).encode()
SOMEBODY = "somebody"


def uvicorn(module: str) -> tuple[str, ...]:
    """One worker of uvicorn; its loop and parser as they are installed."""
    server = ("uvicorn", "--host", HOST, "--port", "0", "--workers", "1", "--no-access-log", "--factory")
    return (*server, f"{module}:served")


def gunicorn(module: str) -> tuple[str, ...]:
    """One sync worker of gunicorn, so a connection for each request."""
    server = ("gunicorn", "--bind", f"{HOST}:0", "--workers", "1", "--worker-class", "sync")
    return (*server, "--no-control-socket", f"{module}:served()")


def chosen(guarded: Builder, constant: Builder) -> Callable[[], Any]:
    """The application that this process's settings name."""

    def served() -> Any:
        settings = Settings.given()
        return {"guarded": guarded, "constant": constant}[settings.variant](settings)

    return served


class ConstantASGI:
    """Looks for the header, and puts the same principal into every scope."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        if scope["type"] == "http":
            sent = [value for name, value in scope["headers"] if name == b"authorization"]
            scope["somebody"] = SOMEBODY if sent else None
        await self._app(scope, receive, send)


class ConstantWSGI:
    """The same for an environ."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Serve one request."""
        environ["somebody"] = SOMEBODY if environ.get("HTTP_AUTHORIZATION") else None
        return self._app(environ, start_response)
